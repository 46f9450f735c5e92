"""What is over is forgotten, and what still counts is not."""

from datetime import timedelta

import pytest
from axes.models import AccessLog
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.utils import timezone

from chatops import forgetting
from chatops.accounts.models import Remembered, Visit
from deploy_core.models import Errand, Notice
from deploy_core.run import errands
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def long_ago(settings):
    settings.KEEP_DAYS = 30
    return timezone.now() - timedelta(days=31)


def session(key: str, *, lasts: bool) -> None:
    """A session that began long ago, with its visit."""
    ends = timezone.now() + timedelta(days=1 if lasts else -1)
    Session.objects.create(session_key=key, session_data="", expire_date=ends)
    visit = Visit.objects.create(person=factories.person(key), session_key=key)
    Visit.objects.filter(pk=visit.pk).update(began=timezone.now() - timedelta(days=2))


def test_sessions_that_ended_go_with_their_visits():
    session("over", lasts=False)
    session("open", lasts=True)
    Visit.objects.create(person=factories.person("new"), session_key="just-begins")

    forgetting.forget()

    assert list(Session.objects.values_list("session_key", flat=True)) == ["open"]
    assert set(Visit.objects.values_list("session_key", flat=True)) == {"open", "just-begins"}


def test_what_need_not_be_remembered_any_more_goes():
    cache.set("over", 1, timeout=-1)
    cache.set("kept", 1, timeout=60)

    forgetting.forget()

    assert Remembered.objects.count() == 1
    assert cache.get("kept") == 1


def test_the_newest_visit_of_a_server_stays_and_what_is_not_answered_too(long_ago):
    alice = factories.person("alice")
    asked = [
        errands.ask(errands.TEST, alice, "first", server=1),
        errands.ask(errands.TEST, alice, "newest", server=1),
        errands.ask(errands.CHECK, alice, "old", servers=[1]),
    ]
    Errand.objects.filter(pk__in=[each.pk for each in asked]).update(finished=long_ago)
    errands.ask(errands.CHECK, alice, "open", servers=[1])

    forgetting.forget()

    assert set(Errand.objects.values_list("client_id", flat=True)) == {"newest", "open"}


def test_sign_ins_and_notices_stay_for_as_long_as_the_setting_says(long_ago):
    for name, at in (("old", long_ago), ("new", timezone.now())):
        log = AccessLog.objects.create(username=name)
        AccessLog.objects.filter(pk=log.pk).update(attempt_time=at)
        Notice.objects.create(code=name, told=at)
    Notice.objects.create(code="untold")

    forgetting.forget()

    assert list(AccessLog.objects.values_list("username", flat=True)) == ["new"]
    assert set(Notice.objects.values_list("code", flat=True)) == {"new", "untold"}


def test_a_process_does_it_once_in_a_while(monkeypatch, settings):
    settings.FORGET_S = 3600
    done: list[bool] = []
    monkeypatch.setattr(forgetting, "_next_at", 0.0)
    monkeypatch.setattr(forgetting, "forget", lambda: done.append(True))

    forgetting.tick()
    forgetting.tick()

    assert done == [True]

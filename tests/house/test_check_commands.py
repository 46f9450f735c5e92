"""`manage.py app forge` and `app checks`: what must be green, and who is asked."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from deploy_core.models import Forge
from tests import factories

pytestmark = pytest.mark.django_db


def test_checks_and_the_host_that_is_asked_for_them_are_written_down(monkeypatch, capsys):
    shop = factories.app("shop", repository="https://github.com/acme/shop.git")
    environment = factories.environment(shop, "staging")
    token = "a token"
    monkeypatch.setattr("sys.stdin", StringIO(f"{token}\n"))

    call_command("app", "forge", "shop", "--token")
    call_command("app", "checks", "shop", "staging", "ci/test", "--never-forced")
    call_command("app", "list")

    environment.refresh_from_db()
    assert (environment.required_checks, environment.checks_may_be_forced) == (["ci/test"], False)
    assert Forge.objects.get().sealed
    assert token not in str(Forge.objects.values().get())
    told = capsys.readouterr().out
    assert "acme/shop at https://api.github.com" in told
    assert "after ci/test" in told
    for words in (("forge", "sohp"), ("forge", "shop", "--api", "http://10.0.0.1"), ("checks", "shop", "moon")):
        with pytest.raises(CommandError):
            call_command("app", *words)

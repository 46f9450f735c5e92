"""Twenty people type `/deploy` at the same moment, for one environment: each is heard once, in one order for all."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from chatops.room import messages
from deploy_core import deployments
from deploy_core.models import Deployment
from deploy_core.rules.status import Status
from deploy_core.safety import queue
from tests import factories

TWENTY = 20


@pytest.mark.django_db(transaction=True)
def test_twenty_at_once_are_all_heard_and_wait_for_each_other():
    shop = factories.app("shop")
    staging = factories.environment(shop, "staging", servers=(factories.server("web-1"),))
    people = [factories.person(f"person-{number}", role="deployer") for number in range(TWENTY)]
    room = factories.room("demo", members=tuple(people), apps=(shop,))
    together = threading.Barrier(TWENTY)

    def ask(number: int) -> int:
        together.wait()
        line = {"text": "/deploy shop to staging", "client_id": f"twenty-{number}", "surface": "web"}
        try:
            return messages.post(author=people[number], room=room, **line)["deployment"]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(TWENTY) as pool:
        numbers = sorted(pool.map(ask, range(TWENTY)))

    assert len(set(numbers)) == TWENTY
    assert list(Deployment.objects.order_by("pk").values_list("pk", flat=True)) == numbers
    last = Deployment.objects.get(pk=numbers[-1])
    assert [each.pk for each in deployments.ahead_of(last)] == numbers[:-1]
    Deployment.objects.exclude(pk=numbers[0]).update(status=Status.QUEUED)
    waiting = list(Deployment.objects.filter(environment=staging, status=Status.QUEUED).order_by("pk"))
    assert queue.too_early(waiting) == set(numbers[1:]), "nobody starts before the one that was asked for first"

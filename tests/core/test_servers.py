"""One connection per server that all steps share, and what becomes of it when it is lost."""

import threading

import pytest

from deploy_core.errors import ConnectionLost, Unreachable
from deploy_core.reach.connection import AgentLogin
from deploy_core.reach.masking import Masker
from deploy_core.rules import remote
from deploy_core.rules.remote import Fence
from deploy_core.run import servers
from deploy_core.run.servers import Site, Target
from tests import factories
from tests.fakes import FakeConnection

FENCE = Fence(5, 2)
CLAIM = remote.claim("srv/shop", FENCE)


@pytest.fixture
def opened(monkeypatch):
    """The connections that were opened, in order."""
    made = []

    def connect(address, login, **_):
        made.append(FakeConnection(address.name))
        return made[-1]

    monkeypatch.setattr(servers.ssh, "connect", connect)
    return made


@pytest.fixture
def target():
    return Target(1, FakeConnection("web-1").server, AgentLogin(), {})


@pytest.fixture
def site(target):
    return Site("srv/shop", FENCE, (target,), Masker())


def lose(connection):
    raise ConnectionLost(server=connection.server.name)


def test_all_acts_share_one_connection_and_claim_the_folder_once(site, target, opened):
    site.open_ahead(target)

    assert [site.use(target, lambda connection: connection.server.name) for _ in range(3)] == ["web-1"] * 3
    assert len(opened) == 1
    assert opened[0].ran == [CLAIM]


def test_an_act_that_claims_by_itself_needs_no_other_claim_and_neither_do_later_ones(site, target, opened):
    site.use(target, lambda connection: None, claims=True)
    site.use(target, lambda connection: None)

    assert opened[0].ran == []


def test_an_act_that_loses_its_connection_is_done_again_once_on_a_new_one(site, target, opened):
    def lose_the_first(connection):
        if len(opened) == 1:
            lose(connection)
        return "done"

    assert site.use(target, lose_the_first) == "done"
    assert [connection.is_open for connection in opened] == [False, True]


def test_a_connection_lost_twice_is_told(site, target, opened):
    with pytest.raises(ConnectionLost):
        site.use(target, lose)

    assert len(opened) == 2


def test_a_server_that_could_not_be_reached_ahead_is_tried_again_by_the_step(site, target, monkeypatch, opened):
    connect, calls = servers.ssh.connect, []

    def fail_once(*args, **more):
        calls.append(1)
        if len(calls) == 1:
            raise Unreachable(server="web-1")
        return connect(*args, **more)

    monkeypatch.setattr(servers.ssh, "connect", fail_once)
    site.open_ahead(target)

    assert site.use(target, lambda connection: "there") == "there"


def test_one_thread_at_a_time_uses_a_connection(site, target, opened):
    inside, together = [], []

    def act(connection):
        inside.append(1)
        together.append(len(inside))
        threading.Event().wait(0.01)
        inside.pop()

    threads = [threading.Thread(target=site.use, args=(target, act)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert together == [1, 1, 1, 1]


def test_a_closed_site_opens_nothing_more(site, target, opened):
    site.use(target, lambda connection: None)
    site.close()

    with pytest.raises(ConnectionLost):
        site.use(target, lambda connection: None)

    assert not any(connection.is_open for connection in opened)


def test_variables_of_the_narrower_place_win(db):
    environment = factories.environment(
        factories.app(),
        servers=(factories.server("web-1", variables={"A": "server", "B": "server"}),),
        variables={"A": "environment", "B": "environment", "C": 1},
    )
    placement = environment.placements.get()
    placement.variables = {"A": "placement"}
    placement.save()

    [found], _ = servers.targets(environment)

    assert found.variables == {"A": "placement", "B": "server", "C": "1"}


def test_a_server_behind_another_is_reached_through_it(db):
    behind = factories.server("inner", jump=factories.server("gate"))

    [found], _ = servers.targets(factories.environment(factories.app(), servers=(behind,)))

    assert found.address.jump is not None
    assert found.address.jump.address.name == "gate"

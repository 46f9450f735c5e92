"""A deployment as a message: what each state shows, that nothing in it can do harm, and that Slack takes all of it."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import phrases
from chatops.slack import blocks, card, forms, mrkdwn
from deploy_core.rules import plan
from deploy_core.rules.states import DeploymentState, StepState
from deploy_core.rules.status import Status, StepStatus
from tests.services.slack_limits import of_form, of_message

GOLDEN = Path(__file__).parent / "golden"
BEGAN = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
URL = "https://ship.example/deployments/318/"
SPIES = "<!channel> <@U1> <https://evil.example|ok> & `rm` \U0001f680"


def _state(status, *, servers=3, reason="", params=None, kind="deploy", **fields):
    made = DeploymentState(
        318, 12, app="shop", environment="production", kind=kind, ref="v2.4.1", revision="3f9c2ab" + "0" * 33,
        subject="Fix the prices", by="alice", surface="web", status=status, reason=reason, params=params or {},
        requested_at=BEGAN, **fields,
    )  # fmt: skip
    names = [f"web-{number}" for number in range(1, servers + 1)]
    made.steps = {
        step.key: StepState(step.key, step.kind, step.parent, step.server) for step in plan.lay_out("deploy", names)
    }
    return made


def _ran(state, *, failed=()):
    """Its steps, done but for the restart of some."""
    state.started_at = BEGAN + timedelta(seconds=5)
    for step in state.steps.values():
        step.status, step.started_at, step.finished_at = StepStatus.SUCCEEDED, BEGAN, BEGAN + timedelta(seconds=48)
        if step.server in failed and step.kind == "restart":
            step.status, step.reason, step.params = (
                StepStatus.FAILED,
                "command_failed",
                {"exit_status": 1, "server": step.server},
            )
    return state


def _states():
    found = {str(status): _state(status) for status in Status}
    found["running"] = _ran(_state(Status.RUNNING), failed=("web-2",))
    found["succeeded"] = _ran(_state(Status.SUCCEEDED, finished_at=BEGAN + timedelta(seconds=197)))
    failed = _state(
        Status.FAILED, finished_at=BEGAN + timedelta(seconds=90), reason="worker_silent", params={"executor": "w"}
    )
    found["failed"] = _ran(failed, failed=("web-2", "web-3"))
    return found


@pytest.mark.parametrize("name", _states())
def test_each_state_looks_as_it_did(name):
    drawn = card.draw(_states()[name], by="<@U3>", url=URL)

    assert of_message(drawn) == ""
    assert drawn == json.loads((GOLDEN / f"{name}.json").read_text())


def test_with_200_servers_and_everything_wrong_slack_still_takes_it():
    state = _state(Status.FAILED, servers=200, reason="x" * 10_000)
    for step in state.steps.values():
        step.status, step.reason, step.params = StepStatus.FAILED, "\U0001f680" * 10_000, {}

    drawn = card.draw(state, by="<@U3>", url=URL)

    assert of_message(drawn) == ""
    assert len(drawn["blocks"]) <= 9
    assert f"+ {len(state.steps) - card.MOST_FAILED}" in json.dumps(drawn)


def test_nothing_that_people_or_repositories_wrote_means_anything_to_slack():
    state = _state(Status.FAILED, servers=1, reason=SPIES, params={})
    state.app = state.environment = state.ref = state.subject = SPIES
    state.steps["restart:web-1"].status, state.steps["restart:web-1"].reason = StepStatus.FAILED, SPIES
    reply = blocks.reply("not_found", {"number": SPIES}, (f"/cancel {SPIES}",), room=1)

    drawn = [card.draw(state, by="<@U3>", url=URL), reply]

    said = [part["text"]["text"] for message in drawn for part in message["blocks"] if part["type"] == "section"]
    said += [message["text"] for message in drawn]
    marks = [text for text in said for bad in ("<!", "<@U1", "<https://evil") if bad in text]
    assert marks == []


@given(st.text(max_size=300), st.integers(5, 120))
def test_a_cut_never_ends_inside_an_entity_or_a_link(text, limit):
    cut = mrkdwn.cut(mrkdwn.escape(text) + mrkdwn.link(URL, text), limit)

    assert len(cut) <= limit
    assert cut.count("<") == cut.count(">")
    rest = cut.removesuffix("…")
    assert all(";" in part[:5] for part in rest.split("&")[1:])


@given(st.text())
def test_output_never_leaves_its_block(text):
    shown = mrkdwn.code_block(text, 200)

    assert len(shown) <= 200
    assert shown.count("```") == 2


def test_every_sentence_of_the_bot_fits_with_long_values_in_it():
    table = {"table": {"head": ["column.app"] * 5, "rows": [["x" * 60] * 5] * 60}}
    places = ("app", "environment", "why", "number", "given", "by", "servers", "rooms", "url")
    params = table | dict.fromkeys(places, "\U0001f680&" * 500)
    lines = ["/deploy x" * 400, *["/help", "/apps", "/status", "/envs", "/locks", "/queue"]]

    wrong = {code for code in phrases.PHRASES if of_message(blocks.reply(code, params, lines, room=1))}

    assert wrong == set()


def test_commands_in_sentences_are_those_of_slack():
    help_ = blocks.reply("help", {"table": {"head": ["column.command"], "rows": [[{"code": "usage.plan"}]] * 44}})

    assert blocks.typed_here("Try /status, or /deploy shop to staging: https://ship.example/status") == (
        "Try /deploy status, or /deploy shop to staging: https://ship.example/status"
    )
    assert blocks.typed_here("(/rollback) until /resume #4.") == "(/deploy rollback) until /deploy resume #4."
    assert json.dumps(help_).count("/deploy plan app[/ref] to environment") == 44


def test_the_forms_fit_with_many_apps_of_long_names():
    environments = {f"app-{number}-{'x' * 70}"[:63]: ["production", "staging"] for number in range(300)}

    refs = {name: [f"feature/{number}-{'y' * 200}"[: 60 + number] for number in range(150)] for name in environments}

    assert of_form(forms.deploy(environments, refs, app="app-7", about="{}")) == ""
    assert of_form(forms.reject("{}")) == ""

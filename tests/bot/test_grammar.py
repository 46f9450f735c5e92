"""The grammar, line by line: the cases, and what each class of them may hold."""

import json

import pytest

from bot.grammar import hear, parse
from bot.mistakes import Mistake
from tests.bot.conftest import CASES

PHRASES = [line.split("\t") for line in (CASES / "phrases.tsv").read_text().splitlines()]


def explained(line, context, *, surface="web", room="general"):
    try:
        parsed = parse(line, context, surface=surface, room=room)
    except Mistake as mistake:
        return mistake.as_json()
    return parsed.as_json() if parsed else {"cmd": None}


def offered(line, context, *, surface="web", room="general"):
    with pytest.raises(Mistake) as caught:
        parse(line, context, surface=surface, room=room)
    return caught.value.suggest


@pytest.mark.parametrize(("line", "expected"), PHRASES, ids=[line for line, _ in PHRASES])
def test_a_case_is_understood_as_its_row_says(line, expected, context):
    wanted = json.loads(expected)
    room, surface = wanted.pop("_room", "general"), wanted.pop("_surface", "web")

    assert explained(line, context, room=room, surface=surface) == wanted


@pytest.mark.parametrize(
    "line",
    [
        "please deploy api",
        ".env file is missing",
        "...and then it fell over",
        "!important",
        "/etc/nginx.conf looks wrong",
        "//deploy api to staging",
        " /deploy api to staging",
        "hubot is down again",
        "hi\n/deploy api to staging",
        "/(shrug)",
        "",
    ],
)
def test_prose_is_chat_and_runs_nothing(line, context):
    assert explained(line, context) == {"cmd": None}


@pytest.mark.parametrize(
    "line",
    [
        "/deploy api to staging",
        ".deploy api to staging",
        "!deploy api to staging",
        "/SHIP API to Staging",
        "@chatops deploy api to staging",
        "@shiproom: deploy api to staging",
        "hubot deploy api to staging",
        "/deploy deploy api to staging",
        "`/deploy api to staging`",
        "/deploy `api` to `staging`",
        "/deploy\u00a0api  to\tstaging",
        "/deploy \u201capi\u201d to 'staging'",
        "/deploy acme-inc/api to stg",
        "/deploy api staging",
        "/deploy api in staging",
        "/deploy api on staging",
        "/deploy api to staging\n",
    ],
)
def test_one_wish_may_be_written_in_many_ways(line, context):
    assert explained(line, context) == {"cmd": "deploy", "app": "api", "env": "staging"}


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("/deploy api@v1.2 to staging", {"ref": "v1.2"}),
        ("/deploy acme-inc/api/feature/to-do to staging", {"ref": "feature/to-do"}),
        ("/deploy api feature/to-do to staging", {"ref": "feature/to-do"}),
        ("/deploy api/Main to staging", {"ref": "Main"}),
        ("/deploy api/功能/登录 to staging", {"ref": "功能/登录"}),
        ("/deploy api main staging", {"ref": "main"}),
        ("/deploy api ato to staging", {"ref": "ato"}),
        ("/deploy api to staging/web1,web2", {"hosts": ["web1", "web2"]}),
        ("/deploy api to staging/web*", {"hosts": ["web*"]}),
        ("/deploy! api to staging", {"force": True}),
        ("/deploy api to staging!", {"force": True}),
        ("/deploy api to staging --force", {"force": True}),
        ("/deploy api to staging \u2014force", {"force": True}),
        ("/deploy:migrate! api to staging", {"force": True, "task": "migrate"}),
        ("/deploy api to staging because it is broken!", {"reason": "it is broken!"}),
        ("/deploy api to staging --reason a | b", {"reason": "a | b"}),
        ("/deploy api to staging | x=1 y because why", {"params": "x=1 y", "reason": "why"}),
        ("/deploy api to staging after 30m", {"when": "after 30m"}),
        ("/deploy api to staging at 2026-12-01T22:00", {"when": "at 2026-12-01T22:00"}),
        ("/schedule deploy api to staging at 22:00", {"when": "at 22:00"}),
        (
            "/deploy api to staging ccccccdlnncbtuevhdbctrccukdciveuclhbkvehbeve",
            {"otp": "ccccccdlnncbtuevhdbctrccukdciveuclhbkvehbeve"},
        ),
    ],
)
def test_the_parts_of_a_deployment_are_found(line, part, context):
    assert explained(line, context) == {"cmd": "deploy", "app": "api", "env": "staging", **part}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("/deploy api to staging --dry-run", {"cmd": "plan", "app": "api", "env": "staging"}),
        ("/deploy noop api to staging", {"cmd": "plan", "app": "api", "env": "staging"}),
        ("/redeploy api to prod", {"cmd": "redeploy", "app": "api", "env": "production"}),
        ("/rollback api to prod", {"cmd": "rollback", "app": "api", "env": "production"}),
        ("/rollback api prod", {"cmd": "rollback", "app": "api", "env": "production"}),
        ("/rollback api in prod to 57", {"cmd": "rollback", "app": "api", "env": "production", "release": "57"}),
        ("/rollback api to 9fceb02", {"cmd": "rollback", "app": "api", "release": "9fceb02"}),
        ("/revert #42 because slow", {"cmd": "rollback", "id": 42, "reason": "slow"}),
        ("/promote api@v1 to prod", {"cmd": "promote", "app": "api", "ref": "v1", "env": "production"}),
        ("/retry #42 --failed", {"cmd": "retry", "id": 42, "only": "failed"}),
        ("/stop #42 it's \"bad", {"cmd": "cancel", "id": 42, "reason": "it's \"bad"}),
        ("/cancel api staging", {"cmd": "cancel", "app": "api", "env": "staging"}),
        ("/continue #42", {"cmd": "resume", "id": 42}),
        ("/yes", {"cmd": "confirm"}),
        ("/approve 42 123456 fine by me", {"cmd": "approve", "id": 42, "otp": "123456", "text": "fine by me"}),
        ("/reject #42 because no", {"cmd": "reject", "id": 42, "reason": "no"}),
        ("/status #42", {"cmd": "status", "id": 42}),
        ("/status bil", {"cmd": "status", "app": "billing"}),
        ("/where stag", {"cmd": "where", "env": "staging"}),
        ("/wcid api", {"cmd": "where", "app": "api"}),
        ("/latest api", {"cmd": "history", "app": "api", "limit": 1}),
        (
            "/history api/main in prod last 5",
            {"cmd": "history", "app": "api", "ref": "main", "env": "production", "limit": 5},
        ),
        ("/diff api staging..production", {"cmd": "diff", "app": "api", "from": "staging", "env": "production"}),
        ("/changes since 2h in prod", {"cmd": "changes", "since": "2h", "env": "production"}),
        ("/servers api production", {"cmd": "servers", "app": "api", "env": "production"}),
        ("/commits api/main last 10", {"cmd": "commits", "app": "api", "ref": "main", "limit": 10}),
        ("/branches api feat*", {"cmd": "branches", "app": "api", "pattern": "feat*"}),
        ("/lock staging on api!", {"cmd": "lock", "app": "api", "env": "staging", "force": True}),
        ("/lock production on web for 1h", {"cmd": "lock", "app": "web", "env": "production", "for": "1h"}),
        ("/deploy:lock api to staging", {"cmd": "lock", "app": "api", "env": "staging"}),
        ("/lock --global --reason x y", {"cmd": "lock", "scope": "global", "reason": "x y"}),
        ("/freeze all for 2h: holidays", {"cmd": "freeze", "scope": "all", "for": "2h", "reason": "holidays"}),
        (
            "/freeze production until 2026-12-01T22:00 because holidays",
            {"cmd": "freeze", "env": "production", "until": "2026-12-01T22:00", "reason": "holidays"},
        ),
        ("/mute api 2h", {"cmd": "mute", "app": "api", "for": "2h"}),
        ("/alias hot = deploy web to staging", {"cmd": "alias", "name": "hot", "line": "deploy web to staging"}),
        ("/help ship", {"cmd": "help", "topic": "deploy"}),
        ("/deploy --help main to prod", {"cmd": "help", "topic": "deploy"}),
    ],
)
def test_every_verb_is_understood_whether_built_or_not(line, expected, context):
    assert explained(line, context) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("/deploy api/x extra to staging", {"error": "syntax", "at": "extra"}),
        ("/deploy api main to prod to staging", {"error": "syntax", "at": "to"}),
        ("/deploy api to staging --frce", {"error": "syntax", "at": "--frce"}),
        ("/deploy api to staging --force --force", {"error": "syntax", "at": "--force"}),
        ("/deploy api to staging at noon", {"error": "syntax", "at": "noon"}),
        ("/deploy web ot production", {"error": "syntax", "at": "ot", "suggest": "to"}),
        ("/deploy web into production", {"error": "syntax", "at": "into", "suggest": "to"}),
        ("/deploy api staging main", {"error": "syntax", "at": "main"}),
        ('/deploy "api main to prod', {"error": "syntax", "at": '"api'}),
        ("/deploy api to prod\n/approve 1", {"error": "syntax", "at": "/approve"}),
        ("/apps api", {"error": "syntax", "at": "api"}),
        ("/deploy bil to staging", {"error": "unknown_app", "given": "bil", "suggest": ["billing"]}),
        (
            "/deploy hub to staging",
            {"error": "ambiguous", "what": "app", "given": "hub", "candidates": ["hubot", "hubot-deploy"]},
        ),
        (
            "/deploy api to produ",
            {"error": "ambiguous", "what": "env", "given": "produ", "candidates": ["production", "production-eu"]},
        ),
        ("/deploy api to stagng", {"error": "unknown_env", "given": "stagng", "suggest": ["staging"]}),
        ("/lock stagng on api", {"error": "unknown_env", "given": "stagng", "suggest": ["staging"]}),
        ("/deploy web in", {"error": "env_required"}),
        ("/deploy to production", {"error": "app_required"}),
        ("/deploy", {"error": "app_required"}),
        ("/logs", {"error": "id_required"}),
        ("/alias lock = deploy web", {"error": "reserved", "given": "lock", "suggest": []}),
        ("/deploy1 api", {"error": "unknown_command", "given": "deploy1", "suggest": ["deploy"]}),
        (".deploy-two api", {"error": "unknown_command", "given": "deploy-two", "suggest": ["deploy"]}),
        ("／deploy api", {"error": "unknown_command", "given": "／deploy", "suggest": ["deploy"]}),
        ("/status! api", {"error": "unknown_command", "given": "status!", "suggest": ["status"]}),
    ],
)
def test_what_is_wrong_is_refused_and_named(line, expected, context):
    assert explained(line, context) == expected


@pytest.mark.parametrize(
    "ref",
    [
        "--all",
        "@{u}",
        "@",
        "..",
        "refs/../../etc/passwd",
        "HEAD~1",
        "main:config/x",
        "refs/pull/1/head",
        "$(id)",
        "a;b",
        "a.lock",
    ],
)
def test_a_ref_that_git_would_read_otherwise_is_refused(ref, context):
    assert explained(f"/deploy api {ref} to staging", context)["error"] == "bad_ref"
    assert explained(f"/deploy api/{ref} to staging", context)["error"] == "bad_ref"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("/deploy api main to \u0440rod", "U+0440 CYRILLIC SMALL LETTER ER"),
        ("/deploy api main to \uff50\uff52\uff4f\uff44", "U+FF50 FULLWIDTH LATIN SMALL LETTER P"),
        ("/deploy api main to \u202edorp", "U+202E RIGHT-TO-LEFT OVERRIDE"),
        ("/deploy api main to \u212apod", "U+212A KELVIN SIGN"),
        ("/deploy shop;id to prod", ";"),
    ],
)
def test_a_name_with_an_odd_character_is_refused_and_shown(line, expected, context):
    answer = explained(line, context)

    assert answer["error"] == "bad_name"
    assert answer["character"] == expected
    assert answer["given"].isprintable()


def test_only_a_word_that_is_exactly_an_environment_may_do_without_to(context):
    assert explained("/deploy api staging/web1", context) == {"cmd": "deploy", "app": "api", "ref": "staging/web1"}
    assert explained("/deploy api stagng", context) == {"cmd": "deploy", "app": "api", "ref": "stagng"}


def test_a_room_with_an_app_lets_it_be_left_out(context):
    asked = {"surface": "web", "room": "web-deploys"}

    assert explained(".deploy", context, **asked) == {"cmd": "deploy"}
    assert explained(".deploy feature/x to staging", context, **asked)["ref"] == "feature/x"
    assert explained(".deploy api to staging", context, **asked)["app"] == "api"
    assert explained(".lock chaos", context, **asked) == {"error": "unknown_env", "given": "chaos", "suggest": []}
    assert explained(".deploy main ot production", context, **asked)["suggest"] == "to"


def test_slack_takes_an_app_as_first_word_only_when_it_is_known(context):
    assert explained("api to staging", context, surface="slack") == {"cmd": "deploy", "app": "api", "env": "staging"}
    assert explained("acme-inc/api!", context, surface="slack") == {"cmd": "deploy", "app": "api", "force": True}
    assert explained("boom", context, surface="slack")["error"] == "unknown_command"
    assert explained("hubot to staging", context, surface="slack")["app"] == "hubot"
    assert explained("@chatops stauts", context, surface="slack")["suggest"] == ["status"]
    assert explained("<https://api.example|api> to staging", context, surface="slack")["app"] == "api"
    assert explained("deploy api to staging because a &amp; b", context, surface="slack")["reason"] == "a & b"


def test_a_slip_is_answered_with_the_whole_line_that_was_meant(context):
    assert offered("/stauts api", context) == ("/status api",)
    assert offered("/deploy bliling/x to staging", context) == ("/deploy billing/x to staging",)
    assert offered("/deploy web ot production", context) == ("/deploy web to production",)
    assert offered("/deploy api staging main", context) == ("/deploy api/main to staging",)
    assert offered("@chatops stauts api", context) == ("/status api",)
    assert offered("stauts api", context, surface="slack") == ("/deploy status api",)
    assert offered("deploy bliling to staging", context, surface="slack") == ("/deploy billing to staging",)


def test_hearing_a_command_needs_no_names():
    assert hear("/deploy whatever") is not None
    assert hear("what a day") is None

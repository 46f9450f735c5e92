"""What people bring from other bots and from their keyboards: understood, or refused with the line they meant."""

import pytest

from bot.grammar import parse
from bot.mistakes import Mistake
from tests.bot.test_grammar import explained, offered


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("/deploy api to staging please", "/deploy api to staging"),
        ("/deploy please api to staging", "/deploy api to staging"),
        ("/please deploy api to staging", "/deploy api to staging"),
        ("/deploy api to staging, thanks!", "/deploy api to staging"),
        ("/deploy api to staging now", "/deploy api to staging"),
        ("/deploy api to prod?", "/deploy api to prod"),
        ("/deploy api to prod.", "/deploy api to production"),
        ("/deploy api to staging \U0001f680", "/deploy api to staging"),
        ("/deploy api/main to staging :rocket:", "/deploy api/main to staging"),
        ("/deploy api -> staging", "/deploy api to staging"),
        ("/deploy api \u2192 staging", "/deploy api to staging"),
        ("/deploy api to staging \u2014 because it\u2019s broken", "/deploy api to staging because it's broken"),
        ("/deploy \uff41\uff50\uff49 to staging", "/deploy api to staging"),
        ("/deploy api\u200b to staging", "/deploy api to staging"),
        ("/deploy api\uff0fmain to staging", "/deploy api/main to staging"),
        ("/\u8bf7 deploy api to staging", "/deploy api to staging"),
        ("/lock staging on api\uff1amigration", "/lock staging on api:migration"),
        ("/promote api staging production", "/promote api from staging to production"),
        ("/schedule api to staging at 22:00", "/schedule deploy api to staging at 22:00"),
        ("/alias hot deploy web to staging", "/alias hot = deploy web to staging"),
    ],
)
def test_what_is_too_much_is_refused_with_the_line_that_was_meant(line, meant, context):
    with pytest.raises(Mistake) as caught:
        parse(line, context)

    assert caught.value.suggest == (meant,)
    assert explained(meant, context).get("cmd")


@pytest.mark.parametrize(
    "line", ["/deploy api to chaos please", "/deploy api;id to staging", "/deploy api to staging burgers"]
)
def test_nothing_is_offered_that_would_not_be_understood_or_was_not_meant(line, context):
    assert offered(line, context) == ()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("@chatops where can I deploy api?", {"cmd": "where", "app": "api"}),
        ("```/deploy api to staging```", {"cmd": "deploy", "app": "api", "env": "staging"}),
        ("\ufeff/deploy api to staging", {"cmd": "deploy", "app": "api", "env": "staging"}),
        (
            "/deploy <https://git.example/acme-inc/api|acme-inc/api> to staging because <@U024BE7LH|bob> asked",
            {"cmd": "deploy", "app": "api", "env": "staging", "reason": "@bob asked"},
        ),
        (
            "/deploy https://git.example/acme-inc/api/tree/feature/x to staging",
            {"cmd": "deploy", "app": "api", "ref": "feature/x", "env": "staging"},
        ),
        ("/deploy https://git.example/acme-inc/api.git to staging", {"cmd": "deploy", "app": "api", "env": "staging"}),
        ("@chatops\uff0cdeploy api to staging", {"cmd": "deploy", "app": "api", "env": "staging"}),
        ("/deploy api \u5230 staging", {"error": "syntax", "at": "\u5230", "suggest": "to"}),
        ("/retry --failed #42", {"cmd": "retry", "id": 42, "only": "failed"}),
        ("/rollback --force #42", {"cmd": "rollback", "id": 42, "force": True}),
        ("/logs --tail 100 #42 web1", {"cmd": "logs", "id": 42, "hosts": ["web1"], "tail": 100}),
        (
            "/rollback api to 9fceb02 in production",
            {"cmd": "rollback", "app": "api", "env": "production", "release": "9fceb02"},
        ),
        ("/announce a <b> & c", {"cmd": "announce", "text": "a <b> & c"}),
    ],
)
def test_it_is_understood(line, expected, context):
    assert explained(line, context) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("to production", {"cmd": "deploy", "env": "production"}),
        ("<@U024BE7LH> deploy api", {"cmd": "deploy", "app": "api"}),
        (
            "<https://git.example/acme-inc/api|acme-inc/api>@topic on staging!",
            {"cmd": "deploy", "app": "api", "ref": "topic", "env": "staging", "force": True},
        ),
    ],
)
def test_it_is_understood_in_slack(line, expected, context):
    assert explained(line, context, surface="slack", room="web-deploys") == expected

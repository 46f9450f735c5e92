"""The grammar against generated lines: those of its classes, and any text at all."""

import json
import re

from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot import context_file
from bot.grammar import parse
from bot.mistakes import Mistake
from tests.bot.conftest import CASES
from tests.bot.sentences import sentences

CONTEXT = context_file.read((CASES / "phrases_context.json").read_text())
PIECES = st.sampled_from(
    [
        *(
            "/deploy",
            ".lock",
            "@chatops",
            "api",
            "web/main",
            "to",
            "in",
            "production",
            "#42",
            "because",
            "|",
            "--force",
        ),
        *("at", '"', "!", ":", "<@U1|bob>", "22:00", "123456", "／", "\u2014reason", "\u202e", "\n", "9" * 24),
    ]
)
LINES = st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=12).map(" ".join))
APPS = st.sampled_from(sorted([*CONTEXT.apps, *CONTEXT.app_aliases, *CONTEXT.repos]))
ENVS = st.sampled_from(sorted([*CONTEXT.envs, *CONTEXT.env_aliases]))
REFS = st.from_regex(r"\A[a-z0-9]{3,8}(/[a-z0-9-]{3,8}){0,2}\Z").filter(
    lambda ref: not re.fullmatch(r"\d{6}", ref) and not CONTEXT.env(ref) and ref not in ("because",)
)
HOSTS = st.sampled_from(["", "/fe", "/web1,web2", "/web*"])


@settings(max_examples=300, deadline=None)
@given(LINES, st.sampled_from(["web", "slack"]), st.sampled_from(["general", "web-deploys"]))
@example("/deploy " + "\ud800", "web", "general")
@example("/deploy api " * 5_000, "slack", "general")
def test_any_text_is_understood_or_refused_and_never_fails(text, surface, room):
    try:
        parsed = parse(text, CONTEXT, surface=surface, room=room)
    except Mistake as mistake:
        json.dumps(mistake.as_json())
        return
    if parsed:
        assert not parsed.app or parsed.app in CONTEXT.apps
        assert not parsed.env or parsed.env in CONTEXT.envs
        assert not re.search(r"\s|\.\.|^-", parsed.ref)


@settings(max_examples=200, deadline=None)
@given(
    app=APPS,
    ref=st.one_of(st.just(""), REFS),
    between=st.sampled_from(["/", "@", " "]),
    env=st.one_of(st.just(""), ENVS),
    hosts=HOSTS,
    preposition=st.sampled_from(["to", "in", "on"]),
    otp=st.sampled_from(["", "123456"]),
    bang=st.booleans(),
    prefix=st.sampled_from(["/", ".", "!", "@chatops ", "hubot "]),
)
def test_a_deployment_of_any_make_is_read_back_as_it_was_made(
    app, ref, between, env, hosts, preposition, otp, bang, prefix
):
    joined = f"{app}{between}{ref}" if ref else app
    place = f" {preposition} {env}{hosts}" if env else ""
    line = f"{prefix}deploy{'!' if bang else ''} {joined}{place}{f' {otp}' if otp else ''}"

    parsed = parse(line, CONTEXT, room="general")

    wanted = {"cmd": "deploy", "app": CONTEXT.repos.get(app) or CONTEXT.app(app)}
    wanted |= {"ref": ref} if ref else {}
    wanted |= {"env": CONTEXT.env(env)} if env else {}
    wanted |= {"hosts": hosts[1:].split(",")} if env and hosts else {}
    wanted |= {"otp": otp} if otp else {}
    wanted |= {"force": True} if bang else {}
    assert parsed.as_json() == wanted


@settings(max_examples=400, deadline=None)
@given(sentences())
def test_a_line_of_any_class_is_read_back_as_it_was_made(sentence):
    parsed = parse(sentence.text, CONTEXT, surface=sentence.surface, room=sentence.room)

    assert parsed is not None
    assert parsed.as_json() == sentence.wanted


@settings(max_examples=60, deadline=None)
@given(st.text(min_size=1, max_size=40), st.sampled_from(["", "/deploy ", "/lock api: ", "/logs #1 --grep "]))
def test_sixty_four_kilobytes_of_anything_never_fail(text, begin):
    line = (begin + text * (65_536 // len(text)))[:65_536]

    for surface in ("web", "slack"):
        try:
            parsed = parse(line, CONTEXT, surface=surface, room="web-deploys")
        except Mistake as mistake:
            json.dumps(mistake.as_json())
        else:
            json.dumps(parsed.as_json() if parsed else None)

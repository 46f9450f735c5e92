"""Whatever comes in is understood or refused with a typed answer: frames, lines, deploy.yml, manifests, repositories.

`make test` tries a few hundred of each with the same seed every time, `make fuzz` many thousands with new ones, and
goes on with atheris (tests/fuzz).
"""

import json
import os
import string
import zlib

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deploy_core.reach.masking import MASK, Masker
from deploy_core.rules import repository
from tests.fuzz import readers

COUNT = int(os.environ.get("SHIPROOM_FUZZ", "0"))
many = settings(
    max_examples=COUNT or 200,
    derandomize=not COUNT,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    database=None,
)

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
frames = st.dictionaries(
    st.sampled_from(
        ["t", "s", "e", "q", "room", "cid", "rid", "text", "v", "want", "resume", "after", "limit", "age_ms"]
    )
    | st.text(max_size=8),
    st.sampled_from(["hello", "sub", "message", "room:1", "person:1", "log:1", 1, 2**70, -1, "x" * 90, "\ud800", "\0"])
    | values,
    max_size=8,
)


@many
@given(frames.map(json.dumps) | st.text() | st.binary().map(lambda raw: raw.decode("latin1")))
def test_a_frame_is_read_or_unfit(text: str):
    readers.frame(text)


words = st.sampled_from(
    [
        "/deploy",
        "/rollback",
        "/approve",
        "shop",
        "to",
        "in",
        "staging",
        "production",
        "#42",
        "at",
        "22:00",
        "because",
        "--force",
        "shop/main",
        "@v1",
        "\u0440rod",
        "\uff0f",
        '"',
        "'",
        "--",
        "..",
        "$(id)",
        "\n",
        "\u202e",
        "{{7*7}}",
        "last",
        "5",
        "!",
        "/",
    ]
)
lines = st.lists(words | st.text(max_size=12), max_size=9).map(" ".join)


@many
@given(lines | lines.map(lambda line: f"/{line}") | st.text(max_size=200))
def test_a_line_is_understood_or_refused(text: str):
    readers.line(text)


keys = st.sampled_from(
    [
        "build",
        "commands",
        "restart",
        "command",
        "health",
        "http",
        "port",
        "path",
        "hooks",
        "before_switch",
        "environments",
        "staging",
        "tasks",
        "package",
        "exclude",
        "shared",
        "keep",
        "timeout",
        "batches",
        "releases_dir",
    ]
)
files = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys | st.text(max_size=6), inner, max_size=4),
    max_leaves=14,
)


@many
@given(files.map(lambda value: json.dumps(value)) | st.text(max_size=300) | st.text(string.printable, max_size=300))
def test_a_deploy_yml_is_read_or_refused_with_its_place(text: str):
    readers.deploy_file(text)


@many
@given(st.text(max_size=120) | st.from_regex(r"(https|ssh|file|ext)://?[\w.@:/%~-]{0,40}", fullmatch=True))
def test_an_address_of_a_repository_is_allowed_or_not_and_never_an_error(url: str):
    if not repository.why_not_allowed(url, with_files=False):
        assert not url.startswith(("-", "ext::", "file://"))
        assert "::" not in url.partition("/")[0]
        repository.named_host(url)


@many
@given(st.text(max_size=80))
def test_a_ref_that_is_allowed_is_no_option_and_no_expression(ref: str):
    if repository.is_ref_name(ref):
        assert not ref.startswith("-")
        assert not any(sign in ref for sign in ("..", "@{", "~", "^", ":", " ", "\\", "\n", "\0"))


@many
@given(st.data())
def test_a_secret_passes_in_no_cut(data: st.DataObject):
    secret = data.draw(st.text("ab+(\\.c", min_size=8, max_size=14)).encode()
    around = data.draw(st.binary(max_size=30))
    text = around + secret + data.draw(st.binary(max_size=30))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    stream = Masker([secret.decode()]).stream()

    shown = (
        b"".join(stream.feed(text[a:b]) for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)) + stream.close()
    )

    assert secret not in shown
    assert MASK in shown


@many
@given(
    st.binary(max_size=400)
    | st.lists(st.binary(max_size=40), max_size=5).map(b"\n".join)
    | (st.binary(max_size=200) | st.text(max_size=200).map(str.encode)).map(zlib.compress)
)
def test_a_manifest_that_is_none_is_refused(raw: bytes):
    readers.packed(raw)

"""Secrets do not pass, however the output is cut."""

import base64
import json
import secrets as secrets_of_system
import shlex
import urllib.parse

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from deploy_core.reach.masking import MASK, Masker

secrets = st.text('ab+$\n"', min_size=6, max_size=12).map(str.encode)


def masked(masker: Masker, pieces: list[bytes]) -> bytes:
    stream = masker.stream()
    return b"".join([stream.feed(piece) for piece in pieces] + [stream.close()])


@settings(max_examples=400, deadline=None)
@given(st.lists(secrets, min_size=1, max_size=3), st.data())
def test_no_secret_survives_any_cutting(hidden, data):
    noise = st.text('ab+$\n"', max_size=8).map(str.encode)
    said = b"".join(data.draw(st.lists(st.one_of(st.sampled_from(hidden), st.binary(max_size=8), noise), max_size=12)))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(said)), max_size=10)))
    pieces = [said[a:b] for a, b in zip([0, *cuts], [*cuts, len(said)], strict=True)]

    shown = masked(Masker(hidden), pieces)

    # What stands left and right of a mask never belonged together.
    for secret in hidden:
        assert secret not in shown.replace(MASK, b"\xff")


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=20), max_size=5))
@example([b"toke", b"n-is-not-it"])
def test_what_holds_no_secret_is_unchanged(pieces):
    assert masked(Masker(["token-0123456789"]), pieces) == b"".join(pieces)


def test_a_secret_whose_beginning_repeats_is_found():
    assert masked(Masker(["ababac"]), [b"ababa", b"bac\n"]) == b"ab" + MASK + b"\n"


def test_a_secret_in_two_halves_is_one():
    stream = Masker(["hunter2-hunter2"]).stream()

    assert stream.feed(b"the token is hunter2-") == b"the token is "
    assert stream.feed(b"hunter2 indeed") == MASK + b" indeed"


def test_only_what_may_become_a_secret_is_held_back():
    stream = Masker(["hunter2-hunter2"]).stream()

    assert stream.feed(b"progress 10%") == b"progress 10%"
    assert stream.feed(b" hunt") == b" "
    assert stream.feed(b"ing") == b"hunting"


@pytest.mark.parametrize("before", ["", "x", "xy", "user:", "a longer text before it "])
def test_base64_is_masked_in_all_alignments(before):
    secret = "s3cret/Value+With?Signs"
    encoded = base64.b64encode((before + secret + "\n").encode())

    shown = masked(Masker([secret]), [encoded[:7], encoded[7:]])

    assert MASK in shown
    assert secret.encode() not in base64.b64decode(shown.replace(MASK, b"") + b"===")


@pytest.mark.parametrize("size", [8, 57, 58, 200])
@pytest.mark.parametrize("before", ["", "x", "xy", "user:" * 20])
@pytest.mark.parametrize("line", [64, 76])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_base64_that_is_broken_into_lines_is_masked_in_all_alignments(size, before, line, end):
    secret = secrets_of_system.token_urlsafe(size)[:size]
    encoded = base64.b64encode((before + secret + " and more of it").encode())
    said = end.join(encoded[at : at + line] for at in range(0, len(encoded), line)) + end
    pieces = [said[at : at + 7] for at in range(0, len(said), 7)]

    for shown in (masked(Masker([secret]), pieces), Masker([secret]).text(said.decode()).encode()):
        assert MASK in shown
        left = shown.replace(end, b"").partition(MASK)
        assert len(left[0]) <= len(base64.b64encode(before.encode())), shown
        assert len(left[2]) <= len(base64.b64encode(b" and more of it")) + 4, shown


@pytest.mark.parametrize("size", range(1, 24))
def test_a_whole_line_is_shown_at_once_though_base64_may_begin_at_its_end(size):
    secret = "correct horse battery staple and more of it"
    encoded = base64.b64encode(secret.encode())
    stream = Masker([secret]).stream()

    first = stream.feed(b"ready: " + encoded[:size] + b"\n")
    rest = stream.feed(encoded[size:] + b"\nnext\n") + stream.close()

    assert first == b"ready: " + (encoded[:size] + b"\n" if size < 16 else b"")
    assert rest == MASK + b"==\nnext\n"


def test_what_only_begins_like_base64_of_a_secret_is_shown_at_the_end():
    secret = "correct horse battery staple"
    begun = base64.b64encode(secret.encode())[:20] + b"\n"

    assert masked(Masker([secret]), [begun]) == begun


@pytest.mark.parametrize(
    "printed",
    [
        json.dumps({"token": "q\"uo\\te's and ünicode"}),
        urllib.parse.quote("q\"uo\\te's and ünicode", safe=""),
        urllib.parse.quote_plus("q\"uo\\te's and ünicode"),
        shlex.quote("q\"uo\\te's and ünicode"),
    ],
)
def test_quoted_and_encoded_forms_are_masked(printed):
    shown = Masker(["q\"uo\\te's and ünicode"]).text(printed)

    assert "[MASKED]" in shown
    assert "nicode" not in shown


def test_each_line_of_a_key_is_masked_alone():
    pem = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbm\nAAAECsecondline\n-----END-----\n"

    assert Masker([pem]).text("oops: AAAECsecondline!") == "oops: [MASKED]!"


def test_signs_of_an_expression_are_plain_text():
    assert Masker(["+++a(b[c"]).text("got +++a(b[c here") == "got [MASKED] here"


def test_a_word_of_everyday_is_no_secret():
    assert Masker(["yes", ""]).text("yes it is") == "yes it is"
    assert masked(Masker(["hello"]), [b"hello ", base64.b64encode(b"hello")]) == b"hello aGVsbG8="

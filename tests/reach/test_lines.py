"""Output becomes lines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy_core.reach.lines import LINE_LIMIT, TAIL_BYTES, Output
from deploy_core.reach.masking import Masker


def lines(*pieces: bytes, secrets: tuple[str, ...] = ()) -> list[str]:
    output = Output(Masker(secrets))
    return [line for piece in pieces for line in output.feed(piece)] + output.close()


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ((b"a\nb\n",), ["a", "b"]),
        ((b"a\n\nb",), ["a", "", "b"]),
        ((b"a\r\nb\r\n",), ["a", "b"]),
        ((b"a\r", b"\nb"), ["a", "b"]),
        ((b"10%\r20%\r", b"30%\n"), ["10%", "20%", "30%"]),
        ((b"end\r",), ["end"]),
        ((b"", b""), []),
        ((b"caf\xc3", b"\xa9\n"), ["café"]),
        ((b"bad \xff\xfe\n",), ["bad \ufffd\ufffd"]),
        ((b"half \xc3",), ["half \ufffd"]),
        ((b"\x1b[31mred\x1b[0m\x1b[K\n",), ["red"]),
        ((b"\x1b]52;c;eA==\x07\x1b[2J\n",), ["␛]52;c;eA==␇␛[2J"]),
        ((b"nul\0tab\t\n",), ["nul␀tab\t"]),
    ],
)
def test_bytes_become_lines(pieces, expected):
    assert lines(*pieces) == expected


@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=4))
def test_where_it_is_cut_does_not_matter(data, cuts):
    cuts = sorted(min(cut, len(data)) for cut in cuts)
    pieces = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]

    assert lines(*pieces) == lines(data)


def test_a_very_long_line_is_cut_and_bounded():
    output = Output(Masker())
    got = [line for _ in range(100) for line in output.feed(b"x" * 10_000)] + output.close()

    assert "".join(got) == "x" * 1_000_000
    assert max(map(len, got)) == LINE_LIMIT


def test_a_secret_across_the_cut_of_a_long_line_is_masked():
    secret = "hunter2-hunter2"
    got = lines(b"x" * (LINE_LIMIT - 5) + secret.encode() + b"\n", secrets=(secret,))

    assert "hunter2" not in "".join(got)


def test_the_tail_is_the_end_and_bounded():
    output = Output(Masker())
    for number in range(100_000):
        output.feed(b"line %d\n" % number)

    assert output.tail.endswith("line 99999\n")
    assert len(output.tail) <= TAIL_BYTES
    assert output.size_bytes > 1_000_000

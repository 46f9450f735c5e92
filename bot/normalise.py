"""What keyboards, word processors and Slack do to a line, undone before it is read. Pure.

Names are never folded: a full-width or Cyrillic letter stays what it is, and is refused with its code point.
"""

import re

_SPACES = "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_PLAIN = {
    **dict.fromkeys(_SPACES, " "),
    **dict.fromkeys("\u201c\u201d\u201e\u201f", '"'),
    **dict.fromkeys("\u2018\u2019\u201a\u201b", "'"),
}
_TYPED = re.compile(f"[{''.join(_PLAIN)}]")
_LINE_ENDS = re.compile("[\n\r\v\f\u0085\u2028\u2029]")
_RUNS = re.compile(" {2,}")
#: Slack's `<https://x|label>`, `<@U1|bob>`, `<#C1|general>`, `<!here>`.
_SLACK = re.compile(r"<([@#!]?)([^<>|]*)(?:\|([^<>|]*))?>")
#: The same where it was pasted into a room: only what cannot be anything else.
_PASTED = re.compile(r"<([@#])([UWC][A-Z0-9]+)(?:\|([^<>|]*))?>|<()(https?://[^<>| ]*)(?:\|([^<>|]*))?>")
#: No command holds more links.
_MOST_LINKS = 200
#: Marks that nobody can see, before the first letter of a line: pasted from a page or a chat.
_UNSEEN = "\u200b\u200e\u200f\u2060\ufeff"
#: A long dash that a word processor made of `--`. Within a word it stays, so that no name becomes another.
_LONG_DASH = re.compile("(?<![^ ])[\u2014\u2015]")
#: A dash that a phone made of `--` before an option: `–force`.
_OPTION_DASH = re.compile("(?<= )\u2013(?=[a-z])")


def first_line(text: str) -> tuple[str, str]:
    """The first line, and whatever else stands below it (empty when nothing but blanks follows)."""
    parts = _LINE_ENDS.split(text, maxsplit=1)
    return parts[0], parts[1].strip() if len(parts) > 1 else ""


def normalise(line: str, *, is_slack: bool = False) -> str:
    """One line with plain quotes, dashes and single spaces, without wrapping back-ticks.

    A leading space stays one space: in the room it is how a person says "this is no command".
    """
    line = line.replace("\t", " ")
    if not line.isascii():
        if _TYPED.search(line):  # one look is faster than all the replacing
            for typed, plain in _PLAIN.items():
                line = line.replace(typed, plain)
        line = _OPTION_DASH.sub("--", _LONG_DASH.sub("--", line)).lstrip(_UNSEEN)
    if is_slack:
        line = _SLACK.sub(_plain, line, count=_MOST_LINKS) if ">" in line else line
        line = line.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").lstrip()
    elif "<" in line and ">" in line:
        line = _PASTED.sub(_plain, line)
    line = _RUNS.sub(" ", line).rstrip()
    for marks in ("```", "`"):
        inside = line[len(marks) : -len(marks)]
        if inside and line.startswith(marks) and line.endswith(marks) and "`" not in inside:
            return inside.strip()
    return line


def _plain(link: re.Match[str]) -> str:
    kind, target, label = link.groups()[:3] if link[2] is not None else link.groups()[3:]
    if kind == "!":
        return f"@{label or target}".replace("@@", "@")
    return f"{kind}{(label or target).lstrip('@#')}" if kind else label or target

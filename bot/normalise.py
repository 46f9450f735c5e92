"""What keyboards, word processors and Slack do to a line, undone before it is read. Pure.

Names are never folded: a full-width or Cyrillic letter stays what it is, and is refused with its code point.
"""

import re

_SPACES = "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_PLAIN = {
    **dict.fromkeys(_SPACES, " "),
    **dict.fromkeys("\u201c\u201d\u201e\u201f", '"'),
    **dict.fromkeys("\u2018\u2019\u201a\u201b", "'"),
    "\u2014": "--",
    "\u2015": "--",
}
_LINE_ENDS = re.compile("[\n\r\v\f\u0085\u2028\u2029]")
_RUNS = re.compile(" {2,}")
#: Slack's `<https://x|label>`, `<@U1|bob>`, `<#C1|general>`, `<!here>`.
_SLACK = re.compile(r"<([@#!]?)([^<>|]*)(?:\|([^<>|]*))?>")
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
        for typed, plain in _PLAIN.items():
            line = line.replace(typed, plain)
        line = _OPTION_DASH.sub("--", line)
    if is_slack:
        line = _SLACK.sub(_plain, line).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").lstrip()
    line = _RUNS.sub(" ", line).rstrip()
    if len(line) > 2 and line[0] == line[-1] == "`" and "`" not in line[1:-1]:
        line = line[1:-1].strip()
    return line


def _plain(link: re.Match[str]) -> str:
    kind, target, label = link.groups()
    if kind == "!":
        return f"@{label or target}".replace("@@", "@")
    return f"{kind}{(label or target).lstrip('@#')}" if kind else label or target

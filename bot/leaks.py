"""Secrets that people paste where others read: found by how their makers write them, and taken out. Pure, linear.

Only forms that are surely secrets are known here: a word that merely looks odd stays what somebody said.
"""

import re
from typing import NamedTuple

REMOVED = "[removed]"

#: What is named to people, and how it is written.
_FORMS = {
    "GitHub": r"\bgh[pousr]_[A-Za-z0-9]{36,255}|\bgithub_pat_[A-Za-z0-9_]{50,255}",
    "GitLab": r"\bgl(?:pat|dt|rt|cbt|ptt|ft|soat)-[A-Za-z0-9_-]{20,255}",
    "Slack": r"\bxox[abeoprs]-[A-Za-z0-9-]{10,255}|\bxapp-\d-[A-Za-z0-9-]{10,255}",
    "Shiproom": r"\bshiproom_[A-Za-z0-9_-]{40,60}",
    "AWS": r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    "Google": r"\bAIza[A-Za-z0-9_-]{35}",
    "Stripe": r"\b[rs]k_live_[A-Za-z0-9]{16,255}",
    "npm": r"\bnpm_[A-Za-z0-9]{36}",
    "PyPI": r"\bpypi-AgE[A-Za-z0-9_-]{50,255}",
    "Docker": r"\bdckr_pat_[A-Za-z0-9_-]{20,255}",
    "Hubot": r"(?<=deploy-token:set:)[a-z]{1,20}[ ]+[^ ]{1,255}",
    "key": r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[\w+/=\s]{0,16000}(?:-----END [A-Z ]{0,30}PRIVATE KEY-----)?",
}
_ANY = re.compile("|".join(f"(?P<{name}>{form})" for name, form in _FORMS.items()))


class Masked(NamedTuple):
    """A text without the secrets that stood in it, and whose they look like."""

    text: str
    kinds: tuple[str, ...]


def mask(text: str) -> Masked:
    """`text` with each secret replaced; `kinds` is empty, and the text the same, where there is none."""
    kinds = dict.fromkeys(str(found.lastgroup) for found in _ANY.finditer(text))
    return Masked(_ANY.sub(REMOVED, text) if kinds else text, tuple(kinds))

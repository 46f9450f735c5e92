"""What a repository says of itself."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Ref:
    """A branch or a tag, and the commit it stands for."""

    kind: str
    name: str
    revision: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Commit:
    revision: str
    subject: str
    author: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Revision:
    """What a ref meant when it was resolved; `kind` is `branch`, `tag` or `commit`."""

    id: str
    ref: str
    kind: str
    subject: str
    author: str
    at: datetime

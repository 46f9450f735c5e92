"""Secrets of an environment: sealed in their row, opened for the commands they were granted to, masked everywhere."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from deploy_core import sealing
from deploy_core.errors import Refused
from deploy_core.models import Environment, Secret

from .masking import LEAST

#: It travels as an environment variable, and all of them together must fit beside the arguments of a program.
LIMIT_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class Granted:
    """Variables for what runs on this machine, and for what runs on servers; `versions` name those of builds."""

    builds: Mapping[str, str] = field(default_factory=dict, repr=False)
    servers: Mapping[str, str] = field(default_factory=dict, repr=False)
    versions: tuple[tuple[str, str], ...] = ()


NONE_GRANTED = Granted()


def granted(environment: Environment) -> Granted:
    """What the environment's commands get.

    Raises:
        SealError: one was sealed under another key, or for another row.
    """
    rows = list(environment.secrets.all())
    opened = {row.name: sealing.open_(row.sealed, about=_about(row)).decode() for row in rows}
    return Granted(
        {row.name: opened[row.name] for row in rows if row.for_builds},
        {row.name: opened[row.name] for row in rows if row.for_servers},
        # With the row's number: one that was removed and made again begins to count anew.
        tuple((row.name, f"{row.pk}.{row.version}") for row in rows if row.for_builds),
    )


def is_fit(value: str) -> bool:
    """Whether a value is long enough to be masked, and short enough for a variable."""
    return LEAST <= len(value.encode()) <= LIMIT_BYTES and "\0" not in value


def keep(secret: Secret, value: str) -> None:
    """Seal a new value into a saved row, and save it.

    Raises:
        Refused: `secret_unfit`: it is too short to be masked, too long for a variable, or has a NUL.
        SealError: the key ring cannot be read.
    """
    if not is_fit(value):
        raise Refused("secret_unfit", name=secret.name, least=LEAST, limit_bytes=LIMIT_BYTES)
    secret.sealed = sealing.seal(value.encode(), about=_about(secret))
    secret.version += 1
    secret.save()


def _about(secret: Secret) -> str:
    if secret.pk is None:
        raise ValueError("a secret is sealed to its row: save it first")
    return f"secret:{secret.pk}"

"""Secrets of an environment: set, granted and removed, each with its line in the audit. Values: `reach.secrets`."""

from typing import NamedTuple

from django.db import transaction

from deploy_core.ledger import audit
from deploy_core.models import Environment, Person, Secret
from deploy_core.reach import secrets


class To(NamedTuple):
    """Whom a secret is granted to: what runs on this machine, what runs on servers, or both."""

    builds: bool
    servers: bool

    def __str__(self) -> str:
        return " and ".join(name for name, is_one in zip(self._fields, self, strict=True) if is_one)


def granted_to(secret: Secret) -> To:
    """Whom it is granted to now."""
    return To(secret.for_builds, secret.for_servers)


@transaction.atomic
def put(environment: Environment, name: str, value: str | None, to: To, *, by: Person | None) -> Secret:
    """A new version of the secret of that name, granted to `to` from now on. With None the value stays as it is.

    Raises:
        django.core.exceptions.ValidationError: no variable can be called so.
        Refused: `secret_unfit`, as `reach.secrets.keep`.
        SealError: the key ring cannot be read.
    """
    Secret(environment=environment, name=name).full_clean(validate_unique=False, validate_constraints=False)
    # Two who set it at once must not make one version: what was built with the one would pass for the other.
    rows = Secret.objects.select_for_update(no_key=True)
    secret, is_new = rows.get_or_create(environment=environment, name=name)
    secret.for_builds, secret.for_servers = to
    secret.set_by = by
    if value is None and not is_new:
        secret.save()
    else:
        secrets.keep(secret, value or "")
    told = {"version": secret.version, "granted": str(to), "has_value": value is not None}
    audit.record(by, "secret.set", str(secret), "done", **told)
    return secret


@transaction.atomic
def remove(secret: Secret, *, by: Person | None) -> None:
    """The row goes, with the sealed value."""
    audit.record(by, "secret.remove", str(secret), "done")
    secret.delete()

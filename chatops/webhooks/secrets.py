"""Secrets of webhooks: made here, shown once, kept sealed."""

import secrets

from chatops.webhooks.models import IncomingHook, OutgoingHook
from deploy_core import sealing


def renew(hook: IncomingHook | OutgoingHook) -> str:
    """A new secret for a stored hook; the old one is no good any more. It is shown now and never again."""
    made = secrets.token_urlsafe(32)
    hook.sealed = sealing.seal(made.encode(), about=_about(hook))
    hook.save(update_fields=["sealed"])
    return made


def of(hook: IncomingHook | OutgoingHook) -> bytes:
    """
    Raises:
        SealError: the key ring does not open it.
    """
    return sealing.open_(hook.sealed, about=_about(hook))


def _about(hook: IncomingHook | OutgoingHook) -> str:
    return f"{hook._meta.model_name}:{hook.pk}:secret"

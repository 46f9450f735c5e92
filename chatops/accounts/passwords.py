"""What ends with an old password, by whatever door the new one came: the page, `manage.py changepassword`, a shell."""

from allauth.core import context
from django.db import transaction
from django.utils import timezone

from chatops.accounts import visits
from deploy_core.ledger import audit
from deploy_core.models import Person


class EndsWhatItOpened:
    """One of AUTH_PASSWORD_VALIDATORS: Django tells each of them of every password that was changed.

    Whoever knew the old one may have signed in with it, or made tokens: all of that ends, but the session that speaks.
    """

    def validate(self, password: str, user: Person | None = None) -> None:
        """The others look whether it is a good one."""

    def get_help_text(self) -> str:
        """Nothing to say before it is changed."""
        return ""

    @transaction.atomic
    def password_changed(self, password: str, user: Person) -> None:
        """End sessions and tokens of `user`, and write it down."""
        request = context.request  # None in a shell
        by = request.user if request is not None and isinstance(request.user, Person) else None
        ended = user.tokens.filter(revoked__isnull=True).update(revoked=timezone.now())
        visits.end_all(user, but=request.session.session_key if by == user else None)
        audit.record(by, "password.change", user.username, "done", tokens_ended=ended)

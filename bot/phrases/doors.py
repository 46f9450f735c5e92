"""What is said to programs, and about doors for them: tokens, webhooks, rooms."""

from django.utils.translation import gettext_lazy as _

DOORS = {
    "auth": _("That needs a token that is good now: Authorization: Bearer …."),
    "method": _("That address does not take this method."),
    "bad_args": _("That is no request that I can read[[; look at “%(field)s”]]."),
    "bad_frame": _("That is no JSON."),
    "token_scope": _("This token is not good for that (%(scope)s)."),
}

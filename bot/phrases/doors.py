"""What is said to programs, and about doors for them: tokens, webhooks, rooms."""

from django.utils.translation import gettext_lazy as _

DOORS = {
    # checks
    "checks_failed": _("%(checks)s: red on %(revision)s.[[ %(links)s]]"),
    "checks_missing": _("%(checks)s said nothing final about %(revision)s in time, so it was not run."),
    "waits_for_checks": _("It waits for %(checks)s on %(revision)s."),
    "announce.waiting_checks": _("%(app)s → %(environment)s waits for %(checks)s on %(revision)s."),
    "word.behind_checks": _("%(checks)s on %(revision)s"),
    "forge_missing": _(
        "This environment wants checks to be green, and nobody said how to ask for them. "
        "manage.py app forge %(app)s does."
    ),
    "forge_refused": _("%(server)s refused with status %(status)s. Look at the token and its rights."),
    "address_refused": _("%(server)s is no address that may be asked (%(reason)s)."),
    "answer_unreadable": _("%(server)s answered something that cannot be read."),
    # codes
    "otp_none": _("You have no app for one-time codes yet. Set one up at %(where)s."),
    "otp_wrong": _("That code is wrong, too old, or was used already. Wait for the next one."),
    "otp_wait": _("Too many wrong codes. Wait %(minutes)s min."),
    # programs
    "auth": _("That needs a token that is good now: Authorization: Bearer …."),
    "method": _("That address does not take this method."),
    "bad_args": _("That is no request that I can read[[; look at “%(field)s”]]."),
    "bad_frame": _("That is no JSON."),
    "token_scope": _("This token is not good for that (%(scope)s)."),
    "token_not_bound": _(
        "Commands for %(app)s %(environment)s are typed in some rooms only. A program may give them with a token that"
        " is bound to %(app)s and %(environment)s and was made by somebody who manages them."
    ),
    "key_reused": _("That Idempotency-Key was used for another request. Use a new one for each."),
}

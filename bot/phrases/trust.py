"""What the bot says about proving who one is, and about breaking the glass."""

from django.utils.translation import gettext_lazy as _

TRUST = {
    "proof_wanted": _(
        "%(app)s %(environment)s wants a second step that you gave within the last %(minutes)s minutes. Give it at"
        " %(where)s and say this again."
    ),
    "not_sealed": _("%(row)s holds its secret in clear. Save it again on its page."),
    "sealed_of_old": _("A secret was sealed by an older version. Save it again on its page."),
    "key_in_use": _("The key %(key)s is in use: %(count)s secrets need it."),
    "reference_unreadable": _("The secret at %(reference)s could not be read: %(why)s."),
    "no_glass": _("Nobody's approval is wanted on %(app)s %(environment)s, so there is no glass to break: deploy."),
    "reason_too_short": _("Say why in at least %(least)s characters: whoever reviews this was not there."),
    "own_glass": _("You broke the glass for #%(number)s, so somebody else signs the review."),
    "last_manager": _("Nobody would be left who manages everything. Grant that to somebody else first."),
    "yourself": _("You cannot do that to yourself. Ask somebody else who manages everything."),
    "no_way_in": _("Services and people who are not active have no way in."),
    "already_signed": _("The review of #%(number)s is signed already."),
    "announce.glass_broken": _(
        "%(by)s broke the glass: #%(number)s %(app)s → %(environment)s goes without the approvals it wants."
        " “%(reason)s”. Its review stays open until somebody signs it."
    ),
    "announce.audit_head": _("The audit's head is %(head)s."),
    "glass_review_wanted": _(
        "%(by)s deployed #%(number)s %(app)s → %(environment)s without your yes: “%(reason)s”. Look at it, and sign its"
        " review[[ at %(where)s]]."
    ),
}

"""What the bot says when it does not do what a line asks. Each names the thing, what is wrong, and what to do next."""

from django.utils.translation import gettext_lazy as _

REFUSALS = {
    # the line was not understood
    "unknown_command": _("I do not know /%(given)s.[[ %(hint)s]]"),
    "slash_meant": _("A command starts with a plain slash. Did you mean this?"),
    "unknown_app": _("No app “%(given)s”.[[ %(hint)s]]"),
    "unknown_env": _("%(app)s has no environment “%(given)s”.[[ %(hint)s]]"),
    "unknown_env_anywhere": _("No environment “%(given)s”.[[ %(hint)s]]"),
    "unknown_server": _("%(app)s %(environment)s has no server or group “%(given)s”.[[ It has %(servers)s.]]"),
    "unknown_name": _("There is no “%(given)s” here."),
    "ambiguous": _("“%(given)s” could be %(candidates)s. Which one?"),
    "syntax": _("I stopped at “%(at)s”.[[ %(hint)s]]"),
    "quote_not_closed": _("The quote that opens at %(at)s is not closed, so nothing was run."),
    "one_line": _("A command is one line. Nothing was run; the next line begins with “%(at)s”."),
    "time_wrong": _("“%(at)s” is no time I can read. Write at 22:00, at 2026-12-01T22:00 or after 30m."),
    "reason_empty": _("Nothing stands behind “%(at)s”. Write the reason, or leave the word out."),
    "app_required": _("Which app?[[ You can see %(apps)s.]]"),
    "no_apps": _("You can see no app yet. Ask whoever runs Shiproom for a role."),
    "env_required": _("Where to?[[ %(app)s goes to %(environments)s.]]"),
    "id_required": _("Which deployment? Name it by its number, like #42."),
    "time_required": _("When? End the line with a time, like at 22:00."),
    "text_required": _("Nothing stands behind the command.[[ %(hint)s]]"),
    "bad_name": _(
        "“%(given)s” is no name: it holds %(character)s. Names are made of a–z, 0–9, dots, dashes and underscores."
    ),
    "bad_ref": _("“[[%(given)s]][[%(ref)s]]” is no branch, tag or commit id."),
    "bad_release": _("“%(given)s” is no release. Name it as /history shows it."),
    "bad_text": _("The text holds a character that cannot be stored."),
    "too_long": _("That is too long.[[ At most %(limit)s characters.]]"),
    "reserved": _("“%(given)s” is a command. Choose another name."),
    "not_a_command": _("That is no command. Commands start with a slash; /help lists them."),
    "not_yet": _("/%(command)s is understood, but this version cannot do it yet. /help lists what it can."),
    "not_yet_part": _("“%(part)s” is understood, but this version cannot do it yet. Nothing was run."),
    # it may not happen
    "no_permission": _("%(who)s may not deploy %(app)s to %(environment)s.[[ Those who may: %(allowed)s.]]"),
    "no_permission.rollback": _(
        "%(who)s may not roll back %(app)s in %(environment)s.[[ Those who may: %(allowed)s.]]"
    ),
    "no_permission.cancel": _(
        "%(who)s may not stop deployments of %(app)s to %(environment)s.[[ Those who may: %(allowed)s.]]"
    ),
    "forbidden": _("You may not do that here."),
    "not_found": _("There is no such thing, or it is not yours to see."),
    "not_in_room": _("Commands for %(app)s %(environment)s are not typed here[[, but in %(rooms)s]]."),
    "busy": _("#%(number)s %(app)s → %(environment)s by %(by)s is not done yet."),
    "approval_needed": _("#%(number)s waits for %(needed)s of %(people)s."),
    "self_approval": _("You asked for #%(number)s, so somebody else must approve it."),
    "service_approval": _("#%(number)s wants the yes of a person. %(who)s is a service, which can only say no."),
    "reason_required": _("This needs a reason: end the line with because and say why."),
    "stale": _("This command is %(minutes)s minutes old, so it was not run. Send it again if you still want it."),
    "duplicate": _("This line was already run, as #%(number)s."),
    "expired": _("The command arrived too late and was not run. Send it again if you still want it."),
    "secret_in_chat": _(
        "That message was not posted: there is a secret in it[[ (%(kinds)s)]]. Revoke it where it was made, then send "
        "the message without it."
    ),
    "already_ended": _("#%(number)s has ended (%(status)s), so there is nothing to stop."),
    "cannot_cancel": _("#%(number)s is switching back to the old release and cannot be stopped now."),
    "nothing_running": _("Nothing of %(app)s runs or waits[[ in %(environment)s]]."),
    "several_running": _("Several deployments of %(app)s run or wait. Which one?"),
    "not_what_runs": _("#%(number)s is not what %(app)s %(environment)s runs now, so it was not taken back."),
    "no_servers": _("%(app)s %(environment)s has no servers yet, so there is nothing to deploy to."),
    "nothing_to_roll_back": _(
        "No older release of %(app)s lies complete on every server of %(environment)s: there is nothing to go back to."
    ),
    "release_not_found": _(
        "No release “%(release)s” lies complete on every server of %(environment)s.[[ There are %(near)s.]]"
    ),
    "nothing_fetched": _("The repository of %(app)s was not fetched yet. Its first deployment does that."),
    "rate_limited": _("Too fast. Wait a moment, then send it again."),
    "refused": _("That was refused, and nothing was changed."),
    "unavailable": _("The database takes nothing just now, so nothing was done. Try again in a moment."),
    "internal": _("That failed by a fault of ours. It was logged[[ under %(fault)s]]."),
}

#: Second sentences, chosen by what is known.
HINTS = {
    "hint.meant": _("Did you mean this?"),
    "hint.keyword": _("Did you mean “%(keyword)s”?"),
    "hint.usage": _("The form is %(usage)s."),
    "hint.help": _("/help lists what I know."),
    "hint.apps": _("/apps lists those you can see."),
    "hint.environments": _("It goes to %(environments)s."),
}

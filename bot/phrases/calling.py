"""What the bot says of announcements, of who is on call, what one watches and mutes, and of people in rooms."""

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

CALLING = {
    "announced": _("It is announced."),
    "announce.said": _("%(by)s announces: %(text)s"),
    "oncall": _("On call now:"),
    "oncall.nobody": _("Nobody is on call."),
    "oncall.set": _("%(person)s is on call for %(scope)s[[ until %(until)s]][[, instead of %(instead)s]]."),
    "oncall.ended": _("No longer on call for %(scope)s: %(people)s."),
    "watching": _("You are told whatever happens to %(app)s[[ in %(environment)s]]."),
    "unwatched": _("You are told of %(app)s[[ in %(environment)s]] only as your rooms are set."),
    "muted": _("You are told nothing of %(app)s until %(until)s."),
    # it may not happen
    "oncall_nobody": _("Nobody is on call there, so there is nothing to end."),
    "unknown_person": _("There is nobody called “%(given)s” here."),
    "opens_apps": _("Everybody could then see %(apps)s. Who manages that has to open this room."),
    "last_room_manager": _("#%(room)s would be left without a manager. Make somebody else one first."),
    "read_only": _(
        "Only the managers of this room write here. Give commands in another room, or on a deployment's page."
    ),
    # words
    "word.open_end": _("open end"),
    "column.person": pgettext_lazy("column", "Person"),
    "choice.here": _("everybody who looks at the room now"),
    "choice.oncall": _("on call: %(people)s"),
    "choice.oncall.nobody": _("nobody is on call"),
    "choice.locked": _("locked by %(by)s[[ until %(until)s]]"),
    "choice.frozen": _("frozen[[ until %(until)s]]"),
    "choice.waits": _("#%(number)s waits"),
    # help
    "help.announce": _("tell this room and the rooms for announcements; it stays above the talk"),
    "help.oncall": _("who is on call; /oncall me for 12h, /oncall @name, /oncall end set it"),
    "help.watch": _("be told whatever happens to an app, in any of your rooms"),
    "help.unwatch": _("be told of it only as your rooms are set"),
    "help.mute": _("be told nothing of an app for a while"),
    "usage.announce": _("/announce text"),
    "usage.oncall": _("/oncall [me or @name or end] [app] [for 12h]"),
    "usage.watch": _("/watch app [in environment]"),
    "usage.unwatch": _("/unwatch app [in environment]"),
    "usage.mute": _("/mute app [for 2h]"),
    "part.text": _("text"),
    "part.duty": _("me, @name or end"),
    "part.span": _("for 2h"),
}

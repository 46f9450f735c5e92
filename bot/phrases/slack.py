"""What is said in Slack, and about it."""

from django.utils.translation import gettext_lazy as _

SLACK = {
    # why nothing was run, and what to do next
    "slack_link_first": _(
        "Your Slack account is linked to nobody here, so nothing was run. Open %(url)s within %(minutes)s minutes,"
        " sign in and say yes, then type it again."
    ),
    "slack_inactive": _("%(who)s is not active any more, so nothing was run."),
    "slack_no_room": _(
        "This channel shows no room, so nothing was run. Link one: /deploy room name.[[ Your rooms: %(rooms)s.]]"
    ),
    "slack_not_member": _(
        "You are not in the room %(room)s that this channel shows. Ask somebody there to invite you."
    ),
    "slack_late": _("That reached us too late, so it was not run. Try again."),
    "slack_stranger": _("Shiproom is not installed in this workspace, so nothing was run."),
    "slack_pressed": _("Somebody pressed that already."),
    # answers
    "slack_working": _("On it …"),
    "slack_who": _("You are %(who)s here. /deploy unlink ends that."),
    "slack_unlinked": _("Your Slack account is not linked any more."),
    "slack_linked": _("You are linked: in this workspace you are %(who)s."),
    "slack_room": _("This channel shows the room %(room)s. /deploy room none ends that."),
    "slack_room_linked": _("This channel shows the room %(room)s from now on."),
    "slack_room_unlinked": _("This channel shows no room any more."),
    "slack_room_unknown": _("You are in no room “%(given)s”.[[ Your rooms: %(rooms)s.]]"),
    "slack_room_forbidden": _("Only who manages %(app)s may show the room %(room)s in a channel."),
    "slack_room_unseen": _("The app is not in this channel. Invite it, then type that again."),
    "slack_room_sure": _(
        "Everybody in this channel would see what is deployed in %(room)s[[, and %(others)s would too]]."
        " If that is right: /deploy room %(room)s anyway."
    ),
    "slack_others": _("people of other organisations"),
    # told in rooms
    "announce.slack_stopped": _(
        "The Slack channel %(channel)s gets no more news of this room: Slack says %(error)s."
        " Invite the app there and type /deploy room %(room)s."
    ),
    "announce.slack_broken": _(
        "Slack refuses the token of %(workspace)s (%(error)s), so nothing is sent there."
        " Whoever manages everything installs it again under Slack."
    ),
    "announce.slack_removed": _(
        "The app was removed from the Slack workspace %(workspace)s, so nothing is sent there any more."
    ),
    "announce.slack_behind": _(
        "%(workspace)s in Slack has not taken what happens here since %(since)s. It is sent there as soon as Slack"
        " takes it."
    ),
    "announce.slack_caught_up": _("%(workspace)s in Slack has everything again."),
    # parts of messages
    "slack.by": _("by %(by)s"),
    "slack.servers": _("servers %(done)s/%(all)s"),
    "slack.failed": _("%(count)s failed"),
    "slack.took": _("took %(took)s, until %(at)s"),
    "slack.since": _("since %(at)s"),
    "slack.asked": _("asked for at %(at)s"),
    "slack.open": _("Open"),
    "slack.keep": _("Not now"),
    "slack.do.approve": _("Approve"),
    "slack.do.cancel": _("Stop"),
    "slack.do.confirm": _("Deploy"),
    "slack.do.no": _("Do not deploy"),
    "slack.do.reject": _("Reject"),
    "slack.do.resume": _("Go on"),
    "slack.do.retry": _("Try again"),
    "slack.do.rollback": _("Roll back"),
    # forms
    "slack.form": _("Deploy"),
    "slack.form.app": _("App, and which branch"),
    "slack.form.environment": _("Environment"),
    "slack.form.ref": _("Another branch, tag or commit"),
    "slack.form.reason": _("Why not?"),
    "slack.form.send": _("Deploy"),
    "slack.form.none": _("There is no app in this room that you can see."),
}

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
    # what people say to each other
    "slack_mirror_on": _(
        "What people say here and in the room %(room)s is shown in both. /deploy mirror off ends that."
    ),
    "slack_mirror_off": _(
        "What people say stays where it is said, here or in the room %(room)s. /deploy mirror on shows it in both."
    ),
    "slack_mirror_forbidden": _(
        "Only who manages the room %(room)s decides whether what is said there is shown here[[: %(managers)s]]."
    ),
    "slack_mirror_usage": _("Type /deploy mirror on or /deploy mirror off."),
    "slack_mirror_scope": _(
        "Slack does not let the app read this channel: it was installed without %(scope)s. Give the app the manifest"
        " that manage.py slack_manifest prints (App manifest at api.slack.com/apps) and add it to the workspace again"
        " under %(url)s, or, with Socket Mode, there, and restart slack_socket. Then type /deploy mirror on."
    ),
    "slack_mirror_sure": _(
        "Everybody in this channel would read what is said in %(room)s[[, and %(others)s would too]]."
        " If that is right: /deploy mirror on anyway."
    ),
    "slack_not_shown": _("The room %(room)s does not show what you said. %(why)s"),
    "slack_secret": _(
        "There is a secret in it[[ (%(kinds)s)]], which still stands in Slack: delete it here, and revoke it where it"
        " was made."
    ),
    "slack.files": _("(files that stay in Slack: %(names)s)"),
    "slack.from.web": _("web"),
    "slack.from.slack": _("Slack"),
    # told in rooms
    "announce.slack_mirror_on": _(
        "From now on what people say in the room %(room)s and in the Slack channel %(channel)s is shown in both."
        " %(by)s turned that on; /deploy mirror off, typed in the channel, ends it."
    ),
    "announce.slack_mirror_ended": _(
        "What people say in the room %(room)s and in the Slack channel %(channel)s is not shown in the other any"
        " more[[: %(by)s turned that off]]."
    ),
    "announce.slack_mirror_wider": _(
        "What people say in the room %(room)s is not shown in the Slack channel %(channel)s any more, nor the other"
        " way round: more people than are let into the room would read it. A manager of the room can turn it on again"
        " there: /deploy mirror on."
    ),
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

"""What the bot says when it did, or looked up, what a line asks, and what it tells rooms about deployments."""

from django.utils.translation import gettext_lazy as _

ANSWERS = {
    "requested": _(
        "#%(number)s deploys %(app)s %(ref)s to %(environment)s[[ on %(servers)s]]."
        "[[ It leaves out commits that run there now: %(dropped)s.]]"
    ),
    "requested.queued": _(
        "#%(number)s deploys %(app)s %(ref)s to %(environment)s once #%(behind)s by %(behind_by)s is done."
    ),
    "rollback_requested": _("#%(number)s takes %(app)s %(environment)s back to %(release)s."),
    "rollback_requested.queued": _(
        "#%(number)s takes %(app)s %(environment)s back once #%(behind)s by %(behind_by)s is done."
    ),
    "cancel_requested": _("Stopping #%(number)s %(app)s → %(environment)s."),
    "cancel_done": _("#%(number)s %(app)s → %(environment)s is stopped. It had not begun."),
    "status": _("What runs, waits, or is closed now:"),
    "status.quiet": _("Nothing runs or waits now."),
    "status.app": _("%(app)s now:"),
    "status.deployment": _(
        "#%(number)s %(app)s %(ref)s → %(environment)s by %(by)s: %(state)s.[[ %(why)s]][[ Servers run %(runs)s.]]"
    ),
    "where": _("What runs where:"),
    "where.nothing": _("Nothing is deployed anywhere yet."),
    "history": _("Deployments of %(app)s, the newest first:"),
    "history.none": _("%(app)s was not deployed there yet."),
    "branches": _("Branches of %(app)s as of %(fetched)s, %(shown)s of %(total)s:"),
    "branches.none": _("%(app)s has no such branch, as of %(fetched)s."),
    "tags": _("Tags of %(app)s as of %(fetched)s, %(shown)s of %(total)s:"),
    "tags.none": _("%(app)s has no such tag, as of %(fetched)s."),
    "commits": _("Commits on %(branch)s of %(app)s, as of %(fetched)s:"),
    "commits.none": _("No commits of “%(branch)s” are known for %(app)s, as of %(fetched)s."),
    "apps": _("The apps you can see:"),
    "envs": _("Where %(app)s goes:"),
    "envs.all": _("Where things go:"),
    "envs.nothing": _("There is no such environment that you can see."),
    "envs.none": _("%(app)s has no environment yet."),
    "servers": _("Servers:"),
    "servers.none": _("No server there."),
    "help": _("What I can do:"),
    "help.command": _("%(usage)s: %(summary)s.[[ Also written %(aliases)s.]]"),
    "whoami": _(
        "You are %(who)s, by the clocks of %(zone)s[[, also known as %(identities)s]].[[ You hold %(locks)s.]] "
        "Your roles:"
    ),
    "whoami.no_roles": _(
        "You are %(who)s, by the clocks of %(zone)s[[, also known as %(identities)s]].[[ You hold %(locks)s.]] "
        "You have no role yet, so you can talk but not deploy."
    ),
}

#: Which servers run what, where they differ: parts of other sentences.
RUNS = {
    "runs": _("%(release)s (%(servers)s)"),
    "runs.nothing": _("nothing yet (%(servers)s)"),
    "runs.unknown": _("unknown (%(servers)s)"),
}

#: Said in a room about a deployment; the page shows its number in front.
ANNOUNCEMENTS = {
    "announce.started": _("%(app)s → %(environment)s has started: %(ref)s, by %(by)s."),
    "announce.waiting": _("%(app)s → %(environment)s waits behind #%(behind)s."),
    "announce.finished": _("%(app)s → %(environment)s is done: %(ref)s is live."),
    "announce.failed": _("%(app)s → %(environment)s failed.[[ %(why)s]][[ Servers now run %(runs)s.]]"),
    "announce.rolled_back": _("%(app)s → %(environment)s is back on the old release.[[ %(why)s]]"),
    "announce.cancelled": _("%(app)s → %(environment)s was stopped[[ by %(by)s]]."),
    "announce.taken_over": _("%(app)s → %(environment)s was interrupted and goes on."),
}

#: One line of help for each command.
SUMMARIES = {
    "help.deploy": _("ship a branch, tag or commit"),
    "help.rollback": _("go back to an older release, without git or build"),
    "help.cancel": _("stop a deployment that runs or waits"),
    "help.status": _("what runs and waits now, everywhere or in one app"),
    "help.where": _("what is live in each environment, and whether you may deploy"),
    "help.history": _("the deployments of an app, the newest first"),
    "help.branches": _("branches as of the last fetch; * stands for anything"),
    "help.tags": _("tags as of the last fetch; * stands for anything"),
    "help.commits": _("the newest commits of a branch"),
    "help.apps": _("the apps you can see"),
    "help.envs": _("where an app goes, or everything does"),
    "help.servers": _("servers, and what they run"),
    "help.help": _("this list, or one command in full"),
    "help.whoami": _("who you are here, and what you may do"),
}

#: How each command is written.
USAGES = {
    "usage.deploy": _("/deploy app[/ref] to environment"),
    "usage.rollback": _("/rollback app in environment [to release]"),
    "usage.cancel": _("/cancel #number"),
    "usage.status": _("/status [app] [in environment]"),
    "usage.where": _("/where [app or environment] [--verify]"),
    "usage.history": _("/history app [in environment] [last N]"),
    "usage.branches": _("/branches app [pattern]"),
    "usage.tags": _("/tags app [pattern]"),
    "usage.commits": _("/commits app[/branch] [last N]"),
    "usage.apps": _("/apps"),
    "usage.envs": _("/envs [app]"),
    "usage.servers": _("/servers [check] [app] [environment]"),
    "usage.help": _("/help [command]"),
    "usage.whoami": _("/whoami"),
}

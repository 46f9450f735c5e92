"""What the bot says about locks, freezes, schedules, and the yes and no of people."""

from django.utils.translation import gettext_lazy as _

SAFETY = {
    # why it may not happen, and what to do next
    "locked": _(
        "%(environment)s on %(app)s is locked by %(by)s since %(since)s, until %(until)s[[: “%(reason)s”]]."
        "[[ In an emergency, break the glass: %(glass)s]]"
    ),
    "frozen": _(
        "%(app)s %(environment)s is frozen[[ until %(until)s]][[: “%(reason)s”]][[ (by %(by)s)]]."
        "[[ In an emergency, break the glass: %(glass)s]]"
    ),
    "not_locked": _("%(environment)s on %(app)s is not locked."),
    "lock_not_yours": _("%(environment)s on %(app)s is locked by %(by)s[[: “%(reason)s”]]. Only they unlock it."),
    "not_frozen": _("There is no freeze of just that."),
    "not_waiting": _("#%(number)s does not wait for that (%(status)s)."),
    "confirm_not_yours": _("#%(number)s was asked for by %(by)s, so only they confirm it."),
    "nothing_to_confirm": _("Nothing of yours waits to be confirmed."),
    "already_answered": _("You have answered #%(number)s already."),
    "plan_changed": _("What #%(number)s was planned to do has changed since. Ask for it again."),
    "nothing_to_redeploy": _(
        "%(app)s %(environment)s runs nothing that was deployed with success, so there is nothing to send again."
    ),
    "nothing_to_promote": _(
        "%(app)s %(environment)s has no such release deployed with success, so nothing to promote."
    ),
    "promote_nowhere": _("Promote from where? Name another environment than %(environment)s."),
    "nothing_live": _("%(app)s %(environment)s runs nothing yet, so there is nothing to compare with."),
    "ref_not_known": _(
        "No branch, tag or commit “%(ref)s” of %(app)s is known since the last fetch.[[ Close: %(near)s.]]"
    ),
    "span_wrong": _("“%(given)s” is no span of time that I can use. Write 30m, 2h30m or 2d; a year at most."),
    "time_past": _("“%(given)s” is over already, by the clocks of %(zone)s."),
    "time_far": _("“%(given)s” is more than a year away."),
    "time_skipped": _("The clocks of %(zone)s leave out “%(given)s”. Did you mean %(readings)s?"),
    "time_doubled": _("The clocks of %(zone)s show “%(given)s” twice. Did you mean %(readings)s?"),
    "no_permission.lock": _("%(who)s may not lock or unlock there.[[ Those who may: %(allowed)s.]]"),
    "no_permission.approve": _(
        "%(who)s may not approve or freeze %(app)s %(environment)s.[[ Those who may: %(allowed)s.]]"
    ),
    "no_permission.manage": _(
        "%(who)s may not force anything on %(app)s %(environment)s.[[ Those who may: %(allowed)s.]]"
    ),
    # why a deployment waits, or ended before it began
    "confirmation_wanted": _("It waits until %(by)s confirms it. Deadline: %(until)s."),
    "approval_wanted": _("It waits for %(people)s (%(needed)s must agree). Deadline: %(until)s."),
    "scheduled_for": _("It starts %(when)s."),
    "waits_for_lock": _("It waits until %(by)s unlocks %(environment)s on %(app)s[[: “%(reason)s”]]."),
    "confirmation_expired": _("Nobody confirmed it in time."),
    "approval_expired": _("It was not approved in time."),
    "approval_lapsed": _("Those who approved it may not any more, so it was not run."),
    "rejected_by": _("%(by)s rejected it: “%(because)s”."),
    "author_left": _("%(by)s, who asked for it, is not active any more."),
    "schedule_missed": _("It was due %(when)s and no engine was there in time, so it was not run."),
    # answers
    "locked_now": _("%(environment)s on %(app)s is yours until %(until)s[[: “%(reason)s”]]."),
    "locked_now.stolen": _("%(environment)s on %(app)s is yours until %(until)s. %(owner)s, who held it, was told."),
    "unlocked": _("%(environment)s on %(app)s is unlocked."),
    "unlocked.all": _("Your locks are gone: %(count)s."),
    "locks": _("Locks:"),
    "locks.none": _("Nothing is locked."),
    "frozen_now": _("%(environment)s on %(app)s is frozen from %(starts)s until %(ends)s: “%(reason)s”."),
    "frozen_now.open": _("%(environment)s on %(app)s is frozen from %(starts)s until somebody lifts it: “%(reason)s”."),
    "unfrozen": _("%(environment)s on %(app)s is not frozen any more."),
    "freezes": _("Freezes and windows of the week:"),
    "freezes.none": _("Nothing is frozen."),
    "confirmed": _("#%(number)s %(app)s → %(environment)s is confirmed and goes on."),
    "declined": _("#%(number)s %(app)s → %(environment)s is not run."),
    "approved": _("#%(number)s is approved and goes on."),
    "approved.partly": _("#%(number)s has your yes and needs %(missing)s more."),
    "rejected": _("#%(number)s %(app)s → %(environment)s is rejected."),
    "requested.scheduled": _(
        "#%(number)s deploys %(app)s %(ref)s to %(environment)s on %(local)s (%(zone)s), with your rights at that time."
    ),
    "requested.behind_lock": _(
        "#%(number)s deploys %(app)s %(ref)s to %(environment)s once %(lock_by)s has unlocked it."
    ),
    "requested.forced": _("#%(number)s deploys %(app)s %(ref)s to %(environment)s, forced by %(by)s: “%(because)s”."),
    "rollback_requested.scheduled": _("#%(number)s takes %(app)s %(environment)s back on %(local)s (%(zone)s)."),
    "rollback_requested.behind_lock": _(
        "#%(number)s takes %(app)s %(environment)s back once %(lock_by)s has unlocked it."
    ),
    "rollback_requested.forced": _(
        "#%(number)s takes %(app)s %(environment)s back to %(release)s, forced by %(by)s: “%(because)s”."
    ),
    "redeploy_requested": _(
        "#%(number)s sends %(ref)s to %(app)s %(environment)s[[ on %(servers)s]] once more, without a build."
    ),
    "redeploy_requested.queued": _(
        "#%(number)s sends %(ref)s to %(app)s %(environment)s once more when #%(behind)s by %(behind_by)s is done."
    ),
    "promote_requested": _(
        "#%(number)s promotes %(app)s %(ref)s from %(source)s to %(environment)s[[ on %(servers)s]], without a build."
    ),
    "promote_requested.queued": _(
        "#%(number)s promotes %(app)s %(ref)s from %(source)s to %(environment)s"
        " once #%(behind)s by %(behind_by)s is done."
    ),
    "queue": _("What waits, in order:"),
    "queue.empty": _("Nothing waits."),
    "schedules": _("What is scheduled:"),
    "schedules.none": _("Nothing is scheduled."),
    "plan": _("%(app)s %(ref)s (%(revision)s) to %(environment)s, as of the fetch of %(fetched)s. Nothing was run."),
    "diff": _("%(app)s: %(source)s and %(target)s, as of the fetch of %(fetched)s:"),
    "diff.same": _("%(app)s: %(source)s and %(target)s are the same revision."),
    "changes": _("Changed since %(since)s:"),
    "changes.none": _("Nothing has changed since %(since)s."),
    # said in rooms, or to one person
    "announce.confirm": _(
        "#%(number)s %(app)s → %(environment)s: %(ref)s %(revision)s[[, %(subject)s]]. Is that right?"
    ),
    "announce.awaiting_approval": _(
        "%(app)s → %(environment)s needs approval: %(ref)s %(revision)s by %(by)s."
        " It waits for %(needed)s of %(people)s."
    ),
    "announce.scheduled": _("%(app)s → %(environment)s is scheduled: %(ref)s by %(by)s, %(when)s."),
    "announce.waiting_lock": _("%(app)s → %(environment)s waits behind the lock of %(lock_by)s."),
    "announce.rejected": _("%(app)s → %(environment)s is rejected.[[ %(why)s]]"),
    "announce.expired": _("%(app)s → %(environment)s has expired.[[ %(why)s]]"),
    "announce.lock_expired": _("The lock of %(by)s on %(app)s %(environment)s has run out."),
    "announce.lock_lapsed": _("The lock of %(by)s on %(app)s %(environment)s lapsed: they are not active any more."),
    "lock_stolen": _("%(by)s took over your lock on %(app)s %(environment)s[[: “%(reason)s”]]."),
    "lock_removed": _("%(by)s removed your lock on %(app)s %(environment)s[[: “%(reason)s”]]."),
    # help
    "help.plan": _("what a deployment would do, and what stands in its way; nothing is run"),
    "help.redeploy": _("send what is live once more, without git or build"),
    "help.promote": _("ship what another environment runs: the same artifact, without a build"),
    "help.confirm": _("say yes to your own deployment to a protected environment"),
    "help.no": _("say no to it"),
    "help.approve": _("say yes to somebody else's deployment"),
    "help.reject": _("say no to it, and why"),
    "help.diff": _("commits and files between what is live and a ref, or between two environments"),
    "help.changes": _("what was changed anywhere in the last hours"),
    "help.lock": _("keep others out; lock! takes over somebody's lock and tells them"),
    "help.unlock": _("let others in again; unlock all gives back all of yours"),
    "help.locks": _("who holds what, why and until when"),
    "help.queue": _("what waits, in order, and for what"),
    "help.freeze": _("let nothing be deployed for a while"),
    "help.unfreeze": _("lift a freeze"),
    "help.freezes": _("what is frozen now or later, and the windows of the week"),
    "help.schedule": _("deploy at a time, by the clocks of your own zone"),
    "help.schedules": _("what is scheduled; cancel takes one back"),
    "usage.plan": _("/plan app[/ref] to environment"),
    "usage.redeploy": _("/redeploy app to environment"),
    "usage.promote": _("/promote app[@ref] [from environment] to environment"),
    "usage.confirm": _("/confirm [#number]"),
    "usage.no": _("/no [#number]"),
    "usage.approve": _("/approve #number [text]"),
    "usage.reject": _("/reject #number because reason"),
    "usage.diff": _("/diff app [ref] to environment"),
    "usage.changes": _("/changes since 2h [in environment]"),
    "usage.lock": _("/lock app [in environment] [for 2h] [because reason]"),
    "usage.unlock": _("/unlock app [in environment]"),
    "usage.locks": _("/locks [app] [environment]"),
    "usage.queue": _("/queue [app] [environment]"),
    "usage.freeze": _("/freeze app in environment for 2h because reason"),
    "usage.unfreeze": _("/unfreeze app in environment"),
    "usage.freezes": _("/freezes [app] [environment]"),
    "usage.schedule": _("/schedule deploy app[/ref] to environment at 22:00"),
    "usage.schedules": _("/schedules [app] [environment]"),
    "part.number": _("#number"),
    "part.any_number": _("[#number]"),
    # words
    "word.redeploy": _("sent again"),
    "word.task": _("task"),
    "word.promote": _("promotion"),
    "word.every_app": _("every app"),
    "word.every_environment": _("every environment"),
    "word.once": _("freeze"),
    "word.weekly_deny": _("closed each week"),
    "word.weekly_allow": _("open each week"),
    "word.locked_by": _("locked by %(by)s"),
    "word.frozen_until": _("frozen[[ until %(until)s]]"),
    "word.behind": _("#%(number)s by %(by)s"),
    "word.behind_lock": _("the lock of %(by)s"),
    "word.behind_freeze": _("the freeze"),
    "word.none": _("none"),
    "word.unknown": _("not known"),
    "word.files": _("%(added)s added, %(changed)s changed, %(removed)s removed"),
    "word.commits_by": _("%(count)s by %(authors)s"),
    "word.dropped": _("drops %(revision)s"),
    "word.needs_confirmation": _("its author confirms it"),
    "word.needs_approval": _("it needs a yes from %(people)s (%(needed)s must agree)"),
    "word.seconds": _("about %(seconds)s s, from the last %(count)s"),
    "column.closed": _("Closed by"),
    "column.fact": _("Fact"),
    "column.value": _("Value"),
    "column.since": _("Since"),
    "column.until": _("Until"),
    "column.reason": _("Reason"),
    "column.waits_for": _("Waits for"),
    "column.zone": _("Time zone"),
    "column.change": _("Change"),
    "column.file": _("File"),
    "fact.live": _("Live now"),
    "fact.commits": _("Commits since"),
    "fact.dropped": _("Commits it would drop"),
    "fact.files": _("Files"),
    "fact.servers": _("Servers"),
    "fact.batches": _("In batches"),
    "fact.obstacle": _("In the way"),
    "fact.takes": _("Expected time"),
    "file.added": _("added"),
    "file.changed": _("changed"),
    "file.removed": _("removed"),
}

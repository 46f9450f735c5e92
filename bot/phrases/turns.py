"""What the bot says of batches, of deployments that stand still or are done again, and of tasks."""

from django.utils.translation import gettext_lazy as _

TURNS = {
    # why a deployment or a step ended as it did, or stands still
    "health_required": _("deploy.yml has no health check, and this environment wants one."),
    "step_timeout": _("%(step)s took longer than %(seconds)s s[[ on %(server)s]] and was ended."),
    "worker_silent": _("The worker that did it (%(executor)s) is silent. Another one goes on."),
    "servers_skipped": _("Left behind: %(servers)s. All others run the new release."),
    "waits_for_resume": _("Batch %(batch)s of %(batches)s is done. Next: %(next)s, after /resume #%(number)s."),
    "paused_by": _("Paused by %(by)s."),
    "resumed_by": _("Resumed by %(by)s."),
    # it may not happen
    "not_running": _("#%(number)s is not running (%(status)s), so there is nothing to pause."),
    "not_paused": _("#%(number)s is not paused (%(status)s), so there is nothing to resume."),
    "not_ended": _("#%(number)s has not ended (%(status)s), so there is nothing to retry."),
    "nothing_failed": _("#%(number)s left nothing undone (%(status)s), so there is nothing to retry."),
    "nothing_deployed": _("%(app)s runs nothing in %(environment)s yet, so there is no task to run."),
    "unknown_task": _("What %(app)s %(environment)s runs has no task “%(given)s”.[[ Its tasks: %(near)s.]]"),
    "task_with_ref": _("A task runs in what is live. Leave the ref out."),
    # it was done
    "task_requested": _("#%(number)s runs %(task)s of %(app)s %(environment)s[[ on %(servers)s]]."),
    "task_requested.queued": _(
        "#%(number)s runs %(task)s of %(app)s %(environment)s once #%(behind)s by %(behind_by)s is done."
    ),
    "paused": _("#%(number)s %(app)s → %(environment)s: no further batch begins until /resume #%(number)s."),
    "resumed": _("#%(number)s %(app)s → %(environment)s goes on."),
    "retry_requested": _("#%(number)s does again what #%(of)s could not: %(app)s %(ref)s → %(environment)s."),
    "retry_requested.queued": _(
        "#%(number)s does again what #%(of)s could not, once #%(behind)s by %(behind_by)s is done."
    ),
    # what rooms are told
    "announce.paused": _("%(app)s → %(environment)s stands still.[[ %(why)s]]"),
    "announce.resumed": _("%(app)s → %(environment)s goes on[[, resumed by %(by)s]]."),
    "announce.watching": _("%(app)s → %(environment)s: %(ref)s is on every server, and watched for %(seconds)s s."),
    "announce.task_done": _("%(app)s → %(environment)s: the task %(task)s is done."),
    "announce.rolling_back": _("%(app)s → %(environment)s goes back to the old release.[[ %(why)s]]"),
    # help
    "help.pause": _("let no further batch of a running deployment begin"),
    "help.resume": _("let a deployment that stands still go on"),
    "help.retry": _("do a deployment that failed again: same revision, same servers"),
    "usage.pause": _("/pause #number"),
    "usage.resume": _("/resume #number"),
    "usage.retry": _("/retry #number [--failed]"),
    "part.failed": _("--failed"),
}

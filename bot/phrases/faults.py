"""Why a deployment or one of its steps ended badly: the reason codes of the core."""

from django.utils.translation import gettext_lazy as _

FAULTS = {
    # the repository
    "git_failed": _("git could not read the repository.[[ %(detail)s]]"),
    "git_unreachable": _("The repository[[ at %(url)s]] did not answer.[[ %(detail)s]]"),
    "git_url_not_allowed": _("The repository address[[ %(url)s]] is not allowed. Use https or ssh to a host of yours."),
    "ref_not_found": _("No branch, tag or commit “%(ref)s” in the repository.[[ Close: %(near)s.]]"),
    "ambiguous_ref": _("“%(ref)s” is both a branch and a tag. Name the commit instead."),
    # the pipeline file
    "pipeline_wrong": _("deploy.yml: %(path)s: expected %(expected)s, got %(got)s."),
    "pipeline_unknown_key": _("deploy.yml: %(path)s is no key of the pipeline file."),
    "pipeline_unreadable": _("deploy.yml cannot be read (line %(line)s): %(problem)s"),
    # the build
    "build_failed": _("The build failed.[[ %(command)s ended with exit status %(exit_status)s.]]"),
    # a server
    "server_failed": _("%(server)s failed."),
    "unreachable": _("%(server)s did not answer[[ at %(host)s:%(port)s]][[ (%(detail)s)]]."),
    "host_key_unknown": _("%(server)s is not trusted yet. Compare its host key[[ %(got)s]], then confirm it."),
    "host_key_changed": _("%(server)s shows another host key than before[[ (%(got)s)]]. Nothing was sent to it."),
    "login_refused": _("%(server)s refused the login[[ of %(user)s]].[[ It accepts %(accepts)s.]]"),
    "key_unreadable": _("The key for %(server)s cannot be used."),
    "command_failed": _("A command on %(server)s ended with exit status %(exit_status)s.[[ It was %(command)s.]]"),
    "timed_out": _("It did not end within %(seconds)s s[[ on %(server)s]] and was stopped.[[ It was %(command)s.]]"),
    "output_limit": _("It printed more than %(limit_bytes)s bytes[[ on %(server)s]] and was stopped."),
    "connection_lost": _("The connection to %(server)s broke while a command ran.[[ %(detail)s]]"),
    "disk_full": _("%(server)s has no space left on its disk."),
    "file_too_large": _("%(path)s on %(server)s is larger than %(limit_bytes)s bytes."),
    "tunnel_refused": _("Nothing listens on port %(port)s of %(server)s.[[ %(detail)s]]"),
    "health_failed": _("%(server)s did not pass its health check.[[ %(detail)s]]"),
    # the deployment as a whole
    "failed": _("It failed."),
    "nothing_to_do": _("Nothing to do here."),
    "no_previous_release": _("There was no older release to go back to."),
    "switched_back": _("The servers are back on the old release."),
    "cancelled": _("It was stopped."),
    "cancelled_by": _("%(by)s stopped it."),
    "interrupted": _("It was interrupted and goes on."),
}

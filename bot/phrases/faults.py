"""Why a deployment or one of its steps ended as it did: the reason codes of the core."""

from django.utils.translation import gettext_lazy as _

FAULTS = {
    # the repository
    "git_failed": _("git failed on the repository[[ %(repository)s]].[[ %(detail)s]]"),
    "git_unreachable": _("The repository %(repository)s did not answer.[[ %(detail)s]]"),
    "git_timed_out": _("The repository %(repository)s was too slow to answer and was given up."),
    "git_url_not_allowed": _(
        "The repository address %(repository)s is not allowed (%(reason)s). Use https or ssh, to a host of yours."
    ),
    "ref_not_found": _("No branch, tag or commit “%(ref)s” in the repository.[[ Close: %(near)s.]]"),
    "ambiguous_ref": _("“%(ref)s” is both a branch and a tag. Name the commit instead."),
    "too_large": _("The tree is too large: %(path)s would take it over %(limit_bytes)s bytes."),
    "link_leaves_tree": _("%(path)s is a link that leads out of the tree."),
    "path_leaves_tree": _("%(path)s would be written outside the tree."),
    "git_entry": _("%(path)s belongs to git itself and is never shipped."),
    # the pipeline file
    "pipeline_missing": _("There is no %(file)s at %(revision)s, and none is stored for the app."),
    "pipeline_wrong": _("deploy.yml: %(path)s: expected %(expected)s, got %(got)s."),
    "pipeline_unknown_key": _("deploy.yml: %(path)s is no key of the pipeline file.[[ Did you mean %(near)s?]]"),
    "pipeline_unreadable": _("deploy.yml cannot be read (line %(line)s): %(problem)s"),
    # the build
    "build_failed": _("The build failed: %(command)s ended with exit status %(exit_status)s."),
    "build_timed_out": _("The build took longer than %(seconds)s s and was stopped, at %(command)s."),
    "build_output_limit": _("The build printed more than %(limit_bytes)s bytes and was stopped, at %(command)s."),
    "build_not_apart": _(
        "%(environment)s is protected, and builds here cannot be kept from this server's secrets."
        " See SHIPROOM_UNSAFE_BUILDS."
    ),
    "build_reads": _(
        "%(environment)s is protected, and builds here can read %(path)s."
        " Take its mode for others away (chmod o-rwx), or see SHIPROOM_UNSAFE_BUILDS."
    ),
    "odd_file": _("%(path)s is no file, folder or link, so it cannot be packed."),
    "changed_while_packing": _("%(path)s changed while it was packed."),
    "artifact_lost": _("What was built of %(revision)s is not here any more. Deploy it again."),
    # a server
    "server_failed": _("%(server)s failed."),
    "jump_circle": _("The way to %(server)s leads through too many servers, or in a circle."),
    "servers_changed": _("The servers changed after the plan was made. Deploy again."),
    "unreachable": _("%(server)s did not answer[[ at %(host)s:%(port)s]][[ (%(detail)s)]]."),
    "host_key_unknown": _("%(server)s is not trusted yet. Compare its host key[[ %(got)s]], then confirm it."),
    "host_key_changed": _("%(server)s shows another host key than before[[ (%(got)s)]]. Nothing was sent to it."),
    "login_refused": _("%(server)s refused the login[[ of %(user)s]].[[ It accepts %(accepts)s.]]"),
    "key_unreadable": _("The key for %(server)s is no private key that can be used (%(reason)s)."),
    "command_failed": _("%(command)s ended with exit status %(exit_status)s on %(server)s."),
    "timed_out": _("%(command)s did not end within %(seconds)s s on %(server)s and was stopped."),
    "output_limit": _("It printed more than %(limit_bytes)s bytes[[ on %(server)s]] and was stopped."),
    "interrupted": _(
        "What ran on %(server)s was cut off, and is not begun again by itself. Look there, then try again."
    ),
    "connection_lost": _("The connection to %(server)s broke.[[ %(detail)s]]"),
    "disk_full": _("%(server)s has no space left on its disk."),
    "file_too_large": _("%(path)s is larger than %(limit_bytes)s bytes[[ on %(server)s]]."),
    "tunnel_refused": _("Nothing listens on port %(port)s of %(server)s."),
    "health_failed": _(
        "%(server)s did not pass its health check[[: %(answer)s]].[[ Asked %(attempts)s times for %(path)s.]]"
    ),
    "release_missing": _("%(server)s does not have the release."),
    "verify_failed": _("What arrived on %(server)s is not what was sent."),
    "current_is_no_link": _("On %(server)s, current is no link of ours, so it was not touched."),
    "shared_behind_link": _(
        "On %(server)s a shared path lies behind a link:[[ %(tail)s.]] Share what it leads to instead."
    ),
    "current_differs": _("Not every server runs %(release)s after the switch:[[ %(servers)s]]."),
    "server_busy": _("Another deployment holds %(server)s."),
    "taken_over": _("Another worker took over on %(server)s."),
    # the key ring
    "sealed_otherwise": _("A stored secret (%(about)s) does not open: it was sealed with another key, or changed."),
    "key_missing": _("The key %(key)s that a stored secret needs is not in %(file)s."),
    "key_file_missing": _("The key file %(file)s is not there. Put back the one that sealed the stored secrets."),
    "key_file_open": _("Others may read the key file %(file)s (mode %(mode)s). It wants mode 600."),
    "key_file_wrong": _("%(file)s is no key file."),
    "secret_unfit": _("%(name)s needs at least %(least)s and at most %(limit_bytes)s bytes of text."),
    "key_file_unreadable": _("The key file %(file)s cannot be read: %(problem)s."),
    # the deployment as a whole
    "failed": _("It failed."),
    "total_timeout": _("The whole deployment took longer than it may[[ (%(seconds)s s)]]."),
    "nothing_to_do": _("Nothing to do here."),
    "already_built": _("It was built before."),
    "not_reached": _("It did not come to this."),
    "restored": _("The database comes from a backup in which it was not done with. It does not go on."),
    "cancelled": _("It was stopped."),
    "cancelled_by": _("It was stopped[[ by %(by)s]]."),
    "cancelled_half_way": _("It was stopped[[ by %(by)s]] half way: not every server could go back."),
}

"""What the bot says about what it had to go and look at: a first answer at once, and a second one when it knows."""

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

ERRANDS = {
    "servers.checking": _("Looking at %(servers)s. The answer follows."),
    "servers.checked": _("What the servers say:"),
    "where.verifying": _("Comparing the files on %(servers)s with what was sent. The answer follows."),
    "where.verified": _("The files on the servers, against what was sent:"),
    "errand.lost": _(
        "No answer to %(line)s came within %(seconds)s s, so it was given up. Try again, or ask about fewer servers."
    ),
    "drift.none": _("as sent[[, and %(more)s files more]]"),
    "drift.found": _(
        "%(count)s files differ[[; changed: %(changed)s]][[; missing: %(missing)s]][[; and %(more)s files more]]"
    ),
    "drift.runs": _("runs %(release)s instead"),
    "check.ok": _("ready"),
    "check.lacks": _("lacks %(lacks)s"),
    "check.not_writable": _("may not write to %(paths)s"),
    "check.slow_shell": _("its login shell is slow: look for slow start-up files"),
    "column.disk": pgettext_lazy("column", "Free"),
    "column.tar": pgettext_lazy("column", "tar"),
    "column.zstd": pgettext_lazy("column", "zstd"),
    "column.shell": pgettext_lazy("column", "Shell"),
}

"""What the bot says of output that was printed, and of people's own words for whole lines."""

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

LOOKUP = {
    "logs": _(
        "The last lines of #%(number)s %(app)s → %(environment)s[[ that hold “%(pattern)s”]]:[[ (live: %(live)s)]]"
    ),
    "logs.none": _(
        "#%(number)s %(app)s → %(environment)s has printed nothing there yet[[ that holds “%(pattern)s”]]."
        "[[ Live: %(live)s.]]"
    ),
    "help.logs": _("the last lines that a deployment printed"),
    "usage.logs": _("/logs #number [server] [--tail N] [--grep text] [-f]"),
    "column.step": pgettext_lazy("column", "Step"),
    "column.line": pgettext_lazy("column", "Line"),
    "column.text": pgettext_lazy("column", "Output"),
    "column.alias": pgettext_lazy("column", "Your word"),
    "part.host": _("server"),
    "part.tail": _("--tail N"),
    "part.alias_word": _("word"),
    "alias_kept": _("“%(word)s” now stands for %(command)s, for you alone."),
    "alias_gone": _("“%(word)s” stands for nothing any more."),
    "alias_means": _("“%(word)s” stands for %(command)s. Press it to run it."),
    "alias_is_app": _("“%(given)s” is an app. Choose another word."),
    "alias_of_nothing": _("“%(given)s” is no command that a word could stand for."),
    "alias_too_many": _("You have %(limit)s words already. Drop one with /unalias first."),
    "unknown_alias": _("You have no word “%(given)s”."),
    "aliases": _("Your own words:"),
    "aliases.none": _("You have no words of your own yet."),
    "help.alias": _("a word of your own for a whole line"),
    "help.unalias": _("drop a word of your own"),
    "help.aliases": _("your own words, and what they stand for"),
    "usage.alias": _("/alias word = command"),
    "usage.unalias": _("/unalias word"),
    "usage.aliases": _("/aliases"),
    "word.place": _("%(environment)s on %(app)s"),
}

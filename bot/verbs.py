"""Every verb of the grammar (docs/commands.md) and its other spellings. Pure; the registry says which are built."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verb:
    """`is_read_only` verbs take a unique prefix of a name, all others want it whole. `takes_force`: `verb!` is one."""

    name: str
    aliases: tuple[str, ...] = ()
    is_read_only: bool = False
    takes_force: bool = False


ALL = (
    Verb("deploy", ("ship",), takes_force=True),
    Verb("plan", ("noop", "dry-run", "preview"), is_read_only=True, takes_force=True),
    Verb("redeploy", takes_force=True),
    Verb("rollback", ("revert",), takes_force=True),
    Verb("promote", takes_force=True),
    Verb("retry", takes_force=True),
    Verb("cancel", ("abort", "stop")),
    Verb("pause"),
    Verb("resume", ("continue",)),
    Verb("confirm", ("yes",)),
    Verb("no"),
    Verb("approve", ("lgtm",)),
    Verb("reject", ("deny",)),
    Verb("status", is_read_only=True),
    Verb("where", ("wcid",), is_read_only=True),
    Verb("history", ("deploys", "releases", "latest"), is_read_only=True),
    Verb("diff", is_read_only=True),
    Verb("changes", is_read_only=True),
    Verb("logs", is_read_only=True),
    Verb("apps", is_read_only=True),
    Verb("envs", ("environments",), is_read_only=True),
    Verb("servers", ("hosts",), is_read_only=True),
    Verb("branches", is_read_only=True),
    Verb("tags", is_read_only=True),
    Verb("commits", is_read_only=True),
    Verb("lock", takes_force=True),
    Verb("unlock", takes_force=True),
    Verb("locks", ("check",), is_read_only=True),
    Verb("queue", is_read_only=True),
    Verb("freeze"),
    Verb("unfreeze"),
    Verb("freezes", is_read_only=True),
    Verb("schedule", takes_force=True),
    Verb("schedules", is_read_only=True),
    Verb("announce"),
    Verb("incident"),
    Verb("oncall", is_read_only=True),
    Verb("watch"),
    Verb("unwatch"),
    Verb("mute"),
    Verb("alias"),
    Verb("unalias"),
    Verb("aliases", is_read_only=True),
    Verb("help", is_read_only=True),
    Verb("whoami", is_read_only=True),
)

#: Each spelling, and the verb it means. No app may have one of these as its name.
BY_WORD = {word: verb for verb in ALL for word in (verb.name, *verb.aliases)}

#: After `.` or `!` only slips of these are caught, so that prose is left alone.
CLASSIC = ("deploy", "noop", "lock", "unlock", "wcid", "help", "rollback", "approve", "cancel", "status")

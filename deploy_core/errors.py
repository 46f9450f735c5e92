"""What people and the outside world can do wrong, as typed errors.

::

    DeployError                 a clear, typed answer: code + parameters, never a traceback
    ├── Refused                 may not happen: permission, lock, freeze, busy, wrong words
    │   ├── UnknownName         no such app, environment, ref, server (carries near names)
    │   └── Forbidden           `can()` said no
    ├── PipelineError           deploy.yml is wrong (carries the path inside the file)
    ├── GitError                the repository: unreachable, not allowed, ref not found
    ├── BuildError              the build failed, or was too large or too slow
    └── ReachError              a server
        ├── Unreachable         no TCP, no banner, no login in time
        ├── HostKeyError        unknown or changed host key
        ├── LoginError          the server refused the credential
        ├── CommandFailed       exit status other than 0
        ├── CommandTimeout      over its limit; its process group was killed
        ├── OutputLimit         printed more than its limit; its process group was killed
        ├── ConnectionLost      cut before an exit status arrived
        └── Cancelled           a person stopped it
"""

from collections.abc import Mapping, Sequence


class DeployError(Exception):
    """A mistake or a fault that a person is told about, as a code with parameters (`bot.phrases` has the words)."""

    code = "failed"

    def __init__(self, code: str | None = None, *, suggest: Sequence[str] = (), **params: object) -> None:
        """`suggest` holds whole lines that can be clicked next; `params` fill the sentence of `code`."""
        self.code = code or type(self).code
        self.params: Mapping[str, object] = params
        self.suggest = tuple(suggest)
        super().__init__(self.code, dict(params))

    def __str__(self) -> str:
        words = ", ".join(f"{name}={value}" for name, value in self.params.items())
        return f"{self.code} ({words})" if words else self.code


class Refused(DeployError):
    code = "refused"


class UnknownName(Refused):
    code = "unknown_name"


class Forbidden(Refused):
    code = "no_permission"


class PipelineError(DeployError):
    code = "pipeline_wrong"


class GitError(DeployError):
    code = "git_failed"


class BuildError(DeployError):
    code = "build_failed"


class ReachError(DeployError):
    """Something between us and a server; `params` always has `server`."""

    code = "server_failed"


class Unreachable(ReachError):
    code = "unreachable"


class HostKeyError(ReachError):
    code = "host_key_changed"


class LoginError(ReachError):
    code = "login_refused"


class CommandFailed(ReachError):
    code = "command_failed"


class CommandTimeout(ReachError):
    code = "timed_out"


class OutputLimit(ReachError):
    code = "output_limit"


class ConnectionLost(ReachError):
    code = "connection_lost"


class Cancelled(ReachError):
    code = "cancelled"

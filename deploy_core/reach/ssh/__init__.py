"""SSH to servers: the only package that knows paramiko.

`connect` gives a `reach.connection.Connection`; `probe` shows a host key for a person to confirm; `load_key` and
`fingerprint` judge what a person pastes.
"""

from .keys import fingerprint, load_key
from .login import connect, probe
from .session import Session

__all__ = ["Session", "connect", "fingerprint", "load_key", "probe"]

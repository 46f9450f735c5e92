"""How a log line looks: time in UTC, level, where from, what."""

import logging
import re
import time

#: A one-time sign-in link is as good as a password until it is used.
_LINK = re.compile(r"(/accounts/link/)[^/\s\"']+")
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), 127) if chr(code) != "\t"} | {10: "\\n", 13: "\\r"}


class OneLine(logging.Formatter):
    """One record, one line: what people typed cannot start a second one, and cannot move a terminal's cursor.

    Only a traceback below it has lines of its own.
    """

    converter = staticmethod(time.gmtime)

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%SZ")

    def formatMessage(self, record: logging.LogRecord) -> str:
        return _LINK.sub(r"\1***", super().formatMessage(record)).translate(_CONTROL)

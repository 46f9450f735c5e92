"""What names look like that people type."""

from django.core.validators import RegexValidator

#: `\\Z`, not `$`: `$` lets a trailing newline through.
NAME = RegexValidator(
    r"\A[a-z0-9][a-z0-9._-]{0,62}\Z", "Lower-case letters, digits, dot, dash, underscore; 63 at most."
)

#: Of an environment variable; ours begin with SHIPROOM_.
VARIABLE = RegexValidator(
    r"\A(?!SHIPROOM_)[A-Za-z_][A-Za-z0-9_]*\Z", "Letters, digits and underscores, no digit first; SHIPROOM_ is ours."
)

"""What names look like that people type."""

from django.core.validators import RegexValidator

#: `\\Z`, not `$`: `$` lets a trailing newline through.
NAME = RegexValidator(
    r"\A[a-z0-9][a-z0-9._-]{0,62}\Z", "Lower-case letters, digits, dot, dash, underscore; 63 at most."
)

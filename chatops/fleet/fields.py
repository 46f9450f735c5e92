"""Form fields of the fleet's pages: variables as lines, secrets that never come back, and one note per field."""

import re
from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.boundfield import BoundField
from django.utils.translation import gettext_lazy as _

VARIABLES_LIMIT = 200
NAMES_LIMIT = 30
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}\Z")


class NotedField(BoundField):
    """A field with one line under it, which either helps or says what is wrong."""

    @property
    def note_id(self) -> str:
        return f"{self.auto_id}_note" if self.help_text or self.errors else ""

    @property
    def aria_describedby(self) -> str | None:
        return self.note_id or None

    @property
    def is_check(self) -> bool:
        return isinstance(self.field.widget, forms.CheckboxInput)

    @property
    def is_chips(self) -> bool:
        return isinstance(self.field.widget, forms.CheckboxSelectMultiple | forms.RadioSelect)


class Write(forms.Textarea):
    """A secret goes in and never comes out: whatever was typed, the field is drawn empty."""

    def format_value(self, value: Any) -> str:
        return ""


class Names(forms.CharField):
    """One name a line, for a JSON list of texts."""

    widget = forms.Textarea

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)
        self.widget.attrs |= {"rows": 2, "spellcheck": "false", "autocapitalize": "off"}

    def prepare_value(self, value: Any) -> Any:
        """Stored names as lines; what was typed stays as it is."""
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        """
        Raises:
            ValidationError: too many of them, or one that is too long.
        """
        names = list(dict.fromkeys(line.strip() for line in str(value or "").splitlines() if line.strip()))
        if len(names) > NAMES_LIMIT or any(len(name) > VARIABLES_LIMIT or not name.isprintable() for name in names):
            raise ValidationError(_("At most %(limit)d names, one a line."), params={"limit": NAMES_LIMIT})
        return names

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(self.prepare_value(initial or []) != "\n".join(str(data or "").splitlines()))


class Variables(forms.CharField):
    """`NAME=value` lines for a JSON object of texts."""

    widget = forms.Textarea

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, strip=False, **kwargs)
        self.widget.attrs |= {"rows": 3, "spellcheck": "false", "autocapitalize": "off"}

    def prepare_value(self, value: Any) -> Any:
        """Stored values as lines; what was typed stays as it is."""
        if not isinstance(value, Mapping):
            return value
        return "\n".join(f"{name}={text}" for name, text in value.items())

    def clean(self, value: Any) -> dict[str, str]:
        """
        Raises:
            ValidationError: naming the line that is none.
        """
        found: dict[str, str] = {}
        for number, line in enumerate(str(value or "").splitlines(), start=1):
            if not line.strip():
                continue
            name, is_set, text = line.partition("=")
            if not is_set or not _NAME.match(name.strip()) or "\0" in text:
                raise ValidationError(_("Line %(number)d: expected NAME=value."), params={"number": number})
            found[name.strip()] = text.strip()
        if len(found) > VARIABLES_LIMIT:
            raise ValidationError(_("At most %(limit)d variables."), params={"limit": VARIABLES_LIMIT})
        return found

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(self.prepare_value(initial or {}) != "\n".join(str(data or "").splitlines()))

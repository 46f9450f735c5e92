"""What all processes must remember together for minutes: codes that were used, and how many wrong ones were given."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from chatops.accounts.models import Remembered

#: What nobody gave a time is kept so long.
_LONGEST = timedelta(days=365)


def forget() -> None:
    """Drop what nobody need remember any more."""
    Remembered.objects.filter(expires__lt=timezone.now()).delete()


class SharedMemory(BaseCache):
    """Django's cache in a table. Values are JSON, not the pickles of Django's own: whoever can write to the database
    must not be able to run anything here.
    """

    def __init__(self, location: str, params: dict[str, Any]) -> None:
        super().__init__(params)

    def add(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Whether nobody had it yet: of several processes at the same moment, one."""
        row = self._row(key, version)
        row.filter(expires__lte=timezone.now()).delete()
        try:
            with transaction.atomic():
                Remembered.objects.create(key=self._digest(key, version), **self._kept(value, timeout))
        except IntegrityError:
            return False
        return True

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        found = self._row(key, version).filter(expires__gt=timezone.now()).values_list("value", flat=True).first()
        return default if found is None else json.loads(found)

    def set(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        Remembered.objects.update_or_create(key=self._digest(key, version), defaults=self._kept(value, timeout))

    def touch(self, key: str, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        return bool(self._row(key, version).update(expires=self._end(timeout)))

    def delete(self, key: str, version: int | None = None) -> bool:
        return bool(self._row(key, version).delete()[0])

    def clear(self) -> None:
        Remembered.objects.all().delete()

    def _row(self, key: str, version: int | None) -> QuerySet[Remembered]:
        return Remembered.objects.filter(key=self._digest(key, version))

    def _digest(self, key: str, version: int | None) -> str:
        """A key may be as long as somebody's provider likes, and have a code in it."""
        return hashlib.sha256(self.make_key(key, version).encode()).hexdigest()

    def _kept(self, value: Any, timeout: Any) -> dict[str, Any]:
        return {"value": json.dumps(value), "expires": self._end(timeout)}

    def _end(self, timeout: Any) -> datetime:
        seconds = self.get_backend_timeout(timeout)
        return timezone.now() + _LONGEST if seconds is None else datetime.fromtimestamp(seconds, UTC)

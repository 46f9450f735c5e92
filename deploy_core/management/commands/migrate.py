"""`manage.py migrate`, one at a time: of several machines that are updated at once, the second finds nothing to do."""

from typing import Any

from django.core.management.commands import migrate
from django.db import connection

#: Names our lock among those of the database; any number that nobody else takes.
LOCK = 7_447_766_013


class Command(migrate.Command):
    """Django's own, under an advisory lock where the database has such. SQLite is one process's anyway."""

    def handle(self, *args: Any, **options: Any) -> None:
        if connection.vendor != "postgresql":
            super().handle(*args, **options)
            return
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        try:
            super().handle(*args, **options)
        finally:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])

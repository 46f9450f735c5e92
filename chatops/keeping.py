"""The database connections of threads that are our own: to open one costs more than most of what is asked there."""

from django.db import connections


def keep_connections() -> None:
    """After a piece of work: this thread's connections stay open for the next, but for one that broke. On Postgres each
    is looked at before it is used again (`CONN_HEALTH_CHECKS`).
    """
    for connection in connections.all(initialized_only=True):
        connection.close_at = None  # else it would end with every piece of work (CONN_MAX_AGE)
        connection.close_if_unusable_or_obsolete()

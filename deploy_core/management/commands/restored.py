"""`manage.py restored`: run once after a backup was put back, before anything is started."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from deploy_core import restoring
from deploy_core.run import heartbeat


class Command(BaseCommand):
    help = "Tell the installation that its database comes from a backup: run it before `serve` and workers start."

    def handle(self, *args: Any, **options: Any) -> None:
        if heartbeat.is_alive(settings.EXECUTOR_SILENT_S):
            raise CommandError("an engine runs on this database: stop every `manage.py serve` and `worker` first")
        ended = restoring.begin_anew()
        for number in ended:
            self.stdout.write(f"#{number} was not done with in the backup; it is failed now")
        self.stdout.write("Open pages begin anew. What servers run may be newer than what the rows say: deploy again.")

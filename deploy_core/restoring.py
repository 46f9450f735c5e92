"""After a backup was put back: what the database says is older than the world."""

from django.db import transaction

from deploy_core.ledger import audit, journal, lives
from deploy_core.models import Deployment
from deploy_core.rules.status import ENDED, Status


@transaction.atomic
def begin_anew() -> list[int]:
    """Begin another life of the database; the numbers of the deployments that were not done with in the backup.

    They end as failed: they went on, or were stopped, in a time that is gone, and nobody waits for them any more. Pages
    that are open forget what they have. Servers let the newer owner in, because epochs follow the time. Engines of the
    backup stay in their rows: they are found silent, and the runs that they had in hand are ended by another one.
    """
    lives.begin_another()
    left = list(Deployment.objects.exclude(status__in=ENDED).order_by("pk").values_list("pk", flat=True))
    for number in left:
        epoch = journal.fence_off(number)
        journal.move(number, Status.FAILED, "restored", epoch=epoch)
        journal.close_steps(number, epoch=epoch)
    audit.record(None, "installation.restored", "database", "done", deployments=left)
    return left

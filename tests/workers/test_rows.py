"""What becomes of rows that a frozen process holds."""

import subprocess
import sys

from tests.workers.holding import pipeline
from tests.workers.installation import ROOT, Installation

HOLD = """
import time
from django.db import transaction
from deploy_core.models import App
with transaction.atomic():
    App.objects.update(default_ref="main")
    print("held", flush=True)
    time.sleep(300)
"""


def test_one_that_froze_within_a_transaction_lets_go_of_its_rows(installation: Installation) -> None:
    holder = subprocess.Popen(
        [sys.executable, "manage.py", "shell", "--no-imports", "-c", HOLD],
        cwd=ROOT,
        env=installation.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout is not None
        assert b"held" in holder.stdout.readline()

        installation.use(pipeline())  # writes the same row

        assert holder.poll() is None
    finally:
        holder.kill()
        holder.communicate()

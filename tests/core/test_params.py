"""What stood behind `|` of a deployment, or a task, reaches the commands on its servers as it was typed."""

from deploy_core import deployments, steering
from deploy_core.run import runner
from deploy_core.safety.gates import Wish
from tests.core.world import PIPELINE, told

WISH = Wish(params="--dry-run  'a' $HOME `id` \\n \U0001f600")
TASK = """
tasks:
  show: {commands: ['printf %s "$SHIPROOM_PARAMS" > ../../params']}
"""


def test_a_task_gets_its_parameters_and_so_does_its_retry(world):
    world.app.pipeline = PIPELINE + TASK
    world.app.save()
    assert world.deploy("main").status == "succeeded"

    task = deployments.run_task(world.app, "show", world.environment, by=world.person, surface="web", wish=WISH)
    runner.run(task.pk)

    task.refresh_from_db()
    assert task.status == "succeeded", told(task)
    assert (world.folder() / "params").read_text() == WISH.params
    type(task).objects.filter(pk=task.pk).update(status="failed")
    task.refresh_from_db()
    again = steering.retry(task, by=world.person, surface="web")
    assert again.plan["params"] == WISH.params
    plain = deployments.request(world.app, "main", world.environment, by=world.person, surface="web")
    assert "params" not in plain.plan

"""How often a step is tried, and for how long."""

import pytest

from deploy_core.errors import Cancelled, CommandTimeout, ReachError
from deploy_core.models import Step
from deploy_core.run import acts
from tests.core.world import pipeline, told


def test_a_step_is_tried_again_as_often_as_the_file_says(world, settings):
    settings.RETRY_WAIT_S = 0.01
    pipeline(
        world, "retries: {restart: 2}\nrestart: {command: 'echo x >> ../../tries; [ $(wc -l < ../../tries) -ge 3 ]'}"
    )

    deployment = world.deploy()

    assert deployment.status == "succeeded", told(deployment)
    assert (world.folder() / "tries").read_text() == "x\n" * 3


def test_an_attempt_that_takes_longer_than_a_step_may_is_ended():
    def dawdle(hands):
        while not hands.stop():
            pass
        raise Cancelled(server="web-1", command="sleep")

    patient = acts.patiently(dawdle, Step(key="switch:web-1", server_name="web-1"), acts.Patience(limit_s=0.01))

    with pytest.raises(CommandTimeout) as caught:
        patient(acts.Hands(out=None, stop=lambda: False))
    assert caught.value.code == "step_timeout"
    assert caught.value.params["server"] == "web-1"


@pytest.mark.parametrize("error", [ReachError("taken_over", server="web-1"), Cancelled(server="web-1")])
def test_what_another_attempt_cannot_mend_is_not_tried_again(error):
    tried = []

    def fail(hands):
        tried.append(hands)
        raise error

    with pytest.raises(type(error)):
        acts.patiently(fail, Step(key="switch:web-1"), acts.Patience(retries=3))(
            acts.Hands(out=None, stop=lambda: isinstance(error, Cancelled) and bool(tried))
        )
    assert len(tried) == 1


def test_what_waited_for_its_turn_until_the_stop_is_not_begun():
    begun = []

    with pytest.raises(Cancelled):
        acts.patiently(begun.append, Step(key="switch:web-1", server_name="web-1"), acts.Patience())(
            acts.Hands(out=None, stop=lambda: True)
        )
    assert begun == []

"""Who agreed to a deployment, and who still must: from its state alone. Mirrored by `static/js/consent.js`."""

from collections.abc import Mapping
from typing import Any

from deploy_core.rules.status import Status


def of(state: Mapping[str, Any]) -> dict[str, Any]:
    """`{answers, missing, people, until, confirmer}`: what the box beside the graph says.

    `missing` more of `people` must agree, until `until` (an ISO time or None); or `confirmer`, who asked, must confirm.
    """
    params = state["params"]
    answers = state["answers"]
    found: dict[str, Any] = {"answers": answers, "missing": 0, "people": [], "until": None, "confirmer": ""}
    if state["status"] == Status.AWAITING_APPROVAL:
        told = {each["by"] for each in answers}
        agreed = sum(each["is_yes"] for each in answers)
        found["missing"] = max(0, params.get("needed", 0) - agreed)
        found["people"] = [name for name in params.get("people", []) if name not in told]
    if state["status"] == Status.AWAITING_CONFIRMATION:
        found["confirmer"] = state["by"]
    if found["missing"] or found["confirmer"]:
        found["until"] = params.get("until", {}).get("at")
    return found

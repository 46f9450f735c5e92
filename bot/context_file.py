"""A file of names to understand lines against (the form of tests/cases/phrases_context.json). Pure."""

import json
from typing import Any

from .names import Context


def read(text: str) -> Context:
    """
    Raises:
        ValueError: not JSON, or not of that form.
    """
    data = json.loads(text)
    if not isinstance(data, dict):
        raise ValueError("one JSON object is expected")
    return Context(
        apps=_names(data, "apps"),
        app_aliases=_pairs(data, "app_aliases"),
        repos=_pairs(data, "repos"),
        envs=_names(data, "envs"),
        env_aliases=_pairs(data, "env_aliases"),
        rooms={name: _default_app(room) for name, room in data.get("rooms", {}).items()},
    )


def _names(data: dict[str, Any], key: str) -> tuple[str, ...]:
    found = data.get(key, [])
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise ValueError(f"{key}: a list of names is expected")
    return tuple(name.lower() for name in found)


def _pairs(data: dict[str, Any], key: str) -> dict[str, str]:
    found = data.get(key, {})
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found.values()):
        raise ValueError(f"{key}: an object of names is expected")
    return {word.lower(): name.lower() for word, name in found.items()}


def _default_app(room: object) -> str | None:
    if not isinstance(room, dict):
        raise ValueError("rooms: an object with default_app is expected for each")
    return room.get("default_app")

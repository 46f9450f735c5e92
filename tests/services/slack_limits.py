"""What Slack refuses by its own rules: sizes of messages, blocks and forms, and who calls too often.

The numbers are those of https://docs.slack.dev (reference/block-kit, reference/views, apis/web-api/rate-limits).
"""

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from typing import Any

Json = dict[str, Any]

#: Characters of what has a limit of its own.
TEXT, SECTION, FIELD, HEADER, BUTTON, VALUE, URL, NAME = 40_000, 3_000, 2_000, 150, 75, 2_000, 3_000, 255
CONFIRM_TITLE, CONFIRM_TEXT, CONFIRM_BUTTON = 100, 300, 30
FORM_TITLE, FORM_DATA, OPTION, OPTION_VALUE, PLACEHOLDER, LABEL = 24, 3_000, 75, 150, 150, 2_000
BLOCKS, FORM_BLOCKS, FIELDS, IN_CONTEXT, ACTIONS, OPTIONS = 50, 100, 10, 10, 25, 100


def of_message(body: Mapping[str, Any]) -> str:
    """The error that Slack answers to a message, "" when it takes it."""
    if len(body.get("text") or "") > TEXT:
        return "msg_too_long"
    blocks = body.get("blocks") or []
    if not body.get("text") and not blocks:
        return "no_text"
    return "invalid_blocks" if len(blocks) > BLOCKS or any(_wrongs(blocks)) else ""


def of_form(view: Mapping[str, Any]) -> str:
    """The same for a modal."""
    wrong = [
        *_over(view.get("callback_id", ""), NAME),
        *_over(view.get("private_metadata", ""), FORM_DATA),
        *(wrong for part in ("title", "submit", "close") for wrong in _plain(view.get(part), FORM_TITLE)),
        *_wrongs(view["blocks"]),
    ]
    return "invalid_arguments" if view["type"] != "modal" or len(view["blocks"]) > FORM_BLOCKS or wrong else ""


def _wrongs(blocks: list[Json]) -> Iterator[str]:
    names = [block["block_id"] for block in blocks if "block_id" in block]
    if len(names) != len(set(names)):
        yield "two blocks of one id"
    for block in blocks:
        yield from _over(block.get("block_id", ""), NAME)
        match block["type"]:
            case "section":
                yield from _section(block)
            case "header":
                yield from _plain(block["text"], HEADER)
            case "context":
                yield from _count(block["elements"], IN_CONTEXT)
                yield from (wrong for part in block["elements"] for wrong in _text(part, SECTION))
            case "actions":
                yield from _count(block["elements"], ACTIONS)
                yield from _elements(block["elements"])
            case "input":
                yield from _plain(block["label"], LABEL)
                yield from _elements([block["element"]])
            case "divider":
                pass
            case other:
                yield f"no block {other}"


def _section(block: Json) -> Iterator[str]:
    if "text" not in block and "fields" not in block:
        yield "an empty section"
    if "text" in block:
        yield from _text(block["text"], SECTION)
    if "fields" in block:
        yield from _count(block["fields"], FIELDS)
        yield from (wrong for field in block["fields"] for wrong in _text(field, FIELD))


def _elements(elements: list[Json]) -> Iterator[str]:
    names = [element["action_id"] for element in elements]
    if len(names) != len(set(names)):
        yield "two elements of one id"
    for element in elements:
        yield from _over(element["action_id"], NAME)
        if "placeholder" in element:
            yield from _plain(element["placeholder"], PLACEHOLDER)
        match element["type"]:
            case "button":
                yield from _button(element)
            case "static_select":
                groups = element.get("option_groups") or [{"options": element["options"]}]
                yield from _count(groups, OPTIONS)
                for group in groups:
                    yield from _plain(group["label"], OPTION) if "label" in group else ()
                    yield from _count(group["options"], OPTIONS)
                    for option in group["options"]:
                        yield from _plain(option["text"], OPTION)
                        yield from _filled(option["value"], OPTION_VALUE)
            case "plain_text_input" | "external_select":
                pass
            case other:
                yield f"no element {other}"


def _button(button: Json) -> Iterator[str]:
    yield from _plain(button["text"], BUTTON)
    yield from _over(button.get("value", ""), VALUE)
    yield from _over(button.get("url", ""), URL)
    if button.get("style", "primary") not in ("primary", "danger"):
        yield "no such style"
    if confirm := button.get("confirm"):
        yield from _plain(confirm["title"], CONFIRM_TITLE)
        yield from _text(confirm["text"], CONFIRM_TEXT)
        yield from _plain(confirm["confirm"], CONFIRM_BUTTON)
        yield from _plain(confirm["deny"], CONFIRM_BUTTON)


def _text(part: Json, limit: int) -> Iterator[str]:
    if part["type"] not in ("mrkdwn", "plain_text"):
        yield "no text"
    yield from _filled(part["text"], limit)


def _plain(part: Json | None, limit: int) -> Iterator[str]:
    if part is None or part["type"] != "plain_text":
        yield "no plain text"
    else:
        yield from _filled(part["text"], limit)


def _filled(text: str, limit: int) -> Iterator[str]:
    if not text:
        yield "empty"
    yield from _over(text, limit)


def _over(text: str, limit: int) -> Iterator[str]:
    if len(text) > limit:
        yield f"{len(text)} of {limit} characters"


def _count(parts: list[Any], limit: int) -> Iterator[str]:
    if not 0 < len(parts) <= limit:
        yield f"{len(parts)} of {limit} parts"


class Rates:
    """So many calls of one name within so many seconds; a name without a limit may be called at will."""

    def __init__(self, limits: Mapping[str, tuple[int, float]]) -> None:
        self.limits = dict(limits)
        self._seen: dict[tuple[str, ...], deque[float]] = defaultdict(deque)

    def take(self, method: str, *where: str, now: float) -> float:
        """Count a call and return 0; or return how many seconds it comes too early."""
        if method not in self.limits:
            return 0.0
        count, window_s = self.limits[method]
        seen = self._seen[(method, *where)]
        while seen and seen[0] <= now - window_s:
            seen.popleft()
        if len(seen) >= count:
            return seen[0] + window_s - now
        seen.append(now)
        return 0.0

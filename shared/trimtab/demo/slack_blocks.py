"""What Slack accepts as a message, as far as its documentation states limits: so that a card that Slack would refuse fails here too."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

MOST_BLOCKS = 50
LONGEST_MESSAGE = 40_000


def problems(blocks: object, text: object) -> list[str]:
    """Everything that Slack would refuse, each with its place; [] = accepted."""
    if not isinstance(text, str) or not text.strip():
        return ["text: required, it is what notifications and screen readers show"]
    if len(text) > LONGEST_MESSAGE:
        return [f"text: {len(text)} characters, at most {LONGEST_MESSAGE}"]
    if not isinstance(blocks, list):
        return ["blocks: expected a list"]
    if len(blocks) > MOST_BLOCKS:
        return [f"blocks: {len(blocks)}, at most {MOST_BLOCKS}"]
    ids = [block.get("block_id") for block in blocks if isinstance(block, dict) and block.get("block_id")]
    repeated = [f"blocks: block_id {name!r} twice" for name in set(ids) if ids.count(name) > 1]
    return repeated + [problem for number, block in enumerate(blocks) for problem in _block(block, f"blocks[{number}]")]


def _block(block: object, place: str) -> Iterator[str]:
    if not isinstance(block, dict):
        yield f"{place}: expected an object"
        return
    check = _BLOCKS.get(str(block.get("type")))
    if check is None:
        yield f"{place}.type: {block.get('type')!r} is not a block for messages"
        return
    yield from _length(block.get("block_id"), f"{place}.block_id", 255, required=False)
    yield from check(block, place)


def _section(block: Mapping[str, Any], place: str) -> Iterator[str]:
    if block.get("text") is None and not block.get("fields"):
        yield f"{place}: text or fields is required"
    if block.get("text") is not None:
        yield from _text(block["text"], f"{place}.text", 3000)
    yield from _each(block.get("fields") or [], f"{place}.fields", 10, lambda field, at: _text(field, at, 2000))
    if block.get("accessory") is not None:
        yield from _element(block["accessory"], f"{place}.accessory")


def _header(block: Mapping[str, Any], place: str) -> Iterator[str]:
    yield from _text(block.get("text"), f"{place}.text", 150, plain=True)


def _context(block: Mapping[str, Any], place: str) -> Iterator[str]:
    def one(element: Any, at: str) -> Iterator[str]:
        is_image = isinstance(element, dict) and element.get("type") == "image"
        yield from _image(element, at) if is_image else _text(element, at, 3000)

    yield from _each(block.get("elements"), f"{place}.elements", 10, one)


def _actions(block: Mapping[str, Any], place: str) -> Iterator[str]:
    elements = block.get("elements")
    yield from _each(elements, f"{place}.elements", 25, _element)
    ids = [element.get("action_id") for element in elements or [] if isinstance(element, dict)]
    yield from (f"{place}: action_id {name!r} twice" for name in set(ids) if name and ids.count(name) > 1)


def _image(block: Mapping[str, Any], place: str) -> Iterator[str]:
    yield from _length(block.get("image_url"), f"{place}.image_url", 3000)
    yield from _length(block.get("alt_text"), f"{place}.alt_text", 2000)


def _rich_text(block: Mapping[str, Any], place: str) -> Iterator[str]:
    if not isinstance(block.get("elements"), list):
        yield f"{place}.elements: required"
        return
    for number, part in enumerate(block["elements"]):
        yield from _rich_part(part, f"{place}.elements[{number}]")


_PARTS = {
    "rich_text_section": ("text", "link", "emoji", "user", "usergroup", "channel", "broadcast", "date", "color"),
    "rich_text_preformatted": ("text", "link"),
    "rich_text_quote": ("text", "link", "emoji", "user", "usergroup", "channel", "broadcast", "date", "color"),
    "rich_text_list": ("rich_text_section",),
}
"""What may stand in each part of a rich text."""


def _rich_part(part: Any, place: str) -> Iterator[str]:
    inside = _PARTS.get(str(part.get("type"))) if isinstance(part, dict) else None
    if inside is None:
        yield f"{place}.type: not a part of a rich text"
        return
    if part["type"] == "rich_text_list" and part.get("style") not in ("bullet", "ordered"):
        yield f"{place}.style: bullet or ordered"
    if not isinstance(part.get("elements"), list) or not part["elements"]:
        yield f"{place}.elements: required"
        return
    for number, element in enumerate(part["elements"]):
        yield from _rich_element(element, f"{place}.elements[{number}]", inside)


def _rich_element(element: Any, place: str, inside: tuple[str, ...]) -> Iterator[str]:
    kind = element.get("type") if isinstance(element, dict) else None
    if kind not in inside:
        yield f"{place}.type: {kind!r} is none of {', '.join(inside)}"
    elif kind == "rich_text_section":
        yield from _rich_part(element, place)
    elif kind == "text":
        yield from _length(element.get("text"), f"{place}.text", LONGEST_MESSAGE)
    elif kind == "link":
        yield from _length(element.get("url"), f"{place}.url", 3000)


def _divider(block: Mapping[str, Any], place: str) -> Iterator[str]:
    del block, place
    yield from ()


_BLOCKS: Mapping[str, Callable[[Mapping[str, Any], str], Iterator[str]]] = {
    "section": _section,
    "header": _header,
    "context": _context,
    "actions": _actions,
    "image": _image,
    "rich_text": _rich_text,
    "divider": _divider,
}


def _element(element: Any, place: str) -> Iterator[str]:
    check = _ELEMENTS.get(str(element.get("type"))) if isinstance(element, dict) else None
    if check is None:
        yield f"{place}: not an interactive element that Trimtab uses"
        return
    yield from _length(element.get("action_id"), f"{place}.action_id", 255, required=False)
    yield from check(element, place)
    if element.get("confirm") is not None:
        yield from _confirm(element["confirm"], f"{place}.confirm")


def _button(element: Mapping[str, Any], place: str) -> Iterator[str]:
    yield from _text(element.get("text"), f"{place}.text", 75, plain=True)
    yield from _length(element.get("value"), f"{place}.value", 2000, required=False)
    yield from _length(element.get("url"), f"{place}.url", 3000, required=False)
    if element.get("style", "primary") not in ("primary", "danger"):
        yield f"{place}.style: primary or danger"


def _select(element: Mapping[str, Any], place: str) -> Iterator[str]:
    if element.get("placeholder") is not None:
        yield from _text(element["placeholder"], f"{place}.placeholder", 150, plain=True)
    yield from _each(element.get("options"), f"{place}.options", 100, _option)
    values = [option.get("value") for option in element.get("options") or [] if isinstance(option, dict)]
    yield from (f"{place}.options: value {value!r} twice" for value in sorted({str(value) for value in values if values.count(value) > 1}))


def _overflow(element: Mapping[str, Any], place: str) -> Iterator[str]:
    yield from _each(element.get("options"), f"{place}.options", 5, _option)


_ELEMENTS: Mapping[str, Callable[[Mapping[str, Any], str], Iterator[str]]] = {
    "button": _button,
    "static_select": _select,
    "overflow": _overflow,
    "image": _image,
}


def _option(option: Any, place: str) -> Iterator[str]:
    if not isinstance(option, dict):
        yield f"{place}: expected an object"
        return
    yield from _text(option.get("text"), f"{place}.text", 75, plain=True)
    yield from _length(option.get("value"), f"{place}.value", 150)


def _confirm(confirm: Any, place: str) -> Iterator[str]:
    if not isinstance(confirm, dict):
        yield f"{place}: expected an object"
        return
    for name, limit in (("title", 100), ("text", 300), ("confirm", 30), ("deny", 30)):
        yield from _text(confirm.get(name), f"{place}.{name}", limit, plain=True)
    if confirm.get("style", "primary") not in ("primary", "danger"):
        yield f"{place}.style: primary or danger"


def _each(values: Any, place: str, most: int, check: Callable[[Any, str], Iterator[str]]) -> Iterator[str]:
    if not isinstance(values, Sequence) or isinstance(values, str):
        yield f"{place}: required"
        return
    if len(values) > most or (not values and not place.endswith(".fields")):
        yield f"{place}: {len(values)}, expected 1 to {most}"
    for number, value in enumerate(values):
        yield from check(value, f"{place}[{number}]")


def _text(value: Any, place: str, limit: int, *, plain: bool = False) -> Iterator[str]:
    kinds = ("plain_text",) if plain else ("plain_text", "mrkdwn")
    if not isinstance(value, dict) or value.get("type") not in kinds:
        yield f"{place}: expected a text object ({' or '.join(kinds)})"
        return
    yield from _length(value.get("text"), f"{place}.text", limit)


def _length(value: Any, place: str, limit: int, *, required: bool = True) -> Iterator[str]:
    if value is None and not required:
        return
    if not isinstance(value, str) or not value:
        yield f"{place}: required"
    elif len(value) > limit:
        yield f"{place}: {len(value)} characters, at most {limit}"

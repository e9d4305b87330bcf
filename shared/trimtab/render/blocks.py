"""What a Slack message is made of. Text is plain_text or rich_text only, so nothing in it can tell anybody or link anywhere."""

from collections.abc import Sequence

from trimtab.records import Json
from trimtab.render.text import shown

MOST_BLOCKS, LONGEST_SECTION, LONGEST_HEADER, LONGEST_BUTTON, LONGEST_CONFIRM = 50, 3000, 150, 75, 300
Linked = str | tuple[str, str]
"""A sentence, or a sentence and the address that belongs to it."""


def plain(text: str, limit: int) -> Json:
    """plain_text is never parsed for mentions or links; emoji codes are off too."""
    return {"type": "plain_text", "text": text if len(text) <= limit else text[: limit - 3] + "...", "emoji": False}


def header(text: str) -> Json:
    """The line on top."""
    return {"type": "header", "text": plain(text, LONGEST_HEADER)}


def small(text: str) -> Json:
    """What stands below, in small letters."""
    return {"type": "context", "elements": [plain(text, 2000)]}


def paragraphs(*texts: str, is_bold: bool = False) -> Json:
    """Paragraphs of rich text, which Slack shows as they are."""
    whole = "\n".join(text for text in texts if text)
    return _rich(_section(run(whole if len(whole) <= LONGEST_SECTION else whole[: LONGEST_SECTION - 3] + "...", is_bold=is_bold)))


def preformatted(text: str) -> Json:
    """Lines in letters of one width."""
    return _rich({"type": "rich_text_preformatted", "elements": [run(text)]})


def bullets(sentences: Sequence[Linked], most: int = 12) -> list[Json]:
    """A bullet list; beyond `most`, how many more there are. [] = nothing to say."""
    items = [_item(sentence) for sentence in sentences[:most]]
    items += [_item(f"and {len(sentences) - most} more")] if len(sentences) > most else []
    return [_rich({"type": "rich_text_list", "style": "bullet", "elements": items})] if items else []


def link_to(url: str, words: str = "Open the pull request") -> list[Json]:
    """A pull request's own address, as the forge gave it; anything that is not http stays text. [] = there is none."""
    if not url:
        return []
    return [_rich(_section(_anchor(url, words)))] if _is_web(url) else [paragraphs(f"Pull request: {shown(url, 200)}")]


def run(text: str, *, is_bold: bool = False) -> Json:
    """One piece of rich text."""
    piece: Json = {"type": "text", "text": text}
    return {**piece, "style": {"bold": True}} if is_bold else piece


def _rich(element: Json) -> Json:
    return {"type": "rich_text", "elements": [element]}


def _section(*pieces: Json) -> Json:
    return {"type": "rich_text_section", "elements": list(pieces)}


def _item(sentence: Linked) -> Json:
    text, url = sentence if isinstance(sentence, tuple) else (sentence, "")
    links = [run(" "), _anchor(url, "Open the pull request")] if _is_web(url) else []
    return _section(run(shown(text, 400)), *links)


def _is_web(url: str) -> bool:
    return url.startswith(("https://", "http://"))


def _anchor(url: str, words: str) -> Json:
    return {"type": "link", "url": url, "text": words}

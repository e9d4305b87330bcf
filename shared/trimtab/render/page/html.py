"""Values into HTML, so that nothing that others wrote can act, or pretend to be something else.

Jinja escapes what HTML would obey; what a person would misread (control and direction characters, letters of other scripts that look
like ours) is shown as its code first. The templates come with the package, never from a repo or a store.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from trimtab.render.sandbox import sandbox
from trimtab.render.text import shown

LONGEST = 600
_TYPOGRAPHY = frozenset("–—→−×…·≤≥≈€£“”’")
"""Our own sentences use these; nothing that looks like an ASCII letter is among them."""


def visible(text: str, limit: int = LONGEST) -> str:
    """Text that shows what is there: printable ASCII as it is, everything that could hide or turn around as its code."""
    whole = "".join(character if _is_plain(character) else shown(character) for character in text)
    return whole if len(whole) <= limit else whole[: limit - 3] + "..."


def _is_plain(character: str) -> bool:
    return " " <= character <= "~" or character in _TYPOGRAPHY


def _printed(value: object) -> object:
    """What a template prints: markup of our own as it is, money in cents, everything else made visible (and then escaped by Jinja)."""
    if value is None:
        return "–"
    if isinstance(value, Decimal):
        return f"{value:,.2f}".replace("-", "−")
    return value if isinstance(value, Markup | int) else visible(str(value))


@dataclass(frozen=True, slots=True)
class Page:
    """Templates by file name."""

    templates: Mapping[str, str]
    _environments: list[ImmutableSandboxedEnvironment] = field(default_factory=list, compare=False, repr=False)

    def filled(self, name: str, values: Mapping[str, object]) -> str:
        """One page, whole."""
        if not self._environments:
            self._environments.append(sandbox(self.templates, _printed, is_html=True))
        return self._environments[0].get_template(name).render(values)

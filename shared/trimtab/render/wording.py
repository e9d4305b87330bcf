"""The words of pull requests and cards: Jinja templates shipped with the product, run in a sandbox, filled with values only.

Whatever a template prints and we did not write ourselves is made harmless on its way out (text.py); the templates come from the
bundle and never from a repo, so nobody can reword what a reviewer is told.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from jinja2.sandbox import ImmutableSandboxedEnvironment

from trimtab.errors import BadInput
from trimtab.render.sandbox import sandbox
from trimtab.render.text import LONGEST, inline, prose, shown


class Ours(str):
    """Text that we wrote, or made harmless already: it is printed as it is."""

    __slots__ = ()


class Sentence(str):
    """A sentence of our own analysis with names of others in it: printed as prose, every name in it harmless."""

    __slots__ = ()


def _markdown(value: object) -> object:
    """Everything that is not ours goes into a code span."""
    if isinstance(value, Sentence):
        return prose(value)
    return value if isinstance(value, Ours | int) else inline(str(value))


def _plain(value: object) -> object:
    """Everything that is not ours is shown in plain letters."""
    return value if isinstance(value, Ours | int) else shown(str(value), 400 if isinstance(value, Sentence) else LONGEST)


@dataclass(frozen=True, slots=True)
class Wording:
    """Templates by file name, as `adapters/wording.py` read them."""

    templates: Mapping[str, str]
    _environments: dict[str, ImmutableSandboxedEnvironment] = field(default_factory=dict, compare=False, repr=False)

    def markdown(self, name: str, values: Mapping[str, object]) -> str:
        """A template filled for a forge; foreign values stand in code spans."""
        return self._filled("markdown", name, values)

    def plain(self, name: str, values: Mapping[str, object]) -> str:
        """A template filled for plain text; foreign values in plain letters."""
        return self._filled("plain", name, values)

    def _filled(self, kind: str, name: str, values: Mapping[str, object]) -> str:
        if name not in self.templates:
            raise BadInput(f"wording/{name}: missing from the bundle; install Trimtab again")
        if kind not in self._environments:
            self._environments[kind] = sandbox(self.templates, _markdown if kind == "markdown" else _plain, is_html=False)
        return self._environments[kind].get_template(name).render(values).strip()

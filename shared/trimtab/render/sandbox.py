"""Where templates run: they print the values that they are given, and can reach and do nothing else."""

from collections.abc import Callable, Mapping

from jinja2 import DictLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment


def sandbox(templates: Mapping[str, str], printed: Callable[[object], object], *, is_html: bool) -> ImmutableSandboxedEnvironment:
    """Templates by name, each value passing through `printed` on its way out; in HTML what is not markup of ours is escaped after it."""
    environment = ImmutableSandboxedEnvironment(
        loader=DictLoader(dict(templates)),
        autoescape=is_html,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=printed,
    )
    # Without `safe` and its like, no template can print foreign text as markup by mistake.
    environment.filters.clear()
    environment.globals.clear()
    return environment

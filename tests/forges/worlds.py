"""Every forge that the adapters are held to, by name. A test takes a kind and gets its world, empty but for the files it asks for."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import pytest

from tests.forges.github import description
from tests.forges.github.world import GitHubWorld
from tests.forges.gitlab.world import GitLabWorld
from tests.forges.local import LocalWorld
from tests.forges.world import ForgeWorld, RemoteWorld

Make = Callable[[Path, Mapping[str, bytes]], ForgeWorld]


def _github(folder: Path, files: Mapping[str, bytes]) -> ForgeWorld:
    if not description.is_installed():
        pytest.skip(description.MISSING)
    return GitHubWorld(folder, files)


REMOTE: Mapping[str, Make] = {"github": _github, "gitlab": GitLabWorld}
WORLDS: Mapping[str, Make] = {"local": LocalWorld, **REMOTE}


@contextmanager
def world_of(kind: str, folder: Path, files: Mapping[str, bytes]) -> Iterator[ForgeWorld]:
    """A world for as long as a test lasts; a request or answer that the forge's description does not allow fails it."""
    world = WORLDS[kind](folder, files)
    try:
        yield world
        assert not world.violations, "\n".join(world.violations)
    finally:
        world.end()


@contextmanager
def remote_of(kind: str, folder: Path, files: Mapping[str, bytes]) -> Iterator[RemoteWorld]:
    """The same for a forge over HTTP."""
    with world_of(kind, folder, files) as world:
        yield cast("RemoteWorld", world)

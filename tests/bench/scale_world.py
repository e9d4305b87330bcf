"""The outside of a run over many clusters: a store on disk, a GitHub and a Palette over HTTP; and `propose` invoked over its queue."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, cast
from urllib.request import Request, urlopen

from pydantic import SecretStr

from tests.bench import scale_estate as estate
from tests.forges.github.world import GitHubWorld, checks_rule, reviews_rule, settings_of
from trimtab import settings as deployment
from trimtab.adapters.store import open_state
from trimtab.adapters.store.lake import DeltaLake
from trimtab.adapters.store.state import State
from trimtab.flow.gate import CHECK
from trimtab.records import Stage
from trimtab.settings import Settings

FUNCTION = json.loads((Path(__file__).parents[2] / "infra/terraform/aws/functions.json").read_text())["propose"]
"""The limits of `propose` as it is deployed."""


@dataclass(frozen=True, slots=True)
class Scale:
    """One estate, ready for its run."""

    root: Path
    settings: Settings
    github: GitHubWorld
    palette: str
    state: State

    def invoke(self, keys: Sequence[str], at: datetime = estate.NOW) -> list[dict[str, Any]]:
        """Deliver these messages to one warm function; what each invocation took."""
        listed = self.root / "keys.txt"
        listed.write_text("\n".join(keys))
        command = [sys.executable, "-m", "tests.bench.scale_step", str(listed), str(FUNCTION["batch"])]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=self._environment(at))
        if done.returncode:
            raise RuntimeError(f"propose: {(done.stderr.strip().splitlines() or ['no output'])[-1]}")
        return cast("list[dict[str, Any]]", json.loads(done.stdout.strip().splitlines()[-1]))

    def waiting(self, step: str) -> list[str]:
        """Messages of a step that wait."""
        return [key for key in self.state.inbox.pending("propose") if f".{step}" in key]

    def palette_requests(self) -> dict[str, int]:
        """How often Palette was asked, by prefix."""
        with urlopen(f"{self.palette}/asked") as answer:
            return cast("dict[str, int]", json.loads(answer.read()))

    def break_cluster(self, uid: str) -> None:
        """Palette fails for that one from here on."""
        urlopen(Request(f"{self.palette}/broken/{uid}", method="PUT")).close()

    def _environment(self, at: datetime) -> Mapping[str, str]:
        said = self.settings.model_dump(mode="json", exclude=set(deployment.SECRETS))
        secrets = {name: cast("SecretStr | None", getattr(self.settings, name)) for name in ("github_writer_key", "palette_api_key")}
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("TRIMTAB_")},
            **{f"TRIMTAB_{name.upper()}": secret.get_secret_value() for name, secret in secrets.items() if secret},
            "TRIMTAB_STORE": self.settings.store,
            "TRIMTAB_CLOCK": at.isoformat(),
            "TRIMTAB_SETTINGS": json.dumps(said),
        }


@contextmanager
def estate_of(clusters: int, root: Path) -> Iterator[Scale]:
    """Everything of so many clusters, as long as the block runs."""
    root.mkdir(parents=True)
    github = GitHubWorld(root / "github", estate.repo_files(clusters))
    github.server.book.lag = 0
    github.demand(checks_rule((CHECK, github.gate.id)), reviews_rule(0, code_owners=True))
    palette = subprocess.Popen([sys.executable, "-m", "tests.bench.scale_palette", str(clusters)], stdout=subprocess.PIPE, text=True)
    try:
        url = f"http://127.0.0.1:{int((palette.stdout.readline() if palette.stdout else '0').strip())}"
        settings = _settings(clusters, root, github, url)
        state = open_state(settings, nonce=lambda: os.urandom(8).hex())
        state.permit.resume(by="platform-owner", reason="the bench may write", at=estate.NOW)
        state.documents.publish(f"summaries/all/{estate.PERIOD}", estate.summary(clusters).to_json())
        for number in estate.numbered(clusters):
            state.documents.publish(f"demand/{number.uid}", estate.demand(number))
        lake = f"{root}/store/{settings.tenant}/lake"
        estate.write_usage(DeltaLake(f"file://{lake}", root / "scratch"), Path(lake) / "usage", clusters)
        yield Scale(root, settings, github, url, state)
    finally:
        palette.kill()
        palette.wait()
        github.end()


def _settings(clusters: int, root: Path, github: GitHubWorld, palette: str) -> Settings:
    return settings_of(github).model_copy(
        update={
            "store": f"file://{root}/store",
            "highest_stage": Stage.GUARDED,
            "nonproduction": estate.nonproduction(clusters),
            "palette_url": palette,
            "palette_api_key": SecretStr("palette-key-of-the-bench"),
            "clock": estate.NOW,
            "default_channel": "",
        }
    )

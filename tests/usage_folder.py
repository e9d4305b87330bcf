"""Usage as readers of a lake ask for it, from Parquet files in folders by partition."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from trimtab.tables import PARTITIONS


@dataclass
class UsageFolder:
    """The part of a lake that readers use; it has one version, and says of no rows whose they are."""

    root: Path
    reads: int = 0

    def version(self, table: str) -> int | None:  # noqa: ARG002
        return 1 if self.root.exists() else None

    def release(self, table: str, partition: Mapping[str, str]) -> None:
        """It copies nothing."""

    def owner(self, table: str, partition: Mapping[str, str]) -> str | None:  # noqa: ARG002
        return None

    def partitions(self, table: str, partition: Mapping[str, str] | None = None) -> list[dict[str, str]]:
        found = {tuple(part.split("=")[1] for part in path.parts[-3:-1]) for path in self.root.glob("*/*/*.parquet")}
        every = [dict(zip(PARTITIONS[table], values, strict=True)) for values in sorted(found)]
        return [each for each in every if (partition or {}).items() <= each.items()]

    def files(self, table: str, partition: Mapping[str, str] | None = None) -> list[str]:  # noqa: ARG002
        wanted = {f"{name}={value}" for name, value in (partition or {}).items()}
        self.reads += 1
        return [str(path) for path in sorted(self.root.glob("*/*/*.parquet")) if wanted <= set(path.parts)]

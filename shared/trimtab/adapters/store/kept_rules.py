"""`.trimtab/` in the store: one document a repo, with the commit and the time at which it was read from the forge."""

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from trimtab.errors import Broken, Upstream
from trimtab.ports import Documents
from trimtab.records import CommitSha, Json

KEPT_AGAIN = timedelta(hours=1)
"""What has not changed is written so often, to say that it still holds."""
TOO_OLD = timedelta(days=1)
"""Whoever was taken out of owners.yaml must not be told of cost for longer than this, whatever has stopped."""


@dataclass(frozen=True, slots=True)
class StoreRules:
    """docs/rules/<repo>.json."""

    documents: Documents
    now: Callable[[], datetime]

    def keep(self, repo: str, commit: CommitSha, files: Mapping[str, bytes]) -> None:
        """Write them, unless the same are there and were written within the hour."""
        known, now = self.documents.find(_key(repo)), self.now()
        texts: Json = {path: b64encode(content).decode() for path, content in sorted(files.items())}
        if known is not None and (known.get("commit"), known.get("files")) == (commit, texts) and now - _read_at(known, repo) < KEPT_AGAIN:
            return
        self.documents.publish(_key(repo), {"v": 1, "commit": commit, "at": now.isoformat(), "files": texts})

    def read(self, repo: str) -> tuple[CommitSha, Mapping[str, bytes]]:
        """What was kept last. Raises Upstream where nothing was yet, or nothing since yesterday; Broken where it is no such document."""
        known = self.documents.find(_key(repo))
        if known is None:
            raise Upstream(f"docs/{_key(repo)}.json: not there yet; `verify` writes it on its next tick")
        at = _read_at(known, repo)
        if self.now() - at > TOO_OLD:
            raise Upstream(f"docs/{_key(repo)}.json: last read from the forge at {at:%Y-%m-%d %H:%M} UTC; see what stops `verify`")
        return CommitSha(str(known.get("commit"))), _files(known, repo)


def _key(repo: str) -> str:
    return f"rules/{repo}"


def _read_at(known: Json, repo: str) -> datetime:
    try:
        return datetime.fromisoformat(str(known.get("at")))
    except ValueError:
        raise Broken(f"docs/{_key(repo)}.json: at: not a time") from None


def _files(known: Json, repo: str) -> Mapping[str, bytes]:
    files = known.get("files")
    try:
        if isinstance(files, dict):
            return {path: b64decode(str(content), validate=True) for path, content in files.items()}
    except ValueError:
        pass
    raise Broken(f"docs/{_key(repo)}.json: files: not files in base64")

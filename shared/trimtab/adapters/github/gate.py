"""The gate App's check: one check run of a name on each head, written over in place."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from trimtab.adapters.github.answers import told
from trimtab.adapters.github.client import Caller
from trimtab.adapters.github.reading import Reader
from trimtab.errors import Refused
from trimtab.records import CommitSha

Conclusion = Literal["success", "failure", "pending"]
_TITLES: Mapping[Conclusion, str] = {"success": "Yes", "failure": "No", "pending": "Waiting"}


@dataclass(frozen=True, slots=True)
class Gate:
    """Publishes checks, where this function holds the gate's key."""

    reader: Reader
    caller: Caller | None
    app: int | None

    def set(self, repo: str, commit: CommitSha, *, name: str, conclusion: Conclusion, summary: str) -> None:
        """Publish an answer; saying the same again writes nothing. Refused where this function is not the gate."""
        if self.caller is None:
            raise Refused(f"check {name}: this function holds no key of the gate App; only `merge` publishes checks")
        place = f"/repos/{self.reader.repo(repo).name}"
        # All of them: GitHub's own `latest` goes by when a run was completed, and one that waits was not.
        query = {"check_name": name, "app_id": self.app, "filter": "all", "per_page": 100}
        run = _newest(self.caller.get(f"{place}/commits/{commit}/check-runs", query))
        body = {"name": name, **_status(conclusion), "output": {"title": _TITLES[conclusion], "summary": summary}}
        if run is not None and _is_same(run, body):
            return
        try:
            if run is None or (conclusion == "pending" and run["status"] == "completed"):
                # A completed run cannot be taken back; the newest of a name is the one that counts.
                self.caller.send("POST", f"{place}/check-runs", {**body, "head_sha": commit})
            else:
                self.caller.send("PATCH", f"{place}/check-runs/{run['id']}", body)
        finally:
            self.reader.forget()


@told
def _newest(answer: Any) -> Mapping[str, Any] | None:
    runs: list[Mapping[str, Any]] = answer["check_runs"]
    return max(runs, key=lambda run: int(run["id"]), default=None)


def _status(conclusion: Conclusion) -> dict[str, str]:
    """Never neutral: GitHub takes that for a pass."""
    return {"status": "in_progress"} if conclusion == "pending" else {"status": "completed", "conclusion": conclusion}


def _is_same(run: Mapping[str, Any], body: Mapping[str, Any]) -> bool:
    said = (run["status"], run.get("conclusion"), (run.get("output") or {}).get("summary"))
    return said == (body["status"], body.get("conclusion"), body["output"]["summary"])

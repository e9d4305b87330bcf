"""Rows `forge-calls-*`: requests that one pull request costs, over the real flow, against the servers that the adapters are held to."""

from tests.bench.results import Measured, Options, Row, Skipped
from tests.forges.calls import calls_of
from tests.forges.github import description


def github(options: Options) -> Row:
    """GitHub; without the published description there is no server to count at."""
    if not description.is_installed():
        return Skipped(row="forge-calls-github", reason=description.MISSING)
    return _row("github", options)


def gitlab(options: Options) -> Row:
    """GitLab."""
    return _row("gitlab", options)


def _row(kind: str, options: Options) -> Measured:
    calls = calls_of(kind, options.scratch / "forge-calls")
    missed = []
    if len(calls.unchanged) > 3:
        missed.append(f"an unchanged pull request costs {len(calls.unchanged)} requests, 3 are allowed")
    if writes := [f"{request.method} {request.path}" for request in calls.unchanged if request.is_write]:
        missed.append(f"an unchanged pull request is written to: {', '.join(writes)}")
    return Measured(
        row=f"forge-calls-{kind}",
        what="requests for one more new pull request",
        value=float(len(calls.new)),
        measure="calls",
        bar=8,
        aim=6,
        missed=tuple(missed),
        detail={
            "new": [f"{request.method} {request.path}" for request in calls.new],
            "unchanged": [f"{request.method} {request.path}" for request in calls.unchanged] or "none",
        },
    )

"""Row `forge-calls`: calls to a forge's API for a new pull request and for an unchanged one."""

from importlib.util import find_spec

from tests.bench.results import Options, Skipped


def measure(options: Options) -> Skipped:
    """Not measurable while no adapter speaks to a forge over HTTP: bare repositories on disk have no API calls to count."""
    del options
    present = [name for name in ("github", "gitlab") if find_spec(f"trimtab.adapters.{name}") is not None]
    if present:
        return Skipped(row="forge-calls", reason=f"adapters exist ({', '.join(present)}), and this row does not count their calls yet")
    return Skipped(
        row="forge-calls",
        reason="there is no GitHub or GitLab adapter yet; the local forge works on bare repositories and makes no API calls",
    )

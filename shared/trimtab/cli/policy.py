"""`trimtab policy check`: is `.trimtab/` readable, does it mean what it says, and what would it have done with what is past?"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer

from trimtab.cli.options import Format, FormatOption, StoreOption, ViewerOption
from trimtab.cli.output import console, plain, print_gap, print_json, print_table, renamed, say, shown
from trimtab.cli.session import Session, asking, has_store, retelling
from trimtab.errors import BadInput, Refused
from trimtab.flow.promotion import Prospect, prospects, sentence
from trimtab.flow.simulate import Simulation, known_to, past, simulate
from trimtab.flow.unwatched import blind_spots
from trimtab.policy.lint import lint, never_matched
from trimtab.records import Governance

policy = typer.Typer(help="The rules in .trimtab/.", no_args_is_help=True)
DAYS = 30


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(policy, name="policy")


@policy.callback()
def _group() -> None:
    """The rules in .trimtab/."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """Everything that is said of a folder."""

    governance: Governance
    warnings: tuple[str, ...]
    simulation: Simulation | None = None
    """None = no store was named."""
    unmatched: tuple[str, ...] = ()
    prospects: tuple[Prospect, ...] = ()


@policy.command("check", help="Lint .trimtab/; with a store, what these rules would have done with past proposals.")
def check(
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="the .trimtab folder")] = Path(".trimtab"),
    since: Annotated[
        str | None, typer.Option("--since", help=f"first day of the past that is judged again (default: {DAYS} days ago)", metavar="DATE")
    ] = None,
    repo: Annotated[str | None, typer.Option("--repo", help="only proposals of this repo (default: every repo of the store)")] = None,
    fail_if_looser: Annotated[bool, typer.Option("--fail-if-looser", help="exit 1 where the rules ask for less of any of them")] = False,
    who: ViewerOption = None,
    store: StoreOption = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """Read the files as strictly as a run does; nothing is written but who looked at the past, and nobody is asked but the store."""
    from trimtab.flow.governance import PATHS, checked_governance

    names = {path: folder / path.rsplit("/", 1)[1] for path in PATHS}
    governance = checked_governance({name: path.read_bytes() for name, path in names.items() if path.exists()})
    if not has_store(store):
        if fail_if_looser or since or repo or who is not None:
            raise BadInput("--since, --repo, --fail-if-looser and --as are about the past; name its store with --store")
        _tell(folder, _as_json(Checked(governance=governance, warnings=lint(governance, datetime.now(UTC))), str), output)
        return
    with asking(store, None, who, "what rules would have done with past proposals", of_all=True):
        pass  # its people go by other names than those of what is told again
    with retelling(store) as session:
        checked = _checked(governance, _day(since, session.now), repo, session)
        named = session.ports.named
    _tell(folder, _as_json(checked, named), output)
    if fail_if_looser and checked.simulation:
        _fail(checked.simulation)


def _day(since: str | None, now: datetime) -> datetime:
    if since is None:
        return now - timedelta(days=DAYS)
    try:
        return datetime.strptime(since, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise BadInput(f"--since {since[:40]!a}: expected a day, as in 2026-09-01") from None


def _checked(governance: Governance, since: datetime, repo: str | None, session: Session) -> Checked:
    ports, now = session.ports, session.now
    known = {each.id for each in ports.settings.repositories}
    if repo is not None and repo not in known:
        raise BadInput(f"--repo {repo[:80]!a}: the deployment manages {', '.join(sorted(known)) or 'none'}")
    told = list(past(ports, since, repo))
    simulation = simulate(governance, told, ports, since)
    return Checked(
        governance=governance,
        warnings=(
            *lint(governance, now, ceiling=ports.settings.highest_stage, known=known_to(ports, told)),
            *blind_spots(governance.budgets, ports, now),
        ),
        simulation=simulation,
        unmatched=never_matched(governance, simulation.matched, len(simulation.replays)) if simulation.replays else (),
        prospects=prospects(told, ports, since, now),
    )


def _fail(simulation: Simulation) -> None:
    """Raises Refused where the rules ask for less, and where that cannot be told."""
    if simulation.lost:
        raise Refused(f"whether the rules are looser cannot be told: {simulation.lost[0]}")
    looser = [replay for replay in simulation.replays if replay.looser]
    if looser:
        count = len({replay.proposal for replay in looser})
        many = "1 proposal" if count == 1 else f"{count} proposals"
        raise Refused(f"these rules ask for less of {many}: {looser[0].change} ({looser[0].looser[0]})")


# ── as JSON ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def _as_json(checked: Checked, named: Callable[[str], str]) -> dict[str, Any]:
    """The rules as they were read, and beside them what is said of them; people by name, for whoever reads it here."""
    past: dict[str, object] = {}
    if checked.simulation:
        counts = {str(each): {"was": was, "would_be": would} for each, (was, would) in checked.simulation.counts().items()}
        past = {
            "since": checked.simulation.since,
            "proposals": len(checked.simulation.newest),
            "counts": counts,
            "is_looser": checked.simulation.is_looser,
            "judgements": checked.simulation.replays,
            "lost": checked.simulation.lost,
        }
    scopes = [plain(each) | {"in_words": sentence(each)} for each in checked.prospects]
    said = {"warnings": checked.warnings, "unmatched": checked.unmatched, "past": past or None, "observed": scopes}
    return dict(renamed(plain(checked.governance) | plain(said), named))


# ── on paper ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def _tell(folder: Path, checked: Mapping[str, Any], output: Format) -> None:
    if output is Format.JSON:
        print_json(checked)
        return
    rules = f"{len(checked['rules'])} rules, {len(checked['owner_rules'])} owner rules"
    say(f"{folder}: readable; policy version {checked['version'][:16]}, {rules}")
    for warning in (*checked["warnings"], *checked["unmatched"]):
        console().print(shown(warning), soft_wrap=True)
    if checked["past"]:
        _tell_past(checked["past"])
    for scope in checked["observed"]:
        print_gap()
        console().print(shown(f"At observe, {scope['scope']}: {scope['in_words']}."), soft_wrap=True)
        print_table("", ("since", "what", "fitted", "saved", "judged"), [_trial_row(trial) for trial in scope["trials"]])


def _tell_past(past: Mapping[str, Any]) -> None:
    print_gap()
    if not past["judgements"]:
        say(f"nothing was judged since {past['since'][:10]}: there is nothing to compare with")
    else:
        console().print(shown(f"{past['proposals']} proposals judged since {past['since'][:10]}, by these rules:"), soft_wrap=True)
        rows = [(each, count["was"], count["would_be"]) for each, count in past["counts"].items()]
        print_table("", ("", "was", "would be"), rows, numbers=("was", "would be"))
        print_gap()
        columns = ("judged", "change", "was", "would be", "asks for less")
        print_table("Each, and the rule that decides", columns, [_row(replay) for replay in _worth_showing(past["judgements"])])
    for lost in past["lost"]:
        say(f"not judged again: {lost}")


def _worth_showing(replays: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The last word on each proposal, and the first of those that would have asked for less in another way."""
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    for replay in replays:
        key = (replay["proposal"], "; ".join(replay["looser"]))
        if replay["is_newest"] or (replay["looser"] and key not in found):
            found[key] = replay
    return list(found.values())


def _row(replay: Mapping[str, Any]) -> tuple[object, ...]:
    looser = "; ".join(replay["looser"]) or ("" if replay["is_as_recorded"] else "judged otherwise by this version")
    was, would_be = f"{replay['was']} ({replay['was_decided_by']})", f"{replay['would_be']} ({replay['decided_by']})"
    return (replay["verdict"], replay["change"], was, would_be, looser)


def _trial_row(trial: Mapping[str, Any]) -> tuple[object, ...]:
    fit, saved = trial["fit"], trial["saved"]
    fitted = (
        trial["why"] if fit is None else f"missed {fit['missed']} of {fit['steps']} hours" if fit["missed"] else f"all {fit['steps']} hours"
    )
    amount = f"{Decimal(saved['amount']):,.2f} {saved['currency']} in {trial['billed_days']} days" if saved else "not known"
    return (trial["since"][:10], trial["what"], fitted, amount, trial["verdict"])

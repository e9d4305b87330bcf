"""What is worth changing and what is left alone, for people: the ten that matter first, everything about one pool, and each no with
what would make it a yes.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

from trimtab.analysis.ranking import gains, is_growth, rank, top
from trimtab.cli.output import console, in_lines, print_gap, print_table, shown
from trimtab.errors import BadInput
from trimtab.flow.runs import Analysis
from trimtab.flow.totals import Total, pool_totals, run_totals
from trimtab.records import ClusterUid, Finding, Refusal, Scores, Subject
from trimtab.render.charts import demand_chart
from trimtab.render.view import misses_per_1000
from trimtab.units import Money

MOST = 10
MOST_NAMED = 3
LONGEST_WHERE, LONGEST_WHY, LONGEST_EXAMPLE = 30, 80, 150
Names = Mapping[str, str]
"""Cluster uid → name."""
STEP = "one step goes to"
"""What the analysis writes where the evidence asks for more than one step."""


# ── The ten that matter first ────────────────────────────────────────────────────────────────────────────────────────
def print_first(analyses: Sequence[Analysis], names: Names, *, everything: bool = False) -> None:
    """The most important findings as a table, what all of them come to, then why the rest is left alone."""
    findings = rank(finding for analysis in analyses for finding in analysis.findings)
    first = findings if everything else top(findings, MOST)
    print_ranked(first, names)
    if len(first) < len(findings):
        console().print(shown(f"{_rest(findings, first)}: --all shows them, --pool CLUSTER/POOL shows everything about one."))
    _print_totals(run_totals(analyses), findings)
    print_gap()
    print_grouped([refusal for analysis in analyses for refusal in analysis.refusals], names)


def _rest(findings: Sequence[Finding], first: Sequence[Finding]) -> str:
    gaining = sum(1 for finding in findings if is_growth(finding) or gains(finding)) - len(first)
    more = len(findings) - len(first)
    own = f"{gaining} with a gain of {'its' if gaining == 1 else 'their'} own" if gaining else "none with a gain of its own"
    return f"{more} more finding{'' if more == 1 else 's'}, {own}"


def _print_totals(totals: Sequence[Total], findings: Sequence[Finding]) -> None:
    """What all of it comes to, and how many savings are in no sum."""
    for total in totals:
        if total.findings:
            console().print(shown(total_sentence(total)))
    apart = sum(1 for finding in findings if finding.saving_list.amount > 0) - sum(total.findings for total in totals)
    if apart:
        are = "saving is" if apart == 1 else "savings are"
        why = "of volumes, of pools whose cost is not known, or instead of a larger one"
        console().print(shown(f"{apart} {are} in no sum: {why}."))


def print_ranked(findings: Sequence[Finding], names: Names) -> None:
    """One line each, with what it saves a month and why it is no more."""
    columns = ("#", "where", "what", "saves/month", "at list", "freed", "risk", "sure", "why not more")
    currencies = {finding.saving_list.currency for finding in findings}
    rows = [
        (
            number,
            in_lines(place(finding.subject, names), LONGEST_WHERE),
            change_in_words(finding),
            *(_cell(money, currencies) for money in (finding.saving_effective, finding.saving_list, finding.saving_freed)),
            _score(finding.scores.risk if finding.scores else None),
            _score(finding.scores.confidence if finding.scores else None),
            short(why_not_more(finding), LONGEST_WHY),
        )
        for number, finding in enumerate(findings, 1)
    ]
    title = in_currency("What matters first", currencies)
    print_table(title, columns, rows, numbers=("#", "saves/month", "at list", "freed", "risk", "sure"), whole=("#", "where"))
    if any(finding.saving_effective is None or finding.saving_freed is None for finding in findings):
        console().print(shown("–: not known from the bill; a saving that is not known is ranked by its list price."))


def in_currency(title: str, currencies: Collection[str]) -> str:
    """A table's title with its one currency; of two, each amount names its own."""
    return f"{title}, in {next(iter(currencies))} a month" if len(currencies) == 1 else title


def _cell(money: Money | None, currencies: Collection[str]) -> Decimal | str | None:
    return amount_of(money) if money is None or len(currencies) == 1 else str(money)


def change_in_words(finding: Finding) -> str:
    """Count 8 → 6."""
    return ", ".join(f"{change.field} {change.old} → {change.new}" for change in finding.changes)


def place(subject: Subject, names: Names) -> str:
    """dev-sandbox/general; with its kind in front where it is no pool."""
    return f"{names.get(subject.cluster_uid, subject.cluster_uid)}/{subject.thing}"


def why_not_more(finding: Finding) -> str:
    """What kept it this small: a person's part, the size of one step, or what else was looked at."""
    if finding.needs_person:
        return "a person's work; no edit alone does it"
    staged = next((line for line in finding.evidence.lines if STEP in line), "")
    return staged or finding.runner_up or ("somebody waits for it" if is_growth(finding) else "the evidence asks for no more")


def short(text: str, longest: int) -> str:
    """Its beginning, cut at a word; --pool and the JSON have all of it."""
    return text if len(text) <= longest else text[: longest - 3].rsplit(" ", 1)[0] + "..."


def total_sentence(total: Total) -> str:
    """What all of it comes to, and why it is less than the sum."""
    freed = f"; {total.saving_freed} more is freed, not saved" if total.saving_freed and total.saving_freed.amount > 0 else ""
    really = f"{total.saving_effective} really saved" if total.saving_effective else "what is really saved is not known of all of them"
    all_of_it = f"All {total.findings} savings together" if total.findings > 1 else "In all"
    shared = " Changes of one pool share its cost, so they multiply and do not add up." if total.findings > 1 else ""
    return f"{all_of_it}: {total.saving_list} of {total.costs} a month at list price ({total.share:.0%}), {really}{freed}.{shared}"


def amount_of(money: Money | None) -> Decimal | None:
    """Without its currency; None = not known."""
    return None if money is None else money.amount


def _score(value: float | None) -> str | None:
    return None if value is None else f"{value:.2f}"


# ── Left alone ───────────────────────────────────────────────────────────────────────────────────────────────────────
def print_grouped(refusals: Sequence[Refusal], names: Names, title: str = "Left alone, and why") -> None:
    """Refusals by their reason: where, an example in words, what would make it possible, and from when."""
    rows = [_group(rule, group, names) for rule, group in grouped(refusals)]
    print_table(title, ("why", "where", "for example", "what would make it possible", "from"), rows)


def grouped(refusals: Iterable[Refusal]) -> list[tuple[str, list[Refusal]]]:
    """By rule, the most frequent first."""
    groups: dict[str, list[Refusal]] = {}
    for refusal in refusals:
        groups.setdefault(refusal.rule, []).append(refusal)
    return sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))


def _group(rule: str, group: Sequence[Refusal], names: Names) -> tuple[str, str, str, str, str]:
    places = [f"{names.get(refusal.cluster_uid, refusal.cluster_uid)}/{_thing(refusal)}" for refusal in group]
    more = f" and {len(places) - MOST_NAMED} more" if len(places) > MOST_NAMED else ""
    needs = list(dict.fromkeys(refusal.needs for refusal in group if refusal.needs))
    return (
        rule,
        ", ".join(places[:MOST_NAMED]) + more,
        short(group[0].reason, LONGEST_EXAMPLE),
        short(" ".join(needs), LONGEST_EXAMPLE),
        _first_date(group),
    )


def _thing(refusal: Refusal) -> str:
    return refusal.pool if refusal.kind == "pool" else f"{refusal.kind}:{refusal.pool}"


def _first_date(group: Iterable[Refusal]) -> str:
    dates: list[date] = [refusal.eligible_from for refusal in group if refusal.eligible_from]
    return min(dates).isoformat() if dates else ""


# ── One pool, whole ──────────────────────────────────────────────────────────────────────────────────────────────────
def only(analyses: Sequence[Analysis], names: Names, wanted: str, pools: Sequence[str]) -> list[Analysis]:
    """What the analyses say of one CLUSTER/POOL (or CLUSTER/kind:name). Raises BadInput where there is no such thing."""
    kept = [
        replace(
            analysis,
            findings=tuple(finding for finding in analysis.findings if place(finding.subject, names) == wanted),
            refusals=tuple(refusal for refusal in analysis.refusals if wanted in _places(refusal, names, pools)),
            costs=tuple(cost for cost in analysis.costs if f"{names.get(ClusterUid(analysis.cluster_uid), '')}/{cost.pool}" == wanted),
        )
        for analysis in analyses
    ]
    if wanted not in pools and not any(analysis.findings or analysis.refusals for analysis in kept):
        raise BadInput(f"--pool {wanted}: no such pool; Palette has {', '.join(sorted(pools)) or 'none'}")
    return kept


def _places(refusal: Refusal, names: Names, pools: Sequence[str]) -> set[str]:
    """A no about a whole cluster is one about each of its pools."""
    cluster = names.get(refusal.cluster_uid, refusal.cluster_uid)
    if refusal.kind == "pool" and refusal.pool == "*":
        return {pool for pool in pools if pool.startswith(f"{cluster}/")}
    return {f"{cluster}/{_thing(refusal)}"}


def print_whole(analyses: Sequence[Analysis], names: Names) -> None:
    """Everything that is known of what was found, one after the other, then what was refused."""
    for finding in rank(finding for analysis in analyses for finding in analysis.findings):
        print_evidence(finding, names)
    for total in (total for analysis in analyses for total in pool_totals(analysis) if total.findings > 1):
        console().print(shown(total_sentence(total)))
        print_gap()
    for refusal in (refusal for analysis in analyses for refusal in analysis.refusals):
        console().print(shown(f"Left alone ({refusal.rule}): {refusal.reason}"))
        for word, text in (("What would make it possible", refusal.needs), ("From", refusal.eligible_from)):
            if text:
                console().print(shown(f"  {word}: {text}"))


def print_evidence(finding: Finding, names: Names) -> None:
    """Money, chart, backtest of both sizes, sentences, what is not known, past cases."""
    evidence = finding.evidence
    console().print(shown(f"{place(finding.subject, names)}: {change_in_words(finding)}  ({finding.rule})"), style="bold")
    for line in (money_sentence(finding), *((scores_sentence(finding.scores),) if finding.scores else ())):
        console().print(shown(f"  {line}"))
    if finding.needs_person:
        console().print(shown(f"  An edit alone does not do it: {finding.needs_person}"))
    chart = demand_chart(evidence)
    if chart:
        console().print(shown(f"  Highest demand in {evidence.unit} (blank: not measured; !: would not fit the size proposed):"))
    for line in chart.splitlines():
        console().print(shown(f"  {line}"))
    print_proof(finding)
    print_gap()


def print_proof(finding: Finding) -> None:
    """Every sentence about it: what was measured, what could hurt, what nobody knows, and how changes like it went."""
    evidence = finding.evidence
    for title, lines in (
        ("Proof", (backtest_sentence(finding), *evidence.lines)),
        ("Runner-up", (finding.runner_up,) if finding.runner_up else ()),
        ("What could hurt", finding.disruption),
        ("Not known", finding.unknowns),
        ("Similar changes before", similar_sentences(finding)),
    ):
        _print_list(title, lines)


def _print_list(title: str, lines: Sequence[str]) -> None:
    if lines:
        console().print(shown(f"  {title}"))
    for line in lines:
        console().print(shown(f"    - {line}"))


def money_sentence(finding: Finding) -> str:
    """What it saves, frees or costs, and by which prices."""
    listed, real, freed = finding.saving_list, finding.saving_effective, finding.saving_freed
    word = "Saves" if listed.amount >= 0 else "Costs"
    sign = 1 if listed.amount >= 0 else -1
    at_list = f"{listed * sign} a month at list price ({finding.price_source})"
    if real is None:
        return f"{word} {at_list}; what is really paid is not known."
    if freed is not None and freed.amount > 0 and not real.amount:
        return f"Saves nothing on the bill, and frees {freed} a month for others; saves {at_list}."
    rest = f", and {freed} is freed, not saved" if freed is not None and freed.amount > 0 else ""
    return f"{word} {real * sign} a month at what is really paid{rest}; {at_list}."


def scores_sentence(scores: Scores) -> str:
    """The four scores in one line."""
    return (
        f"Scores, 0 to 1: saving {scores.cost:.2f} of its cost, risk {scores.risk:.2f}, speed {scores.velocity:.2f}, "
        f"confidence {scores.confidence:.2f}."
    )


def backtest_sentence(finding: Finding) -> str:
    """Misses of both sizes, on the days that the new one was not fitted on."""
    evidence, rates = finding.evidence, misses_per_1000(finding)
    if rates is None:
        return "No days were left to judge it on."
    return (
        f"Fitted on {evidence.fitted_days} days, judged on the {evidence.judged_days} after them: {rates.old:.2f} misses per 1,000 "
        f"{rates.per} as it is, {rates.new:.2f} as proposed."
    )


def similar_sentences(finding: Finding) -> tuple[str, ...]:
    """What became of changes like it; none is said as none."""
    if not finding.similar:
        return ("None on record: nothing like it was measured here yet.",)
    return tuple(f"{'Well' if case.went_well else 'BADLY'} ({1 - case.distance:.0%} alike): {case.what}" for case in finding.similar)

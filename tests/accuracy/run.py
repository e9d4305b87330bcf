"""How right the models are, measured: writes docs/accuracy.md. Run by `make accuracy`; the same machine gives the same numbers."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from tests.accuracy import policies, workloads
from tests.owner_corpus import Corpus, corpus
from trimtab.adapters.learning import ScikitLearner
from trimtab.attribution.proof import Quality, interval, quality
from trimtab.attribution.suggest import suggest

PAGE = Path(__file__).parents[2] / "docs" / "accuracy.md"
SHOPS = (
    ("small", {"teams": 8, "namespaces": 150, "unlabeled": 0.3}),
    ("middle", {"teams": 40, "namespaces": 1500, "unlabeled": 0.2}),
    ("middle, little labeled", {"teams": 40, "namespaces": 1500, "unlabeled": 0.4}),
    ("large", {"teams": 80, "namespaces": 5000, "unlabeled": 0.3}),
)
SEED = 20260701


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnerRow:
    """One shop, measured twice: by the model's own held-out trials, and by the owners that only the test knew."""

    shop: str
    teams: int
    learned_from: int
    held_out: Quality
    hidden: int
    suggested: int
    right: int
    seconds: float


def owner_row(shop: str, made: Corpus) -> OwnerRow:
    """Learn from the labeled part, ask about the hidden one."""
    examples = made.labeled
    began = time.perf_counter()
    model = ScikitLearner().owners(examples)
    seconds = time.perf_counter() - began
    left = [(example.place, "USD", Decimal(1)) for example in made.hidden]
    suggested, _ = suggest(model, examples, left, {example.place: example.about for example in made.hidden})
    truth = {example.place: example.team for example in made.hidden}
    right = sum(truth[f"{one.cluster}/{one.namespace}"] == one.team for one in suggested)
    return OwnerRow(
        shop=shop, teams=len({example.team for example in examples}), learned_from=len(examples), held_out=quality(model.trials),
        hidden=len(left), suggested=len(suggested), right=right, seconds=seconds,
    )  # fmt: skip


def owner_rows() -> list[OwnerRow]:
    """Every shop."""
    return [owner_row(name, corpus(SEED + number, **size)) for number, (name, size) in enumerate(SHOPS)]  # type: ignore[arg-type]


def section(rows: Iterable[OwnerRow]) -> str:
    """The page's part on owner suggestions."""
    found = list(rows)
    lines = [
        "## Owner suggestions",
        "",
        "Who may own a namespace that no rule gives an owner. The shops are generated (`tests/owner_corpus.py`): names of product words,",
        "abbreviations, codes and words that every team uses, shared accounts and projects, 3 % of the labels wrong. They show that the",
        "method works and how honest its confidence is; how well it does with your names, `trimtab suggestions` tells from your own",
        "held-out namespaces. *Held out* is by namespace name in five folds; threshold and calibration of a fold come from the other four.",
        "*Hidden* namespaces have an owner that only the test knows.",
        "",
        "| shop | teams | examples | held out: right (95 % interval) | answered | calibration error | hidden: right | of | seconds |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
        *(_line(row) for row in found),
        "",
        *_bins(found[-1]),
    ]
    return "\n".join(lines) + "\n"


def _line(row: OwnerRow) -> str:
    low, high = interval(row.held_out.answered_right, row.held_out.answered)
    held_out = f"{row.held_out.answered_right} of {row.held_out.answered} ({low:.0%} to {high:.0%})"
    return (
        f"| {row.shop} | {row.teams} | {row.learned_from} | {held_out} | {row.held_out.coverage:.0%} "
        f"| {row.held_out.calibration_error:.3f} | {row.right} of {row.suggested} suggested | {row.hidden} | {row.seconds:.1f} |"
    )


def _bins(row: OwnerRow) -> list[str]:
    head = [
        f"Calibration of the {row.shop} shop, ten bins of equal width:",
        "",
        "| confidence | trials | mean | right |",
        "|---|---:|---:|---:|",
    ]
    return [
        *head,
        *(f"| {one.low:.1f} to {one.high:.1f} | {one.trials} | {one.confidence:.2f} | {one.right:.2f} |" for one in row.held_out.bins),
    ]


def main() -> None:
    """Measure and write."""
    text = f"{section(owner_rows())}\n{policies.section(policies.traces())}\n{workloads.section()}"
    PAGE.write_text(f"# How right the models are\n\nWritten by `make accuracy`; do not edit by hand.\n\n{text}")
    print(text)


if __name__ == "__main__":
    main()

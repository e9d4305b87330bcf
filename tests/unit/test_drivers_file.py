"""`.trimtab/drivers.csv`: shared cost divided by what no cluster measures."""

from datetime import date

import pytest

from tests.judgement import files
from trimtab.errors import BadInput
from trimtab.policy.allocation_rules import ALLOCATION
from trimtab.policy.drivers_file import DRIVERS_CSV
from trimtab.policy.rules import parse_governance
from trimtab.records import CommitSha, SharedRule, ShareWeight

COMMIT = CommitSha("c0de" * 10)
RULE = b'version: 1\nshared:\n  - {id: search, service: "Amazon OpenSearch.*", split: driver, driver: queries}\n'
HEADER = "driver,from,to,cluster,namespace,team,value\n"


def shared(rows: str, rule: bytes = RULE) -> SharedRule:
    return parse_governance(files() | {ALLOCATION: rule, DRIVERS_CSV: (HEADER + rows).encode()}, COMMIT).allocation.shared[0]


def test_a_driver_of_the_file_becomes_dated_weights() -> None:
    rule = shared("queries,2026-07-01,,prod,shop,,1200.5\nqueries,2026-07-01,2026-08-01,,feed,,800\nseats,2026-07-01,,,,ml,3\n")

    assert (rule.split, rule.driver) == ("weighted", None)
    assert rule.weights == (
        ShareWeight(
            value=1_200_500_000, cluster="prod", namespace="shop", valid_from=date(2026, 7, 1), valid_to=date(2026, 7, 2)
        ),
        ShareWeight(value=800_000_000, namespace="feed", valid_from=date(2026, 7, 1), valid_to=date(2026, 8, 1)),
    )  # fmt: skip


def test_the_rules_version_moves_with_the_file() -> None:
    """Else a period attributed with other drivers would not be asked for again."""
    one, two = (
        parse_governance(files() | {ALLOCATION: RULE, DRIVERS_CSV: f"{HEADER}queries,2026-07-01,,,shop,,{value}\n".encode()}, COMMIT)
        for value in (1, 2)
    )
    assert one.version != two.version


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("seats,2026-07-01,,,shop,,1\n", r"allocation.yaml: shared\[0\].driver: no driver 'queries'; known: cpu-seconds, .*, seats"),
        ("queries,2026-07-01,,,,platform,1\n", "drivers.csv: driver 'queries': no team 'platform'"),
        ("cpu-seconds,2026-07-01,,,shop,,1\nqueries,2026-07-01,,,shop,,1\n", "driver 'cpu-seconds': usage measures it"),
        ("queries,2026-07-01,,,shop,,-1\n", "row 2, value: begins with '-'"),
        ("queries,2026-07-01,,,shop,,1e9\n", "row 2, value: '1e9': expected a number"),
        ("queries,2026-07-01,,,shop,,NaN\n", "row 2, value: 'NaN': expected a number"),
        ("queries,2026-07-01,,,shop,ml,1\n", "row 2: needs either a namespace or a team"),
        ("queries,,,,shop,,1\n", "row 2, from: empty"),
        ("queries,2026-07-02,2026-07-02,,shop,,1\n", "row 2, to: 2026-07-02 is not after"),
        ("queries,2026-07-01,,,shop,,1\nqueries,2026-07-01,,,shop,,1\n", "row 3: shop has a row for 2026-07-01 already"),
        ("queries,2026-07-01,,,shop,,1,9\n", "row 2: 8 cells, and the header has 7"),
        ("Queries!,2026-07-01,,,shop,,1\n", "row 2, driver: 'Queries!' is no name"),
    ],
)  # fmt: skip
def test_what_is_wrong_names_its_row(rows: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        shared(rows)


def test_a_rule_over_teams_takes_no_rows_of_namespaces() -> None:
    rule = RULE.replace(b"split: driver", b"over: teams, split: driver")
    with pytest.raises(BadInput, match="rule search shares over teams"):
        shared("queries,2026-07-01,,,shop,,1\n", rule)

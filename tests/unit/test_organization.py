"""Teams, cost centers and business units: two files that must agree, and dates that must not overlap."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.judgement import files
from trimtab.errors import BadInput, TooLarge
from trimtab.policy.cmdb import OWNERS_CSV, parse_teams_csv, teams_csv
from trimtab.policy.rules import governance_schema, parse_governance, version_of
from trimtab.records import CommitSha, CostCenter, Dated, Governance, Team

HEADER = "team,cost_center,business_unit,channel,valid_from,valid_to\n"
JULY, AUGUST = date(2026, 7, 1), date(2026, 8, 1)


def read(owners: str = "", csv: str | bytes | None = None) -> Governance:
    """The tenant whose owners.yaml says this, and whose owners.csv that."""
    whole = files() | {".trimtab/config.yaml": b"version: 1\n", ".trimtab/owners.yaml": f"version: 1\n{owners}\n".encode()}
    if csv is not None:
        whole[OWNERS_CSV] = csv if isinstance(csv, bytes) else csv.encode()
    return parse_governance(whole, CommitSha("0" * 40))


def refusal(owners: str = "", csv: str | bytes | None = None) -> str:
    with pytest.raises(BadInput) as caught:
        read(owners, csv)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_yaml_alone_gives_teams_their_cost_centers_and_business_units() -> None:
    found = read("""
business_units: [{id: Products}]
cost_centers: [{id: CC0, business_unit: Products}, {id: CC1, name: Research, parent: CC0}]
teams: [{name: ml, cost_center: CC1, channel: C1, aliases: [ai]}]""")

    assert found.teams == (Team(name="ml", cost_center="CC1", channel="C1", aliases=("ai",), cost_centers=(Dated(name="CC1"),)),)
    assert found.cost_centers == (
        CostCenter(id="CC0", business_units=(Dated(name="Products"),)), CostCenter(id="CC1", name="Research", parent="CC0"),
    )  # fmt: skip


def test_a_team_that_moves_has_a_list_of_cost_centers_with_dates() -> None:
    found = read("teams: [{name: ml, cost_center: [{id: CC2, from: 2026-08-01}, {id: CC1, to: 2026-08-01}]}]")

    assert found.teams[0].cost_centers == (Dated(name="CC1", valid_to=AUGUST), Dated(name="CC2", valid_from=AUGUST))
    assert found.teams[0].cost_center == "CC2"


def test_the_csv_adds_teams_and_completes_those_of_the_yaml() -> None:
    csv = HEADER + "ml,CC1,Products,C9,,\nshop,CC2,Sales,,2026-07-01,\nshop,CC1,Products,C2,2026-01-01,2026-07-01\n"
    found = read("teams: [{name: ml, time_zone: Europe/Berlin}]\nrules: [{id: shop, namespace: shop, team: shop}]", csv)

    ml, shop = found.teams
    assert (ml.cost_center, ml.channel, ml.time_zone) == ("CC1", "C9", "Europe/Berlin")
    assert shop.cost_centers == (
        Dated(name="CC1", valid_from=date(2026, 1, 1), valid_to=JULY), Dated(name="CC2", valid_from=JULY),
    )  # fmt: skip
    assert (shop.valid_from, shop.valid_to, shop.channel) == (date(2026, 1, 1), None, "C2")
    assert {center.id: center.business_units[0].name for center in found.cost_centers} == {"CC1": "Products", "CC2": "Sales"}


@pytest.mark.parametrize(
    "csv",
    [
        b"\xef\xbb\xbfTeam,Cost Center,BUSINESS_UNIT\r\nml,CC1,Products\r\n",
        "cost-center;business unit;TEAM\nCC1;Products;ml\n\n",
        "team\tcost_center\tbusiness_unit\n ml \tCC1\t Products\n",
        '"team","cost_center","business_unit"\n"ml","CC1","Products"\n,,\n',
    ],
)
def test_header_case_byte_order_mark_and_delimiter_do_not_matter(csv: str | bytes) -> None:
    found = read("", csv)

    assert [(team.name, team.cost_center) for team in found.teams] == [("ml", "CC1")]
    assert found.cost_centers[0].business_units == (Dated(name="Products"),)


@pytest.mark.parametrize(
    ("csv", "message"),
    [
        ("", "row 1: no column team"),
        ("cost_center\nCC1\n", "row 1: no column team"),
        ("team,buisness_unit\nml,x\n", "row 1: unknown column 'buisness_unit'; known: team,"),
        ("team,Team\nml,ml\n", "row 1: column team stands there twice"),
        (HEADER + "ml,CC1\n", "row 2: 2 cells; the header has more"),
        (HEADER + ",CC1,,,,\n", "row 2, team: empty"),
        (HEADER + "ml,CC1,,,,\n\nml,CC1,,,,\n", "rows 2 and 4, team: 'ml' stands there twice on the same days"),
        (HEADER + "ml,,Products,,,\n", "row 2, cost_center: empty, so business unit 'Products'"),
        (HEADER + "ml,CC1,,,31.12.2026,\n", "row 2, valid_from: not a date: '31.12.2026'; write 2026-12-20"),
        (HEADER + "ml,CC1,,,2026-08-01,2026-08-01\n", "row 2, valid_to: 2026-08-01 is not after valid_from 2026-08-01"),
        (HEADER + "ml,CC1,,,,2026-08-01\nml,CC2,,,2026-07-01,\n", "rows 2 and 3, team: 'ml' stands there twice"),
        (HEADER + "ml,CC1,A,,,\nshop,CC1,B,,,\n", "row 3, business_unit: cost center 'CC1' is in 'B', but row 2 says 'A'"),
        (HEADER + "ml,CC1,,C1,,2026-07-01\nml,CC1,,C2,2026-07-01,\n", "row 3, channel: 'C2', but row 2 says 'C1'"),
        (HEADER + "ml,CC1,,,,\nML,CC1,,,,\n", "row 3, team: 'ML' is 'ml' in .trimtab/owners.csv: row 2; write it the same way"),
        (HEADER + f"{'x' * 121},CC1,,,,\n", "row 2, team: 121 characters; at most 120"),
        (HEADER + "m\x00l,CC1,,,,\n", "row 2"),
        (HEADER + 'ml,"CC1,,,,\n', "row 2: unexpected end of data"),
        (HEADER.encode() + b"f\xfcr,CC1,,,,\n", "row 2: not UTF-8"),
        ("team,cost_center\nData, ML,CC1\n", "row 2: 3 cells, and the header has 2; put a value with a delimiter in it into quotes"),
        (HEADER + "=HYPERLINK(1),CC1,,,,\n", "row 2, team: begins with '=': a spreadsheet would take it for a formula"),
        (HEADER + "ml,@SUM(1),,,,\n", "row 2, cost_center: begins with '@'"),
    ],
)
def test_a_wrong_csv_names_row_and_column(csv: str | bytes, message: str) -> None:
    said = refusal("", csv)

    assert said.startswith(f"{OWNERS_CSV}: ")
    assert message in said


@pytest.mark.parametrize(
    ("owners", "csv", "message"),
    [
        (
            "teams: [{name: ml, cost_center: CC9}]",
            "ml,CC1,,,,",
            "row 2, cost_center: 'CC1', but .trimtab/owners.yaml: teams[0].cost_center says 'CC9'",
        ),
        ("teams: [{name: ml, channel: C9}]", "ml,,,C1,,", "row 2, channel: 'C1', but .trimtab/owners.yaml: teams[0].channel says 'C9'"),
        ("teams: [{name: ML}]", "ml,,,,,", "row 2, team: 'ml' is 'ML' in .trimtab/owners.yaml"),
        (
            "cost_centers: [{id: CC1, business_unit: A}]",
            "ml,CC1,B,,,",
            "row 2, business_unit: 'B', but .trimtab/owners.yaml: cost_centers[0]",
        ),
        (
            "cost_centers: [{id: CC0}, {id: CC1, parent: CC0}]",
            "ml,CC1,B,,,",
            "row 2, business_unit: .trimtab/owners.yaml: cost_centers[1].parent",
        ),
        ("business_units: [{id: A}]", "ml,CC1,B,,,", "business_units: no 'B', which cost center 'CC1' is in; known: A"),
    ],
)
def test_two_files_that_disagree_are_refused_and_both_are_named(owners: str, csv: str, message: str) -> None:
    """Whichever won silently, somebody would be billed for another's cost."""
    assert message in refusal(owners, HEADER + csv + "\n")


def test_files_that_speak_of_different_days_do_not_disagree() -> None:
    owners = "teams: [{name: ml, cost_center: [{id: CC1, to: 2026-08-01}, {id: CC2, from: 2026-08-01}]}]"
    found = read(owners, HEADER + "ml,CC2,,,2026-09-01,\n")

    assert found.teams[0].cost_centers == (Dated(name="CC1", valid_to=AUGUST), Dated(name="CC2", valid_from=AUGUST))


def test_days_that_only_the_csv_speaks_of_are_not_lost() -> None:
    """The YAML tells the past, the CMDB the present: neither pushes the other's days aside."""
    owners = (
        "teams: [{name: ml, cost_center: [{id: CC1, to: 2026-07-01}]}]\ncost_centers: [{id: CC1, business_unit: [{id: U, to: 2026-08-01}]}]"
    )
    found = read(owners, HEADER + "ml,CC2,,,2026-07-01,2026-08-01\nml,CC1,W,,2026-08-01,\n")

    assert found.teams[0].cost_centers == (
        Dated(name="CC1", valid_to=JULY), Dated(name="CC2", valid_from=JULY, valid_to=AUGUST), Dated(name="CC1", valid_from=AUGUST),
    )  # fmt: skip
    assert found.teams[0].cost_center == "CC1"
    assert found.cost_centers[0].business_units == (Dated(name="U", valid_to=AUGUST), Dated(name="W", valid_from=AUGUST))


@pytest.mark.parametrize(
    ("owners", "message"),
    [
        (
            "cost_centers: [{id: A, parent: B}, {id: B, parent: C}, {id: C, parent: A}]",
            "cost_centers: A under B under C under A goes in a circle",
        ),
        ("cost_centers: [{id: A, parent: A}]", "goes in a circle"),
        ("cost_centers: [{id: A, parent: Z}]", "'A' is under 'Z', which is not there; known: A"),
        ("cost_centers: [{id: A}, {id: A}]", "cost_centers: 'A' stands there twice"),
        ("business_units: [{id: U}, {id: U}]", "business_units: 'U' stands there twice"),
        ("business_units: [{id: U}]\ncost_centers: [{id: A, business_unit: X}]", "no 'X', which cost center 'A' is in; known: U"),
        ("cost_centers: [{id: A}]\nteams: [{name: ml, cost_center: B}]", "teams[0].cost_center: no cost center 'B'; known: A"),
        ("cost_centers: [{id: A, parent: B, business_unit: U}, {id: B}]", "cost_centers[0].parent: a cost center under another"),
        (
            "teams: [{name: ml, cost_center: [{id: A}, {id: B, from: 2026-08-01}]}]",
            "teams[0].cost_center: 'A' and 'B' hold on the same days",
        ),
        ("teams: [{name: ml, from: 2026-08-01, to: 2026-08-01}]", "teams[0].to: 2026-08-01 is not after from 2026-08-01"),
        ("teams: [{name: ml, from: 2026-08-01T10:00:00}]", "teams[0].from: expected a date without a time"),
        ("teams: [{name: ml, to: next week}]", "teams[0].to: not a date: 'next week'"),
        ("teams: [{name: a, aliases: [x]}, {name: b, aliases: [X]}]", "alias 'X' of 'b' already means 'a'"),
        ("teams: [{name: a}, {name: b, aliases: [A]}]", "alias 'A' of 'b' already means 'a'"),
        (
            "teams: [{name: t}]\n" + "rules: [{id: r, namespace: a, team: t}, {id: r, namespace: b, team: t}]",
            "rules[1].id: 'r' stands there twice on the same",
        ),
        (
            "teams: [{name: t}]\nrules: [{id: r, namespace: a, team: t, to: 2026-08-02}, {id: r, namespace: b, team: t, from: 2026-08-01}]",
            "rules[1].id: 'r'",
        ),
        ("teams: [{name: t}]\nrules: [{id: r, namespace: '(a+)+$', team: t}]", "rules[0].namespace: a repeat of a repeat"),
        ("teams: [{name: t}]\nrules: [{id: r, annotation: a, team: t}]", "rules[0]: needs either team, or label or annotation"),
        ("teams: [{name: t}]\nrules: [{id: r, team: t}]", "rules[0]: needs a condition"),
    ],
)
def test_a_hierarchy_that_cannot_be_is_refused_by_name(owners: str, message: str) -> None:
    said = refusal(owners)

    assert said.startswith(".trimtab/owners.yaml: ")
    assert message in said


def test_a_rule_may_have_two_versions_that_follow_each_other() -> None:
    """So that `trimtab explain` names one rule before and after, and each month is run with its own."""
    found = read(
        "teams: [{name: t}]\n"
        "rules: [{id: r, namespace: a, team: t, to: 2026-08-01},"
        " {id: r, label: [team, owner], annotation: o, project: p, from: '2026-08-01'}]"
    )

    before, after = found.owner_rules
    assert (before.valid_to, after.valid_from) == (AUGUST, AUGUST)
    assert (after.labels, after.annotations, after.project) == (("team", "owner"), ("o",), "p")


def test_the_csv_counts_for_the_version_of_the_rules() -> None:
    """An approval is bound to it: a team that moves to another cost center is a change of the rules."""
    whole = files()

    assert version_of(whole | {OWNERS_CSV: b"team\n"}) != version_of(whole)
    assert version_of(whole | {OWNERS_CSV: b"team\n"}) != version_of(whole | {OWNERS_CSV: b"team\nml\n"})


def test_an_export_may_have_columns_that_are_nothing_to_us_and_is_written_in_our_form() -> None:
    export = "sys_id;Team;Cost Center;Manager Grade;Business Unit\n1;shop;CC2;4;Sales\n2;ml;CC1;5;Products\n"

    written = teams_csv(parse_teams_csv(export.encode(), "export.csv", is_export=True))

    assert written.decode() == HEADER + "ml,CC1,Products,,,\nshop,CC2,Sales,,,\n"
    assert teams_csv(parse_teams_csv(written, OWNERS_CSV)) == written


def test_a_huge_csv_is_not_read() -> None:
    with pytest.raises(TooLarge, match=r"owners\.csv: \d+ bytes"):
        read("", b"team\n" + b"x\n" * 3_000_000)


def test_the_schema_for_editors_knows_dates_and_hierarchy() -> None:
    schema = governance_schema()[".trimtab/owners.yaml"]

    assert {"teams", "cost_centers", "business_units", "rules"} <= schema["properties"].keys()
    assert schema["$defs"]["OwnerRuleModel"]["properties"]["from"]["anyOf"][0] == {"type": "string", "format": "date"}


cell_text = st.text(st.sampled_from('aé ,;\t"\n\r\x00=1-2026/team_'), max_size=14)


@given(
    st.binary(max_size=60)
    | st.lists(st.lists(cell_text, max_size=7).map(",".join), max_size=6).map(lambda lines: (HEADER + "\n".join(lines)).encode())
)
def test_whatever_bytes_a_csv_holds_it_is_read_or_refused_in_one_line(content: bytes) -> None:
    for is_export in (False, True):
        written, said = outcome(content, is_export)
        assert "\n" not in said
        assert outcome(written, False) == (written, "")


def outcome(content: bytes, is_export: bool) -> tuple[bytes, str]:
    """Our own form of the file, or of an empty one, and why it was refused."""
    try:
        return teams_csv(parse_teams_csv(content, OWNERS_CSV, is_export=is_export)), ""
    except BadInput as error:
        return teams_csv(()), str(error)

"""Who is named in owners.yaml, for what and by which group; and the piece of it that is printed from Palette's teams."""

from datetime import date

import pytest

from tests.judgement import CONFIG, OWNERS, POLICY, files
from trimtab.errors import BadInput
from trimtab.policy.owners_import import owners_yaml
from trimtab.policy.rules import parse_governance
from trimtab.records import ApproverScope, CommitSha, Governance, Person, PersonId

COMMIT = CommitSha("c0" * 20)


def owners(scope: str = "{people: [platform-owner]}", team: str = "") -> Governance:
    """The rules with one approver scope, and something more about a team."""
    text = OWNERS.replace(b"{people: [platform-owner, ml-owner]}", scope.encode())
    text = text.replace(b"channel: C0ML}", f"channel: C0ML{team}}}".encode())
    return parse_governance(files(CONFIG, POLICY, text), COMMIT)


def test_a_scope_names_people_groups_owners_and_files() -> None:
    scope = (
        "{path: 'clusters/**', people: [platform-owner], groups: ['github:acme/platform', 'slack:S0PLATFORM'], owners: [platform-owner]}"
    )

    assert owners(scope).approvers == (
        ApproverScope(
            cluster_uid=None,
            pool=None,
            people=(PersonId("platform-owner"),),
            groups=("github:acme/platform", "slack:S0PLATFORM"),
            owners=(PersonId("platform-owner"),),
            path="clusters/**",
        ),
    )


@pytest.mark.security(5)
@pytest.mark.parametrize(
    ("scope", "problem"),
    [
        ("{pool: batch}", r"approvers\[0\].people: nobody is named"),
        ("{people: [nobody]}", r"approvers\[0\].people\[0\]: no person 'nobody'"),
        ("{groups: ['github:acme/platform'], owners: [nobody]}", r"approvers\[0\].owners\[0\]: no person 'nobody'"),
        ("{people: [platform-owner], owners: [ml-owner]}", r"approvers\[0\].owners: 'ml-owner' is not among the people"),
        ("{groups: ['@here']}", r"approvers\[0\].groups\[0\]"),
        ("{groups: ['C0FINOPS']}", r"approvers\[0\].groups\[0\]"),
        ("{groups: ['slack:C 1']}", r"approvers\[0\].groups\[0\]"),
        ("{groups: ['github:acme/../x y']}", r"approvers\[0\].groups\[0\]"),
        ("{people: [platform-owner], channel: C0FINOPS}", r"approvers\[0\].channel: unknown key"),
    ],
)
def test_a_scope_that_names_nobody_or_anybody_is_refused(scope: str, problem: str) -> None:
    """Above all it never means "whoever is in the channel"."""
    with pytest.raises(BadInput, match=problem):
        owners(scope)


def test_a_team_has_holidays_and_other_ways_to_be_told() -> None:
    team = owners(
        team=", holidays: [2026-12-25, 2026-12-24, 2026-12-25], email: ml@acme.test, teams_webhook: ml, people: [ml-owner]"
    ).teams[1]

    assert (team.holidays, team.email, team.teams_webhook, team.people) == (
        (date(2026, 12, 24), date(2026, 12, 25)), "ml@acme.test", "ml", ("ml-owner",),
    )  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        "holidays: [2026-12-25T10:00:00]",
        "holidays: christmas",
        "email: nobody",
        "email: 'a@b.test, c@d.test'",
        'email: "a@b.test\\nBcc: x@y.test"',
        "teams_webhook: 'https://acme.webhook.office.com/secret'",
        "people: [nobody]",
    ],
)
def test_what_is_wrong_about_a_team_is_named(wrong: str) -> None:
    with pytest.raises(BadInput, match=rf"teams\[1\]\.{wrong.partition(':')[0]}"):
        owners(team=f", {wrong}")


# ── Palette's teams ──────────────────────────────────────────────────────────────────────────────────────────────────
TEAMS = (("data", ()), ("ml", ("ada.l@acme.test", "grace@acme.test")), ('we"b', ("grace@acme.test", "grace@other.test", "007@acme.test")))


def test_palettes_teams_become_people_and_teams_to_complete() -> None:
    printed = owners_yaml(TEAMS, {"grace@acme.test": "U0GRACE"})

    assert '  - id: grace\n    slack: U0GRACE\n    forge: ""' in printed
    assert '  - id: ada-l\n    slack: ""  # nobody with this address is in Slack' in printed
    assert "  - id: grace-2\n" in printed
    assert "  - id: p-007\n" in printed
    assert '  - name: "data"\n    people: []\n' in printed
    assert '  - name: "we\\"b"\n    people: [grace, grace-2, p-007]\n' in printed


def test_somebody_who_is_listed_keeps_their_id_and_is_not_printed_again() -> None:
    known = (Person(id=PersonId("person-123"), name="admiral", slack="U0GRACE", forge="grace"),)

    printed = owners_yaml(TEAMS, {"grace@acme.test": "U0GRACE"}, known)

    assert "people: [admiral, grace, p-007]" in printed
    assert "id: admiral" not in printed


def test_what_is_printed_is_refused_until_somebody_completed_it() -> None:
    """An account that nobody filled in must not count as one."""
    text = b"version: 1\n" + owners_yaml((("web", ("grace@acme.test",)),), {}).encode()

    with pytest.raises(BadInput, match=r"people\[0\].slack"):
        parse_governance(files(CONFIG, POLICY, text), COMMIT)


def test_what_is_printed_and_completed_is_taken() -> None:
    printed = owners_yaml((("web", ("grace@acme.test",)),), {"grace@acme.test": "U0GRACE"}).replace('forge: ""', "forge: grace")

    governance = parse_governance(files(CONFIG.replace(b"ml", b"web"), POLICY, b"version: 1\n" + printed.encode()), COMMIT)

    assert [(person.id, person.slack) for person in governance.people] == [("grace", "U0GRACE")]
    assert governance.teams[0].people == ("grace",)

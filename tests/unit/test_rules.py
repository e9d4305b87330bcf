"""`.trimtab/` is read whole or not at all, and an error names file and key."""

import json
from datetime import UTC, datetime

import pytest

from tests.judgement import CONFIG, OWNERS, POLICY, files, governance
from trimtab.errors import BadInput, TooLarge
from trimtab.policy.rules import governance_schema, parse_governance, version_of
from trimtab.records import CommitSha, Condition, Stage, StageRule, Tier

COMMIT = CommitSha("c0de" * 10)


def refusal(config: bytes = CONFIG, policy: bytes = POLICY, owners: bytes = OWNERS) -> str:
    with pytest.raises(BadInput) as caught:
        governance(config, policy, owners)
    return str(caught.value)


def test_three_files_become_one_governance() -> None:
    rules = governance()

    assert rules.default_stage is Stage.APPROVE
    assert rules.stages == (StageRule(stage=Stage.GUARDED, cluster="dev-east"),)
    assert rules.layouts[0].fields == {"count": "count", "min": "min", "max": "max", "instance_type": "instance_type"}
    assert [person.slack for person in rules.people] == ["U0PLATFORM", "U0ML", "U0FINANCE"]
    assert rules.windows[0].weekdays == (0, 1, 2, 3)
    assert rules.limits.auto_merges_per_day == 2
    assert rules.limits.cool_down_days == 7


def test_a_tenant_that_says_nothing_is_only_observed() -> None:
    rules = governance(b"version: 1\n", b"version: 1\n", b"version: 1\n")

    assert rules.default_stage is Stage.OBSERVE
    assert rules.windows == ()
    assert rules.approvers == ()


def test_a_rule_keeps_its_conditions() -> None:
    policy = b"""
version: 1
rules:
  - name: gpu-pools
    when:
      - {fact: instance.gpus, at-least: 1}
      - {fact: cluster.cloud, in: [aws, gcp]}
      - {fact: environment.nonproduction, is: false}
      - {fact: pool.name, matches: "gpu-.*"}
    tier: two-approvals
"""
    rule = governance(policy=policy).rules[0]

    assert rule.tier is Tier.TWO
    assert rule.when[:2] == (
        Condition(fact="instance.gpus", operator="at-least", value=1),
        Condition(fact="cluster.cloud", operator="in", value=("aws", "gcp")),
    )


def test_a_freeze_given_in_days_includes_its_last_day() -> None:
    policy = b"version: 1\nfreezes: [{name: year-end-close, start: 2026-12-20, end: 2027-01-03}]\n"

    freeze = governance(policy=policy).freezes[0]

    assert (freeze.start, freeze.end) == (datetime(2026, 12, 20, tzinfo=UTC), datetime(2027, 1, 4, tzinfo=UTC))


def test_a_freeze_given_in_times_keeps_its_zone() -> None:
    policy = b"version: 1\nfreezes: [{name: launch, start: '2026-12-01T08:00:00+01:00', end: 2026-12-01T18:00:00Z}]\n"

    freeze = governance(policy=policy).freezes[0]

    assert (freeze.start, freeze.end) == (datetime(2026, 12, 1, 7, tzinfo=UTC), datetime(2026, 12, 1, 18, tzinfo=UTC))


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (b"version: 1\nrules:\n- {name: a, when: [{fact: pool.nmae, is: x}], tier: one-approval}", "rules[0].when[0].fact: no such fact"),
        (b"version: 1\nrules:\n- {name: a, when: [{fact: pool.name, is: x, in: [y]}], tier: one-approval}", "needs exactly one of"),
        (b"version: 1\nrules:\n- {name: a, when: [{fact: pool.name}], tier: one-approval}", "rules[0].when[0]: needs exactly one of"),
        (b"version: 1\nrules:\n- {name: a, when: [{fact: pool.name, at-least: 3}], tier: one-approval}", "at-least: pool.name is a text"),
        (b"version: 1\nrules:\n- {name: a, when: [{fact: instance.gpus, is: true}], tier: one-approval}", "instance.gpus is a number"),
        (b"version: 1\nrules:\n- {name: a, when: [{fact: change.repave, is: 1}], tier: one-approval}", "change.repave is a flag"),
        (
            b"version: 1\nrules:\n- {name: a, when: [{fact: pool.name, matches: '('}], tier: one-approval}",
            "matches: not a regular expression",
        ),
        (b"version: 1\nrules:\n- {name: a, when: [{fact: pool.name, matches: '(a+)+'}], tier: one-approval}", "a repeat of a repeat"),
        (b"version: 1\nrules:\n- {name: a, when: [], tier: one-approval}", "rules[0].when"),
        (b"version: 1\nrules:\n- {name: a, when: [{fact: pool.name, is: x}], tier: auto-merge}", "rules[0].tier"),
        (b"version: 1\nrules:\n- {name: a, when: [{fact: pool.name, is: x}], tier: one-approval, teir: x}", "rules[0].teir: unknown key"),
        (b"version: 1\nfreezes: [{name: f, start: 2026-12-20, end: 2026-12-01}]", "freezes[0].end"),
        (b"version: 1\nfreezes: [{name: f, start: 2026-12-20T10:00:00, end: 2026-12-24}]", "freezes[0].start: a time needs its zone"),
        (b"version: 1\nwindows: [{weekdays: [mon], from: 9, to: 17, time_zone: Mars/Olympus}]", "windows[0].time_zone: no such time zone"),
        (b"version: 1\nwindows: [{weekdays: [mon], from: 17, to: 9, time_zone: UTC}]", "windows[0].to: 9 is not after from 17"),
        (b"version: 1\nwindows: [{weekdays: [funday], from: 9, to: 17, time_zone: UTC}]", "windows[0].weekdays[0]"),
        (b"version: 1\nlimits: {open_at_once: -1}", "limits.open_at_once"),
        (b"version: 1\nlimits: {share_of_pools_per_run: .nan}", "limits.share_of_pools_per_run"),
        (b"version: 1\nevidence: {coverage: '0.9'}", "evidence.coverage"),
        (b"version: 2\n", "version"),
        (b"version: 1\nversion: 1\n", "not YAML: line 2"),
        (b"a: [\n", "not YAML"),
        (b"", "policy.yaml: "),
        (b"[" * 20000, "not YAML"),
        (b"\xff\xfe\x00", "policy.yaml: "),
        (b"version: 1\nrules: !!python/object:os.system {}\n", "not YAML"),
    ],
)
def test_a_wrong_policy_names_its_place(policy: bytes, message: str) -> None:
    said = refusal(policy=policy)

    assert said.startswith(".trimtab/policy.yaml: ")
    assert message in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (b"version: 1\nstage: guraded", "stage: "),
        (b"version: 1\nstages: [{stage: approve}]", "stages[0]: needs project, cluster or team"),
        (b"version: 1\nstages: [{stage: approve, team: nobody}]", "stages[0].team: no team 'nobody'; known: batch, ml"),
        (b"version: 1\ncurrency: euro", "currency: "),
        (b"version: 1\nrepo: another", "repo: unknown key"),
        (
            b"version: 1\nlayouts: [{name: a, files: [x], cluster: name, pools: p, pool_name: n, fields: {disk: d}}]",
            "layouts[0].fields.disk: unknown key",
        ),
        (b"version: 1\nlayouts: [{name: a, files: [x], cluster: name, pools: p, pool_name: n, fields: {}}]", "names no field"),
        (b"version: 1\ngates: [{path: 'x/**', gate: mail}]", "gates[0].gate"),
    ],
)
def test_a_wrong_config_names_its_place(config: bytes, message: str) -> None:
    said = refusal(config=config)

    assert said.startswith(".trimtab/config.yaml: ")
    assert message in said


PEOPLE = b"version: 1\npeople:\n- {id: a, slack: U1, forge: first}\n"


@pytest.mark.security(13)
@pytest.mark.parametrize(
    ("owners", "message"),
    [
        (PEOPLE + b"- {id: b, slack: u1, forge: second}\n", "people[1].slack: 'u1' stands there twice"),
        (PEOPLE + b"- {id: b, slack: U2, forge: FIRST}\n", "people[1].forge: 'FIRST' stands there twice"),
        (PEOPLE + b"- {id: a, slack: U2, forge: second}\n", "people[1].id"),
        (PEOPLE + b"approvers: [{people: [a, ghost]}]\n", "approvers[0].people[1]: no person 'ghost'; known: a"),
        (PEOPLE + b"approvers: [{people: []}]\n", "approvers[0].people"),
        (PEOPLE + b"rules: [{id: r, namespace: x, team: ghosts}]\n", "rules[0].team: no team 'ghosts'; known: none"),
        (PEOPLE + b"rules: [{id: r, team: ghosts}]\n", "rules[0]: needs a condition"),
        (PEOPLE + b"rules: [{id: r, label: team, team: ghosts}]\n", "rules[0]: needs either team, or label"),
        (PEOPLE + b"rules: [{id: r, namespace: '[', team: x}]\n", "rules[0].namespace: not a regular expression"),
        (PEOPLE + b"teams: [{name: t, cost_center: c, channel: d}, {name: T, cost_center: c, channel: d}]\n", "teams[1].name"),
        (b"version: 1\npeople: [{id: a, slack: '<!channel>', forge: x}]\n", "people[0].slack"),
        (b"version: 1\npeople: [{id: a, slack: U1}]\n", "people[0].forge: missing"),
    ],
)
def test_wrong_owners_name_their_place(owners: bytes, message: str) -> None:
    """One person with two accounts would be two approvals (security 13)."""
    said = refusal(owners=owners)

    assert said.startswith(".trimtab/owners.yaml: ")
    assert message in said


@pytest.mark.parametrize("name", [".trimtab/config.yaml", ".trimtab/policy.yaml", ".trimtab/owners.yaml"])
def test_a_missing_file_is_named(name: str) -> None:
    incomplete = {path: content for path, content in files().items() if path != name}

    with pytest.raises(BadInput, match=f"{name}: missing"):
        parse_governance(incomplete, COMMIT)


def test_a_huge_file_is_not_read() -> None:
    with pytest.raises(TooLarge, match=r"owners\.yaml: \d+ bytes"):
        governance(owners=b"version: 1\n" + b"#" * 300_000)


@pytest.mark.security(2)
def test_the_version_changes_with_any_byte_of_the_three_files_and_with_nothing_else() -> None:
    whole = files()

    assert version_of(whole | {".trimtab/owners.yaml": OWNERS + b"\n"}) != version_of(whole)
    assert version_of({**whole, "README.md": b"x"}) == version_of(dict(reversed(whole.items())))


def test_the_schema_covers_every_key_and_forbids_others() -> None:
    schema = governance_schema()

    assert set(schema) >= set(files())
    assert schema[".trimtab/policy.yaml"]["additionalProperties"] is False
    assert "at-least" in json.dumps(schema[".trimtab/policy.yaml"])

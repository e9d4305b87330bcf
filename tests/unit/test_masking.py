"""What a mask leaves of an amount, in every form in which our words say one; and what it leaves alone."""

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.judgement import CONFIG, OWNERS, POLICY
from trimtab.errors import BadInput
from trimtab.policy.access_rules import audience_of
from trimtab.policy.masking import Mask, Mode, mask_of, masked, masked_json, shows_amounts
from trimtab.policy.rules import parse_governance
from trimtab.records import AccessRules, CommitSha, Governance, Json
from trimtab.render.showback import money as shown
from trimtab.render.view import money
from trimtab.units import Money

BILL = Mask(mode="shares", wholes={"USD": Decimal(50_000)})
ROUNDED, HIDDEN = Mask(mode="rounded"), Mask(mode="hidden")


@pytest.mark.parametrize(
    ("text", "rounded", "share"),
    [
        ("saves 1,241 USD a month", "saves 1,200 USD a month", "saves 2.5% of the bill a month"),
        ("0.31 USD", "0.31 USD", "under 0.1% of the bill"),
        ("$11,111.00 of $50.00", "11,000 USD of 50 USD", "22% of the bill of 0.1% of the bill"),
        ("USD 1241.5", "1,200 USD", "2.5% of the bill"),
        ("-999 USD", "-1,000 USD", "-2% of the bill"),
        ("1241.123456789012345678901 USD", "1,200 USD", "2.5% of the bill"),
        ("0 USD", "0 USD", "0% of the bill"),
        ("**1,241 USD**", "**1,200 USD**", "**2.5% of the bill**"),
    ],
)
def test_an_amount_in_any_of_its_forms(text: str, rounded: str, share: str) -> None:
    assert (masked(text, ROUNDED), masked(text, BILL)) == (rounded, share)


@pytest.mark.parametrize(
    "text", ["from 6 to 5 nodes", "12 GPUs", "2026-07-31", "trimtab/prop-0123", "row-1USDx", "a 3.5 GiB pool", "v1.29"]
)
def test_what_is_no_amount_stays(text: str) -> None:
    assert [masked(text, mask) for mask in (ROUNDED, BILL, HIDDEN)] == [text] * 3
    assert not shows_amounts(text)


def test_a_policys_fact_has_no_currency_beside_it_and_is_hidden_all_the_same() -> None:
    assert masked("saving.monthly is 1241.5, change.field is count", ROUNDED) == "saving.monthly is (amount hidden), change.field is count"


def test_a_share_of_a_bill_that_nobody_knows_is_hidden() -> None:
    assert masked("9.99 EUR", BILL) == "(amount hidden)"


@given(st.decimals(min_value="0.01", max_value="99999999", places=2), st.sampled_from(["USD", "EUR", "JPY", "XAF"]))
def test_no_form_that_we_write_an_amount_in_gets_through(amount: Decimal, currency: str) -> None:
    texts = [money(Money(amount, currency)), str(Money(amount, currency)), f"{shown(amount)} {currency}", f"{amount:f} {currency}"]

    for text in texts:
        assert masked(f"It is {text}, they say.", HIDDEN) == "It is (amount hidden), they say."
        digits = re.sub(r"[^1-9]", "", masked(text, ROUNDED).partition(".")[0])
        assert len(digits) <= 2


def test_a_cards_words_are_masked_and_what_its_buttons_carry_is_not() -> None:
    button: Json = {"type": "button", "value": "1,241 USD"}

    (block,) = masked_json([{"type": "section", "text": {"type": "mrkdwn", "text": "saves 1,241 USD"}, "accessory": button}], HIDDEN)

    assert block == {"type": "section", "text": {"type": "mrkdwn", "text": "saves (amount hidden)"}, "accessory": button}


@pytest.mark.parametrize(
    ("rules", "is_public", "mode"),
    [
        (AccessRules(), False, "none"),
        (AccessRules(), True, "hidden"),
        (AccessRules(), None, "hidden"),
        (AccessRules(mask="shares"), False, "shares"),
        (AccessRules(mask="shares"), True, "hidden"),
        (AccessRules(public_repos=True), True, "none"),
        (AccessRules(public_repos=True, mask="rounded"), None, "rounded"),
    ],
)
@pytest.mark.security(36)
def test_where_everybody_can_read_no_amount_stands_unless_somebody_allowed_it(
    rules: AccessRules, is_public: bool | None, mode: Mode
) -> None:
    """A forge that does not say who can read is taken for one where everybody can."""
    assert mask_of(rules, is_public=is_public).mode == mode


@pytest.mark.parametrize("mode", ["hidden", "rounded", "shares"])
@pytest.mark.parametrize("number", ["1e99999999999999999999999", "1e9999999", "9" * 40])
def test_a_number_that_no_bill_says_is_hidden_and_stops_nothing(number: str, mode: Mode) -> None:
    """It stands in somebody's name for a budget; its zeros would fill the memory."""
    assert masked(f"{number} USD", Mask(mode=mode, wholes={"USD": Decimal(100)})) == "(amount hidden)"


def test_a_currency_that_is_new_is_an_amounts_too() -> None:
    """XCG took ANG's place in 2025."""
    assert masked("1.00 XCG, 2.00 ANG", Mask(mode="hidden")) == "(amount hidden), (amount hidden)"


# ── owners.yaml ──────────────────────────────────────────────────────────────────────────────────────────────────────
def governance(owners: bytes) -> Governance:
    files = {".trimtab/config.yaml": CONFIG, ".trimtab/policy.yaml": POLICY, ".trimtab/owners.yaml": owners}
    return parse_governance(files, CommitSha("0" * 40))


def test_the_rules_say_who_sees_all_and_who_a_teams_own() -> None:
    owners = b"""version: 1
people: [{id: ann, slack: U0A, forge: ann}, {id: bob, slack: U0B, forge: bob}, {id: eve, slack: U0E, forge: eve}]
teams: [{name: ML, people: [bob]}, {name: Web}]
access: {see_all: [ann], mask: rounded}
"""
    rules = governance(owners)

    assert {person.id: audience_of(person, rules).teams for person in rules.people} == {"ann": None, "bob": ("ML",), "eve": ()}
    assert rules.access.mask == "rounded"


@pytest.mark.parametrize(
    ("access", "said"),
    [
        (b"access: {see_all: [nobody]}", "access.see_all[0]: no person 'nobody'"),
        (b"access: {mask: some}", "access.mask: "),
        (b"access: {see_some: []}", "access.see_some: unknown key"),
    ],
)
def test_a_mistake_in_them_is_named(access: bytes, said: str) -> None:
    with pytest.raises(BadInput, match=re.escape(said)):
        governance(OWNERS + b"\n" + access + b"\n")


def test_without_rules_nobody_but_the_operator_sees_all_and_nothing_is_masked() -> None:
    assert governance(OWNERS).access == AccessRules()

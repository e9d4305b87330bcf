"""What the first page says that open proposals would save: growth is no saving, and one pool is counted once."""

from dataclasses import replace
from decimal import Decimal

from tests.judgement import facts, finding, proposal
from trimtab.cli.page.overview import open_savings
from trimtab.flow.life import Life
from trimtab.lifecycle import State
from trimtab.units import Money


def asked(field: str, amount: str, pool: str = "batch", currency: str = "USD") -> Life:
    saving = Money(Decimal(amount), currency)
    subject = replace(finding().subject, field=field, pool=pool)  # type: ignore[arg-type]
    made = finding(subject=subject, saving_list=saving, saving_effective=saving)
    return Life(state=State.AWAITING, proposal=proposal(facts(finding=made)))


def test_growth_is_not_taken_off_what_others_save() -> None:
    (told,) = open_savings([asked("count", "280"), asked("count", "-5363", "train")])

    assert (told["list"], told["effective"], told["of"]) == (Decimal(280), Decimal(280), 1)


def test_two_changes_of_one_pool_are_not_added() -> None:
    """They share its cost, and only one of them is made at a time."""
    (told,) = open_savings([asked("capacity_type", "500"), asked("count", "280"), asked("count", "70", "web")])

    assert told["list"] == Decimal(570)


def test_each_currency_stands_by_itself_and_nothing_open_saves_nothing() -> None:
    assert [told["currency"] for told in open_savings([asked("count", "1"), asked("count", "2", "web", "EUR")])] == ["EUR", "USD"]
    assert open_savings([asked("count", "-1")]) == []

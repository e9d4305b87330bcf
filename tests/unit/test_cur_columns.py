"""The names of a Cost and Usage Report's columns and tags, in every spelling that AWS has for them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cur_bills import legacy
from trimtab.errors import BadInput
from trimtab.sources.bill_files import Header
from trimtab.sources.cur import NEEDED, is_cur, mapping_of
from trimtab.sources.cur_columns import plain, tag_key
from trimtab.sources.cur_costs import AMOUNTS


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("lineItem/UnblendedCost", "line_item_unblended_cost"),
        ("savingsPlan/SavingsPlanARN", "savings_plan_savings_plan_a_r_n"),
        ("pricing/publicOnDemandCost", "pricing_public_on_demand_cost"),
        ("product/ProductName", "product_product_name"),
        ("product/region", "product_region"),
        ("line_item_unblended_cost", "line_item_unblended_cost"),
    ],
)
def test_a_legacy_name_is_what_cur_2_calls_it(written: str, name: str) -> None:
    assert plain(written) == name


@given(st.sampled_from(NEEDED + AMOUNTS))
def test_every_column_that_counts_is_found_in_both_spellings(name: str) -> None:
    assert plain(legacy(name)) == plain(name) == name


@pytest.mark.parametrize(
    ("key", "tag"),
    [
        ("user:team", "team"),
        ("user_team", "team"),
        ("aws:createdBy", "aws:createdBy"),
        ("aws_created_by", "aws:createdBy"),
        ("aws_some_thing", "aws_some_thing"),
        ("user:aws:x", "user:aws:x"),
        ("user_aws_x", "user_aws_x"),
        ("team", "team"),
    ],
)
def test_only_a_providers_tag_has_a_prefix(key: str, tag: str) -> None:
    assert tag_key(key) == tag


def test_a_header_that_lacks_what_a_bill_needs_is_told_which() -> None:
    header = Header(file="b.csv", names=tuple(name for name in NEEDED if name != "line_item_currency_code"))

    assert is_cur(header)
    with pytest.raises(BadInput, match=r"b\.csv: no Cost and Usage Report: line_item_currency_code missing"):
        mapping_of(header)


def test_one_column_in_two_spellings_is_refused() -> None:
    """Which of them is right, nobody could say."""
    with pytest.raises(BadInput, match="are the same; keep one of them"):
        mapping_of(Header(file="b.csv", names=(*NEEDED, "lineItem/UnblendedCost")))

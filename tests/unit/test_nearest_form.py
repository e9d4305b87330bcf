"""What a header is said to be, where it is no bill that is read: the nearest form, and what is missing of it."""

import pytest

from trimtab.errors import BadInput
from trimtab.sources.bill_files import Header
from trimtab.sources.forms import form_of


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("name", "age"), "nearest is focus, of which it lacks BilledCost, EffectiveCost, ChargePeriodStart"),
        (("BilledCost", "ChargePeriodStart"), "nearest is focus, of which it lacks EffectiveCost"),
        (("lineItem/LineItemType", "lineItem/UnblendedCost"), "nearest is cur, of which it lacks bill_payer_account_id"),
        (("MeterCategory", "Date", "x"), "nearest is azure, of which it lacks costInBillingCurrency"),
        (("invoice", "cost", "usage_start_time"), "nearest is gcp, of which it lacks billing_account_id"),
        (("lineItem/tenantId",), "its delimiter is not a comma"),
    ],
)
def test_a_header_of_no_form_names_what_the_nearest_one_lacks(names: tuple[str, ...], said: str) -> None:
    """A person who lost one column on the way must not guess which."""
    with pytest.raises(BadInput, match="is of no bill that is read") as caught:
        form_of(Header(file="people.csv", names=names, types=None))

    assert said in str(caught.value)

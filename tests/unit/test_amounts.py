"""Amounts and key paths: read exactly, written so that they read back."""

from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from trimtab import amounts
from trimtab.errors import BadInput
from trimtab.keypaths import Step, parse
from trimtab.records import FieldUnit, PoolField

fields: st.SearchStrategy[PoolField] = st.sampled_from(sorted(amounts.AMOUNTS))
units: st.SearchStrategy[FieldUnit] = st.sampled_from(["cores", "millicores", "bytes", "mib", "gib", "pieces", "quantity"])
texts = st.integers(0, 999_999).map(str) | st.from_regex(r"[0-9]{1,6}(\.[0-9]{1,3})?(m|k|M|G|Ki|Mi|Gi|e[0-9])?", fullmatch=True)


@given(fields, units, texts, texts)
def test_what_is_written_reads_back_as_the_same_amount(name: PoolField, unit: FieldUnit, like: str, other: str) -> None:
    new = amounts.wanted(name, other)
    assume(new is not None and amounts.meant(name, like, unit) is not None)
    assert new is not None

    text = amounts.written(name, new, unit, like)

    assert text is None or amounts.meant(name, text, unit) == new


@given(fields, texts)
def test_a_finding_reads_its_own_words(name: PoolField, text: str) -> None:
    amount = amounts.wanted(name, text)
    assume(amount is not None)
    assert amount is not None

    assert amounts.wanted(name, amounts.canonical(name, amount)) == amount


def test_units_are_what_they_are_called() -> None:
    assert (
        amounts.wanted("memory_mib", "8192") == amounts.meant("memory_limit", "8Gi", "quantity") == amounts.meant("memory_mib", "8", "gib")
    )
    assert amounts.wanted("cpu_cores", "0.5") == amounts.meant("cpu_request", "500m", "quantity") == Decimal("0.5")
    assert amounts.meant("cpu_cores", "500", "millicores") == Decimal("0.5")


@pytest.mark.parametrize("text", ["0.5", "1.5", "500m"])
def test_there_is_no_part_of_a_gpu(text: str) -> None:
    assert amounts.wanted("gpu_limit", text) is None


@given(st.text(max_size=40))
def test_any_text_is_a_key_path_or_bad_input(text: str) -> None:
    try:
        steps = parse(text)
    except BadInput as error:
        assert "\n" not in str(error)  # noqa: PT017
    else:
        assert all(step.key for step in steps)


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        ("", ()),
        ("a.b", (Step("a"), Step("b"))),
        ("spec.hard[requests.cpu]", (Step("spec"), Step("hard"), Step("requests.cpu"))),
        ("packs[name=a.b].values", (Step("packs"), Step("name", "a.b"), Step("values"))),
        ("[a.b].c", (Step("a.b"), Step("c"))),
    ],
)
def test_key_paths_read_as_people_read_them(path: str, steps: tuple[Step, ...]) -> None:
    assert parse(path) == steps

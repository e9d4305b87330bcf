"""Bad input of every form of bill: one line that names the file and the row, and a lake as it was before."""

import csv
import gzip
import io
import zipfile
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.cloud_bills import AZURE, GCP, OCI, Row
from tests.cur_bills import legacy, line
from tests.lake_of_bills import lake_ports, read_in, refusal, stored
from trimtab.errors import BadInput
from trimtab.sources.focus import MANDATORY

JULY = {"BillingPeriodStart": "2026-07-01T00:00:00Z", "BillingPeriodEnd": "2026-08-01T00:00:00Z"}
HOUR = {"ChargePeriodStart": "2026-07-13T10:00:00Z", "ChargePeriodEnd": "2026-07-13T11:00:00Z"}
COSTS = dict.fromkeys(("BilledCost", "EffectiveCost", "ListCost", "ContractedCost"), "1.5")
FOCUS = {**dict.fromkeys(MANDATORY, "x"), **COSTS, **JULY, **HOUR, "BillingCurrency": "USD", "PricingQuantity": "1"}
CUR = {legacy(name): text for name, text in line("Usage", "1.5").items()}


class Form(NamedTuple):
    """A row of a form, and the columns that are spoiled here."""

    row: Row
    cost: str
    currency: str
    writes_doubles: bool = False


FORMS = {
    "focus": Form(FOCUS, "EffectiveCost", "BillingCurrency"),
    "cur": Form(CUR, "lineItem/UnblendedCost", "lineItem/CurrencyCode", writes_doubles=True),
    "azure": Form(AZURE, "CostInBillingCurrency", "BillingCurrencyCode", writes_doubles=True),
    "gcp": Form(GCP, "cost", "currency", writes_doubles=True),
    "oci": Form(OCI, "cost/myCost", "cost/currencyCode", writes_doubles=True),
}


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest) -> Form:
    return FORMS[str(request.param)]


def text_of(rows: Sequence[Row], delimiter: str = ",") -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def written(path: Path, *rows: Row) -> Path:
    path.write_text(text_of(rows))
    return path


# ── a row ────────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("amount", ["NaN", "inf", "1e400", "1,50", " 1", "9" * 40])
def test_a_cost_that_is_no_exact_number_is_refused_by_file_and_row(tmp_path: Path, form: Form, amount: str) -> None:
    path = written(tmp_path / "b.csv", form.row, form.row | {form.cost: amount}, form.row)

    said = refusal(lake_ports(tmp_path), tmp_path, path)

    assert said.startswith("b.csv: row 2: ")
    assert "is not a number" in said
    assert "\n" not in said


def test_digits_beyond_the_declared_scale_are_refused_or_as_noise_of_doubles_rounded_and_said(tmp_path: Path, form: Form) -> None:
    """A decimal that somebody wrote is money; the seventeenth digit of a binary double is not."""
    ports = lake_ports(tmp_path)
    path = written(tmp_path / "b.csv", form.row | {form.cost: "0.1234567890123"})

    if form.writes_doubles:
        (loaded,) = read_in(ports, tmp_path, path).values()
        assert any("beyond 12 decimals is rounded away" in warning for warning in loaded.warnings)
        assert stored(ports, '"EffectiveCost"') == [(Decimal("0.123456789012"),)]
    else:
        assert "12 after the point" in refusal(ports, tmp_path, path)


def test_equal_rows_are_two_charges(tmp_path: Path, form: Form) -> None:
    (loaded,) = read_in(lake_ports(tmp_path), tmp_path, written(tmp_path / "b.csv", form.row, form.row)).values()

    assert loaded.rows == 2


def test_one_hour_of_one_resource_in_two_currencies_is_two_amounts(tmp_path: Path, form: Form) -> None:
    """Added together they would be an amount of nothing."""
    path = written(tmp_path / "b.csv", form.row, form.row | {form.currency: "EUR"})

    (loaded,) = read_in(lake_ports(tmp_path), tmp_path, path).values()

    assert [money.currency for money in loaded.billed] == ["EUR", "USD"]
    assert loaded.billed[0].amount == loaded.billed[1].amount


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ("2026-07-01T00:00:00+02:00", "'2026-07-01T00:00:00+02:00' is of another month in UTC; deliver it in UTC"),
        ("2026-06-30T22:00:00-05:00", "'2026-06-30T22:00:00-05:00' is of another month in UTC; deliver it in UTC"),
    ],
)
def test_a_month_of_another_time_zone_is_refused(tmp_path: Path, start: str, message: str) -> None:
    """In UTC this bill is of two months, and either would be replaced by half of it."""
    said = refusal(lake_ports(tmp_path), tmp_path, written(tmp_path / "b.csv", FOCUS, FOCUS | {"BillingPeriodStart": start}))

    assert said == f"b.csv: row 2: BillingPeriodStart: {message}"


# ── a file ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def truncated(row: Row, folder: Path) -> Path:
    path = folder / "b.csv.gz"
    path.write_bytes(gzip.compress(text_of([row] * 50).encode())[:-9])
    return path


def semicolons(row: Row, folder: Path) -> Path:
    path = folder / "b.csv"
    path.write_text(text_of([row], ";"))
    return path


def wide(row: Row, folder: Path) -> Path:
    return written(folder / "b.csv", row | {f"column{number}": "" for number in range(10_000)})


def zipped(row: Row, folder: Path) -> Path:
    path = folder / "b.csv.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("b.csv", text_of([row]))
    return path


def zip_called_csv(row: Row, folder: Path) -> Path:
    return zipped(row, folder).rename(folder / "b.csv")


def bomb(row: Row, folder: Path) -> Path:
    path = folder / "b.csv.gz"
    path.write_bytes(gzip.compress(text_of([row]).encode() + b"\n" * (40 << 20)))
    return path


def short_row(row: Row, folder: Path) -> Path:
    path = written(folder / "b.csv", row)
    path.write_text(path.read_text() + "1,2\n")
    return path


def open_quote(row: Row, folder: Path) -> Path:
    path = written(folder / "b.csv", row)
    path.write_text(path.read_text() + '"1,2\n')
    return path


def header_alone(row: Row, folder: Path) -> Path:
    path = written(folder / "b.csv", row)
    path.write_text(path.read_text().splitlines()[0] + "\n")
    return path


HARM: dict[str, tuple[Callable[[Row, Path], Path], str]] = {
    "truncated gz": (truncated, "it ends in the middle"),
    "wrong delimiter": (semicolons, "its delimiter is not a comma"),
    "10,000 columns": (wide, "columns; at most 1000 are read"),
    "zip": (zipped, "a ZIP archive, which is not read"),
    "zip under another name": (zip_called_csv, "those of a zip file"),
    "gz bomb": (bomb, "more than 100 times"),
    "short row": (short_row, "line 3: not a row of this CSV: it has 2 columns"),
    "open quote": (open_quote, "a quote is never closed"),
    "header alone": (header_alone, "a header and no rows"),
}


@pytest.mark.parametrize("harm", HARM)
def test_a_file_that_is_not_whole_or_not_sane_is_refused_by_name(tmp_path: Path, form: Form, harm: str) -> None:
    make, message = HARM[harm]
    path = make(form.row, tmp_path)

    with pytest.raises(BadInput, match=message) as refused:
        read_in(ports := lake_ports(tmp_path), tmp_path, path)

    assert str(refused.value).startswith(path.name)
    assert "\n" not in str(refused.value)
    assert ports.lake.version("cost") is None


def test_the_same_file_under_two_names_is_refused_by_both(tmp_path: Path, form: Form) -> None:
    """Equal rows are charges; an equal file is a copy that somebody left there, and would double the month."""
    first, second = written(tmp_path / "a.csv", form.row), written(tmp_path / "b.csv", form.row)

    said = refusal(lake_ports(tmp_path), tmp_path, first, second)

    assert said == "a.csv, b.csv: the same file under two names; its charges would count twice, so leave one out"


def test_one_bad_row_in_the_last_file_keeps_all_of_them_out(tmp_path: Path, form: Form) -> None:
    files = [written(tmp_path / f"{number}.csv", *[form.row] * (number + 1)) for number in range(3)]
    files.append(written(tmp_path / "3.csv", form.row, form.row | {form.cost: "much"}))

    assert refusal(lake_ports(tmp_path), tmp_path, *files).startswith("3.csv: row 2: ")


def test_columns_with_names_of_our_own_are_left_alone(tmp_path: Path, form: Form) -> None:
    """A reader that took a file's `row` for the row's number would name the wrong place."""
    bad = form.row | {form.cost: "much", "row": "77", "Part": "2"}

    said = refusal(lake_ports(tmp_path), tmp_path, written(tmp_path / "b.csv", form.row | {"row": "76", "Part": "2"}, bad))

    assert said.startswith("b.csv: row 2: ")

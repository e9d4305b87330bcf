"""What a form of bill answers to a file's header, and how that file is to be read: values alone, which `staging` turns into SQL."""

import collections.abc
from dataclasses import dataclass, field

from trimtab.sources.bill_files import Header
from trimtab.tables import FOCUS_MONEY, FOCUS_QUANTITY, FOCUS_TEXT, FOCUS_TIME

COLUMNS = (*FOCUS_TEXT, *FOCUS_MONEY, *FOCUS_QUANTITY, *FOCUS_TIME)


def quoted(name: str) -> str:
    """A column's name in SQL."""
    return '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True, kw_only=True, slots=True)
class Mapping:
    """What a file's columns are in FOCUS: the answer of a form's module to one header."""

    columns: collections.abc.Mapping[str, str]
    """FOCUS column → SQL that gives its text; it sees every column of the file under the file's own name, as text or NULL.

    A column that is not here is NULL. The macros above are there too.
    """
    keep: str = "true"
    """Which rows of the file are charges; the others are not read, but counted."""
    left_out_rows: str = "rows that are no charges"
    """What the rows are that `keep` leaves out, for people."""
    cancels: str = "NULL"
    """An amount of rows that FOCUS shows as zero because they offset each other; over a period it must add up to zero in each currency."""
    basis: str = "NULL"
    """A word on what a row's costs are; what a delivery must not have together is in `contradictions`."""
    contradictions: tuple[tuple[tuple[str, ...], tuple[str, ...], str], ...] = ()
    """(words of `basis` that all occur, words that none of occurs, what is wrong then)."""
    problems: tuple[tuple[str, str], ...] = ()
    """(condition, words) over the file's own columns, before any other check; both are SQL."""
    amounts: tuple[str, ...] = ()
    """Columns of the file that `columns` reckons with: each must be an exact number, or NULL, as FOCUS money must."""
    are_doubles: bool = False
    """The form writes amounts as binary doubles, also in CSV: what lies beyond the declared scale is rounded away, and counted."""
    is_rounded: str = "false"
    """SQL: whether a row has amounts beside `amounts`, in a list of the file, that are rounded so."""
    source: str = "raw"
    """What the rows are read from: `raw` (its columns and "row"), or a query in brackets over it, where a row stands for several charges.

    Charges made of one row must differ from each other in some FOCUS column.
    """
    may_be_empty: bool = False
    """The form is delivered in files some of which may have a header and no rows; all of them together may not."""
    dataset: str = "NULL"
    """SQL: which of two datasets of the same money a charge can only be of, or NULL; a delivery with both would count it twice."""
    note: str = "NULL"
    """SQL: a sentence that is to be said of a charge, with the number of such charges, or NULL."""
    purchases: str = "false"
    """SQL: is a charge the purchase or refund of a commitment, which only one of two datasets of the same money has."""
    left_out: tuple[str, ...] = field(default=())
    """Columns that are read by nothing and that a person may miss."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """How one file is to be read, and what every row of it must agree with."""

    header: Header
    path: str
    """Where the file lies on this disk, under a name of ours."""
    number: int
    """Of the file within its delivery; with the row it makes a place."""
    account: str
    """BillingAccountId that every row must carry, "*" = any."""
    period: str | None
    """YYYY-MM that every row must be of; None = any."""

"""The lists in a row of Google's billing export: its credits and its labels. SQL over JSON text, and over `credit list` once parsed."""

from trimtab.tables import text_literal
from trimtab.units import MONEY_SCALE

DISCOUNTS = (
    "COMMITTED_USAGE_DISCOUNT", "COMMITTED_USAGE_DISCOUNT_DOLLAR_BASE", "DISCOUNT", "FEE_UTILIZATION_OFFSET", "FREE_TIER",
    "RESELLER_MARGIN", "SPENDING_BASED_DISCOUNT", "SUBSCRIPTION_BENEFIT", "SUSTAINED_USAGE_DISCOUNT",
)  # fmt: skip
"""Types of credit that lower the price of what they stand on; any other is money given."""
COMMITMENTS = ("COMMITTED_USAGE_DISCOUNT", "COMMITTED_USAGE_DISCOUNT_DOLLAR_BASE", "FEE_UTILIZATION_OFFSET")
LABELS = ("project.labels", "tags", "system_labels", "labels")
"""Lists of key and value, the nearest to the resource last."""
AMOUNTS = f"at most 26 digits before and {MONEY_SCALE} after the point"
_CREDIT = '[{"name": "VARCHAR", "amount": "VARCHAR", "full_name": "VARCHAR", "id": "VARCHAR", "type": "VARCHAR"}]'
_LABEL = '[{"key": "VARCHAR", "value": "VARCHAR"}]'


def credits_sql(text: str) -> str:
    """The credits of a JSON list; NULL where it is none."""
    # An engine reads a JSON number as a binary double; as a text it keeps every digit that the file has.
    exact = f"""regexp_replace({text}, '("amount"\\s*:\\s*)([-+0-9.eE]+)', '\\1"\\2"', 'g')"""
    return f"CASE WHEN {_is_list(text)} THEN from_json({exact}, {text_literal(_CREDIT)}) END"


def discounts() -> str:
    """The sum of a row's discounts, exact; NULL where it has none."""
    return _total(f'c."type" IN ({_words(DISCOUNTS)})')


def others() -> str:
    """The sum of a row's other credits, exact; NULL where it has none."""
    return _total(f'coalesce(c."type" NOT IN ({_words(DISCOUNTS)}), true)')


def is_rounded() -> str:
    """Whether a credit has more decimals than an amount keeps; BigQuery's amounts are binary doubles."""
    return f'len(list_filter("credit list", lambda c: strlen(c.amount) > {MONEY_SCALE} AND places(c.amount) > {MONEY_SCALE})) > 0'


def names_of(*, others: bool) -> str:
    """The names of a row's other credits (or of its discounts), for people."""
    condition = f'coalesce(c."type" NOT IN ({_words(DISCOUNTS)}), true)' if others else f'c."type" IN ({_words(DISCOUNTS)})'
    names = f'list_transform(list_filter("credit list", lambda c: {condition}), lambda c: coalesce(c.full_name, c.name, c.id, c."type"))'
    return f"coalesce(array_to_string({names}, ', '), 'without a name')"


def labelled(text: str) -> str:
    """A JSON object of a list of key and value; of equal keys the last wins. An object stays as it is."""
    one = "lambda label: json_object(coalesce(label.key, ''), coalesce(label.value, ''))"
    objects = f"list_transform(from_json({text}, {text_literal(_LABEL)}), {one})"
    listed = f"list_reduce({objects}, lambda a, b: json_merge_patch(a, b), CAST('{{}}' AS JSON))"
    return f"CASE WHEN {_is_list(text)} THEN {listed} WHEN {_is_object(text)} THEN CAST({text} AS JSON) ELSE CAST('{{}}' AS JSON) END"


def list_problem(text: str, name: str) -> tuple[str, str]:
    """(condition, words) for a text that is there and is no JSON list of objects."""
    is_object = "false" if name == "credits" else _is_object(text)
    words = f"{text_literal(f'{name}: ')} || shown({text}) || ' is not a JSON list; write it with TO_JSON_STRING'"
    return f"{text} IS NOT NULL AND {text} <> 'null' AND NOT ({_is_list(text)}) AND NOT ({is_object})", words


def _total(condition: str) -> str:
    return f'list_sum(list_transform(list_filter("credit list", lambda c: {condition}), lambda c: money(c.amount)))'


def _words(kinds: tuple[str, ...]) -> str:
    return ", ".join(text_literal(kind) for kind in kinds)


def _is_list(text: str) -> str:
    return f"CASE WHEN json_valid({text}) THEN json_type({text}) = 'ARRAY' ELSE false END"


def _is_object(text: str) -> str:
    return f"CASE WHEN json_valid({text}) THEN json_type({text}) = 'OBJECT' ELSE false END"

"""FOCUS's rules of split cost allocation (1.3), which the validator skips: as SQL over a file of ours, each counting what breaks it."""

from pathlib import Path

import duckdb

from trimtab.flow.export import FOCUS
from trimtab.tables import FOCUS_MONEY

_SPLIT = (*FOCUS_MONEY, "CommitmentDiscountQuantity", "ConsumedQuantity", "PricingQuantity", "PricingCurrencyEffectiveCost")
"""What a split divides; everything else of FOCUS stays the origin's."""
_ELEMENTS = """
SELECT "x_RowId", unnest(CAST(details->'$.Elements' AS JSON[])) AS element
FROM (SELECT "x_RowId", CASE WHEN json_valid("AllocatedMethodDetails") THEN "AllocatedMethodDetails" END AS details FROM rows)"""
RULES = {
    "AllocatedMethodDetails is no JSON object with Elements": """
        SELECT count(*) FROM rows WHERE "AllocatedMethodDetails" IS NOT NULL AND NOT coalesce(CASE
            WHEN json_valid("AllocatedMethodDetails") THEN json_array_length("AllocatedMethodDetails", '$.Elements') > 0 END, false)""",
    "an element has no AllocatedRatio": f"SELECT count(*) FROM ({_ELEMENTS}) WHERE NOT json_exists(element, '$.AllocatedRatio')",
    "an element has a UsageQuantity without a UsageUnit": f"""
        SELECT count(*) FROM ({_ELEMENTS}) WHERE json_exists(element, '$.UsageQuantity') AND NOT json_exists(element, '$.UsageUnit')""",
    "an element has a key that is neither FOCUS's nor x_": f"""
        SELECT count(*) FROM (SELECT unnest(json_keys(element)) AS name FROM ({_ELEMENTS}))
        WHERE name NOT IN ('AllocatedRatio', 'UsageUnit', 'UsageQuantity') AND NOT regexp_matches(name, '^x_[A-Z][A-Za-z0-9]*$')""",
    "the ratios of an origin do not add up to 1": f"""
        SELECT count(*) FROM (
            SELECT "x_RowId" FROM ({_ELEMENTS}) GROUP BY "x_RowId"
            HAVING sum(CAST(element->>'$.AllocatedRatio' AS DECIMAL(38, 18))) <> 1)""",
    "a row has a method without details, or details without a method": """
        SELECT count(*) FROM rows WHERE ("AllocatedMethodId" IS NULL) <> ("AllocatedMethodDetails" IS NULL)""",
    "an origin is partly split and partly whole, or whole twice": """
        SELECT count(*) FROM (
            SELECT "x_RowId" FROM rows GROUP BY "x_RowId"
            HAVING count(*) > 1 AND count("AllocatedMethodId") < count(*))""",
    "a row that was not split names an AllocatedResourceId": """
        SELECT count(*) FROM rows WHERE "AllocatedMethodId" IS NULL AND "AllocatedResourceId" IS NOT NULL""",
    "an AllocatedResourceId comes twice in one origin": """
        SELECT count(*) FROM (
            SELECT 1 FROM rows WHERE "AllocatedResourceId" IS NOT NULL GROUP BY "x_RowId", "AllocatedResourceId" HAVING count(*) > 1)""",
    "a tag of the origin is missing in AllocatedTags": """
        SELECT count(*) FROM (
            SELECT DISTINCT "Tags", "AllocatedTags" FROM rows WHERE "AllocatedMethodId" IS NOT NULL AND "Tags" IS NOT NULL)
        WHERE NOT coalesce(list_has_all(json_keys("AllocatedTags"), json_keys("Tags")), false)""",
    "x_AllocatedRowId is not unique": 'SELECT count(*) - count(DISTINCT "x_AllocatedRowId") FROM rows',
}


def broken_rules(file: Path) -> dict[str, int]:
    """Rule → how many rows, elements or origins break it; {} = all hold."""
    kept = [name for name in FOCUS if name not in _SPLIT]
    changed = " OR ".join(f"""count(DISTINCT coalesce(CAST("{name}" AS VARCHAR), '')) > 1""" for name in kept)
    origins = f'SELECT count(*) FROM (SELECT "x_RowId" FROM rows GROUP BY "x_RowId" HAVING {changed})'
    with duckdb.connect() as connection:
        connection.execute("SET memory_limit = '2GB'; SET threads = 2")
        connection.read_parquet(str(file)).create_view("rows")
        every = RULES | {"a dimension or unit price differs from its origin's": origins}
        found = {rule: int(connection.execute(sql).fetchall()[0][0]) for rule, sql in every.items()}
    return {rule: count for rule, count in found.items() if count}

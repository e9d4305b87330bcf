"""Tables of a form's own words, as SQL."""

from collections.abc import Mapping

from trimtab.tables import text_literal


def looked_up(expression: str, table: Mapping[str, str], otherwise: str = "NULL") -> str:
    """SQL: the word of `table` for the text of `expression`, whatever its case; `otherwise` (SQL) where it has none."""
    cases = " ".join(f"WHEN {text_literal(key.lower())} THEN {text_literal(word)}" for key, word in table.items())
    return f"CASE lower({expression}) {cases} ELSE {otherwise} END"

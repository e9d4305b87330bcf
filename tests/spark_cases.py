"""Questions that both engines must answer alike, and the tables they are asked of: every name on the list, at its edges."""

from trimtab.attribution.model import model
from trimtab.ports import Session

TABLES = {
    "numbers": ("DECIMAL(38, 0)", (
        "0", "1", "-1", "7", "-7", "999999999", "-1000000000", "9223372036854775807", "99999999999999999999", "100000000000000000000",
        "-100000000000000000001", "12345678901234567890123456789012345678", "99999999999999999999999999999999999999",
        "-99999999999999999999999999999999999999", "10000000000000000000", "1000000000000000000", "999999999999999999",
    )),
    "amounts": ("DECIMAL(38, 12)", (
        "0", "0.000000000001", "-0.000000000001", "1.5", "-1.5", "99999999999999999999999999.999999999999", "-12345.678901234567",
    )),
    "halves": ("DECIMAL(10, 1)", ("0.5", "1.5", "2.5", "-0.5", "-1.5", "-2.5", "2.4", "-2.6")),
    "texts": ("VARCHAR", (
        "", "a", "B", "é", "É", "ΣΑΣ", "İI", "ß", "𝄞x", "a/b:C", "x\\y", "it''s", "a\n", "ｚ", "Ω", "ü", "instance/i-0ABC",
    )),
}  # fmt: skip
TIMES = ("2026-07-01 00:00:00", "2026-07-01 10:59:59.999999", "2026-07-01 11:00:00", "2026-06-30 23:59:59", "2026-02-28 12:30:00")


def fill(session: Session) -> None:
    """The same tables in either engine."""
    session.run(model("macros"))
    for name, (sql_type, values) in TABLES.items():
        rows = " UNION ALL ".join(f"SELECT CAST('{value}' AS {sql_type}) AS x" for value in values)
        session.run(f"CREATE OR REPLACE TEMP TABLE {name} AS {rows} UNION ALL SELECT NULL")
    times = " UNION ALL ".join(f"SELECT TIMESTAMP '{value}' AS x" for value in TIMES)
    session.run(f"CREATE OR REPLACE TEMP TABLE times AS {times}")


QUESTIONS = {
    "exact division at 38 digits": """
        SELECT a.x, b.x, exact_div(a.x, b.x), a.x % b.x
        FROM numbers AS a JOIN numbers AS b ON true WHERE b.x <> 0 ORDER BY a.x, b.x""",
    "division in 64 bits": """
        SELECT exact_div64(a.x, b.x) FROM numbers AS a JOIN numbers AS b ON true
        WHERE b.x <> 0 AND a.x BETWEEN -9000000000 AND 9000000000 AND b.x BETWEEN -9000000000 AND 9000000000 ORDER BY a.x, b.x""",
    "sums and differences": """
        SELECT a.x + b.x, a.x - b.x, -a.x FROM numbers AS a JOIN numbers AS b ON b.x BETWEEN -1000000000 AND 99999999999999999999
        WHERE a.x BETWEEN -1000000000 AND 1000000000 ORDER BY a.x, b.x""",
    "money there and back": "SELECT x, money_units(x), money(money_units(x)), x % 1 FROM amounts ORDER BY x",
    "quantities there and back": "SELECT quantity(quantity_units(CAST(x AS DECIMAL(38, 15)))) FROM amounts WHERE x < 100000 ORDER BY x",
    "marks of a split": """
        SELECT stretch(exact_div(a.u, 1000000000), CAST(a.u % 1000000000 AS BIGINT), m.n, 1000000000), ratio_text(m.n),
          element(m.n, 'Bytes', 1000000000 - m.n), concat('a', nullif(m.n, 0))
        FROM (SELECT money_units(x) AS u FROM amounts WHERE x < 100000) AS a
        JOIN (SELECT 0 AS n UNION ALL SELECT 333333333 UNION ALL SELECT 1000000000) AS m ON true ORDER BY a.u, m.n""",
    "halves are rounded, not cut": """
        SELECT x, CAST(x AS BIGINT), CAST(x AS INTEGER), CAST(x AS DECIMAL(38, 0)), ceil(x), abs(x) FROM halves ORDER BY x""",
    "texts of numbers": """
        SELECT CAST(x AS VARCHAR), 'n' || x, CAST(x = 0 AS VARCHAR), CAST(CAST('2.5' AS BIGINT) AS VARCHAR) FROM amounts ORDER BY x""",
    "numbers of texts": """
        SELECT CAST('0.0000000000005' AS DECIMAL(38, 12)), CAST(' 12 ' AS DECIMAL(5, 1)), CAST('-1.25' AS DECIMAL(5, 1))""",
    "texts in order": "SELECT x FROM texts ORDER BY x",
    "texts in reverse": "SELECT x FROM texts ORDER BY x DESC",
    "the first and the last text": "SELECT min(x), max(x) FROM texts WHERE x <> ''",
    "letters": "SELECT x, lower(x), length(x), right(x, 2), substr(x, 2, 3), lpad(x, 4, 'é'), sha256(x) FROM texts ORDER BY x",
    "the last segment": """
        SELECT x, regexp_extract(x, '([^/:]+)$', 1), regexp_extract(x, 'b(:?)', 0), x LIKE '%/b%', x LIKE '_' FROM texts ORDER BY x""",
    "what is not there": """
        SELECT 0.5 AS half, true AS yes, x <= 'b', x <> 'a' OR x > 'c' AND x >= 'd', coalesce(NULL, x), nullif(x, 'a'), greatest(NULL, x),
          least(x, 'b'), x IS NULL, x IN ('a', 'B'), NOT (x = 'a'), x IS NOT DISTINCT FROM NULL, x IS DISTINCT FROM 'a',
          CASE WHEN x = 'a' THEN 1 END, CASE x WHEN 'a' THEN 1 ELSE 0 END, x || '/'
        FROM texts ORDER BY x""",
    "time by boundaries": """
        SELECT date_diff('hour', a.x, b.x), date_diff('second', a.x, b.x), date_diff('day', a.x, b.x), date_diff('month', a.x, b.x),
          date_diff('minute', a.x, b.x)
        FROM times AS a JOIN times AS b ON true ORDER BY a.x, b.x""",
    "time, cut and written": """
        SELECT x, date_trunc('hour', x), date_trunc('day', x), date_trunc('month', x), strftime(x, '%Y-%m-%d %H:%M:%S'), CAST(x AS DATE),
          x - INTERVAL 1 SECOND, x + INTERVAL 2 HOUR, x >= TIMESTAMP '2026-07-01', x < DATE '2026-07-01'
        FROM times ORDER BY x""",
    "hours between": """
        SELECT x, unnest(generate_series(date_trunc('hour', x), x, INTERVAL 1 HOUR)) AS h FROM times
        UNION ALL SELECT x, unnest(generate_series(x, x - INTERVAL 1 SECOND, INTERVAL 1 HOUR)) FROM times ORDER BY 1, 2""",
    "sums over groups": """
        SELECT x > 0 AS sign, count(*), count(x), sum(x), min(x), max(x), count(*) FILTER (WHERE x > 1), bool_and(x <> 7), bool_or(x = 1.5),
          count(DISTINCT x % 1), sum(CASE WHEN x > 100000 THEN 0 ELSE x END)
        FROM amounts WHERE x IS NULL OR x BETWEEN -99999 AND 99999 GROUP BY ALL ORDER BY ALL""",
    "sums of nothing": "SELECT sum(x), max(x), count(*), bool_or(x > 0), bool_and(x > 0) FROM amounts WHERE x > 1 AND x < 1",
    "running sums": """
        SELECT x, sum(x) OVER w, row_number() OVER (ORDER BY x DESC), dense_rank() OVER (ORDER BY ceil(x)) FROM halves
        WINDOW w AS (PARTITION BY x > 0 ORDER BY x ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) ORDER BY x""",
    "a query of queries": """
        WITH a AS (SELECT DISTINCT x % 2 AS r FROM halves)
        SELECT r, count(*) AS n, (SELECT max(x) FROM halves) AS top FROM a
        WHERE EXISTS (SELECT 1 FROM halves LIMIT 1) AND r IN (SELECT x FROM halves UNION SELECT 0)
        GROUP BY r HAVING count(*) > 0 ORDER BY r""",
    "columns replaced": "SELECT t.* REPLACE (CAST(x AS VARCHAR) AS x), 1 AS one FROM halves AS t ORDER BY 1",
}  # fmt: skip
"""Name → SQL. Every function and operator of the list stands in one."""

-- The only divisions in attribution. Both cut toward zero, on DuckDB and on Spark alike (there: long division on decimals, and DIV on BIGINT).
-- exact_div64 is for products that are known to stay below 2^63; it is fifty times faster than 128-bit division.
CREATE OR REPLACE TEMP MACRO exact_div(a, b) AS CAST(CAST(a AS HUGEINT) // CAST(b AS HUGEINT) AS DECIMAL(38, 0));
CREATE OR REPLACE TEMP MACRO exact_div64(a, b) AS CAST(a AS BIGINT) // CAST(b AS BIGINT);

-- A decimal as whole units: money at scale 12, quantities at scale 15. The whole part and the fraction apart, so that nothing overflows.
CREATE OR REPLACE TEMP MACRO money_units(x) AS
  CAST(x - x % 1 AS DECIMAL(38, 0)) * 1000000000000 + CAST((x % 1) * 1000000000000 AS DECIMAL(38, 0));
CREATE OR REPLACE TEMP MACRO quantity_units(x) AS
  CAST(x - x % 1 AS DECIMAL(38, 0)) * 1000000000000000 + CAST((x % 1) * 1000000000000000 AS DECIMAL(38, 0));

CREATE OR REPLACE TEMP MACRO money(units) AS CAST(units * CAST('0.000000000001' AS DECIMAL(12, 12)) AS DECIMAL(38, 12));
CREATE OR REPLACE TEMP MACRO quantity(units) AS CAST(units * CAST('0.000000000000001' AS DECIMAL(15, 15)) AS DECIMAL(38, 15));

-- What of an amount (`whole` * 1e9 + `rest` units) a line takes that owns the stretch from the mark `low` to the mark `high`, on a scale from
-- 0 to 1,000,000,000: what lies below `high` less what lies below `low`. The marks of an origin's lines lie edge to edge from 0 to 1e9, so
-- the lines add up to the origin whatever its sign, and each is its exact share cut up or down by less than one unit.
CREATE OR REPLACE TEMP MACRO stretch(whole, rest, low, high) AS
  whole * (high - low) + CAST(exact_div64(rest * high, 1000000000) - exact_div64(rest * low, 1000000000) AS DECIMAL(38, 0));

-- What of a GPU a pod holds, in 63,000ths: exact for thousandths, for MIG's 4 and 7 slices, and for up to 10 shares of one GPU.
CREATE OR REPLACE TEMP MACRO gpu_units(request, shares, shares_of) AS
  coalesce(exact_div64(63000 * shares, shares_of), CAST(request AS BIGINT) * 63, 0);

-- Billionths as the decimal text that FOCUS calls AllocatedRatio. `concat` builds a text at once where `||` builds it link by link.
CREATE OR REPLACE TEMP MACRO ratio_text(n) AS
  CASE WHEN n = 1000000000 THEN '1' ELSE CAST(CAST(n AS DECIMAL(10, 0)) * CAST('0.000000001' AS DECIMAL(9, 9)) AS VARCHAR) END;
CREATE OR REPLACE TEMP MACRO element(ratio, unit, quantity) AS
  concat('{"AllocatedRatio":', ratio_text(ratio), ',"UsageUnit":"', unit, '","UsageQuantity":', CAST(quantity AS VARCHAR), '}');

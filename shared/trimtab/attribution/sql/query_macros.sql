-- What a holder of the stretch from 0 to `mark` of `total` gets of an amount, in whole units. Differences of two marks are shares: marks
-- that lie edge to edge from 0 to `total` give shares that add up to the amount. The whole part and the rest apart, and a total beyond
-- 10^18 units (a million of a currency) with a millionth of its digits, so that no product outgrows 38 digits.
CREATE OR REPLACE TEMP MACRO portion_of(amount, mark, total) AS
  exact_div(amount, total) * mark + exact_div((amount - exact_div(amount, total) * total) * mark, total);
CREATE OR REPLACE TEMP MACRO portion(amount, mark, total) AS
  CASE
    WHEN total = 0 THEN CAST(0 AS DECIMAL(38, 0))
    WHEN abs(total) < 1000000000000000000 THEN portion_of(amount, mark, total)
    ELSE portion_of(amount, exact_div(mark, 1000000), exact_div(total, 1000000))
  END;

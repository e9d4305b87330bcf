"""Google's billing export becomes FOCUS rows: credits lower a price or stand for themselves, and together they are the invoice."""

import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from tests.cloud_bills import GCP, Row, ports_at, read_in, stored, the_one, write_csv
from trimtab.errors import BadInput
from trimtab.units import Money

CUD = '{"name":"CUD","amount":-0.3,"full_name":null,"id":"c-1","type":"COMMITTED_USAGE_DISCOUNT"}'
TRIAL = '{"name":"Trial","amount":-0.2,"full_name":"Free trial credit","id":"f-1","type":"PROMOTION"}'
NEW = '{"name":"New","amount":-0.1,"full_name":null,"id":"n-1","type":"OF_TOMORROW"}'
COSTS = '"ChargeCategory", "BilledCost", "EffectiveCost", "ContractedCost", "ListCost"'

NESTED = """
SELECT '01ABCD-234567-89EFAB' AS billing_account_id, {'id': '6F81', 'description': 'Compute Engine'} AS service,
  {'id': 'S-1', 'description': 'N2 Instance Core'} AS sku, TIMESTAMPTZ '2026-07-13 07:00:00+00' AS usage_start_time,
  TIMESTAMPTZ '2026-07-13 08:00:00+00' AS usage_end_time,
  {'id': 'shop', 'name': 'Shop', 'labels': [{'key': 'env', 'value': 'project'}, {'key': 'owner', 'value': ''}]} AS project,
  [{'key': 'env', 'value': 'prod'}, {'key': 'goog-k8s-cluster-name', 'value': 'live'},
   {'key': 'k8s-namespace', 'value': 'kube:unallocated'}] AS labels,
  CAST([] AS STRUCT("key" VARCHAR, "value" VARCHAR)[]) AS system_labels, {'region': 'us-central1', 'zone': 'us-central1-a'} AS location,
  CAST(1.5 AS DOUBLE) AS cost, 'USD' AS currency, {'amount': 3600.0, 'unit': 'seconds'} AS "usage",
  [{'name': 'CUD', 'amount': CAST(-0.3 AS DOUBLE), 'full_name': NULL, 'id': 'c-1', 'type': 'COMMITTED_USAGE_DISCOUNT'},
   {'name': 'Trial', 'amount': CAST(-0.2 AS DOUBLE), 'full_name': 'Free trial credit', 'id': 'f-1', 'type': 'PROMOTION'}] AS credits,
  {'month': '202607'} AS invoice, 'regular' AS cost_type, CAST(2 AS DOUBLE) AS cost_at_list,
  {'name': 'gke-1', 'global_name': '//compute.googleapis.com/projects/shop/zones/us-central1-a/instances/4711'} AS resource
"""


def costs(folder: Path, *rows: Row) -> list[tuple[object, ...]]:
    ports = ports_at(folder)
    read_in(ports, write_csv(folder / "b.csv", *rows))
    return list(stored(ports, COSTS))


def test_a_discount_lowers_its_row_and_money_given_is_a_credit_of_its_own(tmp_path: Path) -> None:
    """List 2, contracted 1.5, with the commitment 1.2; the free trial and what nobody knows yet are not the price of this machine."""
    assert costs(tmp_path, GCP | {"credits": f"[{CUD},{TRIAL},{NEW}]"}) == [
        ("Usage", Decimal("1.2"), Decimal("1.2"), Decimal("1.5"), Decimal(2)),
        ("Credit", Decimal("-0.3"), Decimal("-0.3"), Decimal(0), Decimal(0)),
    ]


def test_a_credit_keeps_every_digit_of_the_file(tmp_path: Path) -> None:
    """Nineteen digits do not fit a binary double, which is what a JSON number would become."""
    row = GCP | {"cost": "1000000.5", "credits": '[{"amount": -1000000.123456789012, "type":"PROMOTION"}]'}

    assert [line[1] for line in costs(tmp_path, row)] == [Decimal("1000000.5"), Decimal("-1000000.123456789012")]


def test_nested_parquet_of_doubles_gives_what_flattened_csv_gives(tmp_path: Path) -> None:
    labels = (
        '[{"key":"env","value":"prod"},{"key":"goog-k8s-cluster-name","value":"live"},{"key":"k8s-namespace","value":"kube:unallocated"}]'
    )
    flat = GCP | {
        "credits": f"[{CUD},{TRIAL}]", "labels": labels, "project.labels": '[{"key":"env","value":"project"},{"key":"owner","value":""}]',
        "sku.description": "N2 Instance Core", "service.id": "6F81", "resource.name": "gke-1",
    }  # fmt: skip
    columns = '* EXCLUDE ("x_SourceFile", "x_RowId")'
    ports, other = ports_at(tmp_path / "csv"), ports_at(tmp_path / "parquet")
    read_in(ports, write_csv(tmp_path / "b.csv", {name.replace(".", "_"): value for name, value in flat.items()}))
    with other.engine.session() as session:
        session.write(NESTED, str(tmp_path / "parquet" / "b.parquet"))

    read_in(other, tmp_path / "parquet" / "b.parquet")

    assert stored(other, columns) == stored(ports, columns)
    tags = {"env": "prod", "owner": "", "goog-k8s-cluster-name": "live", "k8s-namespace": "kube:unallocated"}
    assert json.loads(str(stored(other, '"Tags"')[0][0])) == tags, "a resource's own label wins over its project's"


def test_a_month_of_pacific_time_is_the_invoices_and_usage_keeps_its_own_hour(tmp_path: Path) -> None:
    """Crossover: usage of 30 June that Google invoices in July is July's bill; in UTC that month begins at 7 o'clock."""
    ports = ports_at(tmp_path)
    late = GCP | {"usage_start_time": "2026-06-30 22:00:00 UTC", "usage_end_time": "2026-06-30 23:00:00 UTC"}

    loaded = the_one(read_in(ports, write_csv(tmp_path / "b.csv", GCP, late)))

    assert loaded.period == "2026-07"
    assert stored(ports, '"BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart"')[1] == (
        datetime(2026, 7, 1, 7),  # noqa: DTZ001 -- lake times are UTC without a zone
        datetime(2026, 8, 1, 7),  # noqa: DTZ001
        datetime(2026, 6, 30, 22),  # noqa: DTZ001
    )


def test_taxes_adjustments_and_rounding_are_no_usage(tmp_path: Path) -> None:
    kinds = [GCP | {"cost_type": kind, "cost": "-0.01"} for kind in ("tax", "adjustment", "rounding_error")]

    assert [row[0] for row in costs(tmp_path, *kinds)] == ["Tax", "Adjustment", "Adjustment"]


def test_the_parts_that_gke_cuts_a_node_into_are_the_nodes_cost_once(tmp_path: Path) -> None:
    """With GKE cost allocation Google splits a node's rows by namespace: they share its id and add up, so our own split finds it all."""
    parts = [
        GCP | {"cost": cost, "labels": f'[{{"key":"goog-k8s-cluster-name","value":"live"}},{{"key":"k8s-namespace","value":"{name}"}}]'}
        for cost, name in (("0.7", "shop"), ("0.5", "kube:unallocated"), ("0.3", "goog-k8s-unknown"))
    ]
    ports = ports_at(tmp_path)

    loaded = the_one(read_in(ports, write_csv(tmp_path / "b.csv", *parts)))

    assert loaded.billed == (Money(Decimal("1.5"), "USD"),)
    assert {row[0] for row in stored(ports, '"ResourceId"')} == {GCP["resource.global_name"]}
    assert [str(row[0]).split('"')[7] for row in stored(ports, '"Tags"')] == ["shop", "kube:unallocated", "goog-k8s-unknown"]


def test_shards_without_rows_are_fine_beside_one_with_rows(tmp_path: Path) -> None:
    """BigQuery writes empty shards; two of them are the same file and still no mistake."""
    ports = ports_at(tmp_path)
    whole = write_csv(tmp_path / "0.csv", GCP)
    empty = [tmp_path / "1.csv", tmp_path / "2.csv"]
    for path in empty:
        path.write_text(whole.read_text().splitlines()[0] + "\n")

    assert the_one(read_in(ports, whole, *empty)).rows == 1
    with pytest.raises(BadInput, match=r"1.csv, 2.csv: a header and no rows"):
        read_in(ports, *empty)


def test_a_file_with_only_the_sum_of_credits_has_them_as_credits(tmp_path: Path) -> None:
    """A sum does not say whether it lowered a price; the total is exact all the same."""
    row = {name: value for name, value in GCP.items() if name != "credits"} | {"credits_amount": "-0.25"}

    assert [line[:2] for line in costs(tmp_path, row)] == [("Usage", Decimal("1.5")), ("Credit", Decimal("-0.25"))]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cost": "NaN"}, "cost: 'NaN' is not a number"),
        ({"cost": "1e400"}, "cost: '1e400' is not a number"),
        ({"cost": ""}, "cost: it is empty"),
        ({"credits": "many"}, "credits: 'many' is not a JSON list; write it with TO_JSON_STRING"),
        ({"credits": '[{"amount":"x"}]'}, "credits: an amount is not a number"),
        ({"credits": '[{"name":"x"}]'}, "credits: an amount is not a number"),
        ({"labels": "env=prod"}, "labels: 'env=prod' is not a JSON list"),
        ({"invoice.month": "2026-07"}, "invoice.month: '2026-07' is not a month like 202607"),
        ({"invoice.month": ""}, "invoice.month: nothing is not a month"),
        ({"usage_start_time": "yesterday"}, "ChargePeriodStart: 'yesterday' is not a time"),
    ],
)
def test_a_row_that_cannot_be_read_exactly_refuses_the_file(tmp_path: Path, changes: Row, message: str) -> None:
    ports = ports_at(tmp_path)

    with pytest.raises(BadInput) as refused:
        read_in(ports, write_csv(tmp_path / "b.csv.gz", GCP, GCP | changes))

    assert str(refused.value).startswith(f"b.csv.gz: row 2: {message}")
    assert ports.lake.version("cost") is None


@pytest.mark.parametrize(
    ("missing", "message"),
    [("credits", "no credits: cost alone is before them"), ("currency", "no billing export of Google Cloud: currency missing")],
)
def test_a_file_without_a_needed_column_is_refused_by_name(tmp_path: Path, missing: str, message: str) -> None:
    row = {name: value for name, value in GCP.items() if name != missing}

    with pytest.raises(BadInput, match=f"b.csv: {message}"):
        read_in(ports_at(tmp_path), write_csv(tmp_path / "b.csv", row))

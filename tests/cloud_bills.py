"""Bills of Azure, Google Cloud and Oracle, written as those clouds write them, and a lake in a folder to read them into."""

import csv
import gzip
import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from trimtab.adapters.duckdb import DuckDb
from trimtab.adapters.logs import Quiet
from trimtab.adapters.progress import Silent
from trimtab.adapters.store.buckets import StoreBuckets
from trimtab.adapters.store.lake import DeltaLake
from trimtab.flow.ingest import Loaded, ingest_files
from trimtab.ports import Ports, Superseded
from trimtab.records import BillForm
from trimtab.settings import Export, Settings
from trimtab.tables import scan

DATA = Path(__file__).parent / "data" / "billing"
NOW = datetime(2026, 8, 3, 12, tzinfo=UTC)
Row = dict[str, str]

AZURE: Row = {
    "InvoiceSectionName": "ops", "AccountName": "ops", "SubscriptionId": "sub-1", "SubscriptionName": "production",
    "ResourceLocation": "EastUS", "Date": "07/13/2026", "ProductName": "Virtual Machines Dsv3", "MeterCategory": "Virtual Machines",
    "MeterId": "m-1", "MeterName": "D2s v3", "UnitOfMeasure": "1 Hour", "Quantity": "24", "EffectivePrice": "0.1",
    "CostInBillingCurrency": "2.4", "ResourceId": "/subscriptions/sub-1/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm1",
    "Tags": '"team": "ml"', "AdditionalInfo": "", "ChargeType": "Usage", "PricingModel": "OnDemand", "Frequency": "UsageBased",
    "ReservationId": "", "ReservationName": "", "BillingAccountId": "12345678", "BillingCurrencyCode": "USD",
    "BillingPeriodStartDate": "07/01/2026", "BillingPeriodEndDate": "07/31/2026", "PublisherName": "Microsoft", "ServiceFamily": "Compute",
}  # fmt: skip
RESERVED = {"PricingModel": "Reservation", "ReservationId": "ri-1", "ReservationName": "three years"}

GCP: Row = {
    "billing_account_id": "01ABCD-234567-89EFAB", "service.id": "6F81-5844-456A", "service.description": "Compute Engine",
    "sku.id": "S-1", "sku.description": "N2 Instance Core running in Americas", "usage_start_time": "2026-07-13 07:00:00 UTC",
    "usage_end_time": "2026-07-13 08:00:00 UTC", "project.id": "shop", "project.name": "Shop", "project.labels": "[]", "labels": "[]",
    "system_labels": "[]", "location.region": "us-central1", "location.zone": "us-central1-a", "cost": "1.5", "currency": "USD",
    "usage.amount": "3600", "usage.unit": "seconds", "credits": "[]", "invoice.month": "202607", "cost_type": "regular",
    "resource.name": "projects/shop/instances/gke-1", "cost_at_list": "2",
    "resource.global_name": "//compute.googleapis.com/projects/shop/zones/us-central1-a/instances/4711",
}  # fmt: skip

OCI: Row = {
    "lineItem/referenceNo": "r1", "lineItem/tenantId": "ocid1.tenancy.oc1..a", "lineItem/intervalUsageStart": "2026-07-13T10:00Z",
    "lineItem/intervalUsageEnd": "2026-07-13T11:00Z", "product/service": "COMPUTE", "product/compartmentId": "ocid1.compartment.oc1..b",
    "product/compartmentName": "shop", "product/region": "us-sanjose-1", "product/resourceId": "ocid1.instance.oc1.us-sanjose-1.c",
    "usage/billedQuantity": "1.000000000000000000", "cost/productSku": "B93113", "product/Description": "Standard - E4 - OCPU",
    "cost/unitPrice": "0.025", "cost/myCost": "0.025000000000000000", "cost/myCostOverage": "", "cost/currencyCode": "USD",
    "cost/skuUnitDescription": "OCPU Hours", "cost/overageFlag": "N", "lineItem/isCorrection": "false", "lineItem/backreferenceNo": "",
    "tags/Ops.Team": "ml",
}  # fmt: skip


def write_csv(path: Path, *rows: Row) -> Path:
    """The rows as CSV, compressed where the name says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    body = text.getvalue().encode()
    path.write_bytes(gzip.compress(body) if path.suffix == ".gz" else body)
    return path


def ports_at(folder: Path, *exports: Export) -> Ports:
    """Real adapters over a folder."""
    scratch = folder / "scratch"
    return cast(
        Ports,
        SimpleNamespace(
            settings=Settings(store=f"file://{folder}", exports=exports),
            buckets=StoreBuckets(),
            engine=DuckDb(directories=(folder,), scratch=scratch, memory_mb=250),
            lake=DeltaLake(f"file://{folder}/lake", scratch),
            log=Quiet(),
            progress=Silent(),
            scratch=scratch,
        ),
    )


def export(name: str = "bill", **values: object) -> Export:
    """An export of any account."""
    return Export.model_validate({"name": name, "prefix": f"/unused/{name}", "billing_account": "*", **values})


def read_in(ports: Ports, *paths: Path, to: Export | None = None, form: BillForm | None = None) -> Mapping[str, Loaded | Superseded]:
    """What `trimtab ingest` does with files."""
    return ingest_files(paths, to or export(), ports, ports.scratch, NOW, NOW, form)


def the_one(loaded: Mapping[str, Loaded | Superseded]) -> Loaded:
    """The only period of a bill."""
    (found,) = loaded.values()
    assert isinstance(found, Loaded)
    return found


def stored(ports: Ports, columns: str) -> Sequence[tuple[object, ...]]:
    """What the cost table holds, in the order of the files."""
    order = '"x_Export", "x_SourceFile", "x_SourceRow", "ChargeCategory" DESC'
    with ports.engine.session() as session:
        return session.rows(f"SELECT {columns} FROM ({scan('cost', ports.lake.files('cost'))}) ORDER BY {order}")

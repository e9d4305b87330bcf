"""Buckets of another account or cloud: a role is assumed for one, Azure's containers are opened by their account."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from obstore.store import AzureStore

from tests.contract.conftest import BUCKET, s3_options
from trimtab.adapters.aws.roles import AssumedRole
from trimtab.adapters.store.buckets import StoreBuckets
from trimtab.adapters.store.foreign import Access, Credential, open_bucket
from trimtab.errors import BadInput, Upstream

ROLE = "arn:aws:iam::111122223333:role/billing-reader"


def sts(url: str) -> Any:
    return boto3.client("sts", endpoint_url=url, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")


def place(url: str) -> dict[str, str]:
    """An S3 endpoint without keys of its own."""
    return {name: value for name, value in s3_options(url).items() if "key" not in name and "secret" not in name}


def test_a_bucket_of_another_account_is_read_with_the_keys_of_its_role(moto_url: str, tmp_path: Path) -> None:
    own = StoreBuckets(options=s3_options(moto_url))
    prefix = f"s3://{BUCKET}/foreign"
    own.put(f"{prefix}/a.csv", b"body")
    asked: list[Credential] = []

    def role() -> Credential:
        asked.append(AssumedRole(arn=ROLE, client=lambda: sts(moto_url))())
        return asked[-1]

    buckets = StoreBuckets(access={prefix: Access(options=place(moto_url), credentials=role)})

    assert buckets.read(f"{prefix}/a.csv") == b"body"
    assert [stored.url for stored in buckets.list(prefix)] == [f"{prefix}/a.csv"]
    assert buckets.fetch(f"{prefix}/a.csv", tmp_path).read_bytes() == b"body"
    assert asked[0]["token"]
    assert asked[0]["expires_at"] > datetime.now(UTC) + timedelta(minutes=1)


def test_a_role_that_may_not_be_assumed_is_named() -> None:
    class Denied:
        def assume_role(self, **_: str) -> Any:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not authorized"}}, "AssumeRole")

    with pytest.raises(Upstream, match=r"billing-reader: .*not authorized; its trust policy must name the function's role"):
        AssumedRole(arn=ROLE, client=Denied)()


def test_only_what_lies_below_a_prefix_is_read_with_its_keys(moto_url: str) -> None:
    """The role of one export must not read another's."""

    def role() -> Credential:
        raise AssertionError("this role was not asked for")

    own = s3_options(moto_url)
    buckets = StoreBuckets(options=own, access={f"s3://{BUCKET}/foreign": Access(options=place(moto_url), credentials=role)})
    buckets.put(f"s3://{BUCKET}/foreign-too/a.csv", b"ours")

    assert buckets.read(f"s3://{BUCKET}/foreign-too/a.csv") == b"ours"


@pytest.mark.parametrize("options", [{"account_name": "acme", "sas_key": "sv=2024-11-04&sig=AAAA"}, {"account_name": "acme"}])
def test_a_container_of_azure_is_opened_by_its_account(options: dict[str, str]) -> None:
    store = open_bucket("az://billing", Access(options=options))

    assert isinstance(store, AzureStore)
    assert "billing" in repr(store)
    assert "acme" in repr(store)


@pytest.mark.parametrize("root", ["az://billing", "ftp://billing"])
def test_a_bucket_that_cannot_be_opened_is_refused_with_its_url(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)

    with pytest.raises(BadInput, match=root):
        open_bucket(root, Access())

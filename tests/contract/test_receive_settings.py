"""`receive` reads the settings without pydantic; both readers must agree, or a secret would count in one place only."""

import json
from pathlib import Path

import pytest

from trimtab.errors import BadInput
from trimtab.receive_settings import SENDER_SECRETS, load_receive_settings
from trimtab.settings import load

LONG = "a-secret-that-is-long-enough"
CLOUD = {"TRIMTAB_STORE": "s3://bucket/prefix"}
ENVIRONMENTS: dict[str, dict[str, str]] = {
    "nothing but a store": CLOUD,
    "a tenant": {**CLOUD, "TRIMTAB_SETTINGS": '{"tenant": "acme", "ledger": "s3://ledger"}'},
    "a ledger beside the settings": {**CLOUD, "TRIMTAB_LEDGER": "gs://ledger", "TRIMTAB_SETTINGS": '{"ledger": "s3://ledger"}'},
    "secrets": {**CLOUD, "TRIMTAB_SLACK_SIGNING_SECRET": LONG, "TRIMTAB_PALETTE_WEBHOOK_SECRET": f"{LONG}, {LONG}-old"},
    "a short secret": {**CLOUD, "TRIMTAB_SLACK_SIGNING_SECRET": "short", "TRIMTAB_AZURE_WEBHOOK_SECRET": f"{LONG},short"},
    "an empty secret": {**CLOUD, "TRIMTAB_GITHUB_WEBHOOK_SECRET": "", "TRIMTAB_GITLAB_WEBHOOK_SECRET": ","},
    "a comma in a signing key": {**CLOUD, "TRIMTAB_GITHUB_WEBHOOK_SECRET": f"{LONG},{LONG}"},
}
TENANT, CLIENT = "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"
ENTRA = {"tenant": TENANT, "audience": CLIENT}
ENVIRONMENTS |= {
    "tokens of Azure's action groups": {**CLOUD, "TRIMTAB_SETTINGS": json.dumps({"azure_entra": ENTRA})},
    "tokens of another sender": {**CLOUD, "TRIMTAB_SETTINGS": json.dumps({"azure_entra": {**ENTRA, "sender": CLIENT}})},
}
REFUSED: dict[str, dict[str, str]] = {
    "a demo in the cloud": {**CLOUD, "TRIMTAB_SETTINGS": '{"is_demo": true}'},
    "a fixed clock in the cloud": {**CLOUD, "TRIMTAB_CLOCK": "2026-07-31T12:00:00+00:00"},
    "a ledger in the cloud with a fixed clock": {"TRIMTAB_LEDGER": "s3://ledger", "TRIMTAB_CLOCK": "2026-07-31T12:00:00+00:00"},
    "a secret in the JSON": {**CLOUD, "TRIMTAB_SETTINGS": json.dumps({"slack_signing_secret": LONG})},
    "settings that are no JSON": {**CLOUD, "TRIMTAB_SETTINGS": "{"},
    "settings that are a list": {**CLOUD, "TRIMTAB_SETTINGS": "[]"},
    "a secret that is a number": {"TRIMTAB_SETTINGS": '{"slack_signing_secret": 5}', "TRIMTAB_STORE": "file:///tmp"},
    "tokens of any tenant": {**CLOUD, "TRIMTAB_SETTINGS": json.dumps({"azure_entra": {"audience": CLIENT}})},
    "tokens of a tenant by name": {**CLOUD, "TRIMTAB_SETTINGS": json.dumps({"azure_entra": {**ENTRA, "tenant": "common"}})},
    "tokens with a word nobody knows": {**CLOUD, "TRIMTAB_SETTINGS": json.dumps({"azure_entra": {**ENTRA, "app": CLIENT}})},
    "tokens that are a text": {**CLOUD, "TRIMTAB_SETTINGS": json.dumps({"azure_entra": TENANT})},
    "a clock that is no time": {"TRIMTAB_CLOCK": "noon", "TRIMTAB_STORE": "file:///tmp"},
}


def assert_agree(environ: dict[str, str]) -> None:
    light, whole = load_receive_settings(environ), load(environ)
    assert (light.store, light.ledger_url, light.tenant, light.clock) == (whole.store, whole.ledger_url, whole.tenant, whole.clock)
    assert light.is_local == whole.is_local
    assert (light.azure_entra and light.azure_entra._asdict()) == (whole.azure_entra and whole.azure_entra.model_dump())
    assert {source: light.secrets_of(source) for source in SENDER_SECRETS} == {
        source: whole.secrets_of(source) for source in SENDER_SECRETS
    }


@pytest.mark.parametrize("environ", ENVIRONMENTS.values(), ids=ENVIRONMENTS)
def test_both_readers_agree(environ: dict[str, str]) -> None:
    assert_agree(environ)


def test_both_readers_agree_on_a_store_on_disk(tmp_path: Path) -> None:
    values = {"tenant": "demo", "is_demo": True, "clock": "2026-07-31T12:00:00Z", "slack_signing_secret": "short"}
    (tmp_path / "settings.json").write_text(json.dumps(values))

    assert_agree({"TRIMTAB_STORE": tmp_path.as_uri()})
    assert load_receive_settings({"TRIMTAB_STORE": tmp_path.as_uri()}).secrets_of("slack") == ("short",)


@pytest.mark.parametrize("environ", REFUSED.values(), ids=REFUSED)
def test_both_readers_refuse(environ: dict[str, str]) -> None:
    """A demo's secrets are on everybody's disk; a cloud that believed them would believe anybody."""
    for read in (load_receive_settings, load):
        with pytest.raises(BadInput):
            read(environ)


@pytest.mark.security(1)
@pytest.mark.parametrize("secret", ["", "short", "15-characters--"])
def test_a_short_secret_in_the_cloud_counts_as_none(secret: str) -> None:
    assert load_receive_settings({**CLOUD, "TRIMTAB_SLACK_SIGNING_SECRET": secret}).secrets_of("slack") == ()


def test_two_words_count_while_one_is_replaced_and_never_three() -> None:
    environ = {**CLOUD, "TRIMTAB_PALETTE_WEBHOOK_SECRET": f"{LONG}-1,{LONG}-2,{LONG}-3"}

    assert load_receive_settings(environ).secrets_of("palette") == (f"{LONG}-1", f"{LONG}-2")

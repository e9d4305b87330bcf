"""How many resources of each type both Terraform trees make at their defaults, as Terraform itself plans them."""

import os
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

from infra.running.work import table
from tests.infra import google_schema
from tests.infra.aws_front import aws
from tests.infra.google_provider import attached
from tests.infra.terraform import TREE, bundles, copied
from tests.infra.test_terraform_gcp import Root

SECRETS = ("slack_signing_secret", "slack_token", "github_webhook_secret", "github_writer_key", "github_gate_key", "palette_api_key")
"""Of a deployment with GitHub, Slack and Palette."""
LAYER = "arn:aws:lambda:us-east-1:177933569100:layer:AWS-Parameters-and-Secrets-Lambda-Extension:12"


def aws_resources(folder: Path) -> dict[str, int]:
    """Type → how many, on AWS."""
    folder.mkdir(parents=True)
    with aws() as front:
        variables = {
            "region": "us-east-1", "bundles": str(bundles(folder / "bundles", list(table("aws")))), "secrets_extension_layer": LAYER,
            "secrets": SECRETS, "alarm_emails": ["ops@example.com"],
        }  # fmt: skip
        return _counted(copied(folder / "tree", endpoint=front.url, variables=variables).planned())


def google_resources(folder: Path) -> dict[str, int]:
    """Type → how many, on Google Cloud."""
    zips = folder / "bundles"
    zips.mkdir(parents=True)
    for function in table("gcp"):
        (zips / f"{function}.zip").write_bytes(function.encode())
    shutil.copytree(TREE, folder / "tree", ignore=shutil.ignore_patterns(".terraform", "*.tfstate*", ".terraform.lock.hcl"))
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("TF_", "GOOGLE_", "CLOUDSDK_"))}
    with attached(google_schema.load()) as found:
        environment = kept | found | {"CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1", "TF_VAR_bundles": str(zips)}
        root = Root(folder=folder / "tree" / "gcp", environment=environment)
        done = root.run("init", "-input=false")
        if done.returncode:
            raise RuntimeError(done.stderr)
        settings = {
            "palette_url": "https://api.example.com",
            "repositories": [{"id": "gitops", "forge": "github", "location": "example/gitops"}],
        }
        apps = {"writer": {"app_id": 1, "installation_id": 2}, "gate": {"app_id": 3, "installation_id": 4}}
        variables = {
            "project": "example-project", "region": "us-central1", "secrets": list(SECRETS), "alarm_emails": ["ops@example.com"],
            "settings": settings | {"github": apps},
        }  # fmt: skip
        return _counted(root.planned(variables))


def _counted(planned: dict[str, dict[str, Any]]) -> dict[str, int]:
    kinds = (re.findall(r"(?:^|\.)((?:aws|google)_[a-z0-9_]+)\.", re.sub(r"\[[^]]*\]", "", f"{address}."))[0] for address in planned)
    return dict(sorted(Counter(kinds).items()))

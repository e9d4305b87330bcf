"""Terraform as it is installed on this machine, with the AWS provider that lies beside it: nothing is fetched."""

import json
import os
import shutil
import subprocess
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TREE = Path(__file__).parents[2] / "infra" / "terraform"
PROVIDER = "registry.terraform.io/hashicorp/aws/5.*/*/terraform-provider-aws_*"


def _plugins() -> Path:
    """A folder as `terraform init -plugin-dir` takes it: what the variable says, else the first usual place with the provider in it."""
    said = os.environ.get("TRIMTAB_TERRAFORM_PLUGINS")
    if said:
        return Path(said)
    usual = [Path.home() / ".terraform.d/plugins", *(Path(root) / "share/terraform/plugins" for root in ("/usr/local", "/usr"))]
    places = [*usual, *sorted(Path("/opt").glob("*/"))]
    return next((place for place in places if next(place.glob(PROVIDER), None)), usual[0])


PLUGINS = _plugins()
SERVICES = (
    "apigatewayv2", "budgets", "ce", "cloudwatch", "ec2", "emrserverless", "events", "iam", "kms", "lambda", "logs", "s3", "scheduler",
    "secretsmanager", "sns", "sqs", "sts",
)  # fmt: skip


def why_not() -> str:
    """Why Terraform cannot run here; "" = it can."""
    if shutil.which("terraform") is None:
        return "no terraform on this machine"
    if not list(PLUGINS.glob(PROVIDER)):
        return f"no AWS provider 5 below {PLUGINS}; say where with TRIMTAB_TERRAFORM_PLUGINS"
    return ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Root:
    """A copy of the tree; one root module of it."""

    folder: Path
    variables: Path

    def run(self, *arguments: str, may_fail: bool = False) -> subprocess.CompletedProcess[str]:
        """Terraform in the root module."""
        done = subprocess.run(
            ["terraform", *arguments], cwd=self.folder, env=environment(), capture_output=True, text=True, timeout=900, check=False
        )
        if done.returncode and not may_fail:
            raise AssertionError(f"terraform {arguments[0]}: {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}")
        return done

    def apply(self, *more: str) -> None:
        """Apply without asking."""
        self.run("apply", "-auto-approve", "-input=false", "-no-color", "-parallelism=24", f"-var-file={self.variables}", *more)

    def destroy(self) -> None:
        """Take everything away again."""
        arguments = ("-auto-approve", "-refresh=false", "-input=false", "-no-color", "-parallelism=24", f"-var-file={self.variables}")
        self.run("destroy", *arguments)

    def plan(self, *more: str) -> subprocess.CompletedProcess[str]:
        """A plan; it exits with 2 where something would change, with 1 where it cannot be made."""
        arguments = (*more, "-detailed-exitcode", "-input=false", "-no-color", "-parallelism=24", f"-var-file={self.variables}")
        return self.run("plan", *arguments, may_fail=True)

    def console(self, expression: str) -> Any:
        """What an expression is in the plan."""
        arguments = ["terraform", "console", "-plan", f"-var-file={self.variables}"]
        asked = f"jsonencode({expression})\n"
        done = subprocess.run(
            arguments, cwd=self.folder, env=environment(), input=asked, capture_output=True, text=True, timeout=900, check=True
        )
        return json.loads(json.loads(done.stdout))

    def planned(self) -> dict[str, dict[str, Any]]:
        """Address → values of everything that an apply would make, as far as they are known before it."""
        self.run("plan", "-input=false", "-no-color", "-out=planned", f"-var-file={self.variables}")
        shown = json.loads(self.run("show", "-json", "planned").stdout)
        return dict(_resources(shown["planned_values"]["root_module"]))

    def resources(self) -> dict[str, dict[str, Any]]:
        """Address → values of everything in the state."""
        shown = json.loads(self.run("show", "-json").stdout)
        return dict(_resources(shown.get("values", {}).get("root_module", {})))


def _resources(module: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    own = [(each["address"], each.get("values", {})) for each in module.get("resources", []) if each["mode"] == "managed"]
    return own + [pair for child in module.get("child_modules", []) for pair in _resources(child)]


def environment() -> dict[str, str]:
    """Ours, without what would have Terraform look for its configuration, its plugins or somebody's account elsewhere."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("TF_", "AWS_"))}
    return kept | {"CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1", "AWS_EC2_METADATA_DISABLED": "true"}


def copied(target: Path, *, endpoint: str, variables: dict[str, Any], root: str = "aws") -> Root:
    """A copy of the tree whose provider speaks to `endpoint`, initialized."""
    shutil.copytree(TREE, target, ignore=shutil.ignore_patterns(".terraform", "*.tfstate*"))
    folder = target / root
    names = "\n".join(f'    {service} = "{endpoint}"' for service in SERVICES)
    (folder / "test_override.tf").write_text(f"""
provider "aws" {{
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  s3_use_path_style           = true
  endpoints {{
{names}
  }}
}}
""")
    values = target / "test.tfvars.json"
    values.write_text(json.dumps(variables))
    made = Root(folder=folder, variables=values)
    made.run("init", "-input=false", "-no-color", f"-plugin-dir={PLUGINS}")
    return made


def bundles(folder: Path, functions: list[str]) -> Path:
    """A tiny zip in place of each function's own."""
    folder.mkdir()
    for function in functions:
        with zipfile.ZipFile(folder / f"{function}.zip", "w") as bundle:
            bundle.writestr(zipfile.ZipInfo(f"functions/{function}/aws.py"), "def handler(event, context): ...\n")
    return folder

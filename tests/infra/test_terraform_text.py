"""The Terraform tree as text: what a reader, a static checker and a platform without Terraform need of it."""

import re
from pathlib import Path

import pytest

from infra.bundles import __main__ as bundles
from tests.infra.terraform import TREE

FILES = sorted(path for path in TREE.rglob("*.tf") if ".terraform" not in path.parts)
SKIP = re.compile(r"#\s*checkov:skip=(\w+)(?::(.*))?")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(TREE)))
def test_every_exception_to_a_static_rule_is_explained_beside_it(path: Path) -> None:
    """An exception without a reason is one that nobody can take back."""
    for rule, why in SKIP.findall(path.read_text()):
        assert len(why.strip()) >= 10, f"{rule}: say why"


@pytest.mark.parametrize(("root", "as_cloud_says"), [("aws", "python3.12"), ("gcp", "python312")])
def test_functions_run_on_the_python_that_bundles_are_built_for(root: str, as_cloud_says: str) -> None:
    """A bundle's compiled libraries are for one version; on another, Google cannot even build the function."""
    runtime = re.search(
        r'^variable "runtime" \{\n.*?default     = "(.*?)"', (TREE / root / "variables.tf").read_text(), re.MULTILINE | re.DOTALL
    )
    built = Path(bundles.__file__).read_text()

    assert runtime
    assert runtime[1] == as_cloud_says
    assert '"--python", default="3.12"' in built


def test_every_variable_and_output_says_what_it_is() -> None:
    for path in FILES:
        for kind, name, body in re.findall(r'^(variable|output) "(\w+)" \{\n(.*?)^\}', path.read_text(), re.MULTILINE | re.DOTALL):
            assert "description" in body, f"{path.name}: {kind} {name}"


@pytest.mark.security(30)
def test_there_is_one_public_door() -> None:
    """A function URL or a second API would be another."""
    whole = "\n".join(path.read_text() for path in FILES)

    assert whole.count('resource "aws_apigatewayv2_api"') == 1
    assert "aws_lambda_function_url" not in whole
    assert 'principal     = "*"' not in whole


@pytest.mark.security(35)
@pytest.mark.parametrize("root", ["aws", "aws/anchor"])
def test_the_provider_is_locked_by_hash_for_every_platform(root: str) -> None:
    """The lock is what keeps another provider of the same name and number out."""
    lock = (TREE / root / ".terraform.lock.hcl").read_text()

    assert 'provider "registry.terraform.io/hashicorp/aws"' in lock
    assert lock.count('"zh:') >= 15

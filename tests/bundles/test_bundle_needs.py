"""Which function carries what, told from the sources and the lock file: nothing is built here."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from infra.bundles import distributions
from infra.bundles.build import bundle, imports, needs_of
from infra.bundles.distributions import distribution_of
from infra.bundles.modules import Reached, path_of, reached
from infra.bundles.needs import AWS_SERVICES, CARRIERS, CLOUDS, FILES, FUNCTIONS, Cloud, Target
from trimtab.errors import BadInput, Broken

ROOT = Path(__file__).parents[2]
TARGET = Target(python="3.12")
EVERY = [(function, cloud) for cloud in CLOUDS for function in FUNCTIONS]


@cache
def found(function: str, cloud: Cloud) -> Reached:
    return imports(function, cloud)


@cache
def carried(function: str, cloud: Cloud) -> frozenset[str]:
    return frozenset(needs_of(function, cloud, found(function, cloud), TARGET))


@pytest.mark.parametrize(("name", "functions"), [
    ("deltalake", {"ingest"}),
    ("scikit-learn", {"learn"}),
    ("duckdb", {"collect", "ingest", "propose"}),
    ("numpy", {"learn", "propose"}),
    ("pyspark", set()),
])  # fmt: skip
@pytest.mark.parametrize("cloud", CLOUDS)
def test_what_is_large_is_carried_where_it_is_used_and_nowhere_else(name: str, functions: set[str], cloud: Cloud) -> None:
    assert {function for function in FUNCTIONS if name in carried(function, cloud)} == functions


@pytest.mark.parametrize("cloud", CLOUDS)
def test_only_report_may_carry_the_renderers(cloud: Cloud) -> None:
    renderers = {"altair", "vl-convert-python", "typst"}

    assert {function for function in FUNCTIONS if renderers & carried(function, cloud)} <= {"report"}


@pytest.mark.parametrize(("function", "cloud"), EVERY)
def test_a_function_carries_the_libraries_of_its_own_cloud_alone(function: str, cloud: Cloud) -> None:
    others = {"boto3", "botocore", "aws-lambda-powertools"} if cloud == "gcp" else {"google-auth", "functions-framework"}

    assert not carried(function, cloud) & others


@pytest.mark.parametrize(("function", "cloud"), EVERY)
def test_a_function_without_the_sql_engine_asks_no_port_that_needs_it(function: str, cloud: Cloud) -> None:
    """The import would fail at the first use, in the cloud and nowhere else."""
    if "duckdb" in carried(function, cloud):
        return
    # report takes the name of a period from there.
    flows = [module for module in found(function, cloud).modules if module.startswith("trimtab.flow.") and module != "trimtab.flow.costs"]

    assert [module for module in flows if re.search(r"\b(?:ports|here)\.(?:lake|engine|usage)\b", _text(module))] == []


@pytest.mark.parametrize(("function", "cloud"), EVERY)
def test_only_learn_asks_the_learner(function: str, cloud: Cloud) -> None:
    flows = [module for module in found(function, cloud).modules if module.startswith("trimtab.flow.")]

    assert function == "learn" or [module for module in flows if "ports.learner" in _text(module)] == []


def test_what_must_not_be_carried_cannot_be_imported_at_once() -> None:
    """propose needs numpy as soon as it is imported: leaving it out is an error that says where."""
    with pytest.raises(Broken, match=r"^numpy \(in trimtab\.analysis\.\w+\) is imported at once, by functions\.propose\.aws; [^\n]*$"):
        reached("functions.propose.aws", lambda name: distribution_of(name) != "numpy")


def test_a_module_that_cannot_be_imported_without_what_is_left_out_is_left_out_too() -> None:
    alert = found("alert", "aws")

    assert "trimtab.adapters.duckdb" in alert.left_out
    assert "trimtab.adapters.duckdb" not in alert.modules
    assert "trimtab.adapters.duckdb" in found("ingest", "aws").modules


def test_a_function_that_there_is_not_is_refused_by_name() -> None:
    with pytest.raises(BadInput, match="bundle nosuch: no such function; they are alert, collect,"):
        bundle("nosuch", "aws", TARGET)


def test_the_services_that_bundles_describe_are_those_that_are_called() -> None:
    """boto3 reads a description for each; powertools asks for the secrets."""
    carried = {module for function in FUNCTIONS for module in found(function, "aws").modules}
    texts = [path.read_text() for module in sorted(carried) if (path := path_of(module)) is not None]
    called = {name for text in texts for name in re.findall(r"boto3\.(?:client|resource)\(\s*\"([\w-]+)\"", text)}
    through_powertools = {"secretsmanager" for text in texts if "SecretsProvider" in text}

    assert called | through_powertools == set(AWS_SERVICES)


def test_every_file_that_a_module_reads_is_named() -> None:
    assert [
        module for module, folders in FILES.items() if path_of(module) is None or not all((ROOT / one).is_dir() for one, _ in folders)
    ] == []


def test_bundles_are_built_where_spark_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """`make setup` does not build it, and a fresh clone must be able to make its bundles."""
    monkeypatch.setattr(distributions, "_tops", lambda: {"duckdb": ["duckdb"]})

    assert distribution_of("pyspark.sql") == "pyspark"


def test_what_is_declared_is_known_to_somebody() -> None:
    """A name that was mistyped would let its library in everywhere."""
    known = (ROOT / "requirements.lock").read_text() + (ROOT / "requirements-spark.txt").read_text() + (ROOT / "pyproject.toml").read_text()

    assert [name for name in CARRIERS if not re.search(rf'(?m)(?:^|"){name}\b', known)] == []
    assert {function for functions in CARRIERS.values() for function in functions} <= set(FUNCTIONS)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_an_entry_point_is_called_handler_on_both_clouds(function: str) -> None:
    """Deployment names it so."""
    for cloud in CLOUDS:
        tree = ast.parse((ROOT / "functions" / function / f"{cloud}.py").read_text())

        assert [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "handler"]


def _text(module: str) -> str:
    path = path_of(module)
    return path.read_text() if path else ""

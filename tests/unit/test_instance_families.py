"""What the name of an instance type says."""

from dataclasses import replace

import pytest

from tests.pool_cases import kind
from trimtab.analysis.families import family
from trimtab.records import Cloud


@pytest.mark.parametrize(
    ("cloud", "name", "stem", "line", "generation"),
    [
        ("aws", "m5.xlarge", "m5", "general", 5),
        ("aws", "r6idn.24xlarge", "r6idn", "general", 6),
        ("aws", "g4dn.xlarge", "g4dn", "g", 4),
        ("aws", "p4d.24xlarge", "p4d", "p", 4),
        ("aws", "m7i-flex.large", "m7i-flex", "general", 7),
        ("gcp", "n2-standard-8", "n2-standard", "general", 2),
        ("gcp", "c3-standard-22-lssd", "c3-standard-lssd", "general", 3),
        ("gcp", "a2-highgpu-8g", "a2-highgpu", "a", 2),
        ("azure", "Standard_D4s_v5", "D-s_v5", "general", 5),
        ("azure", "Standard_NC24ads_A100_v4", "NC-ads_A100_v4", "NC", 4),
        ("azure", "Standard_B2ms", "B-ms_", "general", 1),
    ],
)
def test_a_name_tells_family_line_and_generation(cloud: Cloud, name: str, stem: str, line: str, generation: int) -> None:
    found = family(replace(kind(name, 1000), cloud=cloud))

    assert (found.name, found.line, found.generation) == (stem, line, generation)


@pytest.mark.parametrize(
    ("cloud", "name"),
    [("aws", "t3.large"), ("aws", "t4g.micro"), ("aws", "c7i-flex.large"), ("gcp", "e2-medium"), ("azure", "Standard_B4ms")],
)
def test_types_that_do_not_offer_all_their_cores_all_the_time_are_known(cloud: Cloud, name: str) -> None:
    assert family(replace(kind(name, 1000), cloud=cloud)).is_burstable


@pytest.mark.parametrize(
    ("cloud", "name"),
    [
        ("aws", "m5.metal"), ("aws", "inf2.xlarge"), ("aws", "trn1.2xlarge"), ("aws", "u-6tb1.112xlarge"), ("aws", "u7i-8tb.112xlarge"),
        ("aws", "hpc7g.4xlarge"), ("gcp", "c3-standard-192-metal"), ("azure", "nonsense"),
    ],
)  # fmt: skip
def test_machines_that_are_not_made_for_pods_are_known(cloud: Cloud, name: str) -> None:
    assert family(replace(kind(name, 1000), cloud=cloud)).is_special


@pytest.mark.parametrize(("cloud", "name"), [("aws", "m5.xlarge"), ("gcp", "n2-standard-8"), ("azure", "Standard_D4s_v5")])
def test_ordinary_machines_are_neither(cloud: Cloud, name: str) -> None:
    found = family(replace(kind(name, 1000), cloud=cloud))

    assert not found.is_burstable
    assert not found.is_special

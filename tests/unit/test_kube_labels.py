"""What a node's own names say of it: the id that joins it with the bill."""

import pytest

from trimtab.sources.kube_labels import node_id

SETS = "azure:///subscriptions/1/resourceGroups/g/providers/Microsoft.Compute/virtualMachineScaleSets"


@pytest.mark.parametrize(
    ("provider_id", "found"),
    [
        ("aws:///us-east-1a/i-0abc", "i-0abc"),
        ("i-0abc", "i-0abc"),
        ("gce://project/us-central1-a/gke-one", "gke-one"),
        ("azure:///subscriptions/1/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm-1", "vm-1"),
        (f"{SETS}/aks-a-vmss/virtualMachines/2", "aks-a-vmss/virtualMachines/2"),
        ("", None),
    ],
)
def test_a_node_is_joined_by_the_end_of_its_id(provider_id: str, found: str | None) -> None:
    """Every scale set has a machine 2: by the number alone one cluster's cost would be another's."""
    assert node_id(provider_id) == found

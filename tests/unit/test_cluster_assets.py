"""Volumes and load balancers are known by the id that a bill's ResourceId ends with, or not at all."""

import pytest

from trimtab.sources.cluster_assets import load_balancer_id, volume_id


@pytest.mark.parametrize(
    ("handle", "expected"),
    [
        ("vol-0abc", "vol-0abc"),
        ("aws://us-east-1a/vol-0abc", "vol-0abc"),
        ("projects/p/zones/us-central1-a/disks/pvc-1", "pvc-1"),
        ("/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/disks/pvc-1", "pvc-1"),
        ("fs-0abc::fsap-0def", "fs-0abc"),
        ("", None),
        ("/", None),
    ],
)
def test_a_volumes_id_is_the_last_part_of_its_handle(handle: str, expected: str | None) -> None:
    assert volume_id(handle) == expected


@pytest.mark.parametrize(
    ("hostname", "expected"),
    [
        ("a1b2c3d4-123456789.us-east-1.elb.amazonaws.com", "a1b2c3d4"),
        ("internal-a1b2c3d4-123456789.us-east-1.elb.amazonaws.com", "a1b2c3d4"),
        ("k8s-x-y-0a1b2c3d4e5f6071.elb.eu-west-1.amazonaws.com", "0a1b2c3d4e5f6071"),
        ("k8s-x-y-0a1b2c3d4e5f6071.elb.cn-north-1.amazonaws.com.cn", "0a1b2c3d4e5f6071"),
        ("ingress.example.com", None),
        ("", None),
    ],
)
def test_a_load_balancers_id_is_in_its_host_name(hostname: str, expected: str | None) -> None:
    assert load_balancer_id(hostname) == expected

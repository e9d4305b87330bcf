"""A layout in `.trimtab/config.yaml`: what it may say, and the sentence where it may not."""

import pytest

from trimtab.errors import BadInput
from trimtab.policy.rules import parse_layout
from trimtab.records import Layout

OLD = "name: node-groups\nfiles: ['clusters/**']\ncluster: name\npools: node_groups\npool_name: name\nfields: {count: count}\n"


def layout(text: str) -> Layout:
    return parse_layout(text.encode(), "layout.yaml")


def test_a_layout_of_old_says_what_it_said() -> None:
    assert layout(OLD) == Layout(
        name="node-groups", files=("clusters/**",), cluster="name", pools="node_groups", pool_name="name", fields={"count": "count"}
    )


@pytest.mark.parametrize(
    ("fields", "kind"),
    [("{count: c}", "pool"), ("{cpu_cores: c}", "namespace"), ("{cpu_cores: c, count: d}", "pool"), ("{gpu_limit: g}", "namespace")],
)
def test_what_it_is_about_follows_from_its_fields(fields: str, kind: str) -> None:
    assert layout(OLD.replace("{count: count}", fields)).kind == kind


def test_a_layout_of_containers_needs_no_names() -> None:
    text = "name: apps\nfiles: ['{cluster}/**']\nobject: workload\nfields: {cpu_request: 'resources.requests.cpu'}\n"

    assert (layout(text).kind, layout(text).object) == ("workload", "workload")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (OLD.replace("pools: node_groups", "pools: 'a[b'"), "key path 'a[b': character 2"),
        (OLD.replace("{count: count}", "{count: 'a..b'}"), "key path 'a..b'"),
        (OLD.replace("{count: count}", "{count: " + "a" * 300 + "}"), "at most 240"),
        (OLD.replace("clusters/**", "{team}/**"), "{team}: the placeholders are {cluster} and {namespace}"),
        (OLD.replace("clusters/**", "{cluster}/**"), "cluster and {cluster} in files: say in one way"),
        (OLD + "cluster_name: x\n", "cluster and cluster_name: say in one way"),
        (OLD.replace("cluster: name", "cluster: '*'"), "'*' is for workspaces and virtual clusters"),
        (OLD.replace("pool_name: name\n", ""), "needs pool_name"),
        (OLD + "pool: gpu\n", "needs pool_name"),
        (OLD + "kind: workload\n", "fields.count: a workload has no such field"),
        (OLD + "kind: volume\n", "kind"),
        (OLD + "units: {cpu_cores: cores}\n", "units.cpu_cores: is not among `fields`"),
        (OLD.replace("{count: count}", "{cpu_cores: c}") + "units: {cpu_cores: mib}\n", "'mib' does not measure it"),
        (
            OLD.replace("cluster: name\n", "object: ResourceQuota\n").replace("pools: node_groups\n", ""),
            "Kubernetes objects do not name it",
        ),
        (OLD + "object: 'Resource Quota'\n", "object"),
        (OLD + "objects: x\n", "objects"),
    ],
)
def test_what_it_may_not_say_is_refused_by_name(text: str, reason: str) -> None:
    with pytest.raises(BadInput) as error:
        layout(text)
    assert reason in str(error.value)
    assert str(error.value).startswith("layout.yaml")

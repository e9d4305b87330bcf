"""Values in Terraform, followed to the literal that decides them, or refused with the line that stops the way."""

import pytest

from trimtab.changes import KNOWN, find_place, hcl_edit, plan_edit
from trimtab.errors import BadInput, Refused
from trimtab.records import FieldChange, Layout, Place, PlannedEdit, PoolField

TERRAFORM = next(layout for layout in KNOWN if layout.name == "terraform")
EKS = "spectrocloud_cluster_eks"


def resource(body: str, kind: str = EKS, name: str = '"training"') -> str:
    return f'resource "{kind}" "main" {{\n  name = {name}\n{body}\n}}\n'


def pool(count: str = "6", name: str = '"gpu"', more: str = "") -> str:
    return f"  machine_pool {{\n    name = {name}\n    count = {count}\n{more}  }}"


def plan(
    files: dict[str, str],
    *,
    field: PoolField = "count",
    old: str = "6",
    new: str = "4",
    cluster: str = "training",
    name: str = "gpu",
    layout: Layout = TERRAFORM,
    path: str = "main.tf",
) -> PlannedEdit:
    content = {file: text.encode() for file, text in files.items()}
    where = Place(repo="gitops", path=path, cluster=cluster, pool=name)
    return plan_edit(content, where, layout, (FieldChange(field=field, old=old, new=new),))


def reason(
    files: dict[str, str],
    *,
    field: PoolField = "count",
    old: str = "6",
    new: str = "4",
    cluster: str = "training",
    layout: Layout = TERRAFORM,
    path: str = "main.tf",
) -> str:
    with pytest.raises(Refused) as refusal:
        plan(files, field=field, old=old, new=new, cluster=cluster, layout=layout, path=path)
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


VARIABLE = 'variable "gpus" {\n  default = 6\n}\n'
BLOCK = resource(pool("var.gpus"))


# ── Variables ────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_variable_is_followed_to_its_default_and_that_is_said_to_be_unsure() -> None:
    edit = plan({"main.tf": BLOCK, "variables.tf": VARIABLE})

    assert edit.path == "variables.tf"
    assert edit.content.decode() == VARIABLE.replace("6", "4")
    assert edit.changes == (("spectrocloud_cluster_eks.main.machine_pool[gpu].count", "6", "4"),)
    assert edit.unsure == (
        "The value is the default of variable gpus in variables.tf; a TF_VAR_gpus or -var where Terraform runs would win over it.",
    )


def test_everything_that_may_decide_the_value_is_read_again_before_merging() -> None:
    edit = plan({"main.tf": BLOCK, "variables.tf": VARIABLE, "outputs.tf": "", "other/main.tf": "", "z.tfvars": "x = 1\n"})

    assert [path for path, _ in edit.reads] == ["main.tf", "outputs.tf", "z.tfvars"]


@pytest.mark.parametrize(
    ("values", "winner"),
    [
        ({"terraform.tfvars": "gpus = 6\n"}, "terraform.tfvars"),
        ({"terraform.tfvars": "gpus = 9\n", "a.auto.tfvars": "gpus = 6\n"}, "a.auto.tfvars"),
        ({"a.auto.tfvars": "gpus = 9\n", "b.auto.tfvars": "gpus = 6\n"}, "b.auto.tfvars"),
        ({"terraform.tfvars": "gpus = 6\n", "a.auto.tfvars": "other = 6\n"}, "terraform.tfvars"),
        ({"terraform.tfvars": "gpus = 6\n", "prod.tfvars": "other = 6\n"}, "terraform.tfvars"),
        ({"terraform.tfvars": "gpus = 6\n", "other/terraform.tfvars": "gpus = 6\n", "other/a.tf": ""}, "terraform.tfvars"),
    ],
)
def test_the_value_is_the_one_that_terraform_would_take(values: dict[str, str], winner: str) -> None:
    edit = plan({"main.tf": BLOCK, "variables.tf": VARIABLE.replace("6", "9"), **values})

    assert (edit.path, edit.unsure) == (winner, ())


def test_a_variable_file_that_the_command_line_names_is_followed_where_nothing_else_gives_the_value() -> None:
    files = {"main.tf": BLOCK, "variables.tf": 'variable "gpus" {}\n'}

    assert plan({**files, "prod.tfvars": "gpus = 6\n"}).path == "prod.tfvars"
    assert plan({**files, "env/prod.tfvars": "gpus = 6\n"}).path == "env/prod.tfvars"


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"prod.tfvars": "gpus = 6\n", "dev.tfvars": "gpus = 2\n"}, "from dev.tfvars or prod.tfvars: which one is on the command line"),
        ({"prod.tfvars": "gpus = 6\n", "terraform.tfvars": "gpus = 6\n"}, "from prod.tfvars or terraform.tfvars"),
        ({"env/prod.tfvars": "gpus = 6\n", "env/dev.tfvars": "gpus = 6\n"}, "from env/dev.tfvars or env/prod.tfvars"),
        ({"terraform.tfvars.json": '{"gpus": 6}'}, "gets its value in terraform.tfvars.json"),
        ({"x.auto.tfvars.json": '{"gpus": 6}', "terraform.tfvars": "gpus = 6\n"}, "gets its value in x.auto.tfvars.json"),
        ({}, "no default and no *.tfvars file in the repo gives it a value"),
        ({"env/prod.tfvars": "gpus = 6\n", "other/v.tf": 'variable "gpus" {}\n'}, "may also be the variable of other"),
    ],
)
def test_a_variable_that_several_files_may_give_a_value_is_refused_with_their_names(files: dict[str, str], said: str) -> None:
    assert said in reason({"main.tf": BLOCK, "variables.tf": 'variable "gpus" {}\n', **files})


def test_a_default_that_a_variable_file_may_win_over_is_refused() -> None:
    said = reason({"main.tf": BLOCK, "variables.tf": VARIABLE, "prod.tfvars": "gpus = 6\n"})

    assert "from prod.tfvars or the default of variables.tf" in said


@pytest.mark.parametrize("way", ["var.pools.gpu.count", 'var.pools["gpu"].count', 'var.pools["gpu"]["count"]', "(var.pools.gpu).count"])
def test_keys_below_a_variable_are_followed(way: str) -> None:
    values = 'pools = {\n  gpu = { count = "6", instance_type = "g5.xlarge" }\n  cpu = { count = "6" } # not this one\n}\n'
    if way.startswith("("):
        assert "not a value that can be followed" in reason({"main.tf": resource(pool(way)), "v.tf": 'variable "pools" {}\n'})
        return

    edit = plan({"main.tf": resource(pool(way)), "v.tf": 'variable "pools" {}\n', "terraform.tfvars": values})

    assert edit.content.decode() == values.replace('gpu = { count = "6"', 'gpu = { count = "4"')


# ── Locals, lists, circles ───────────────────────────────────────────────────────────────────────────────────────────
def test_a_local_of_a_variable_is_followed_through_both() -> None:
    files = {"main.tf": resource(pool("local.sizes[1]")), "l.tf": "locals {\n  sizes = [3, var.gpus]\n}\n", "v.tf": VARIABLE}

    assert plan(files).content.decode() == VARIABLE.replace("6", "4")


@pytest.mark.parametrize(
    ("locals_", "said"),
    [
        ("n = local.n", "goes round in a circle"),
        ("n = local.m\n  m = local.n", "goes round in a circle"),
        ("n = local.m + 1\n  m = 5", "it is arithmetic, local.m + 1 (main.tf line"),
        ("n = var.big ? 6 : 2", "it is a condition"),
        ("n = max(6, 2)", "it is a function call, max(6, 2)"),
        ('n = "${local.m}"\n  m = 6', "a text with expressions in it"),
        ('n = "\\u0036"', "a text with escapes in it"),
        ('n = yamldecode(file("pools.yaml")).gpu.count', "it is read from another file by yamldecode"),
        ("n = local.pools[local.which]\n  pools = { a = 6 }\n  which = var.x", "picks by a key that only Terraform knows"),
        ("n = local.pools[*].count\n  pools = [{ count = 6 }]", "picks by a key that only Terraform knows"),
        ("n = local.pools.b\n  pools = { a = 6 }", "the key b is not in { a = 6 }"),
        ("n = local.pools.a\n  pools = { a = 6, a = 7 }", "the key a is more than once"),
        ("n = local.pools.a\n  pools = { (var.k) = 6 }", "keys that only Terraform knows"),
        ("n = data.x.y.count", "it comes from data.x.y.count"),
        ("n = module.sizes.gpu", "it comes from module.sizes.gpu"),
        ("n = terraform.workspace", "it comes from terraform.workspace"),
        ("n = { a = 6 }", "a map, not one value"),
        ("n = [6]", "a list, not one value"),
        ("m = 6", "local.n is defined in no .tf file of the root folder"),
        ("n = 6\n}\nlocals {\n  n = 7", "local.n is defined more than once"),
        ("n = 6\n  twice = local.n", "local.n is also read by main.tf line 10"),
        ('n = 6\n  text = "${local.n} gpus"', "local.n is also read by main.tf line 10"),
    ],
)
def test_what_only_terraform_can_compute_is_refused_with_its_line(locals_: str, said: str) -> None:
    assert said in reason({"main.tf": resource(pool("local.n")) + f"locals {{\n  {locals_}\n}}\n"})


def test_a_long_chain_of_locals_ends_in_a_reason() -> None:
    chain = "\n".join(f"  n{n} = local.n{n + 1}" for n in range(3000))

    assert "too deep" in reason({"main.tf": resource(pool("local.n0")) + f"locals {{\n{chain}\n}}\n"})


# ── Second uses ──────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('output "n" {\n  value = var.pools.gpu.count\n}\n', "var.pools.gpu.count is also read by other.tf line 2"),
        ('output "n" {\n  value = var.pools.gpu\n}\n', "is also read by other.tf line 2"),
        ('output "n" {\n  value = jsonencode(var.pools)\n}\n', "is also read by other.tf line 2"),
        ('output "n" {\n  value = var.pools[var.x].count\n}\n', "is also read by other.tf line 2"),
        ('resource "x" "y" {\n  for_each = var.pools\n  size = each.value.count\n}\n', "is also read by other.tf line 3"),
        ('resource "x" "y" {\n  for_each = var.pools\n  size = each.value\n}\n', "is also read by other.tf line 3"),
        (
            'resource "x" "y" {\n  dynamic "p" {\n for_each = var.pools\n iterator = i\n content {\n a = i.value.count\n }\n }\n}',
            "is also read by other.tf line 6",
        ),
    ],
)  # fmt: skip
def test_a_value_that_something_else_reads_too_is_refused_with_the_second_place(more: str, said: str) -> None:
    values = 'variable "pools" {\n  default = { gpu = { count = 6, type = "a" } }\n}\n'

    assert said in reason({"main.tf": resource(pool("var.pools.gpu.count")), "v.tf": values, "other.tf": more})


@pytest.mark.parametrize(
    "more",
    [
        'output "n" {\n  value = var.pools.gpu.type\n}\n',
        'output "n" {\n  value = var.pools.cpu.count\n}\n',
        'resource "x" "y" {\n  for_each = var.pools\n  size = each.value.type\n  name = each.key\n}\n',
        'output "n" {\n  value = { count = 1 } # var.pools.gpu.count\n}\n',
    ],
)
def test_what_reads_something_beside_the_value_is_in_nobodys_way(more: str) -> None:
    values = (
        'variable "pools" {\n  default = { gpu = { count = 6, type = "a" }, cpu = { count = 6 } }\n'
        "  validation {\n    condition = var.pools.gpu.count > 0\n  }\n}\n"
    )

    edit = plan({"main.tf": resource(pool("var.pools.gpu.count")), "v.tf": values, "other.tf": more})

    assert edit.content.decode() == values.replace("gpu = { count = 6", "gpu = { count = 4")


def test_a_variable_of_two_fields_of_one_pool_is_refused() -> None:
    """An EKS pool needs count = min; one number for both cannot be told apart from one number for two things."""
    assert "var.gpus is also read by main.tf line" in reason(
        {"main.tf": resource(pool("var.gpus", more="    min = var.gpus\n")), "v.tf": VARIABLE}
    )


# ── for_each and dynamic blocks ──────────────────────────────────────────────────────────────────────────────────────
CLUSTERS = """locals {
  clusters = {
    training = { gpus = 6, kind = "g5.xlarge" }
    serving  = { gpus = 6, kind = "g5.xlarge" }
  }
}
"""
EACH = resource("  for_each = local.clusters\n" + pool("each.value.gpus"), name="each.key")


def test_a_resource_for_each_cluster_of_a_map_is_followed_to_the_cluster() -> None:
    edit = plan({"main.tf": EACH, "clusters.tf": CLUSTERS})

    assert edit.path == "clusters.tf"
    assert edit.content.decode() == CLUSTERS.replace("training = { gpus = 6", "training = { gpus = 4")
    assert edit.changes[0][0] == 'spectrocloud_cluster_eks.main["training"].machine_pool[gpu].count'


def test_a_literal_that_every_cluster_of_a_for_each_has_is_refused() -> None:
    files = {"main.tf": EACH.replace("each.value.gpus", "6"), "clusters.tf": CLUSTERS}

    assert "one block stands for 2 clusters, and each of them has this value" in reason(files)


def test_a_variable_that_every_cluster_of_a_for_each_has_is_refused() -> None:
    files = {"main.tf": EACH.replace("each.value.gpus", "var.gpus"), "clusters.tf": CLUSTERS, "v.tf": VARIABLE}

    assert "one block stands for 2 clusters" in reason(files)


def test_a_key_that_clusters_go_by_is_never_edited() -> None:
    files = {"main.tf": resource('  for_each = toset(["6"])\n' + pool("each.key"))}

    assert "is a key that a for_each goes by" in reason(files)
    assert "is a key that a for_each goes by" in reason({"main.tf": files["main.tf"].replace("each.key", "each.value")})


def test_a_for_each_that_only_terraform_can_compute_is_refused() -> None:
    files = {"main.tf": EACH.replace("local.clusters", "{ for k, v in local.clusters : k => v }").replace("each.key", '"training"')}

    assert "one block stands for many clusters; it is a for expression" in reason({**files, "clusters.tf": CLUSTERS})


DYNAMIC = resource(
    '  dynamic "machine_pool" {\n    for_each = var.pools\n    content {\n      name = machine_pool.value.name\n'
    '      count = machine_pool.value.count\n      instance_type = "m5.large"\n    }\n  }'
)
POOLS = 'pools = [\n  { name = "gpu", count = 6 },\n  { name = "cpu", count = 6 },\n]\n'


def test_a_dynamic_block_is_followed_to_the_pool() -> None:
    edit = plan({"main.tf": DYNAMIC, "v.tf": 'variable "pools" {}\n', "terraform.tfvars": POOLS})

    assert edit.content.decode() == POOLS.replace('"gpu", count = 6', '"gpu", count = 4')


def test_a_literal_of_every_turn_of_a_dynamic_block_is_refused() -> None:
    files = {"main.tf": DYNAMIC, "v.tf": 'variable "pools" {}\n', "terraform.tfvars": POOLS}

    assert "one block stands for 2 pools" in reason(files, field="instance_type", old="m5.large", new="m5.xlarge")


def test_pools_in_clusters_in_a_map_are_followed_to_the_pool_of_the_cluster() -> None:
    block = resource(
        '  for_each = local.clusters\n  dynamic "machine_pool" {\n    for_each = each.value.pools\n    iterator = p\n'
        "    content {\n      name = p.key\n      count = p.value.count\n    }\n  }",
        name="each.value.name",
    )
    clusters = """locals {
  clusters = {
    a = { name = "training", pools = { gpu = { count = 6 }, cpu = { count = 6 } } }
    b = { name = "serving", pools = { gpu = { count = 6 } } }
  }
}
"""

    edit = plan({"main.tf": block, "clusters.tf": clusters})

    assert edit.content.decode() == clusters.replace('"training", pools = { gpu = { count = 6', '"training", pools = { gpu = { count = 4')


def test_a_map_in_the_block_itself_that_is_read_twice_is_refused() -> None:
    block = DYNAMIC.replace("var.pools", '[{ name = "gpu", count = 6 }]').replace(
        "\n    }\n  }", "\n      min = machine_pool.value.count\n    }\n  }"
    )

    assert "machine_pool.value.count is also read by main.tf line 9" in reason({"main.tf": block})


# ── Modules ──────────────────────────────────────────────────────────────────────────────────────────────────────────
CALL = 'module "training" {\n  source = "./cluster"\n  gpus   = 6\n}\n'


def test_a_module_that_is_called_once_is_followed_to_the_call() -> None:
    edit = plan({"main.tf": CALL, "cluster/main.tf": BLOCK, "cluster/v.tf": VARIABLE.replace("6", "2")}, path="cluster/main.tf")

    assert edit.path == "main.tf"
    assert edit.content.decode() == CALL.replace("6", "4")
    assert "main.tf" not in [path for path, _ in edit.reads]
    assert "cluster/main.tf" in [path for path, _ in edit.reads]


@pytest.mark.parametrize(
    ("calls", "said"),
    [
        ({"main.tf": CALL + CALL.replace('"training"', '"other"')}, "is called from main.tf line 1 and main.tf line 5"),
        ({"a/main.tf": CALL.replace("./", "../"), "main.tf": CALL}, "is called from a/main.tf line 1 and main.tf line 1"),
        ({"main.tf": CALL.replace("gpus ", "count = 2\n  gpus ")}, "is called at main.tf line 1 with for_each or count"),
    ],
)
def test_a_block_of_a_module_that_is_called_more_than_once_is_refused(calls: dict[str, str], said: str) -> None:
    files = {**calls, "cluster/main.tf": resource(pool())}

    assert said in reason(files, path="cluster/main.tf")


def test_an_override_file_is_in_the_way() -> None:
    assert "override.tf may override it" in reason({"main.tf": resource(pool()), "override.tf": ""})


# ── What a resource has ──────────────────────────────────────────────────────────────────────────────────────────────
FIELDS: dict[PoolField, tuple[str, str]] = {
    "count": ("6", "4"), "min": ("6", "4"), "max": ("6", "8"),
    "instance_type": ("m5.large", "m5.xlarge"), "capacity_type": ("on-demand", "spot"),
}  # fmt: skip
HAS: dict[str, set[PoolField]] = {
    "aws": {"count", "min", "max", "instance_type", "capacity_type"},
    "eks": {"count", "min", "max", "instance_type", "capacity_type"},
    "azure": {"count", "instance_type"},
    "aks": {"count", "min", "max", "instance_type"},
    "gcp": {"count", "instance_type"},
    "gke": {"count", "instance_type"},
    "maas": {"count", "min", "max"},
    "vsphere": {"count", "min", "max"},
    "edge_vsphere": {"count"},
    "apache_cloudstack": {"count", "min", "max"},
    "edge_native": set(),
    "custom_cloud": set(),
    "brownfield": set(),
}


@pytest.mark.parametrize("cloud", HAS)
@pytest.mark.parametrize("field", FIELDS)
def test_a_field_is_edited_only_where_the_resource_has_it(cloud: str, field: PoolField) -> None:
    old, new = FIELDS[field]
    key = TERRAFORM.fields[field]
    files = {"main.tf": resource(f'  machine_pool {{\n    name = "gpu"\n    {key} = "{old}"\n  }}', f"spectrocloud_cluster_{cloud}")}

    if field in HAS[cloud]:
        assert plan(files, field=field, old=old, new=new).content.decode() == files["main.tf"].replace(f'"{old}"', f'"{new}"')
    else:
        said = reason(files, field=field, old=old, new=new)
        assert any(words in said for words in ("that Trimtab edits", "has no effect", "an imported cluster"))


@pytest.mark.parametrize("kind", ["group", "profile", "profile_import", "config_template", "import", "unheard_of"])
def test_a_block_of_something_that_is_no_cluster_is_no_pool(kind: str) -> None:
    assert "not declared here" in reason({"main.tf": resource(pool(), f"spectrocloud_cluster_{kind}")})


def test_an_instance_type_that_is_a_block_is_no_text() -> None:
    files = {"main.tf": resource(pool(more="    instance_type {\n      min_cpu = 8\n    }\n"), "spectrocloud_cluster_vsphere")}

    assert "instance_type" in reason(files, field="instance_type", old="8", new="m5.large")


@pytest.mark.parametrize("covered", ["all", "[machine_pool]", "[name, machine_pool]", "[machine_pool[0].count]"])
def test_what_terraform_is_told_to_ignore_is_not_edited(covered: str) -> None:
    """The edit would be merged, and nothing would happen."""
    files = {"main.tf": resource(pool() + f"\n  lifecycle {{\n    ignore_changes = {covered}\n  }}")}

    assert "has ignore_changes over machine_pool" in reason(files)


def test_ignoring_something_else_is_in_nobodys_way() -> None:
    assert plan({"main.tf": resource(pool() + "\n  lifecycle {\n    ignore_changes = [tags]\n  }")}).diff


@pytest.mark.parametrize("count", ["1", "var.on ? 1 : 0", "var.off ? 0 : 1"])
def test_a_resource_that_exists_at_most_once_is_edited(count: str) -> None:
    assert plan({"main.tf": resource(f"  count = {count}\n{pool()}")}).diff


@pytest.mark.parametrize("count", ["2", "var.n", "0", "var.on ? 2 : 0", "length(var.x)"])
def test_a_resource_that_may_exist_more_than_once_is_not(count: str) -> None:
    assert "its resource has count" in reason({"main.tf": resource(f"  count = {count}\n{pool()}")})


@pytest.mark.parametrize("key", ["name", "ami_type", "cloud_config.region", "eks_launch_template.ami_type"])
def test_what_would_build_another_cluster_is_never_edited(key: str) -> None:
    layout = Layout(name="own", files=("**",), cluster="name", pools="machine_pool", pool_name="name", fields={"instance_type": key})
    body = (
        '    ami_type = "AL2"\n    cloud_config {\n      region = "AL2"\n    }\n    eks_launch_template {\n      ami_type = "AL2"\n    }\n'
    )

    assert "is never edited" in reason(
        {"main.tf": resource(pool(more=body))}, field="instance_type", old="gpu" if key == "name" else "AL2", new="AL2023", layout=layout
    )


def test_a_control_plane_that_a_variable_decides_is_followed() -> None:
    files = {
        "main.tf": resource(pool("var.p.count", more="    control_plane = var.p.cp\n"), "spectrocloud_cluster_aws"),
        "v.tf": 'variable "p" {}\n',
        "terraform.tfvars": "p = { count = 6, cp = false }\n",
    }

    assert plan(files).path == "terraform.tfvars"
    assert "a control plane is never resized" in reason({**files, "terraform.tfvars": "p = { count = 6, cp = true }\n"})


# ── Quotas ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def quota_layout(pools: str, fields: dict[PoolField, str]) -> Layout:
    return Layout(name="q", files=("**/*.tf",), cluster="*", pools=pools, pool_name="name", fields=fields)


QUOTA = "spectrocloud_workspace.workspace_quota"
SPACES = "spectrocloud_workspace.namespaces"
NAMESPACE = '  namespaces {\n    name = "gpu"\n    resource_allocation = { cpu_cores = "6", memory_MiB = "2048", gpu_limit = "2" }\n  }'
ALLOCATION: dict[PoolField, str] = {
    "cpu_cores": "resource_allocation.cpu_cores",
    "memory_mib": "resource_allocation.memory_MiB",
    "gpu_limit": "resource_allocation.gpu_limit",
}


@pytest.mark.parametrize(("field", "old", "new"), [("cpu_cores", "6", "4"), ("memory_mib", "2048", "1024"), ("gpu_limit", "2", "1")])
def test_a_namespace_quota_of_a_cluster_is_edited(field: PoolField, old: str, new: str) -> None:
    layout = Layout(name="q", files=("**",), cluster="name", pools="namespaces", pool_name="name", fields=ALLOCATION)
    files = {"main.tf": resource(NAMESPACE)}

    edit = plan(files, field=field, old=old, new=new, layout=layout)

    assert edit.content.decode() == files["main.tf"].replace(f'"{old}"', f'"{new}"')
    assert edit.changes[0][0] == f"spectrocloud_cluster_eks.main.namespaces[gpu].{ALLOCATION[field]}"


def test_a_quota_that_is_no_integer_is_refused() -> None:
    """Palette's provider drops the whole quota on "500m" and never settles on "1.5"."""
    layout = Layout(name="q", files=("**",), cluster="name", pools="namespaces", pool_name="name", fields=ALLOCATION)
    for old in ("1.5", "500m"):
        said = reason({"main.tf": resource(NAMESPACE.replace('"6"', f'"{old}"'))}, field="cpu_cores", old=old, new="4", layout=layout)
        assert "main.tf: line 5" in said


WORKSPACE = """resource "spectrocloud_workspace" "w" {
  name = "ml"
  workspace_quota {
    cpu    = 16
    memory = 32768
    gpu    = 4
  }
  namespaces {
    name = "gpu"
    resource_allocation = {
      cpu_cores = "8"
      gpu       = "2"
    }
  }
}
resource "spectrocloud_virtual_cluster" "v" {
  name = "dev"
  resources {
    max_cpu       = 6
    max_mem_in_mb = 6000
  }
}
"""


@pytest.mark.parametrize(
    ("pools", "field", "key", "name", "old", "line"),
    [
        (QUOTA, "cpu_cores", "cpu", "ml", "16", "    cpu    = 3"),
        (QUOTA, "gpu_limit", "gpu", "ml", "4", "    gpu    = 3"),
        (SPACES, "cpu_cores", "resource_allocation.cpu_cores", "gpu", "8", '      cpu_cores = "3"'),
        (SPACES, "gpu_limit", "resource_allocation.gpu", "gpu", "2", '      gpu       = "3"'),
        ("spectrocloud_virtual_cluster.resources", "cpu_cores", "max_cpu", "dev", "6", "    max_cpu       = 3"),
    ],
)
def test_quotas_of_workspaces_and_virtual_clusters_are_edited(
    pools: str, field: PoolField, key: str, name: str, old: str, line: str
) -> None:
    layout = quota_layout(pools, {field: key})

    edit = plan({"main.tf": WORKSPACE}, layout=layout, cluster="*", name=name, field=field, old=old, new="3")

    before, after = WORKSPACE.splitlines(), edit.content.decode().splitlines()
    assert [new for was, new in zip(before, after, strict=True) if was != new] == [line]


def test_a_workspaces_gpu_has_another_key_than_a_clusters() -> None:
    layout = quota_layout(SPACES, {"gpu_limit": "resource_allocation.gpu_limit"})
    content = WORKSPACE.replace('gpu       = "2"', 'gpu_limit = "2"')

    assert "has no resource_allocation.gpu_limit that Trimtab edits" in reason(
        {"main.tf": content}, layout=layout, cluster="*", field="gpu_limit", old="2", new="1"
    )


# ── Pack values ──────────────────────────────────────────────────────────────────────────────────────────────────────
PACKS = Layout(
    name="packs", files=("**/*.tf",), cluster="name", pools="spectrocloud_cluster_profile.pack", pool_name="name",
    kind="workload", fields={"cpu_request": "values.a.resources.requests.cpu"},
)  # fmt: skip


def profile(values: str) -> str:
    pack = f'  pack {{\n    name = "gpu"\n    values = {values}\n  }}'
    return f'resource "spectrocloud_cluster_profile" "p" {{\n  name = "training"\n{pack}\n}}\n'


YAML = "    a:\n      resources:\n        # é\n        requests:\n          cpu: 500m # six\n          memory: 1Gi\n"


@pytest.mark.parametrize("start", ["<<-EOT", "<<EOT"])
@pytest.mark.parametrize("line", ["\n", "\r\n"])
def test_a_pack_value_in_a_heredoc_is_edited(start: str, line: str) -> None:
    end = "    EOT" if start == "<<-EOT" else "EOT"
    content = profile(f"{start}\n{YAML}{end}").replace("\n", line)

    edit = plan({"main.tf": content}, layout=PACKS, field="cpu_request", old="500m", new="250m")

    assert edit.content.decode() == content.replace("500m", "250m")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ('file("cni.yaml")', 'the values are file("cni.yaml") and no heredoc'),
        ("data.spectrocloud_pack.cni.values", "edit them where they come from"),
        ("<<-EOT\n" + YAML.replace("500m", "${var.cpu}") + "    EOT", "template expression"),
        ("<<-EOT\n    %{ if var.x }\n" + YAML + "    %{ endif }\n    EOT", "main.tf: line"),
        ("<<-EOT\n" + YAML + "    b: [\n    EOT", "not YAML"),
    ],
)
def test_pack_values_that_are_not_plainly_there_are_refused(values: str, said: str) -> None:
    with pytest.raises(Exception, match=r"^main\.tf: ") as refusal:
        plan({"main.tf": profile(values)}, layout=PACKS, field="cpu_request", old="500m", new="250m")
    assert said in str(refusal.value)


def test_a_heredoc_with_an_expression_beside_the_value_is_edited() -> None:
    content = profile("<<-EOT\n" + YAML + '    b: "${var.cpu}"\n    EOT')

    assert plan({"main.tf": content}, layout=PACKS, field="cpu_request", old="500m", new="250m").content.decode() == content.replace(
        "500m", "250m"
    )


# ── Finding ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_pool_whose_names_stand_in_another_file_is_found_where_its_block_is() -> None:
    files = {path: text.encode() for path, text in {"main.tf": EACH, "clusters.tf": CLUSTERS}.items()}

    assert find_place(files, "gitops", KNOWN, "training", "gpu").path == "main.tf"


def test_tokens_of_a_file_are_all_its_text() -> None:
    content = resource(pool()).encode()

    assert "".join(str(text) for _, text in hcl_edit.read({"a.tf": content}, "a.tf").tokens) == "".join(content.decode().split())


def test_texts_nested_in_texts_end_in_a_reason() -> None:
    deep = "var.x"
    for _ in range(3000):
        deep = f'"${{{deep}}}"'

    with pytest.raises((Refused, BadInput), match=r"^main\.tf: "):
        plan({"main.tf": resource(pool(), name=deep)})
    with pytest.raises((Refused, BadInput), match=r"^main\.tf: "):
        plan({"main.tf": resource(pool(deep))})


# ── What Terraform reads and Trimtab does not follow ─────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"o.tf.json": '{"output": {"n": {"value": "${var.gpus}"}}}'}, "var.gpus may also be read by o.tf.json"),
        ({"o.tf.json": '{"output": {"n": {"value": "${var.\\u0067pus}"}}}'}, "var.gpus may also be read by o.tf.json"),
        ({"terraform.tfvars": "gpus = 6\n", "prod.tfvars.json": '{"gpus": 9}'}, "gets its value in prod.tfvars.json"),
        ({"env/prod.tfvars.json": '{"gpus": 9}'}, "gets its value in env/prod.tfvars.json"),
        ({"env/prod/prod.tfvars": "gpus = 9\n", "env/prod/backend.tf": "terraform {}\n"}, "from env/prod/prod.tfvars or the default"),
    ],
)
def test_a_value_that_a_file_in_json_or_of_another_folder_may_decide_is_refused(files: dict[str, str], said: str) -> None:
    assert said in reason({"main.tf": BLOCK, "variables.tf": VARIABLE, **files})


@pytest.mark.parametrize("path", ["out.tf.json", "more/terraform.tfvars.json", "more/prod.tfvars"])
def test_a_file_of_another_module_with_a_variable_of_that_name_is_in_nobodys_way(path: str) -> None:
    files = {"main.tf": BLOCK, "variables.tf": VARIABLE, "more/main.tf": VARIABLE, path: '{"other": 1}' if "json" in path else "gpus = 9\n"}

    assert plan(files).path == "variables.tf"


TWICE = 'module "a" {\n  source = "./mid"\n}\n'
MID = 'module "c" {\n  source = "../cluster"\n}\n'


@pytest.mark.parametrize(
    ("calls", "said"),
    [
        ({"main.tf": CALL, "override.tf": 'module "training" {\n  gpus = 9\n}\n'}, "override.tf may override it"),
        ({"mid/main.tf": MID, "main.tf": TWICE + TWICE.replace('"a"', '"b"')}, "is called from main.tf line 1 and main.tf line 4"),
        ({"mid/main.tf": MID, "main.tf": TWICE.replace("}", '  for_each = toset(["a", "b"])\n}')}, "main.tf line 1 with for_each"),
        ({"main.tf.json": '{"module": {"a": {"source": "./cluster"}}}'}, "main.tf.json may call its module too"),
        ({"main.tf": CALL, "x.tf": 'module "b" {\n  source = "./cluster"\n}}'}, "x.tf may call its module too"),
        (
            {"main.tf": CALL, "x/y.tf": 'module "b" {\n  source = "git::https://h/r.git//cluster?ref=v1"\n}'},
            "x/y.tf may call its module too",
        ),
        ({"mid/main.tf": MID, "cluster/c.tf": 'module "m" {\n  source = "../mid"\n}\n'}, "goes round in a circle"),
    ],
)
def test_a_module_that_may_be_called_again_anywhere_above_is_refused(calls: dict[str, str], said: str) -> None:
    assert said in reason({**calls, "cluster/main.tf": resource(pool())}, path="cluster/main.tf")


@pytest.mark.parametrize("source", ["acme/x//other", "git::https://h/r.git//deep/cluster", "./cluster2"])
def test_a_module_of_another_folder_is_in_nobodys_way(source: str) -> None:
    files = {"main.tf": CALL, "x.tf": f'module "b" {{\n  source = "{source}"\n}}\n', "cluster/main.tf": resource(pool())}

    assert plan(files, path="cluster/main.tf").diff


@pytest.mark.parametrize("covered", ['["machine_pool"]', '["all"]', '["*"]', '["machine_pool[0].count"]'])
def test_what_terraform_is_told_to_ignore_in_the_older_way_is_not_edited(covered: str) -> None:
    files = {"main.tf": resource(pool() + f"\n  lifecycle {{\n    ignore_changes = {covered}\n  }}")}

    assert "has ignore_changes over machine_pool" in reason(files)


def test_a_local_with_the_name_of_an_argument_is_a_second_reader_too() -> None:
    said = reason({"main.tf": resource(pool("local.n")), "l.tf": "locals {\n  n = 6\n  iterator = local.n\n}\n"})

    assert "local.n is also read by l.tf line 3" in said


def test_a_pack_value_that_stands_for_several_profiles_is_refused() -> None:
    one = profile("<<-EOT\n" + YAML + "    EOT")
    profiles = one.replace('name = "training"', 'for_each = toset(["training", "serving"])\n  name = each.key')
    packs = one.replace("pack {", 'dynamic "pack" {\n    for_each = toset(["gpu", "cpu"])\n    content {').replace('"gpu"\n', "pack.key\n")

    assert "one block stands for 2 clusters" in reason({"main.tf": profiles}, layout=PACKS, field="cpu_request", old="500m", new="250m")
    assert "one block stands for 2 pools" in reason({"main.tf": packs + "}\n"}, layout=PACKS, field="cpu_request", old="500m", new="250m")

"""What a plan says it would do: read from what a job, Atlantis or HCP Terraform posts, and never better than it is."""

import time

import pytest

from trimtab.sources.terraform_plan import PlanText, parse_plans

FENCE = "```"
IN_PLACE = """\
Terraform used the selected providers to generate the following execution
plan. Resource actions are indicated with the following symbols:
  ~ update in-place

Terraform will perform the following actions:

  # module.clusters["dev-east"].spectrocloud_cluster_eks.this will be updated in-place
  ~ resource "spectrocloud_cluster_eks" "this" {
        id   = "64b0c0ffee64b0c0ffee0001"
      - machine_pool {
          - count         = 6 -> null
          - name          = "batch" -> null
        }
      + machine_pool {
          + count         = 5
          + name          = "batch"
        }
    }

Plan: 0 to add, 1 to change, 0 to destroy.
"""
REPLACED = """\
  # spectrocloud_cluster_vsphere.edge[0] must be replaced
-/+ resource "spectrocloud_cluster_vsphere" "edge" {
      ~ cloud_config { # forces replacement

Plan: 1 to add, 0 to change, 1 to destroy.
"""


def atlantis(output: str, directory: str = ".", number: int | None = None) -> str:
    heading = (
        f"### {number}. dir: `{directory}` workspace: `default`" if number else f"Ran Plan for dir: `{directory}` workspace: `default`"
    )
    summary = output.strip().splitlines()[-1]
    return f"{heading}\n\n<details><summary>Show Output</summary>\n\n{FENCE}diff\n{output}\n{FENCE}\n</details>\n{summary}\n"


def test_a_pool_that_changes_in_its_cluster_is_one_change_whatever_its_blocks_look_like() -> None:
    """The pools are a set: one block goes and another comes, and no machine of another pool is touched."""
    assert parse_plans([IN_PLACE]) == PlanText(changes=1)


def test_a_replaced_cluster_is_named() -> None:
    plan = parse_plans([REPLACED])

    assert plan == PlanText(adds=1, destroys=1, replaced=("spectrocloud_cluster_vsphere.edge[0]",))
    assert plan is not None
    assert plan.clusters_lost == ("spectrocloud_cluster_vsphere.edge[0]",)


@pytest.mark.parametrize(
    ("line", "deleted", "replaced"),
    [
        ("  # spectrocloud_cluster_eks.this will be destroyed", 1, 0),
        ("  # spectrocloud_cluster_gke.this is tainted, so must be replaced", 0, 1),
        ("  # spectrocloud_cluster_gke.this will be replaced, as requested", 0, 1),
        ("# `spectrocloud_virtual_cluster.team` will be destroyed", 1, 0),
        ('  # module.a["x y"].spectrocloud_cluster_eks.this (deposed object 1a2b) will be destroyed', 1, 0),
        ("  # spectrocloud_cluster_eks.this will no longer be managed by Terraform, but will not be destroyed", 1, 0),
    ],
)
def test_every_way_to_lose_a_cluster_is_seen(line: str, deleted: int, replaced: int) -> None:
    plan = parse_plans([line])

    assert plan is not None
    assert (len(plan.deleted), len(plan.replaced), len(plan.clusters_lost), plan.destroys) == (deleted, replaced, 1, 1)


@pytest.mark.parametrize("kind", ["spectrocloud_cluster_profile", "spectrocloud_cluster_group", "spectrocloud_workspace", "aws_s3_bucket"])
def test_what_is_no_cluster_is_a_loss_all_the_same_but_not_a_lost_cluster(kind: str) -> None:
    plan = parse_plans([f"  # {kind}.this will be destroyed\nPlan: 0 to add, 0 to change, 1 to destroy."])

    assert plan is not None
    assert (plan.destroys, plan.clusters_lost) == (1, ())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Terraform plan: 0 to add, 1 to change, 0 to destroy.", PlanText(changes=1)),
        ("Plan: 1 to import, 2 to add, 3 to change, 4 to destroy.", PlanText(adds=2, changes=3, destroys=4)),
        ("No changes. Your infrastructure matches the configuration.", PlanText()),
        ("\x1b[1mPlan:\x1b[0m 0 to add, 1 to change, 0 to destroy.", PlanText(changes=1)),
        ("Ran Plan for dir: `.` workspace: `default`\n\n**Plan Error**\n```\nno\n```", PlanText(is_failed=True)),
        ("╷\n│ Error: Unsupported argument\n╵", PlanText(is_failed=True)),
    ],
)
def test_short_forms_are_read(text: str, expected: PlanText) -> None:
    assert parse_plans([text]) == expected


@pytest.mark.parametrize(
    "text", ["", "lgtm", "atlantis plan", "Ran Apply for dir: `.` workspace: `default`", "There are no changes I like"]
)
def test_what_is_no_plan_is_none(text: str) -> None:
    assert parse_plans([text]) is None


def test_atlantis_says_its_summary_twice_and_it_counts_once() -> None:
    assert parse_plans([atlantis(IN_PLACE)]) == PlanText(changes=1)


def test_the_projects_of_one_comment_add_up() -> None:
    both = "Ran Plan for 2 projects:\n\n" + atlantis(IN_PLACE, "a", 1) + "---\n" + atlantis(REPLACED, "b", 2)

    plan = parse_plans([both])

    assert plan is not None
    assert (plan.changes, plan.destroys, len(plan.clusters_lost)) == (1, 1, 1)


def test_a_later_plan_of_another_folder_does_not_hide_the_first() -> None:
    plan = parse_plans([atlantis(REPLACED, "clusters"), atlantis(IN_PLACE, "network")])

    assert plan is not None
    assert plan.clusters_lost


def test_a_later_plan_of_the_same_folder_takes_its_place() -> None:
    assert parse_plans([atlantis(REPLACED, "clusters"), atlantis(IN_PLACE, "clusters")]) == PlanText(changes=1)


def test_a_plan_that_goes_on_in_a_second_comment_is_one_plan() -> None:
    """Else the worst of it could hide where the comment was full."""
    start = "Ran Plan for dir: `.` workspace: `default`\n\n```diff\n  # spectrocloud_cluster_eks.a will be updated in-place\n```"
    rest = "Continued plan output from previous comment.\n\n```diff\n" + REPLACED + "```"

    plan = parse_plans([start, rest])

    assert plan is not None
    assert plan.clusters_lost == ("spectrocloud_cluster_vsphere.edge[0]",)


def test_where_output_and_summary_differ_the_worse_one_counts() -> None:
    """A pool's name may say anything, also how many are destroyed."""
    harmless = "Plan: 0 to add, 1 to change, 0 to destroy."

    plan = parse_plans([f"{harmless}\n  # spectrocloud_cluster_eks.a will be destroyed\n{harmless}"])

    assert plan is not None
    assert plan.destroys == 1


def test_a_huge_text_is_read_in_a_moment() -> None:
    assert parse_plans(["# " + "a " * 600_000]) is None


@pytest.mark.parametrize("text", ["\n" * 60_000, "# " + "( " * 30_000, "# " * 30_000, "- " * 30_000, ("# a" + " " * 60) * 1000])
def test_no_text_takes_longer_than_reading_it(text: str) -> None:
    """Whatever a plan prints, others may have written; the first of these once took minutes."""
    began = time.perf_counter()

    parse_plans([text])

    assert time.perf_counter() - began < 2


def test_a_project_that_nobody_understands_is_not_left_out_of_the_sum() -> None:
    text = (
        "Ran Plan for 2 projects:\n\n### 1. dir: `a` workspace: `default`\nPlan: 0 to add, 1 to change, 0 to destroy.\n\n"
        "### 2. dir: `b` workspace: `default`\nsomething else\n"
    )

    assert parse_plans([text]) is None


def test_what_opentofu_forgets_is_lost_too() -> None:
    fate = "will be removed from the OpenTofu state but will not be destroyed"
    text = f"  # spectrocloud_cluster_eks.this {fate}\nPlan: 0 to add, 0 to change, 0 to destroy.\n"

    plan = parse_plans([text])

    assert plan is not None
    assert plan.clusters_lost == ("spectrocloud_cluster_eks.this",)


def test_a_key_with_spaces_and_a_deposed_object_keep_their_address() -> None:
    text = '  # module.c["dev east"].spectrocloud_cluster_eks.this (deposed object 0a1b2c3d) will be destroyed\n'

    plan = parse_plans([text])

    assert plan is not None
    assert plan.clusters_lost == ('module.c["dev east"].spectrocloud_cluster_eks.this',)

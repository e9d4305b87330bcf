"""Finding → Proposal; edits that keep every other byte of a file."""

from trimtab.changes.adjust import at_value, lies_between, values_between
from trimtab.changes.by_hand import edit_by_hand, edit_in_files
from trimtab.changes.kustomize import is_kustomization
from trimtab.changes.layouts import KNOWN, TERRAFORM, is_covered, is_editable
from trimtab.changes.plan import Step, find_place, git_blob, layout_of, plan_edit, plan_edits
from trimtab.changes.reading import Files, declared_pool, declared_values
from trimtab.changes.words import branch_name, commit_message, commit_message_of_group, group_branch_name

__all__ = [
    "KNOWN",
    "TERRAFORM",
    "Files",
    "Step",
    "at_value",
    "branch_name",
    "commit_message",
    "commit_message_of_group",
    "declared_pool",
    "declared_values",
    "edit_by_hand",
    "edit_in_files",
    "find_place",
    "git_blob",
    "group_branch_name",
    "is_covered",
    "is_editable",
    "is_kustomization",
    "layout_of",
    "lies_between",
    "plan_edit",
    "plan_edits",
    "values_between",
]

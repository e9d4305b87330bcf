"""Finding → Proposal; edits that keep every other byte of a file."""

from trimtab.changes.by_hand import edit_by_hand, edit_in_files
from trimtab.changes.kustomize import is_kustomization
from trimtab.changes.layouts import KNOWN, TERRAFORM, is_covered, is_editable
from trimtab.changes.plan import find_place, git_blob, layout_of, plan_edit
from trimtab.changes.reading import Files, declared_pool, declared_values
from trimtab.changes.words import branch_name, commit_message

__all__ = [
    "KNOWN",
    "TERRAFORM",
    "Files",
    "branch_name",
    "commit_message",
    "declared_pool",
    "declared_values",
    "edit_by_hand",
    "edit_in_files",
    "find_place",
    "git_blob",
    "is_covered",
    "is_editable",
    "is_kustomization",
    "layout_of",
    "plan_edit",
]

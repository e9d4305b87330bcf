"""Finding → Proposal; edits that keep every other byte of a file."""

from trimtab.changes.layouts import KNOWN, TERRAFORM, is_covered, is_editable, matches
from trimtab.changes.plan import Files, declared_pool, declared_values, edit_by_hand, find_place, git_blob, layout_of, plan_edit
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
    "find_place",
    "git_blob",
    "is_covered",
    "is_editable",
    "layout_of",
    "matches",
    "plan_edit",
]

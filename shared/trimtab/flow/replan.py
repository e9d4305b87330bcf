"""The files that a plan was made from, as they are at another commit, and the same change planned on them."""

from trimtab.changes import Files, Step, git_blob, layout_of, plan_edits
from trimtab.errors import BadInput, Refused
from trimtab.ports import Ports
from trimtab.records import CommitSha, Governance, PlannedEdit, Proposal


def files_of(proposal: Proposal, base: CommitSha, ports: Ports) -> Files:
    """The files that the plan was made from, as they are at a commit; what is gone is not among them."""
    places = {part.place.path for part in proposal.parts}
    paths = sorted({*places, proposal.edit.path, *(path for path, _ in proposal.edit.reads)})
    return ports.forge.read_files(proposal.place.repo, base, paths)


def is_unmoved(files: Files, proposal: Proposal) -> bool:
    """True where each of them is what it was when the edit was planned."""
    blobs = {proposal.edit.path: proposal.edit.base_blob, **dict(proposal.edit.reads)}
    return all(path in files and git_blob(files[path]) == blob for path, blob in blobs.items())


def replan(files: Files, proposal: Proposal, governance: Governance) -> PlannedEdit | None:
    """The same change planned on another base; None where the files no longer say what the evidence was made for."""
    try:
        return plan_edits(files, [step_of(files, part, governance) for part in proposal.parts])
    except (BadInput, Refused):
        return None


def step_of(files: Files, part: Proposal, governance: Governance) -> Step:
    """One change with its place and the layout that reads it. Raises Refused or BadInput where no layout does."""
    subject = part.finding.subject
    return part.place, layout_of(files, part.place, governance.layouts, subject.field, subject.kind), part.finding.changes

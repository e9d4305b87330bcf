"""The embedded forge: bare git repositories on disk, pull requests beside them, real merges."""

from trimtab.adapters.localforge.desk import Rules
from trimtab.adapters.localforge.forge import LocalForge
from trimtab.adapters.localforge.people import human_branch, human_commit, human_merge, init_bare, protect, review, set_account, set_group

__all__ = [
    "LocalForge",
    "Rules",
    "human_branch",
    "human_commit",
    "human_merge",
    "init_bare",
    "protect",
    "review",
    "set_account",
    "set_group",
]

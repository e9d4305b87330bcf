"""GitHub and GitHub Enterprise behind the forge port, as two Apps."""

from trimtab.adapters.github.forge import GitHubForge

__all__ = ["GitHubForge"]

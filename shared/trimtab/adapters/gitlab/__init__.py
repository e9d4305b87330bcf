"""GitLab, hosted or self-managed, over its REST API and one git push."""

from trimtab.adapters.gitlab.forge import GitLabForge

__all__ = ["GitLabForge"]

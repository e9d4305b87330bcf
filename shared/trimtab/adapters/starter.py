"""The starter GitOps repo as it was shipped: beside the package in a wheel, at the root of a checkout; and who must grant what for it."""

import shutil
from pathlib import Path
from typing import Literal

import trimtab
from trimtab.errors import BadInput

ForgeName = Literal["github", "gitlab"]
_OTHERS: dict[ForgeName, str] = {"github": ".gitlab-ci.yml", "gitlab": ".github"}
"""What a forge's repo has no use for: a pipeline that never runs is one more thing to keep right."""

_GITHUB = """\
1. GitHub, an owner of the organization: two Apps, installed on this repo alone.
   The writer opens and merges. Repository permissions, and no more:
     Contents: write, Pull requests: write, Issues: write, Checks: read, Commit statuses: read, Metadata: read
     (and the organization's Members: read, where owners.yaml names teams)
     Events: pull_request, pull_request_review, check_suite, check_run, status, issue_comment, push;
     to https://<your receive address>/github
     With a merge queue also the permission Merge queues: read, and the event merge_group.
   The gate answers with the check trimtab/gate. Repository permissions, and no more:
     Checks: write, Contents: read, Metadata: read
     No events. Its key goes to the function `merge` and to nobody else.
   -> settings github.writer and github.gate (app_id, installation_id, and kms_key or the secrets TRIMTAB_GITHUB_WRITER_KEY and
      TRIMTAB_GITHUB_GATE_KEY), TRIMTAB_GITHUB_WEBHOOK_SECRET

2. GitHub, an administrator of the repo: two rulesets.
   main: restrict deletions, block force pushes, require a pull request with one review (none, if low-risk changes shall ever merge by
     themselves) and with review by code owners, dismiss approvals when commits are pushed, require branches to be up to date, require the
     checks `plan` (from GitHub Actions) and `trimtab/gate` (from the gate App, not from any source). The bypass list stays empty.
   trimtab/**: restrict creations, updates and deletions. The bypass list holds the writer App and nobody else.
   The environment `production`: main only. It holds APPLY_ROLE_ARN and PALETTE_API_KEY; the repo itself holds PALETTE_READ_API_KEY and
     the variables TERRAFORM_VERSION, TERRAFORM_SHA256, PALETTE_PROJECT, STATE_BUCKET, AWS_REGION, PLAN_ROLE_ARN.
   Require trimtab/gate only when Trimtab runs: nobody else can answer it."""

_GITLAB = """\
1. GitLab, a maintainer of the project: two project access tokens, of two users.
   The writer, role Developer, scopes `api` and `write_repository`, opens merge requests
                                                          -> TRIMTAB_GITLAB_WRITER_TOKEN
   The merger, role Maintainer, scope `api`, merges and shows the gate's answer, and does no more
                                                          -> TRIMTAB_GITLAB_MERGER_TOKEN, in the function `merge` and nowhere else
   A webhook to https://<your receive address>/gitlab with a signing token, for: push, merge request, pipeline events
                                                          -> TRIMTAB_GITLAB_WEBHOOK_SECRET
   If plans are to be comments: a third token, role Reporter, as the masked CI/CD variable PLAN_COMMENT_TOKEN; its user as plan_author in
     .trimtab/config.yaml. If not, take plan_author out there: every change would wait for a plan that nobody posts.

2. GitLab, a maintainer of the project: settings.
   Protected branches: main (allowed to push: no one; allowed to merge: Maintainers, or the merger alone if low-risk changes shall ever
     merge by themselves; code owner approval required where your tier has it),
     trimtab/* (allowed to push, and to force push: the writer's own user, or Developers where your tier names no single user;
     allowed to merge: no one).
   Merge requests: merge method fast-forward or a merge train; pipelines must succeed; skipped pipelines do not count as success.
   Approvals: prevent approval by author, prevent approvals by users who add commits, remove all approvals when commits are added.
     Without these three no approval counts here, and nothing is merged by itself.
   CI/CD variables: TERRAFORM_IMAGE (by digest), PALETTE_PROJECT, STATE_BUCKET, AWS_REGION, PLAN_ROLE_ARN, PALETTE_READ_API_KEY (masked);
     protected and for the environment `production` only: APPLY_ROLE_ARN, PALETTE_API_KEY.
   The environment `production`: protected, Maintainers deploy. Protected variables reach every protected branch, trimtab/* too, and a
     branch can change .gitlab-ci.yml; where your tier protects no environments, keep that file in a project of its own (CI/CD
     configuration file).
   Pipelines of forks never run in this project: ci_allow_fork_pipelines_to_run_in_parent_project is off."""

_EVERYWHERE = """\
3. Palette, a tenant administrator:
   A user with the role Tenant Viewer and its API key: what Trimtab reads    -> settings palette_url, TRIMTAB_PALETTE_API_KEY
   One ClusterHealth alert per project, type http, to https://<your receive address>/palette, with the header X-Trimtab-Token
                                                                             -> TRIMTAB_PALETTE_WEBHOOK_SECRET
   For this repo's own CI: PALETTE_READ_API_KEY of a project viewer, PALETTE_API_KEY of a cluster admin.

4. AWS or Google Cloud, an administrator:
   For CI: a bucket for Terraform's state; a role for plans that only reads it, a role for applies that the environment `production` gets.
   For Trimtab: read access to the billing export's bucket                   -> settings exports
   For the collector: a role that may create objects below usage/ and nothing else  -> profiles/collector/settings.yaml

5. Slack, a workspace administrator:
   An app with chat:write and channels:history (groups:history for private channels), users:read (whether an approver is still a member),
   im:write and im:history (codes that confirm accounts), usergroups:read where owners.yaml names user groups, users:read.email for
   `trimtab owners import --palette`; interactivity and the command /trimtab to https://<your receive address>/slack
                                                                             -> TRIMTAB_SLACK_TOKEN, TRIMTAB_SLACK_SIGNING_SECRET

6. Whoever runs Trimtab:
   This repo and its number, as settings repositories (id, forge, location, branch, forge_id, and only_we_push once trimtab/ is
   guarded as above); clusters that are not production, by uid, as nonproduction; the highest_stage that this repo may ask for.

7. Whoever owns the platform, in this repo: a team that exists in CODEOWNERS; people and approvers in .trimtab/owners.yaml.

Everything starts in stage observe: Trimtab reports and opens nothing until somebody raises `stage` in .trimtab/config.yaml."""

_PARTS: dict[ForgeName, str] = {"github": _GITHUB, "gitlab": _GITLAB}


def grants(forge: ForgeName | None) -> str:
    """Who must grant what, in the order in which it is done; for both forges where none is named."""
    parts = _PARTS.values() if forge is None else (_PARTS[forge],)
    return "\n\n".join(("Who must grant what before Trimtab can propose here:", *parts, _EVERYWHERE))


def write_starter(folder: Path, forge: ForgeName | None = None) -> list[Path]:
    """Copy the starter into a new or empty folder, with the CI of that forge; the files written.

    Raises BadInput where there is something already.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadInput(f"{folder}: not empty; name a new folder")
    left_out = shutil.ignore_patterns(_OTHERS[forge]) if forge else None
    shutil.copytree(_shipped(), folder, dirs_exist_ok=True, ignore=left_out)
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _shipped() -> Path:
    package = Path(trimtab.__file__).resolve().parent
    for place in (package / "starter", package.parents[1] / "gitops_templates" / "starter"):
        if place.is_dir():
            return place
    raise BadInput("no starter was shipped with this installation; install Trimtab again")

"""How `openapi.json` was made: a description of GitLab's API, trimmed to the operations that Trimtab or its test server know.

    python tests/forges/gitlab/extract.py gitlab-openapi.yaml

The description was not taken from GitLab itself. It is `.sdk/def/gitlab-openapi.yaml` of github.com/voxgig-sdk/gitlab-sdk at commit
83a37da5b16ad703da3a07fdca2d822e77d476e7 (the file is there since 8 July 2026; that repository is MIT, Copyright (c) 2026 Voxgig). By its
own head it is what `bin/rake gitlab:openapi:generate` of GitLab writes, which GitLab keeps as `doc/api/openapi/openapi_v2.yaml`, under
CC BY-SA 4.0 as all of its `doc/`. It says "v4" and no version of GitLab; nobody compared it with a copy of GitLab's. Left out is what is
for people (descriptions, examples), and every other operation; nothing is changed. Operations that it lacks stand in `uncovered.py`.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

OPERATIONS = """
get /version
get /metadata
get /personal_access_tokens/self
get /projects/{id}
get /events
get /users/{id}/events
get /projects/{id}/events
get /projects/{id}/members
get /projects/{id}/members/all
get /projects/{id}/members/all/{user_id}
get /projects/{id}/members/{user_id}
get /projects/{id}/protected_branches
get /projects/{id}/protected_branches/{name}
get /projects/{id}/repository/archive
get /projects/{id}/repository/blobs/{sha}
get /projects/{id}/repository/blobs/{sha}/raw
get /projects/{id}/repository/branches
post /projects/{id}/repository/branches
get /projects/{id}/repository/branches/{branch}
delete /projects/{id}/repository/branches/{branch}
get /projects/{id}/repository/commits
post /projects/{id}/repository/commits
get /projects/{id}/repository/commits/{sha}
get /projects/{id}/repository/commits/{sha}/diff
get /projects/{id}/repository/commits/{sha}/statuses
get /projects/{id}/repository/commits/{sha}/merge_requests
get /projects/{id}/repository/compare
get /projects/{id}/repository/files/{file_path}
get /projects/{id}/repository/files/{file_path}/raw
get /projects/{id}/repository/merge_base
get /projects/{id}/repository/tree
post /projects/{id}/statuses/{sha}
get /projects/{id}/merge_requests
post /projects/{id}/merge_requests
get /projects/{id}/merge_requests/{merge_request_iid}
put /projects/{id}/merge_requests/{merge_request_iid}
get /projects/{id}/merge_requests/{merge_request_iid}/approval_state
get /projects/{id}/merge_requests/{merge_request_iid}/approvals
post /projects/{id}/merge_requests/{merge_request_iid}/approve
post /projects/{id}/merge_requests/{merge_request_iid}/unapprove
put /projects/{id}/merge_requests/{merge_request_iid}/reset_approvals
post /projects/{id}/merge_requests/{merge_request_iid}/cancel_merge_when_pipeline_succeeds
get /projects/{id}/merge_requests/{merge_request_iid}/commits
get /projects/{id}/merge_requests/{merge_request_iid}/diffs
put /projects/{id}/merge_requests/{merge_request_iid}/merge
get /projects/{id}/merge_requests/{merge_request_iid}/merge_ref
get /projects/{id}/merge_requests/{merge_request_iid}/pipelines
put /projects/{id}/merge_requests/{merge_request_iid}/rebase
get /projects/{id}/merge_requests/{merge_request_iid}/reviewers
get /projects/{id}/merge_requests/{merge_request_iid}/versions
get /projects/{id}/merge_requests/{merge_request_iid}/versions/{version_id}
get /projects/{id}/pipelines
get /projects/{id}/pipelines/{pipeline_id}
get /projects/{id}/issues
post /projects/{id}/issues
get /projects/{id}/issues/{issue_iid}
put /projects/{id}/issues/{issue_iid}
"""
_LEFT_OUT = ("summary", "description", "example", "tags", "produces", "consumes", "operationId", "x-params")


def trimmed(whole: dict[str, Any]) -> dict[str, Any]:
    """Those operations, and every definition that they lead to."""
    paths: dict[str, Any] = {}
    for line in OPERATIONS.split("\n"):
        method, _, path = line.partition(" ")
        if path:
            paths.setdefault(path, {})[method] = _bare(whole["paths"][f"/api/v4{path}"][method])
    definitions: dict[str, Any] = {}
    wanted = list(_named(paths))
    while wanted:
        name = wanted.pop()
        if name not in definitions:
            definitions[name] = _bare(whole["definitions"][name])
            wanted += _named(definitions[name])
    return {"swagger": "2.0", "info": whole["info"], "paths": paths, "definitions": dict(sorted(definitions.items()))}


def _bare(node: Any, *, is_names: bool = False) -> Any:
    """Without what is for people; below `properties`, keys are names and all stay."""
    if isinstance(node, list):
        return [_bare(each) for each in node]
    if not isinstance(node, dict):
        return node
    kept = {key: value for key, value in node.items() if is_names or key not in _LEFT_OUT}
    return {key: _bare(value, is_names=key == "properties" and not is_names) for key, value in kept.items()}


def _named(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"].rsplit("/", 1)[-1]
        node = list(node.values())
    if isinstance(node, list):
        for each in node:
            yield from _named(each)


if __name__ == "__main__":
    source = YAML(typ="safe").load(Path(sys.argv[1]))
    target = Path(__file__).with_name("openapi.json")
    target.write_text(json.dumps(trimmed(source), separators=(",", ":"), sort_keys=True) + "\n")

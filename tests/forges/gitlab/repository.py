"""The repository API: files, commits, branches."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from tests.forges.gitlab import plumbing
from tests.forges.gitlab.plumbing import Made, Person
from tests.forges.gitlab.pushes import pushed
from tests.forges.gitlab.records import DEVELOPER, MAINTAINER, NO_ONE, Pipeline, Project, Protection, Site
from tests.forges.gitlab.server import Answer, Call, No, Route, flag, web
from trimtab.adapters.localforge.git import SUBMODULE, Entry, checked_path, checked_ref
from trimtab.errors import TrimtabError

STALE = "You are attempting to update a file that has changed since you started editing it."


def commit_json(site: Site, project: Project, sha: str) -> dict[str, Any]:
    """A commit."""
    return _commit_json(site, project, plumbing.made(project.bare, sha))


def _commit_json(site: Site, project: Project, made: Made) -> dict[str, Any]:
    return {
        "id": made.sha,
        "short_id": made.sha[:8],
        "created_at": made.committed,
        "parent_ids": list(made.parents),
        "title": made.message.split("\n", 1)[0],
        "message": made.message,
        "author_name": made.author.name,
        "author_email": made.author.email,
        "authored_date": made.authored,
        "committer_name": made.committer.name,
        "committer_email": made.committer.email,
        "committed_date": made.committed,
        "trailers": {},
        "extended_trailers": {},
        "web_url": web(site, project.path, "-", "commit", made.sha),
    }


def pipeline_json(site: Site, project: Project, pipeline: Pipeline) -> dict[str, Any]:
    """A pipeline in short."""
    return {
        "id": pipeline.id,
        "iid": pipeline.id,
        "project_id": project.id,
        "sha": pipeline.sha,
        "ref": pipeline.ref,
        "status": pipeline.status,
        "source": pipeline.source,
        "created_at": "2026-03-02T08:00:00.000Z",
        "updated_at": "2026-03-02T08:01:00.000Z",
        "web_url": web(site, project.path, "-", "pipelines", str(pipeline.id)),
    }


def branch_json(call: Call, name: str, sha: str) -> dict[str, Any]:
    """A branch, and what the one who asks may do with it."""
    project = call.project
    found = project.protection(name)
    return {
        "name": name,
        "commit": commit_json(call.site, project, sha),
        "merged": False,
        "protected": bool(found),
        "developers_can_push": any(NO_ONE < each.push <= DEVELOPER for each in found),
        "developers_can_merge": any(NO_ONE < each.merge <= DEVELOPER for each in found),
        "can_push": project.may_push(call.user, name),
        "default": name == project.bare.default_branch(),
        "web_url": web(call.site, project.path, "-", "tree", name),
    }


def _commit_of(project: Project, ref: str, missing: str = "404 Commit Not Found") -> str:
    sha = plumbing.found(project.bare, ref)
    if sha is None:
        raise No(404, missing)
    return sha


def _entry(call: Call) -> tuple[Project, str, str, Entry]:
    project = call.project
    sha = _commit_of(project, call.one("ref", "HEAD"))
    path = call.values["file_path"]
    entry = project.bare.tree(sha).get(path)
    if entry is None or entry.mode == SUBMODULE:
        raise No(404, "404 File Not Found")
    return project, sha, path, entry


def _file(call: Call) -> Answer:
    project, sha, path, entry = _entry(call)
    content = project.bare.blob(entry.blob)
    body = {
        "file_name": path.rsplit("/", 1)[-1],
        "file_path": path,
        "size": len(content),
        "encoding": "base64",
        "content": base64.b64encode(content).decode(),
        "ref": call.one("ref"),
        "blob_id": entry.blob,
        "commit_id": sha,
        "last_commit_id": plumbing.last_for_path(project.bare, sha, path),
        "execute_filemode": entry.mode == "100755",
    }
    return Answer(body)


def _raw_file(call: Call) -> Answer:
    project, sha, path, entry = _entry(call)
    last = plumbing.last_for_path(project.bare, sha, path) or ""
    return Answer(project.bare.blob(entry.blob), headers={"X-Gitlab-Blob-Id": entry.blob, "X-Gitlab-Last-Commit-Id": last})


def _blob(call: Call) -> Answer:
    content = _blob_bytes(call)
    body = {"size": len(content), "encoding": "base64", "content": base64.b64encode(content).decode(), "sha": call.values["sha"]}
    return Answer(body)


def _blob_bytes(call: Call) -> bytes:
    try:
        return call.project.bare.blob(call.values["sha"])
    except TrimtabError:
        raise No(404, "404 Blob Not Found") from None


def _tree(call: Call) -> Answer:
    project = call.project
    sha = _commit_of(project, call.one("ref", "HEAD"), "404 Tree Not Found")
    place = call.one("path").strip("/")
    spec = f"{sha}:{place}" if place else sha
    flags = ["-r", "-t"] if call.is_set("recursive") else []
    out = project.bare.run("ls-tree", "-z", *flags, spec, answers=(0, 128))
    entries = [_tree_entry(line, place) for line in out.split(b"\0") if line]
    if place and not entries:
        raise No(404, "404 invalid revision or path Not Found")
    return Answer(entries)


def _tree_entry(line: bytes, place: str) -> dict[str, str]:
    meta, _, name = line.partition(b"\t")
    mode, kind, sha = meta.decode().split()
    path = f"{place}/{name.decode(errors='replace')}".lstrip("/")
    return {"id": sha, "name": path.rsplit("/", 1)[-1], "type": kind, "path": path, "mode": mode}


def _archive(call: Call) -> Answer:
    project = call.project
    sha = _commit_of(project, call.one("sha", "HEAD"))
    form = call.values.get("format") or call.one("format", "tar.gz")
    name = f"{project.path.rsplit('/', 1)[-1]}-{call.one('sha', 'HEAD')}-{sha}"
    places = [call.one("path")] if call.one("path") else []
    return Answer(project.bare.run("archive", f"--format={form}", f"--prefix={name}/", sha, "--", *places))


def _compare(call: Call) -> Answer:
    project = call.project
    old, new = _commit_of(project, call.one("from"), "404 Ref Not Found"), _commit_of(project, call.one("to"), "404 Ref Not Found")
    fork = old if call.is_set("straight") else project.bare.merge_base(old, new)
    if fork is None:
        raise No(404, "404 Merge Base Not Found")
    commits = plumbing.listed(project.bare, "--reverse", "--topo-order", f"{old}..{new}")
    body = {
        "commit": commit_json(call.site, project, new) if commits else None,
        "commits": [_commit_json(call.site, project, each) for each in commits],
        "diffs": list(plumbing.diffs(project.bare, fork, new)),
        "compare_timeout": False,
        "compare_same_ref": old == new,
        "web_url": web(call.site, project.path, "-", "compare"),
    }
    return Answer(body)


def _merge_base(call: Call) -> Answer:
    project = call.project
    one, *others = [_commit_of(project, ref, f"Could not find ref: {ref}") for ref in call.many("refs")]
    for other in others:
        base = project.bare.merge_base(one, other)
        if base is None:
            raise No(404, "404 Merge Base Not Found")
        one = base
    return Answer(commit_json(call.site, project, one))


def _commits(call: Call) -> Answer:
    project = call.project
    wanted = call.one("ref_name") or project.bare.default_branch()
    old, dots, new = wanted.partition("..")
    ends = [f"^{_commit_of(project, old)}", _commit_of(project, new)] if dots else [_commit_of(project, old)]
    places = ["--", call.one("path")] if call.one("path") else []
    flags = ["--first-parent"] if call.is_set("first_parent") else []
    return Answer([_commit_json(call.site, project, each) for each in plumbing.listed(project.bare, *flags, *ends, *places)])


def _commit(call: Call) -> Answer:
    project = call.project
    sha = _commit_of(project, call.values["sha"])
    newest = [each for each in project.pipelines if each.sha == sha]
    body = commit_json(call.site, project, sha) | {
        "project_id": project.id,
        "status": newest[-1].status if newest else None,
        "last_pipeline": pipeline_json(call.site, project, newest[-1]) if newest else None,
    }
    return Answer(body)


def _commit_diff(call: Call) -> Answer:
    project = call.project
    made = plumbing.made(project.bare, _commit_of(project, call.values["sha"]))
    return Answer(list(plumbing.diffs(project.bare, made.parents[0], made.sha)) if made.parents else [])


def _branches(call: Call) -> Answer:
    project = call.project
    out = project.bare.run("for-each-ref", "--format=%(objectname) %(refname:lstrip=2)", "refs/heads").decode().splitlines()
    pairs = [line.split(" ", 1) for line in out]
    wanted = call.one("search")
    is_start, bare_text = wanted.startswith("^"), wanted.strip("^$")
    kept = [(sha, name) for sha, name in pairs if (name.startswith(bare_text) if is_start else bare_text in name)]
    return Answer([branch_json(call, name, sha) for sha, name in kept])


def _branch(call: Call) -> Answer:
    name = call.values["branch"]
    sha = _head(call.project, name)
    if sha is None:
        raise No(404, "404 Branch Not Found")
    return Answer(branch_json(call, name, sha))


def _head(project: Project, name: str) -> str | None:
    try:
        return project.bare.head(checked_ref(name))
    except TrimtabError:
        return None


def _new_branch(call: Call) -> Answer:
    project, name = call.writable(), str(call.body.get("branch", ""))
    checked_ref(name)
    if _head(project, name) is not None:
        raise No(400, "Branch already exists")
    sha = plumbing.found(project.bare, str(call.body.get("ref", "")))
    if sha is None:
        raise No(400, f"Invalid reference name: {call.body.get('ref')}")
    _may_push(call, name)
    plumbing.set_branch(project.bare, name, sha)
    pushed(call.site, project, name, None, sha, call.user)
    return Answer(branch_json(call, name, sha), 201)


def _delete_branch(call: Call) -> Answer:
    project, name = call.writable(), call.values["branch"]
    sha = _head(project, name)
    if sha is None:
        raise No(404, "404 Branch Not Found")
    if project.protection(name) or name == project.bare.default_branch():
        raise No(403, "403 Forbidden")
    plumbing.set_branch(project.bare, name, None)
    pushed(call.site, project, name, sha, None, call.user)
    return Answer(None, 204)


def _may_push(call: Call, branch: str) -> None:
    if not call.project.may_push(call.user, branch):
        raise No(403, "403 Forbidden - You are not allowed to push into this branch")


def _new_commit(call: Call) -> Answer:
    """One commit of many files. Nothing compares the branch with what the caller last saw: with `force` it is simply put elsewhere."""
    project, branch = call.writable(), checked_ref(str(call.body.get("branch", "")))
    _may_push(call, branch)
    start_sha, force = call.body.get("start_sha"), flag(call.body.get("force", False))
    start_branch = call.body.get("start_branch") or (None if start_sha else branch)
    if start_sha and call.body.get("start_branch"):
        raise No(400, "start_branch, start_sha are mutually exclusive")
    parent = _start(project, start_branch, start_sha)
    here = _head(project, branch)
    if here is not None and start_branch != branch and not force:
        raise No(400, f"A branch called '{branch}' already exists. Switch to that branch in order to make changes")
    changes = _changes(project, parent, call.body.get("actions") or [], str(start_branch or project.bare.default_branch()))
    who = Person(str(call.body.get("author_name") or call.user.name), str(call.body.get("author_email") or call.user.email))
    sha = plumbing.commit(project.bare, parent, changes, str(call.body["commit_message"]), who, call.site.now())
    plumbing.set_branch(project.bare, branch, sha)
    pushed(call.site, project, branch, here, sha, call.user)
    body = commit_json(call.site, project, sha) | {"project_id": project.id, "status": None, "last_pipeline": None}
    if call.body.get("stats", True):
        body["stats"] = {"additions": 1, "deletions": 1, "total": 2}
    return Answer(body, 201)


def _start(project: Project, start_branch: str | None, start_sha: str | None) -> str:
    if start_sha:
        if len(start_sha) != 40:
            raise No(400, f"Invalid start_sha '{start_sha}'")
        if plumbing.found(project.bare, start_sha) is None:
            raise No(400, f"Cannot find start_sha '{start_sha}'")
        return start_sha
    head = _head(project, str(start_branch))
    if head is None:
        raise No(400, "You can only create or edit files when you are on a branch")
    return head


def _changes(project: Project, parent: str, actions: Sequence[Mapping[str, Any]], ref: str) -> dict[str, tuple[str, bytes] | None]:
    tree = project.bare.tree(parent)
    changes: dict[str, tuple[str, bytes] | None] = {}
    for action in actions:
        path, kind = checked_path(str(action.get("file_path", ""))), action.get("action")
        there = tree.get(path)
        if kind == "create" and there is not None:
            raise No(400, "A file with this name already exists")
        if kind != "create":
            if there is None:
                raise No(400, "A file with this name doesn't exist")
            _check_last_commit(project, path, action.get("last_commit_id"), ref)
        mode = there.mode if there else "100644"
        if kind in ("create", "update"):
            changes[path] = (mode, _content(action))
        elif kind == "delete":
            changes[path] = None
        elif kind == "chmod" and there is not None:
            changes[path] = ("100755" if flag(action.get("execute_filemode")) else "100644", project.bare.blob(there.blob))
        else:
            raise No(501, f"the test server does not {kind}")
    return changes


def _check_last_commit(project: Project, path: str, last_commit_id: str | None, ref: str) -> None:
    """GitLab compares the last commits that touched the file, in the branch it starts from and in what the caller names."""
    if not last_commit_id:
        return
    named = plumbing.found(project.bare, last_commit_id)
    if named is None or plumbing.last_for_path(project.bare, named, path) != plumbing.last_for_path(project.bare, ref, path):
        raise No(400, STALE)


def _content(action: Mapping[str, Any]) -> bytes:
    text = str(action.get("content", ""))
    return base64.b64decode(text) if action.get("encoding") == "base64" else text.encode()


def _protection_json(protection: Protection) -> dict[str, Any]:
    def levels(level: int, users: Sequence[int] = ()) -> list[dict[str, Any]]:
        words = {NO_ONE: "No one", DEVELOPER: "Developers + Maintainers", MAINTAINER: "Maintainers"}
        row = {"id": protection.id, "access_level": level, "access_level_description": words.get(level, str(level)), "user_id": None}
        each = [row | {"user_id": user, "access_level": MAINTAINER, "access_level_description": "a user"} for user in users]
        return [full | {"group_id": None, "deploy_key_id": None} for full in (each or [row])]

    return {
        "id": protection.id,
        "name": protection.name,
        "push_access_levels": levels(protection.push, protection.pushers),
        "merge_access_levels": levels(protection.merge, protection.mergers),
        "unprotect_access_levels": [],
        "allow_force_push": protection.may_force,
        "code_owner_approval_required": protection.code_owners,
        "inherited": False,
    }


def _protections(call: Call) -> Answer:
    """For Maintainers: ProtectedBranchPolicy gives read_protected_branch with admin_project."""
    return Answer([_protection_json(each) for each in call.wants(MAINTAINER).protections])


def _protection(call: Call) -> Answer:
    found = [each for each in call.wants(MAINTAINER).protections if each.name == call.values["name"]]
    if not found:
        raise No(404, "404 Not found")
    return Answer(_protection_json(found[0]))


_PROJECT = "/projects/{id}"
_REPO = f"{_PROJECT}/repository"
ROUTES: Mapping[str, Route] = {
    f"get {_REPO}/files/{{file_path}}": _file,
    f"get {_REPO}/files/{{file_path}}/raw": _raw_file,
    f"get {_REPO}/blobs/{{sha}}": _blob,
    f"get {_REPO}/blobs/{{sha}}/raw": lambda call: Answer(_blob_bytes(call)),
    f"get {_REPO}/tree": _tree,
    f"get {_REPO}/archive": _archive,
    f"get {_REPO}/compare": _compare,
    f"get {_REPO}/merge_base": _merge_base,
    f"get {_REPO}/commits": _commits,
    f"post {_REPO}/commits": _new_commit,
    f"get {_REPO}/commits/{{sha}}": _commit,
    f"get {_REPO}/commits/{{sha}}/diff": _commit_diff,
    f"get {_REPO}/branches": _branches,
    f"post {_REPO}/branches": _new_branch,
    f"get {_REPO}/branches/{{branch}}": _branch,
    f"delete {_REPO}/branches/{{branch}}": _delete_branch,
    f"get {_PROJECT}/protected_branches": _protections,
    f"get {_PROJECT}/protected_branches/{{name}}": _protection,
}

"""What can be done on GitHub, whoever asks and however: people, REST and GraphQL all end here. Every no is GitHub's own sentence."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from tests.forges.github import commits, rules
from tests.forges.github.book import Account, Activity, Actor, Book, CheckRun, Comment, Issue, Pull, Queued, Rejected, Repo, Review, Status
from trimtab.adapters.localforge.git import NOTHING

ARCHIVED = "Repository was archived so is read-only."


def check_writable(repo: Repo) -> None:
    """403 for an archived repository."""
    if repo.is_archived:
        raise Rejected(403, ARCHIVED)


# ── Refs and commits ─────────────────────────────────────────────────────────────────────────────────────────────────
def move_branch(book: Book, repo: Repo, branch: str, new: str | None, actor: Actor) -> None:
    """Make, move or delete a branch, as far as its rules allow, and let everything that hangs on it follow."""
    check_writable(repo)
    old = repo.git.head(branch)
    waiting = [entry for entry in repo.queue if entry.pull.head_ref == branch and entry.pull.head_repo is repo]
    if waiting and new != old:
        raise Rejected(422, "This branch can't be updated: its pull request has been added to a merge queue.")
    rules.check_push(repo, branch, old, new, actor)
    check_workflows(repo, old, new, actor)
    set_branch(book, repo, branch, new, actor.account)


def check_workflows(repo: Repo, old: str | None, new: str | None, actor: Actor) -> None:
    """An App needs a right of its own to change what runs in CI."""
    if actor.app is None or new is None or actor.may(repo, "workflows", "write"):
        return
    since = old or repo.git.head(repo.git.default_branch())
    bad = [path for path in (repo.git.changed(since, new) if since else repo.git.tree(new)) if path.startswith(".github/workflows/")]
    if bad and not (since and repo.git.is_ancestor(new, since)):
        raise Rejected(403, f"refusing to allow a GitHub App to create or update workflow `{bad[0]}` without `workflows` permission")


def set_branch(book: Book, repo: Repo, branch: str, new: str | None, by: Account, kind: str = "") -> None:
    """Move a branch without asking any rule, and what follows from it."""
    old = repo.git.head(branch)
    ref = f"refs/heads/{branch}"
    repo.git.run("update-ref", *(["--no-deref", ref, new] if new else ["-d", ref]))
    kind = kind or _kind(repo, old, new)
    repo.activities.append(Activity(book.new_id(), branch, old or NOTHING, new or NOTHING, by, book.now, kind))  # type: ignore[arg-type]
    for other in book.repos.values():
        for pull in [pull for pull in other.pulls if pull.is_open]:
            if pull.head_repo is repo and pull.head_ref == branch:
                _head_moved(book, pull, new, by)
            elif other is repo and pull.base_ref == branch and new:
                _base_moved(book, pull, old, new, by)
    book.emit("push", repo, ref=ref, before=old or NOTHING, after=new or NOTHING, created=old is None, deleted=new is None, sender=by)


def _kind(repo: Repo, old: str | None, new: str | None) -> str:
    if old is None or new is None:
        return "branch_creation" if new else "branch_deletion"
    return "push" if repo.git.is_ancestor(old, new) else "force_push"


def _head_moved(book: Book, pull: Pull, new: str | None, by: Account) -> None:
    if new is None or (new != pull.last_head and pull.repo.git.is_ancestor(*_both(pull, new))):
        close(book, pull, by)
        return
    bring(pull, new)
    pull.last_head, pull.seen_base, pull.updated = new, pull.base, book.now
    if any(wanted.get("dismiss_stale_reviews_on_push") for wanted in rules.parameters(pull.repo, pull.base_ref, "pull_request")):
        for review in pull.reviews:
            review.state = "DISMISSED" if review.state == "APPROVED" else review.state
    book.emit("pull_request", pull.repo, action="synchronize", number=pull.number, pull_request=pull, sender=by)


def _both(pull: Pull, new: str) -> tuple[str, str]:
    bring(pull, new)
    return new, pull.base


def _base_moved(book: Book, pull: Pull, old: str | None, new: str, by: Account) -> None:
    """Whose commits all arrived in the base by a push is merged."""
    git = pull.repo.git
    if git.is_ancestor(pull.head, new) and not (old and git.is_ancestor(pull.head, old)):
        _end(book, pull, by, new)


def bring(pull: Pull, sha: str) -> None:
    """Let the base repository hold a head, which may come from a fork."""
    git = pull.repo.git
    if pull.head_repo is not pull.repo:
        git.run("fetch", "--quiet", "--no-tags", str(pull.head_repo.git.path), pull.head_ref)
    git.run("update-ref", f"refs/pull/{pull.number}/head", sha)


def commit_on_branch(
    book: Book, repo: Repo, branch: str, expected: str, files: Mapping[str, bytes | None], message: str, actor: Actor
) -> str:
    """GraphQL's createCommitOnBranch: signed, on top of a branch that must be where it is expected."""
    tip = repo.git.head(branch)
    if tip is None:
        raise Rejected(404, f'Could not resolve to a Ref with the name "{branch}".')
    if tip != expected:
        raise Rejected(409, f'Expected branch to point to "{expected}" but it did not.  Pull and try again.', kind="STALE_DATA")
    tree = commits.with_files(repo.git, tip, files)
    sha = commits.signed(repo, tree, (tip,), message, author=actor.account, at=book.now)
    move_branch(book, repo, branch, sha, actor)
    if actor.app:
        book.read_as_message(f"commit {sha}", message)
    return sha


# ── Pull requests ────────────────────────────────────────────────────────────────────────────────────────────────────
def open_pull(
    book: Book, repo: Repo, actor: Actor, *, head_repo: Repo, head_ref: str, base_ref: str, title: str, body: str, is_draft: bool = False
) -> Pull:
    """Open a pull request; 422 for what GitHub calls a failed validation."""
    check_writable(repo)
    head, base = head_repo.git.head(head_ref), repo.git.head(base_ref)
    for name, tip in (("head", head), ("base", base)):
        if tip is None:
            raise Rejected(422, "Validation Failed", [{"resource": "PullRequest", "field": name, "code": "invalid"}])
    assert head is not None
    assert base is not None
    same = [p for p in repo.pulls if p.is_open and (p.head_repo, p.head_ref, p.base_ref) == (head_repo, head_ref, base_ref)]
    if same:
        raise _invalid(f"A pull request already exists for {head_repo.owner.login}:{head_ref}.")
    pull = Pull(
        repo,
        book.new_id(),
        _next_number(repo),
        actor.account,
        title,
        body,
        book.now,
        head_repo=head_repo,
        head_ref=head_ref,
        base_ref=base_ref,
        last_head=head,
        is_draft=is_draft,
        seen_base=base,
    )
    bring(pull, head)
    if repo.git.is_ancestor(head, base):
        raise _invalid(f"No commits between {base_ref} and {head_ref}")
    repo.issues[pull.number] = pull
    _words(book, pull, actor)
    book.emit("pull_request", repo, action="opened", number=pull.number, pull_request=pull, sender=actor.account)
    return pull


def open_issue(book: Book, repo: Repo, actor: Actor, title: str, body: str) -> Issue:
    """Open an issue."""
    check_writable(repo)
    issue = Issue(repo, book.new_id(), _next_number(repo), actor.account, title, body, book.now)
    repo.issues[issue.number] = issue
    _words(book, issue, actor)
    book.emit("issues", repo, action="opened", issue=issue, sender=actor.account)
    return issue


def edit(book: Book, issue: Issue, actor: Actor, *, title: str | None = None, body: str | None = None, state: str | None = None) -> None:
    """Change the words of an issue or pull request, close it, open it again."""
    check_writable(issue.repo)
    issue.title = issue.title if title is None else title
    issue.body = issue.body if body is None else body
    issue.updated = book.now
    if title is not None or body is not None:
        _words(book, issue, actor)
        kind = "pull_request" if isinstance(issue, Pull) else "issues"
        book.emit(
            kind,
            issue.repo,
            action="edited",
            number=issue.number,
            **{"pull_request" if kind != "issues" else "issue": issue},
            sender=actor.account,
        )
    if state == "closed" and issue.state == "open":
        close(book, issue, actor.account)
    elif state == "open" and issue.state == "closed":
        _reopen(book, issue, actor)


def close(book: Book, issue: Issue, by: Account) -> None:
    """Close without merging."""
    if isinstance(issue, Pull):
        issue.last_head = issue.head
        _leave_queue(book, issue)
    issue.state, issue.closed_at, issue.updated = "closed", book.now, book.now
    if isinstance(issue, Pull):
        book.emit("pull_request", issue.repo, action="closed", number=issue.number, pull_request=issue, sender=by)


def _reopen(book: Book, issue: Issue, actor: Actor) -> None:
    if isinstance(issue, Pull):
        tip = issue.head_repo.git.head(issue.head_ref)
        if issue.merged_at or tip is None:
            raise _invalid("state cannot be changed. The pull request cannot be reopened.")
        issue.last_head = tip
        book.emit("pull_request", issue.repo, action="reopened", number=issue.number, pull_request=issue, sender=actor.account)
    issue.state, issue.closed_at = "open", None


def comment(book: Book, issue: Issue, actor: Actor, body: str) -> Comment:
    """Add a comment."""
    check_writable(issue.repo)
    made = Comment(book.new_id(), actor.account, body, book.now)
    issue.comments.append(made)
    if actor.app:
        book.read_as_markdown(f"comment on #{issue.number}", body)
    book.emit("issue_comment", issue.repo, action="created", issue=issue, comment=made, sender=actor.account)
    return made


def review(
    book: Book, pull: Pull, actor: Actor, event: Literal["APPROVE", "REQUEST_CHANGES", "COMMENT"], body: str = "", sha: str = ""
) -> Review:
    """Review a head; nobody approves their own."""
    check_writable(pull.repo)
    if actor.account is pull.author and event != "COMMENT":
        word = "approve" if event == "APPROVE" else "request changes on"
        raise Rejected(422, "Unprocessable Entity", [f"Review Can not {word} your own pull request"])
    states: dict[str, Literal["APPROVED", "CHANGES_REQUESTED", "COMMENTED"]]
    states = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED"}
    made = Review(book.new_id(), actor.account, states[event], sha or pull.head, body, book.now)
    pull.reviews.append(made)
    book.emit("pull_request_review", pull.repo, action="submitted", review=made, pull_request=pull, sender=actor.account)
    return made


def request_reviewers(book: Book, pull: Pull, logins: Sequence[str], teams: Sequence[str]) -> None:
    """All of them or, where one is not a collaborator, none."""
    if pull.author.login in logins:
        raise Rejected(422, "Review cannot be requested from pull request author.")
    if any(login not in pull.repo.collaborators for login in logins) or any(team not in pull.repo.teams for team in teams):
        raise Rejected(
            422,
            "Reviews may only be requested from collaborators. One or more of the users or teams you specified is not a "
            f"collaborator of the {pull.repo.full_name} repository.",
        )
    pull.reviewers += [book.account(login) for login in logins if book.account(login) not in pull.reviewers]
    pull.teams += [team for team in teams if team not in pull.teams]


def add_labels(book: Book, issue: Issue, names: Sequence[str]) -> None:
    """Put labels on; one that the repository does not know is made."""
    check_writable(issue.repo)
    issue.repo.labels.update(names)
    issue.labels += [name for name in dict.fromkeys(names) if name not in issue.labels]
    if isinstance(issue, Pull):
        for name in names:
            book.emit("pull_request", issue.repo, action="labeled", number=issue.number, pull_request=issue, label=name)


# ── Mergeability and merging ─────────────────────────────────────────────────────────────────────────────────────────
def mergeable(book: Book, pull: Pull) -> bool | None:
    """Whether it merges cleanly; None the first times that somebody asks for this base and head: asking is what starts the work."""
    if not pull.is_open:
        return None
    now = (pull.base, pull.head)
    times = pull.asked[2] if pull.asked[:2] == now else 0
    pull.asked = (*now, times + 1)
    return None if times < book.lag else trial_merge(book, pull) is not None


def trial_merge(book: Book, pull: Pull) -> str | None:
    """The commit at refs/pull/N/merge; None = it conflicts."""
    now = (pull.base, pull.head)
    if pull.computed is None or pull.computed[:2] != now:
        tree = pull.repo.git.merged_tree(*now)
        sha = None
        if tree is not None:
            message = f"Merge {pull.head} into {pull.base}"
            sha = commits.make(
                pull.repo.git, tree, now, message, author=commits.identity(pull.author), committer=commits.GITHUB, at=book.now
            )
            pull.repo.git.run("update-ref", f"refs/pull/{pull.number}/merge", sha)
        pull.computed = (*now, sha)
    return pull.computed[2]


def merge(
    book: Book, pull: Pull, actor: Actor, *, sha: str | None = None, method: str = "merge", title: str = "", message: str | None = None
) -> str:
    """Press the merge button; the merge commit, or 405 and 409 as GitHub says them."""
    check_writable(pull.repo)
    if not pull.is_open:
        raise Rejected(405, "Pull Request is not mergeable")
    if pull.is_draft:
        raise Rejected(405, "Pull Request is still a draft")
    if sha and sha != pull.head:
        raise Rejected(409, "Head branch was modified. Review and try the merge again.")
    if method not in pull.repo.methods:
        raise Rejected(405, f"{method.capitalize()} merges are not allowed on this repository.")
    if rules.has_queue(pull.repo, pull.base_ref):
        raise _violations(["Changes must be made through the merge queue"])
    if trial_merge(book, pull) is None:
        raise Rejected(405, "Pull Request is not mergeable")
    wanted = list(rules.unmet(book, pull, pull.head))
    if wanted:
        raise _violations(wanted)
    base, head = pull.base, pull.head
    made = _merge_commit(book, pull, actor.account, method, title, message)
    pull.last_head = head
    _end(book, pull, actor.account, made)
    set_branch(book, pull.repo, pull.base_ref, made, actor.account, "pr_merge")
    pull.seen_base = base
    return made


def _merge_commit(book: Book, pull: Pull, by: Account, method: str, title: str, message: str | None) -> str:
    git, base, head = pull.repo.git, pull.base, pull.head
    if method == "rebase":
        tip = base
        for commit in git.commits(base, head):
            tree, old = git.merged_tree(base, commit.sha), commits.facts(git, commit.sha)
            assert tree is not None
            tip = commits.make(git, tree, (tip,), old.message, author=old.author[:2], committer=commits.identity(by), at=book.now)
        return tip
    tree = git.merged_tree(base, head)
    assert tree is not None
    if method == "squash":
        text = _message(title or f"{pull.title} (#{pull.number})", pull.body if message is None else message)
        return commits.signed(pull.repo, tree, (base,), text, author=pull.author, at=book.now)
    text = _message(
        title or f"Merge pull request #{pull.number} from {pull.head_repo.owner.login}/{pull.head_ref}",
        pull.title if message is None else message,
    )
    return commits.signed(pull.repo, tree, (base, head), text, author=by, at=book.now)


def _message(title: str, body: str) -> str:
    return f"{title}\n\n{body}".strip()


def _end(book: Book, pull: Pull, by: Account, commit: str) -> None:
    """It is merged, as this commit."""
    pull.last_head = pull.head
    pull.state, pull.merge_commit, pull.merged_by = "closed", commit, by
    pull.merged_at = pull.closed_at = pull.updated = book.now
    book.emit("pull_request", pull.repo, action="closed", number=pull.number, pull_request=pull, sender=by)


def _violations(said: list[str]) -> Rejected:
    return Rejected(405, "Repository rule violations found\n\n" + "\n\n".join(said) + "\n\n")


# ── The merge queue ──────────────────────────────────────────────────────────────────────────────────────────────────
def enqueue(book: Book, pull: Pull, actor: Actor, expected: str | None) -> Queued:
    """Put a pull request into its branch's merge queue, with a commit of its own on top of what waits there."""
    check_writable(pull.repo)
    if not rules.has_queue(pull.repo, pull.base_ref):
        raise Rejected(422, "The merge queue is not enabled on this branch")
    if not pull.is_open or pull.is_draft:
        raise Rejected(422, "Pull request is not open or is a draft")
    if expected and expected != pull.head:
        raise Rejected(422, "The head commit of the pull request is not what was expected")
    if pull.queued:
        raise Rejected(422, "Pull request is already in the queue")
    wanted = list(rules.unmet(book, pull, pull.head))
    if wanted or trial_merge(book, pull) is None:
        raise Rejected(422, f"Pull request {' '.join(wanted) or 'has conflicts'}")
    before = [entry for entry in pull.repo.queue if entry.pull.base_ref == pull.base_ref]
    base = before[-1].commit if before else pull.base
    made = _queue_commit(book, pull, base)
    if made is None:
        raise Rejected(422, "Pull request has conflicts with another one in the queue")
    pull.queued = Queued(pull, actor.account, base, made, pull.head, book.now)
    pull.repo.queue.append(pull.queued)
    pull.repo.git.run("update-ref", f"refs/heads/{pull.queued.branch}", made)
    book.emit("pull_request", pull.repo, action="enqueued", number=pull.number, pull_request=pull, sender=actor.account)
    book.emit("merge_group", pull.repo, action="checks_requested", merge_group=pull.queued, sender=actor.account)
    advance_queue(book, pull.repo)
    return pull.queued or Queued(pull, actor.account, base, made, pull.head, book.now)


def _queue_commit(book: Book, pull: Pull, base: str) -> str | None:
    tree = pull.repo.git.merged_tree(base, pull.head)
    if tree is None:
        return None
    said = rules.parameters(pull.repo, pull.base_ref, "merge_queue")[0].get("merge_method", "MERGE")
    parents = (base,) if said == "SQUASH" else (base, pull.head)
    title = f"{pull.title} (#{pull.number})" if said == "SQUASH" else f"Merge pull request #{pull.number} from {pull.head_ref}"
    return commits.signed(pull.repo, tree, parents, _message(title, pull.body), author=pull.author, at=book.now)


def dequeue(book: Book, pull: Pull) -> Queued | None:
    """Take it out of the queue; who waited behind it falls out too, as its commit is gone."""
    entry = pull.queued
    _leave_queue(book, pull)
    return entry


def _leave_queue(book: Book, pull: Pull) -> None:
    if pull.queued is None:
        return
    place = pull.repo.queue.index(pull.queued)
    for entry in pull.repo.queue[place:]:
        entry.pull.queued = None
        pull.repo.git.run("update-ref", "-d", f"refs/heads/{entry.branch}")
        book.emit("merge_group", pull.repo, action="destroyed", reason="dequeued", merge_group=entry)
        book.emit("pull_request", pull.repo, action="dequeued", number=entry.pull.number, pull_request=entry.pull)
    del pull.repo.queue[place:]


def advance_queue(book: Book, repo: Repo) -> None:
    """Merge from the front whatever has its checks; throw out what failed."""
    while repo.queue:
        entry = repo.queue[0]
        said = list(rules.unmet(book, entry.pull, entry.commit, is_in_queue=True))
        if any("failing" in text for text in said):
            _leave_queue(book, entry.pull)
        elif said:
            return
        else:
            repo.queue.remove(entry)
            entry.pull.queued = None
            repo.git.run("update-ref", "-d", f"refs/heads/{entry.branch}")
            book.emit("merge_group", repo, action="destroyed", reason="merged", merge_group=entry)
            _end(book, entry.pull, book.accounts["web-flow"], entry.commit)
            set_branch(book, repo, entry.pull.base_ref, entry.commit, book.accounts["web-flow"], "merge_queue_merge")


# ── Checks ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def add_check_run(book: Book, repo: Repo, run: CheckRun) -> None:
    """A run of an App; a new one of the same name stands for the old."""
    if not repo.has(run.sha):
        raise Rejected(422, f"No commit found for SHA: {run.sha}")
    repo.check_runs.append(run)
    book.emit("check_run", repo, action="completed" if run.status == "completed" else "created", check_run=run)
    advance_queue(book, repo)


def add_status(book: Book, repo: Repo, status: Status) -> None:
    """A status of anybody with the right to set one."""
    check_writable(repo)
    if not repo.has(status.sha):
        raise Rejected(422, f"No commit found for SHA: {status.sha}")
    repo.statuses.append(status)
    book.emit("status", repo, sha=status.sha, state=status.state, context=status.context)
    advance_queue(book, repo)


def _next_number(repo: Repo) -> int:
    return max(repo.issues, default=0) + 1


def _words(book: Book, issue: Issue, actor: Actor) -> None:
    if actor.app:
        book.read_as_markdown(f"#{issue.number}", f"{issue.title}\n\n{issue.body}")


def _invalid(message: str, resource: str = "PullRequest") -> Rejected:
    return Rejected(422, "Validation Failed", [{"resource": resource, "code": "custom", "message": message}])


def check_fields(body: Mapping[str, Any], *names: str) -> None:
    """422 where a needed field is missing."""
    missing = [name for name in names if name not in body]
    if missing:
        raise Rejected(422, "Invalid request.\n\n" + "\n".join(f'"{name}" wasn\'t supplied.' for name in missing))

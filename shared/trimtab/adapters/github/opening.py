"""How a pull request is opened: once, with its reviewers and labels."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from trimtab.adapters.github import answers, queries
from trimtab.adapters.github.answers import Pull, Repo, told
from trimtab.adapters.github.client import Denied
from trimtab.adapters.github.reading import Reader, owner_of
from trimtab.errors import Refused, Upstream
from trimtab.records import PullRequest

_COLOR = "1d76db"


@dataclass(frozen=True, slots=True)
class Opening:
    """Opens pull requests."""

    reader: Reader

    def open(
        self, repo: str, *, head_ref: str, base_ref: str, title: str, body: str, labels: Sequence[str], reviewers: Sequence[str]
    ) -> PullRequest:
        """Open it, or return the one that is open from that branch; labels that it lacks are put on."""
        pull = self.reader.open_of(repo, head_ref)
        if pull is None:
            pull = self._opened(repo, head_ref, base_ref, title, body)
            self._request(repo, pull, reviewers)
        missing = [label for label in labels if label not in pull.record.labels]
        if missing and pull.record.author == self.reader.login:
            pull = self._labelled(repo, pull, missing)
        return pull.record

    def _opened(self, repo: str, head_ref: str, base_ref: str, title: str, body: str) -> Pull:
        known = self.reader.repo(repo)
        wanted = {
            "repositoryId": known.node,
            "headRefName": head_ref,
            "baseRefName": base_ref,
            "title": title,
            "body": body,
            "maintainerCanModify": False,
        }
        answer = self.reader.changed(lambda: self.reader.caller.mutate(queries.OPEN, {"input": wanted}))
        made = (answer.of("createPullRequest") or {}).get("pullRequest") if answer else None
        if made and answer and not answer.errors:
            return self.reader.know(repo, answers.pull_of(made, repo))
        self.reader.forget()
        found = self.reader.open_of(repo, head_ref)
        if found is not None:
            return found
        problem = answer.problem() if answer else ""
        if problem.lower().startswith("no commits between"):
            raise Refused(f"branch {head_ref!r} has no commit that {base_ref!r} lacks: there is nothing to pull")
        if answer is None or not problem:
            raise Upstream(f"GitHub: no pull request from {head_ref} of {repo!r}: the answer was lost")
        raise Refused(f"GitHub: no pull request from {head_ref} of {repo!r}: {problem}")

    def _request(self, repo: str, pull: Pull, reviewers: Sequence[str]) -> None:
        """Ask for reviews; where GitHub does not take one of them it takes none, so then each is asked alone."""
        for n, body in enumerate(_requests(reviewers, pull.record.author)):
            try:
                self.reader.write(repo, "POST", f"pulls/{pull.record.number}/requested_reviewers", body)
            except Denied:
                continue
            if n == 0:
                return

    def _labelled(self, repo: str, pull: Pull, names: Sequence[str]) -> Pull:
        ids = self._labels(repo, names)
        answer = self.reader.changed(
            lambda: self.reader.caller.mutate(queries.LABEL, {"input": {"labelableId": pull.node, "labelIds": ids}})
        )
        labelled = (answer.of("addLabelsToLabelable") or {}).get("labelable") if answer else None
        if answer is None:
            raise Upstream(f"{pull.record.url}: whether its labels are there is not known")
        if not labelled:
            raise Refused(f"{pull.record.url}: GitHub does not take its labels: {answer.problem() or 'no reason given'}")
        return self.reader.know(repo, answers.pull_of(labelled, repo))

    def _labels(self, repo: str, names: Sequence[str]) -> list[str]:
        """Their ids; one that the repository lacks is made."""
        known = self.reader.repo(repo)
        unknown = [name for name in names if self.reader.memory.label(repo, name) is None]
        for name in self._read_labels(repo, known, unknown):
            answer = self.reader.changed(
                lambda name=name: self.reader.caller.mutate(  # type: ignore[misc]
                    queries.CREATE_LABEL, {"input": {"repositoryId": known.node, "name": name, "color": _COLOR}}
                )
            )
            # Whatever the answer: somebody else may have made it meanwhile.
            if self._read_labels(repo, known, [name]):
                if answer is None:
                    raise Upstream(f"GitHub: label {name!r} of {known.name} is not there yet: the answer was lost")
                raise Refused(f"GitHub: label {name!r} of {known.name} cannot be made: {answer.problem() or 'no reason given'}")
        return [self.reader.memory.label(repo, name) or "" for name in names]

    @told
    def _read_labels(self, repo: str, known: Repo, names: Sequence[str]) -> list[str]:
        """Learn the ids of labels; those that are not there."""
        if not names:
            return []
        document, variables = queries.labels(list(names))
        found = self.reader.caller.ask(document, {**owner_of(known.name), **variables})["repository"]
        for key, name in variables.items():
            if found[key]:
                self.reader.memory.keep_label(repo, name, str(found[key]["id"]))
        return [name for key, name in variables.items() if not found[key]]


def _requests(reviewers: Sequence[str], author: str) -> Iterator[dict[str, Any]]:
    """All of them at once, then each alone."""
    people = [name.removeprefix("@") for name in reviewers if "/" not in name]
    logins = [login for login in people if login and login != author]
    teams = [name.rsplit("/", 1)[1] for name in reviewers if "/" in name]
    if logins or teams:
        yield {"reviewers": logins, "team_reviewers": teams}
    if len(logins) + len(teams) > 1:
        yield from ({"reviewers": [login]} for login in logins)
        yield from ({"team_reviewers": [team]} for team in teams)

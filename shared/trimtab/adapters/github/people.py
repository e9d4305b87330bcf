"""Who somebody is on GitHub, who is in a team, and who changed what: as GitHub itself vouches for it, never by a commit's date."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any, Literal
from urllib.parse import quote

from trimtab.adapters.github import answers, queries
from trimtab.adapters.github.answers import told
from trimtab.adapters.github.client import Caller, Denied
from trimtab.adapters.github.contents import Contents
from trimtab.adapters.github.reading import Reader
from trimtab.adapters.histories import Move, movers
from trimtab.adapters.localforge.git import NOTHING
from trimtab.errors import BadInput, Refused
from trimtab.records import Commit, CommitSha

_MAY_REVIEW = ("admin", "maintain", "write")
_PAGE = 100
_MOST_MEMBERS = 5_000
_MOST_PAGES = 10


@dataclass(frozen=True, slots=True)
class People:
    """People of the repositories and of their organizations."""

    reader: Reader
    contents: Contents
    members_caller: Caller
    """With the one right to read teams, so that whoever names no team need not grant it."""

    def account(self, repo: str, login: str) -> Literal["active", "bot", "gone"] | None:
        """Active = a person who may write, for only their review counts; whoever has no such access any more is gone."""
        return self.reader.memory.moving(("account", repo, login.lower()), lambda: self._account(repo, login))

    @told
    def _account(self, repo: str, login: str) -> Literal["active", "bot", "gone"] | None:
        if login.endswith("[bot]"):
            return "bot"
        place = f"/repos/{self.reader.repo(repo).name}/collaborators/{quote(login, safe='')}/permission"
        try:
            answer = self.reader.caller.get(place)
        except Denied as error:
            return "gone" if error.status == 404 else None
        user = answer["user"]
        if user is None or str(user["login"]).lower() != login.lower():
            return "gone"
        if user["type"] != "User":
            return "bot"
        return "active" if answer["permission"] in _MAY_REVIEW else "gone"

    def members(self, group: str) -> tuple[str, ...] | None:
        """Logins in a team, those of teams below it too. Refused where the App may not read teams."""
        return self.reader.memory.moving(("members", group.lower()), lambda: self._members(group))

    @told
    def _members(self, group: str) -> tuple[str, ...] | None:
        organization, slash, slug = group.partition("/")
        if not (organization and slash and slug) or "/" in slug:
            raise BadInput(f"group github:{group[:80]}: expected github:organization/team")
        place = f"/orgs/{quote(organization, safe='')}/teams/{quote(slug, safe='')}/members"
        found: set[str] = set()
        for page in count(1):
            try:
                rows = self.members_caller.get(place, {"per_page": _PAGE, "page": page})
            except Denied as error:
                if error.status == 404:
                    return None
                raise
            found |= {str(row["login"]) for row in rows}
            if len(rows) < _PAGE:
                break
            if len(found) > _MOST_MEMBERS:
                raise Refused(f"GitHub: team {group} has over {_MOST_MEMBERS} members; name a smaller one")
        return tuple(sorted(found))

    def touched_by(self, repo: str, branch: str, paths: Sequence[str], since: datetime) -> frozenset[str] | None:
        """Whoever pushed or merged a change of these files since then, and whom its commits and pull requests name.

        None = GitHub does not say what moved the branch, or too much did.
        """
        key = ("touched", repo, branch, tuple(paths), since)
        return self.reader.memory.moving(key, lambda: self._touched(repo, branch, paths, since))

    @told
    def _touched(self, repo: str, branch: str, paths: Sequence[str], since: datetime) -> frozenset[str] | None:
        try:
            moves, start = self._moves(repo, branch, since)
            tip = self.reader.base_head(repo, branch)
            if start in (None, tip):
                return frozenset()
            young = self._young(repo, CommitSha(str(start)), tip)
        except Refused:
            return None
        named, is_whole = self._named(repo, tip, paths)
        if not is_whole:
            # More changes than one page: everybody who had a hand in the branch since then.
            return frozenset(move.by for move in moves).union(*({commit.author, commit.committer} for commit in young.values()))
        touching = {sha: hands for sha, hands in named.items() if sha in young}
        return movers(moves, touching, {sha: commit.parents for sha, commit in young.items()}).union(*touching.values())

    def _moves(self, repo: str, branch: str, since: datetime) -> tuple[list[Move], CommitSha | None]:
        """What moved the branch since then, and where it was before; None = it has not moved for a month. Refused where nobody says."""
        place = f"/repos/{self.reader.repo(repo).name}/activity"
        asked = {"ref": f"refs/heads/{branch}", "time_period": "month", "per_page": _PAGE}
        moves: list[Move] = []
        for rows in self.reader.caller.follow(place, asked, _MOST_PAGES):
            for row in rows:
                move = Move(before=CommitSha(row["before"]), after=CommitSha(row["after"]), by=_login(row["actor"]))
                if datetime.fromisoformat(row["timestamp"]) < since:
                    return moves, move.after
                moves.append(move)
        return moves, moves[-1].before if moves else None

    def _young(self, repo: str, start: CommitSha, tip: CommitSha) -> Mapping[CommitSha, Commit]:
        """The commits that the branch has got since it was at `start`. Refused where GitHub cannot compare the two."""
        if start == NOTHING:
            raise Refused(f"the branch of {repo!r} was made in this time")
        return {commit.sha: commit for commit in self.contents.commits(repo, start, tip)}

    def _named(self, repo: str, tip: CommitSha, paths: Sequence[str]) -> tuple[Mapping[CommitSha, frozenset[str]], bool]:
        """Commit → whom it and its pull requests name, of the newest that changed these files; and whether older ones were left out."""
        document, variables = queries.histories(list(paths))
        commit = self.reader.repository(repo, document, {"oid": tip, **variables})["object"]
        pages = [commit[key] for key in variables]
        found: dict[CommitSha, frozenset[str]] = {}
        for node in (node for page in pages for node in page["nodes"]):
            sha = CommitSha(str(node["oid"]))
            found[sha] = found.get(sha, frozenset()) | _hands(node)
        return found, not any(page["pageInfo"]["hasNextPage"] for page in pages)


def _hands(node: Mapping[str, Any]) -> frozenset[str]:
    """Everybody whom a commit, or a pull request that brought it, names."""
    persons = [*(node["authors"]["nodes"]), node["committer"] or {}]
    logins = {str(person["user"]["login"]) for person in persons if person and person.get("user")}
    for pull in node["associatedPullRequests"]["nodes"]:
        logins |= {answers.login_of(actor) for actor in (pull["author"], pull["mergedBy"]) if actor}
    return frozenset(logins)


def _login(actor: Mapping[str, Any] | None) -> str:
    return str(actor["login"]) if actor else "ghost"

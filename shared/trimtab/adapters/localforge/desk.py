"""What a forge keeps beside git: pull requests, comments, reviews, checks and rules, as one small JSON file per fact.

A fact is a file that is created once, whole or not at all, so nothing is lost when two act at once and nothing is half-written when one
dies. Only a title, a body and a check are ever replaced.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from trimtab.errors import Broken, Refused
from trimtab.records import CommitSha, Json

FOLDER = "trimtab-forge"


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """What must hold before anything is merged here; the forge itself sees to it."""

    required_checks: tuple[str, ...] = ()
    required_reviews: int = 0
    protects_config: bool = False
    """Changes below `.trimtab/` need one review more than none, and no direct push."""


@dataclass(frozen=True, slots=True)
class Desk:
    """The folder of one repository."""

    root: Path

    # ── Pull requests ────────────────────────────────────────────────────────────────────────────────────────────────
    def numbers(self) -> list[int]:
        """Numbers of all pull requests, oldest first."""
        return sorted(int(path.stem) for path in (self.root / "pulls").glob("*.json") if path.stem.isdigit())

    def opened(self, number: int) -> Json:
        """How it was opened. Refused where there is none of that number."""
        fact = read(self._pull(number))
        if fact is None:
            raise Refused(f"no pull request {number} in {self.root.parent.name}")
        return fact

    def open(self, number: int, fact: Json) -> bool:
        """Take the number for this pull request; False = somebody took it first."""
        return create(self._pull(number), fact)

    def words(self, number: int) -> tuple[str, str]:
        """Title and body as last edited."""
        fact = read(self._pull(number, ".text")) or self.opened(number)
        return str(fact["title"]), str(fact["body"])

    def reword(self, number: int, title: str, body: str) -> None:
        """Replace title and body."""
        self.opened(number)
        replace(self._pull(number, ".text"), {"title": title, "body": body})

    def closed(self, number: int) -> Json | None:
        """How it was closed, or None."""
        return read(self._pull(number, ".closed"))

    def close(self, number: int, head: CommitSha | None) -> None:
        """Close it; once is enough."""
        create(self._pull(number, ".closed"), {"head": head})

    def merged(self, number: int) -> Json | None:
        """How it was merged, or None as far as this folder knows."""
        return read(self._pull(number, ".merged"))

    def merge(self, number: int, commit: CommitSha, head: str) -> None:
        """Record a merge that the branch already holds."""
        create(self._pull(number, ".merged"), {"commit": commit, "head": head})

    # ── What hangs on them ───────────────────────────────────────────────────────────────────────────────────────────
    def add(self, kind: str, number: int, fact: Json) -> None:
        """Append a comment or a review."""
        self.opened(number)
        folder = self.root / kind / f"{number:06d}"
        n = len(list(folder.glob("*.json")))
        while not create(folder / f"{n:06d}.json", fact):
            n += 1

    def all(self, kind: str, number: int) -> Iterator[Json]:
        """Comments or reviews, oldest first."""
        self.opened(number)
        for path in sorted((self.root / kind / f"{number:06d}").glob("*.json")):
            fact = read(path)
            if fact is not None:
                yield fact

    def issues(self) -> list[tuple[int, Json]]:
        """Every issue with its text as last edited, oldest first."""
        folder = self.root / "issues"
        numbers = sorted(int(path.stem) for path in folder.glob("*.json") if path.stem.isdigit())
        return [(number, read(folder / f"{number:06d}.text.json") or read(folder / f"{number:06d}.json") or {}) for number in numbers]

    def open_issue(self, fact: Json) -> int:
        """Take the next number for an issue."""
        number = len(self.issues()) + 1
        while not create(self.root / "issues" / f"{number:06d}.json", fact):
            number += 1
        return number

    def reword_issue(self, number: int, fact: Json) -> None:
        """Replace an issue's text. Refused where there is none of that number."""
        if read(self.root / "issues" / f"{number:06d}.json") is None:
            raise Refused(f"no issue {number} in {self.root.parent.name}")
        replace(self.root / "issues" / f"{number:06d}.text.json", fact)

    def set_check(self, commit: CommitSha, fact: Json) -> None:
        """Publish or replace a check of a commit."""
        name = hashlib.sha256(str(fact["name"]).encode()).hexdigest()[:16]
        replace(self.root / "checks" / commit / f"{name}.json", fact)

    def checks(self, commit: CommitSha) -> tuple[Json, ...]:
        """All checks of a commit, by name."""
        facts = [read(path) for path in (self.root / "checks" / commit).glob("*.json")]
        return tuple(sorted((fact for fact in facts if fact is not None), key=lambda fact: str(fact["name"])))

    def rules(self) -> Rules:
        """The rules; no file = none. Broken where the file is not what `protect` writes."""
        path = self.root / "rules.json"
        fact = read(path)
        if fact is None:
            return Rules()
        match fact:
            case {"required_checks": list(checks), "required_reviews": int(reviews), "protects_config": bool(protects)}:
                return Rules(required_checks=tuple(map(str, checks)), required_reviews=reviews, protects_config=protects)
            case _:
                raise Broken(f"{path}: not the rules of a repository; write them again")

    def protect(self, rules: Rules) -> None:
        """Set the rules."""
        fact: Json = {
            "required_checks": list(rules.required_checks),
            "required_reviews": rules.required_reviews,
            "protects_config": rules.protects_config,
        }
        replace(self.root / "rules.json", fact)

    # ── People ───────────────────────────────────────────────────────────────────────────────────────────────────────
    def groups(self) -> dict[str, tuple[str, ...]]:
        """Who is in which group."""
        return {name: tuple(sorted(map(str, logins))) for name, logins in self._said("groups").items() if isinstance(logins, list)}

    def accounts(self) -> dict[str, str]:
        """What is said of accounts that are no active person's, by login in lower case."""
        return {login.lower(): str(state) for login, state in self._said("accounts").items()}

    def say(self, kind: Literal["groups", "accounts"], name: str, value: Any) -> None:
        """Say who is in a group, or what an account is."""
        said = read(self.root / "people.json") or {}
        replace(self.root / "people.json", {**said, kind: {**self._said(kind), name: value}})

    def _said(self, kind: str) -> Json:
        said = (read(self.root / "people.json") or {}).get(kind, {})
        if not isinstance(said, dict):
            raise Broken(f"{self.root / 'people.json'}: {kind}: not a JSON object; restore it from a backup")
        return said

    def _pull(self, number: int, part: str = "") -> Path:
        return self.root / "pulls" / f"{number:06d}{part}.json"


def read(path: Path) -> Json | None:
    """One fact; None = it is not there. Broken where it is no JSON object."""
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError:
        raise Broken(f"{path}: not JSON; restore it from a backup") from None
    if not isinstance(value, dict):
        raise Broken(f"{path}: not a JSON object; restore it from a backup")
    return value


def create(path: Path, value: Json) -> bool:
    """Write a new file, whole or not at all; False = it is there already."""
    temporary = _written(path, value)
    try:
        # A link fails where the name is taken: O_EXCL, but with the content already in place.
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        temporary.unlink()
    return True


def replace(path: Path, value: Json) -> None:
    """Write a file over what was there, whole or not at all."""
    _written(path, value).replace(path)


def _written(path: Path, value: Json) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False, sort_keys=True)
    return Path(name)

"""Reads everything that protects a branch; what it means is `rules`' to say."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from trimtab.adapters.github import queries, rules
from trimtab.adapters.github.answers import told
from trimtab.adapters.github.contents import Contents
from trimtab.adapters.github.reading import Reader, owner_of
from trimtab.records import CommitSha, ForgeRules


@dataclass(frozen=True, slots=True)
class Protection:
    """Rulesets, classic protection and CODEOWNERS."""

    reader: Reader
    contents: Contents
    writer_app: int
    gate_app: int | None

    @told
    def of(self, repo: str, branch: str) -> ForgeRules:
        """The rules of a branch, as `rules` reads them."""
        known = self.reader.repo(repo)
        active, own = self._branch_rules(known.name, branch), self._branch_rules(known.name, rules.PROBE)
        numbers = dict.fromkeys(int(rule["ruleset_id"]) for rule in (*active, *own))
        protection = self.reader.caller.ask(queries.PROTECTION, {**owner_of(known.name), "ref": f"refs/heads/{branch}"}, may_lack=True)
        ref = (protection.get("repository") or {}).get("ref") or {}
        base = self.reader.base_head(repo, branch)
        files = self.contents.read_files(repo, base, rules.CODEOWNERS)
        return rules.rules_of(
            rules.Read(
                rules=active,
                own_rules=own,
                rulesets={
                    number: self.reader.optional(f"/repos/{known.name}/rulesets/{number}", {"includes_parents": "true"})
                    for number in numbers
                },
                update_rule=ref.get("refUpdateRule"),
                protection=ref.get("branchProtectionRule"),
                codeowners=next(((path, files[path]) for path in rules.CODEOWNERS if path in files), None),
                codeowners_errors=self._codeowners_errors(known.name, base) if files else None,
                writer_app=self.writer_app,
                gate_app=self.gate_app,
                is_archived=known.is_archived,
                is_public=known.is_public,
            )
        )

    def _branch_rules(self, name: str, branch: str) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        while True:
            place = f"/repos/{name}/rules/branches/{quote(branch, safe='')}"
            page = self.reader.caller.get(place, {"per_page": 100, "page": len(found) // 100 + 1})
            found += page
            if len(page) < 100:
                return found

    def _codeowners_errors(self, name: str, base: CommitSha) -> int | None:
        answer = self.reader.optional(f"/repos/{name}/codeowners/errors", {"ref": base})
        return len(answer["errors"]) if answer else None

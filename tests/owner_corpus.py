"""A generated shop whose owners are all known, of which a part is hidden: what owner suggestions are measured on.

Nothing in it is from a real company. Teams own products; names are product words, abbreviations, codes or words that every team uses;
teams share clusters, accounts and projects, and some labels name the wrong team. What no generated shop has is the long tail of real
habits, so its numbers say that the method works and not how well it works at yours: `trimtab suggestions` tells that from your own.
"""

import random
from dataclasses import dataclass

from trimtab.attribution.suggest import Example

SYLLABLES = tuple(consonant + vowel for consonant in "bcdfghjklmnprstvwxz" for vowel in "aeiou")
COMMON = ("api", "web", "worker", "batch", "jobs", "cache", "db", "proxy", "gateway", "cron", "sync", "events", "test", "tools")
STAGES = ("prod", "staging", "dev")
FAMILIES = ("m5", "m6i", "c6i", "r6i", "g5", "p4d", "n2", "e2", "dsv5", "nc")


@dataclass(frozen=True, kw_only=True, slots=True)
class Corpus:
    """Namespaces whose owner Trimtab is told, and those whose owner only the test knows."""

    labeled: tuple[Example, ...]
    hidden: tuple[Example, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Team:
    name: str
    words: tuple[str, ...]
    accounts: tuple[str, ...]
    clusters: tuple[str, ...]
    project: str
    pools: tuple[tuple[str, str], ...]
    writes_labels: bool
    uses_codes: bool


def corpus(seed: int, *, teams: int, namespaces: int, unlabeled: float, wrong: float = 0.03) -> Corpus:
    """A shop of so many teams and namespaces; `unlabeled` of them are hidden, `wrong` of the told owners are another team's."""
    rng = random.Random(seed)
    words = rng.sample([a + b + c for a in SYLLABLES for b in SYLLABLES for c in ("", "n", "r", "x")], teams * 8)
    every = [_team(rng, number, words[number * 8 : number * 8 + 8], teams) for number in range(teams)]
    sizes = [rng.paretovariate(1.2) for _ in every]
    found: dict[str, Example] = {}
    while len(found) < namespaces:
        team = rng.choices(every, sizes)[0]
        example = _example(rng, team)
        found.setdefault(example.place, example)
    labeled, hidden = [], []
    for example in found.values():
        if rng.random() < unlabeled:
            hidden.append(example)
        elif rng.random() < wrong:
            labeled.append(Example(place=example.place, team=rng.choice(every).name, about=example.about))
        else:
            labeled.append(example)
    return Corpus(labeled=tuple(labeled), hidden=tuple(hidden))


def _team(rng: random.Random, number: int, words: list[str], teams: int) -> _Team:
    """Two of three teams share their account with others, three of four their project; most clusters hold several teams."""
    shared, clusters = number % 3 != 0, max(4, teams // 3)
    account = 9000 + (number // 6 if shared else number * 10)
    return _Team(
        name=f"team-{words[0]}", words=tuple(words), accounts=tuple(str(account + stage) for stage in range(2)),
        clusters=tuple(f"{stage}-{number % clusters}" for stage in STAGES), project=f"project-{number // 4 if number % 4 else number}",
        pools=tuple((rng.choice(("general", "memory", "gpu", "spot")), rng.choice(FAMILIES)) for _ in range(2)),
        writes_labels=rng.random() < 0.5, uses_codes=rng.random() < 0.12,
    )  # fmt: skip


def _example(rng: random.Random, team: _Team) -> Example:
    cluster = rng.choice(team.clusters)
    pool, family = rng.choice(team.pools)
    about = [f"account:{rng.choice(team.accounts)}", f"pool:{cluster}/{pool}", f"family:{family}", f"project:{team.project}"]
    if team.writes_labels and rng.random() < 0.6:
        about.append(f"label:app={rng.choice(team.words)}")
    about.append(f"label:tier={rng.choice(('front', 'back'))}")
    # Visitors: one in ten runs on a platform cluster that everybody uses, where only its name and labels can tell.
    if rng.random() < 0.1:
        cluster, about = "shared-0", ["account:1", "pool:shared-0/general", "family:m5", *about[4:]]
    return Example(place=f"{cluster}/{_name(rng, team)}", team=team.name, about=tuple(about))


def _name(rng: random.Random, team: _Team) -> str:
    if team.uses_codes or rng.random() < 0.05:
        return f"svc-{rng.randrange(10_000):04d}"
    if rng.random() < 0.12:
        return f"{rng.choice(COMMON)}-{rng.choice(COMMON)}-{rng.randrange(100)}"
    word = rng.choice(team.words)
    word = word[:3] if rng.random() < 0.1 else word
    return "-".join(part for part in (word, rng.choice(COMMON), str(rng.randrange(20)) if rng.random() < 0.4 else "") if part)

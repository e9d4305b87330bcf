"""What the name of an instance type says: its family, its generation, and whether it is one that a pool should not live on unseen."""

import re
from functools import lru_cache
from typing import NamedTuple

from trimtab.records import Cloud, InstanceType

AWS = re.compile(r"(?P<letters>[a-z]+)(?P<generation>\d+)(?P<extra>[a-z0-9-]*)\.(?P<size>.+)")
GCP = re.compile(r"(?P<letters>[a-z]+)(?P<generation>\d+)(?P<extra>[a-z]*)-(?P<size>.+)")
GCP_SIZE = re.compile(r"-(\d+)g?(?=-|$)")
AZURE = re.compile(r"Standard_(?P<letters>[A-Z]+)(?P<size>\d+)(?P<extra>[a-z-]*\d*[a-z]*)(?:_(?P<rest>.+))?")
SHARED_CORE = frozenset({"e2-micro", "e2-small", "e2-medium", "f1-micro", "g1-small"})
GENERAL: dict[Cloud, frozenset[str]] = {
    "aws": frozenset({"m", "c", "r", "a", "z"}),
    "gcp": frozenset({"n", "e", "c", "t"}),
    "azure": frozenset({"A", "B", "D", "E", "F"}),
}
NOT_FOR_PODS = frozenset({"inf", "trn", "dl", "vt", "f", "hpc", "mac", "u"})
"""AWS families with another accelerator than a GPU, or made for something else than a node."""


class Family(NamedTuple):
    """`name` tells two families apart; `generation` is 0 where the name has none."""

    name: str
    line: str
    """Families of one line follow one another: m, c and r machines are one line, so that an m5 is older than an r6i."""
    generation: int
    is_burstable: bool
    """It earns credits and is throttled once they are used up, or may not use all of its cores all of the time."""
    is_special: bool
    """Bare metal, or made for something else than general work."""


def family(instance: InstanceType) -> Family:
    """m5.xlarge → m5, n2-standard-4 → n2-standard, Standard_D4s_v5 → D-s_v5."""
    return _family(instance.cloud, instance.name)


@lru_cache(maxsize=8192)
def _family(cloud: Cloud, name: str) -> Family:
    match cloud:
        case "aws":
            return _aws(name)
        case "gcp":
            return _gcp(name)
        case _:
            return _azure(name)


def _aws(name: str) -> Family:
    found = AWS.fullmatch(name)
    stem = name.split(".", maxsplit=1)[0]
    letters, generation, extra = (found["letters"], int(found["generation"]), found["extra"]) if found else (stem, 0, "")
    return Family(
        name=stem,
        line="general" if letters in GENERAL["aws"] else letters,
        generation=generation,
        is_burstable=letters == "t" or "flex" in extra,
        is_special=letters in NOT_FOR_PODS or stem.startswith("u-") or "metal" in name,
    )


def _gcp(name: str) -> Family:
    found = GCP.fullmatch(name)
    letters = found["letters"] if found else name
    return Family(
        name=GCP_SIZE.sub("", name, count=1) if name not in SHARED_CORE else "shared-core",
        line="general" if letters in GENERAL["gcp"] else letters,
        generation=int(found["generation"]) if found else 0,
        is_burstable=name in SHARED_CORE,
        is_special="metal" in name,
    )


def _azure(name: str) -> Family:
    found = AZURE.fullmatch(name)
    if found is None:
        return Family(name=name, line=name, generation=0, is_burstable=False, is_special=True)
    rest = found["rest"] or ""
    version = re.search(r"v(\d+)$", rest)
    return Family(
        name=f"{found['letters']}-{found['extra']}_{rest}",
        line="general" if found["letters"] in GENERAL["azure"] else found["letters"],
        generation=int(version[1]) if version else 1,
        is_burstable=found["letters"] == "B",
        is_special=False,
    )

"""Branches and commit words that no forge, shell or bot takes for an order."""

import re

import pytest

from trimtab.changes import branch_name, commit_message
from trimtab.errors import BadInput
from trimtab.records import ClusterUid, FieldChange, ProposalId, Subject

UID = ClusterUid("65f0c0ffee")


def subject(pool: str) -> Subject:
    return Subject(cluster_uid=UID, pool=pool, field="count")


def test_a_plain_name_is_its_own_slug() -> None:
    assert branch_name(subject("worker-basic"), "tools.prod_1") == "trimtab/tools.prod_1/worker-basic/count"


@pytest.mark.parametrize(
    "pool", ["GPU", "a b", "a..b", ".a", "a.lock", "ü", "x" * 41, "a/../b", "a~1", "[skip ci]", "-f", "gpu-0123456789", "@{"]
)
def test_an_unusual_name_ends_in_its_hash(pool: str) -> None:
    branch = branch_name(subject(pool), "training")

    assert re.fullmatch(r"trimtab/training/[a-z0-9_-]{1,29}-[0-9a-f]{10}/count", branch)


CORPUS = ["[skip ci]", "closes #1", "/merge", "@org/team", "a\nCo-authored-by: x <x@y>", "-->", "<!channel>", "\u202egpu", "`x`"]


@pytest.mark.parametrize("name", CORPUS)
def test_outside_text_gives_no_orders_in_a_commit(name: str) -> None:
    text = commit_message(
        subject=subject(name),
        cluster=name,
        changes=(FieldChange(field="count", old="6", new="4"),),
        proposal=ProposalId("p-1"),
        nonce="n-1",
    )

    assert re.fullmatch(r"[A-Za-z0-9._/:\n _-]+", text)
    assert text.splitlines()[0].startswith("trimtab: set count of ")
    assert text.splitlines()[-2:] == ["Trimtab-Proposal: p-1", "Trimtab-Nonce: n-1"]
    assert len(text.splitlines()) == 6


def test_a_trailer_takes_no_outside_text() -> None:
    with pytest.raises(BadInput, match="trailers"):
        commit_message(subject=subject("gpu"), cluster="a", changes=(), proposal=ProposalId("p\nTrimtab-Nonce: x"), nonce="n")

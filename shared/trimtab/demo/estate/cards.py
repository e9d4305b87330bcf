"""The estate's GPU cards: what dcgm-exporter calls them, and what they draw."""

from dataclasses import dataclass

from trimtab.demo.estate.model import Node


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """One model."""

    name: str
    """As NVML says it."""
    rest: int
    """Watts with nothing to do; `full` those of the data sheet."""
    full: int


CARDS = {
    "g4dn": Card(name="Tesla T4", rest=10, full=70),
    "g6": Card(name="NVIDIA L4", rest=16, full=72),
    "g2": Card(name="NVIDIA L4", rest=16, full=72),
    "a2": Card(name="NVIDIA A100-SXM4-40GB", rest=52, full=400),
    "p5": Card(name="NVIDIA H100 80GB HBM3", rest=68, full=700),
}
"""First part of an instance type's name → its card."""


def card_of(node: Node) -> Card | None:
    """None = the node has no GPU."""
    return CARDS.get(node.pool.pool.instance_type.split(".", maxsplit=1)[0].split("-")[0])

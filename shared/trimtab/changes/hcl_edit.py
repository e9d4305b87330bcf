"""Pools and quotas in Terraform files: blocks of `spectrocloud_…` resources, with every value followed to the literal that decides it.

What Terraform computes is decided elsewhere: it is refused with that reason, never guessed.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from posixpath import dirname

from tree_sitter import Node

from trimtab import keypaths
from trimtab.changes import hcl_packs, hcl_resources
from trimtab.changes.documents import ANY, PoolEntry, Scalar, Token
from trimtab.changes.hcl_follow import Found, Said, Scope, Spot, follow, modules_of, second_use, text_of, turn_name, turns
from trimtab.changes.hcl_module import Module, Stopped
from trimtab.changes.hcl_nodes import Source, bare, inner, line_of, parse
from trimtab.changes.hcl_resources import CLUSTER
from trimtab.errors import Refused
from trimtab.records import Layout


@dataclass(frozen=True, slots=True)
class HclFile:
    """One Terraform file, parsed, and the module that it is a part of."""

    source: Source
    module: Module

    @property
    def path(self) -> str:
        """The file's path."""
        return self.source.path

    @property
    def tokens(self) -> tuple[Token, ...]:
        """Every leaf of the syntax tree with its text, comments too."""
        return self.source.tokens

    def pools(self, layout: Layout) -> tuple[PoolEntry, ...]:
        """Every block that the layout asks for in every resource whose name can be known, once for each turn of a `for_each`."""
        kind, block = hcl_resources.of_layout(layout.pools)
        return tuple(
            entry
            for resource in self._resources(kind)
            for owner in self._owners(resource)
            if owner.said is not None
            for entry in self._entries(owner, block, layout)
        )

    def hints(self, cluster: str) -> tuple[str, ...]:
        """Pools that only Terraform can enumerate."""
        return tuple(
            hint
            for resource in self._resources(CLUSTER)
            for owner in self._owners(resource)
            if (owner.said.text == cluster if owner.said is not None else not self.module.decodes)
            for hint in self._hints_of(owner)
        )

    def _resources(self, kind: str) -> Iterator[Node]:
        for block in self.source.blocks(self.source.body, "resource"):
            if hcl_resources.is_taken(self.source.label(block, 0), kind):
                yield block

    # ── Whose blocks these are ───────────────────────────────────────────────────────────────────────────────────────
    def _owners(self, resource: Node) -> Iterator["_Owner"]:
        """The resource once for each turn of its for_each."""
        repeated = self.source.attribute(resource, "for_each")
        found = ((),) if repeated is None else self._turns(repeated, "each", resource, ())
        if isinstance(found, Stopped):
            yield self._owner(resource, (), f"its resource has for_each: one block stands for many clusters; {found.reason}")
            return
        for scope in found:
            yield self._owner(resource, scope, "")

    def _owner(self, resource: Node, scope: Scope, problem: str) -> "_Owner":
        expression = self.source.attribute(resource, "name")
        said = text_of(Spot(self.module, self.source, expression, scope)) if expression is not None else None
        return _Owner(resource, scope, said, problem)

    def _turns(self, expression: Node, name: str, block: Node, scope: Scope) -> tuple[Scope, ...] | Stopped:
        found = turns(Spot(self.module, self.source, expression, scope), name, block)
        return found if isinstance(found, Stopped) else tuple((*scope, turn) for turn in found)

    def _entries(self, owner: "_Owner", kind: str, layout: Layout) -> Iterator[PoolEntry]:
        """Blocks with the name that they say; a block without one, a workspace's quota, goes by its resource's."""
        for block, scope in self._blocks(owner, kind):
            name = owner.said if kind in hcl_resources.NAMELESS else self._named(block, layout.pool_name, scope)
            if name is not None and owner.said is not None:
                cluster = ANY if layout.cluster == ANY else layout.cluster_name or owner.said.text
                yield HclPool(self, cluster, name.text, kind, owner.resource, owner.problem, block, scope, (owner.said, name))

    def _named(self, block: Node, key: str, scope: Scope) -> Said | None:
        written = self.source.attribute(block, key)
        return text_of(Spot(self.module, self.source, written, scope)) if written is not None else None

    def _blocks(self, owner: "_Owner", kind: str) -> Iterator[tuple[Node, Scope]]:
        """Blocks of a kind as they are written, and the content of dynamic ones once for each turn."""
        for block in self.source.blocks(owner.resource, kind):
            yield block, owner.scope
        for dynamic, found in self._dynamic(owner, kind):
            for scope in () if isinstance(found, Stopped) else found:
                for content in self.source.blocks(dynamic, "content"):
                    yield content, scope

    def _dynamic(self, owner: "_Owner", kind: str) -> Iterator[tuple[Node, tuple[Scope, ...] | Stopped]]:
        for dynamic in self.source.blocks(owner.resource, "dynamic"):
            if self.source.label(dynamic, 0) == kind:
                repeated = self.source.attribute(dynamic, "for_each")
                name = turn_name(self.source, dynamic)
                yield dynamic, self._turns(repeated, name, dynamic, owner.scope) if repeated is not None else Stopped("it has no for_each")

    def _hints_of(self, owner: "_Owner") -> Iterator[str]:
        for dynamic, found in self._dynamic(owner, "machine_pool"):
            if isinstance(found, Stopped):
                why = "a dynamic machine_pool block; its pools are written where its for_each takes them from"
                yield f"{self.path}: line {line_of(dynamic)}: {why}: {found.reason}"


@dataclass(frozen=True, slots=True)
class _Owner:
    """A resource in one turn of its for_each."""

    resource: Node
    scope: Scope
    said: Said | None
    """Its name; None = only Terraform knows."""
    problem: str


@dataclass(frozen=True, slots=True)
class HclPool:
    """One block of a resource: a machine_pool, a namespace, a workspace's quota."""

    file: HclFile
    cluster: str
    name: str
    kind: str
    resource: Node
    turn_problem: str
    block: Node
    scope: Scope
    names: tuple[Said, ...]
    """Its cluster's and its own, with what they rest on."""

    @property
    def where(self) -> str:
        """Key path of the block, by name and not by number."""
        source = self.file.source
        each = "".join(f'["{turn.key}"]' for turn in self.scope if turn.name == "each")
        address = f"{source.label(self.resource, 0)}.{source.label(self.resource, 1)}{each}.{self.kind}"
        return f"{address}[{self.name}]" if source.attribute(self.block, "name") is not None else address

    @property
    def line(self) -> int:
        """First line of the block."""
        return line_of(self.block)

    @property
    def cloud(self) -> str:
        """What follows spectrocloud_cluster_ in the resource type."""
        return self._type.removeprefix(CLUSTER)

    @property
    def control_plane(self) -> str:
        """The provider's names for it, unless they are plainly false."""
        for key in ("control_plane", "control_plane_as_worker") if self.kind == "machine_pool" else ():
            expression = self.file.source.attribute(self.block, key)
            if expression is not None:
                found = follow(self._spot(expression))
                text = found.text if isinstance(found, Found) else self.file.source.shown(expression)[:40]
                if text not in ("false", "null"):
                    return f"{key} is {text}: a control plane is never resized"
        return ""

    @property
    def problem(self) -> str:
        """Why nothing in this block may be edited."""
        return self.turn_problem or self._counted() or self.file.module.problem or self._ignored() or self.control_plane

    def scalar(self, key: str) -> Scalar | None:
        """The value at a key path of the block, wherever it is written."""
        steps = keypaths.parse(key)
        if self.kind == "pack" and len(steps) > 1:
            written = hcl_packs.scalar(self.file.source, self.block, steps)
            return self._named_so(replace(written, problem=written.problem or self._of_all(set()))) if written is not None else None
        found = self._descend(self.block, tuple(step.key for step in steps))
        if found is None:
            return None
        spot, rest = found
        value = follow(spot, rest)
        if isinstance(value, Stopped):
            return self._unknown(spot, value)
        return None if value.text == "null" and value.node.type == "null_lit" else self._located(spot, value, key)

    def labels(self) -> Mapping[str, str]:
        """Literal entries of `additional_labels`."""
        source = self.file.source
        expression = source.attribute(self.block, "additional_labels")
        pairs = source.elements(bare(expression)) if expression is not None else []
        return {str(key): source.text(value).strip('"') for key, _, value in pairs if key is not None}

    def taints(self) -> tuple[str, ...]:
        """Literal `taints` blocks as key=value:effect."""
        blocks = self.file.source.blocks(self.block, "taints")
        return tuple("{}={}:{}".format(*(self._text(block, key) for key in ("key", "value", "effect"))) for block in blocks)

    # ── Values ───────────────────────────────────────────────────────────────────────────────────────────────────────
    @property
    def _type(self) -> str:
        return self.file.source.label(self.resource, 0)

    def _spot(self, expression: Node) -> Spot:
        return Spot(self.file.module, self.file.source, expression, self.scope)

    def _text(self, block: Node, key: str) -> str:
        expression = self.file.source.attribute(block, key)
        said = text_of(self._spot(expression)) if expression is not None else None
        return said.text if said is not None else ""

    def _descend(self, block: Node, keys: tuple[str, ...]) -> tuple[Spot, tuple[str, ...]] | None:
        """The attribute at the beginning of a key path, and the keys that are left inside its value; None = there is none.

        A map that is written out is entered here: a key that it leaves out is absent, and not a riddle.
        """
        source = self.file.source
        expression = source.attribute(block, keys[0])
        if expression is None:
            nested = source.blocks(block, keys[0])
            if len(nested) > 1 and len(keys) > 1:
                raise Refused(f"{source.path}: line {line_of(nested[1])}: {keys[0]} stands more than once in its block; keep one")
            return self._descend(nested[0], keys[1:]) if len(nested) == 1 and len(keys) > 1 else None
        rest = keys[1:]
        while rest and bare(expression).type == "object":
            values = [value for key, _, value in source.elements(bare(expression)) if key in (rest[0], None)]
            if not values:
                return None
            if len(values) > 1 or source.text(expression).startswith("("):
                break
            expression, rest = values[0], rest[1:]
        return self._spot(expression), rest

    def _unknown(self, spot: Spot, stopped: Stopped) -> Scalar:
        return Scalar(
            value=spot.source.text(spot.expression),
            start=spot.expression.start_byte,
            end=spot.expression.end_byte,
            token=-1,
            line=line_of(spot.expression),
            is_literal=False,
            problem=_unfollowed(spot, stopped),
        )

    def _located(self, spot: Spot, found: Found, key: str) -> Scalar:
        is_here = found.source.path == spot.source.path
        scalar = Scalar(
            value=found.text,
            start=found.node.start_byte,
            end=found.node.end_byte,
            token=found.source.token_of(found.node),
            line=line_of(found.node),
            is_literal=True,
            problem=self._fixed(key) or self._shared(found) or second_use(found),
            path="" if is_here else found.source.path,
            through=tuple({path for module in modules_of(found) for path in (*module.paths, found.source.path)}),
            unsure=found.unsure,
        )
        return self._named_so(scalar)

    def _named_so(self, scalar: Scalar) -> Scalar:
        """The value with every file of the modules that it and the names were followed through: each of them may decide it."""
        named = {path for name in self.names for module in name.modules for path in module.paths}
        unsure = (*(why for name in self.names for why in name.unsure), *scalar.unsure)
        return replace(scalar, through=tuple(sorted({*named, *scalar.through})), unsure=unsure)

    # ── Why not ──────────────────────────────────────────────────────────────────────────────────────────────────────
    def _fixed(self, key: str) -> str:
        """Keys that the resource does not have, or that only make another cluster of it."""
        if key not in hcl_resources.keys_of(self._type, self.kind):
            return f"{self.kind} of {self._type} has no {key} that Trimtab edits"
        return ""

    def _shared(self, found: Found) -> str:
        """A literal that does not belong to one turn of a repeated block belongs to all of them."""
        if found.is_key:
            return f"{found.text} is a key that a for_each goes by: another one is another cluster or pool"
        return self._of_all({turn.name for turn, _ in found.turns})

    def _of_all(self, own: set[str]) -> str:
        """`own`: turns whose element holds the literal."""
        for turn in self.scope:
            if turn.of > 1 and turn.name not in own:
                what = "clusters" if turn.name == "each" else "pools"
                return f"one block stands for {turn.of} {what}, and each of them has this value"
        return ""

    def _counted(self) -> str:
        """`count` on the resource: at most one of it may exist."""
        expression = self.file.source.attribute(self.resource, "count")
        if expression is None or _is_at_most_one(self.file.source, expression):
            return ""
        return f"its resource has count ({self.file.source.shown(expression)}): one block stands for many clusters"

    def _ignored(self) -> str:
        """`lifecycle { ignore_changes }` over this block: Terraform would not apply the edit."""
        source = self.file.source
        for lifecycle in source.blocks(self.resource, "lifecycle"):
            expression = source.attribute(lifecycle, "ignore_changes")
            if expression is not None and _ignored_names(source, expression) & {"all", "*", self.kind}:
                return f"line {line_of(lifecycle)} has ignore_changes over {self.kind}: Terraform would not apply the edit"
        return ""


def read(files: Mapping[str, bytes], path: str) -> HclFile:
    """Parse a Terraform file. BadInput names the file and line."""
    return HclFile(parse(files[path], path), Module(files, dirname(path)))


def around(files: Mapping[str, bytes], path: str) -> bytes:
    """Everything that may say a name for a file: its module, the modules that call it, and variable files that are nobody's own."""
    module = Module(files, dirname(path))
    return b"\n".join(files[each] for each in sorted({path, *module.voices()}))


def _unfollowed(spot: Spot, stopped: Stopped) -> str:
    text = spot.source.shown(spot.expression)
    return f"it is the expression {text}, not a literal: {stopped.reason}"


def _ignored_names(source: Source, expression: Node) -> set[str]:
    """What a list of ignore_changes begins with; the older way of writing it, in quotes, still counts."""
    quoted = (source.text(node) for node in inner(expression) if node.type == "template_literal")
    return {step.root for step in source.traversals(expression)} | {re.split(r"[.\[]", text)[0] for text in quoted}


def _is_at_most_one(source: Source, expression: Node) -> bool:
    """True for 1, and for a condition between 0 and 1."""
    node = bare(expression)
    arms = [child for child in node.children if child.type == "expression"][1:] if node.type == "conditional" else [expression]
    texts = [source.string(arm) for arm in arms]
    return texts == ["1"] or sorted(text or "" for text in texts) == ["0", "1"]

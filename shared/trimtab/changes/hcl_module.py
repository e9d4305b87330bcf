"""A folder of Terraform files as Terraform sees it: one module, whose variables get their values by the rules of Terraform.

For a root module the value that wins is, of those that the repo can know: the last `*.auto.tfvars` in lexical order, then
`terraform.tfvars`, then the variable's default. Any other `*.tfvars` needs a -var-file on a command line that is not in the repo. So
a variable that such a file assigns is followed there only where nothing else in the repo could be its value: exactly one such file
assigns it, no automatic file does, and it has no default. Else it is refused, and the files are named.
A default can also lose against TF_VAR_… or -var where Terraform runs, and a -var-file may be nobody's: both are followed, and that is
said beside the edit.
For a module that another one calls, the call's argument is the value, and the default where the call gives none.
"""

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from tree_sitter import Node

from trimtab.changes.hcl_nodes import Source, line_of, parse
from trimtab.errors import BadInput

Files = Mapping[str, bytes]
_MAIN = "terraform.tfvars"
_AUTO = ".auto.tfvars"
_AUTOMATIC = re.compile(r"(terraform|.*\.auto)\.tfvars(\.json)?")
_OVERRIDE = re.compile(r"(.*_)?override\.tf(\.json)?")


@dataclass(frozen=True, slots=True)
class Stopped:
    """Why a value cannot be followed to a literal, with the place."""

    reason: str


@dataclass(frozen=True, slots=True)
class Definition:
    """What a name stands for."""

    module: "Module"
    """In whose words the expression speaks."""
    source: Source
    expression: Node
    unsure: str = ""
    """What could not be checked about it."""


@dataclass(frozen=True, slots=True)
class Call:
    """A `module` block whose source is a folder of the same repo."""

    source: Source
    block: Node

    @property
    def where(self) -> str:
        """Path and line."""
        return f"{self.source.path} line {line_of(self.block)}"

    @property
    def folder(self) -> str | None:
        """The folder that it names; None = it is not one of this repo."""
        expression = self.source.attribute(self.block, "source")
        written = self.source.string(expression) if expression is not None else None
        if written is None or not written.startswith(("./", "../")):
            return None
        folder = posixpath.normpath(posixpath.join(posixpath.dirname(self.source.path), written))
        return "" if folder == "." else folder

    @property
    def is_repeated(self) -> bool:
        """True where one block calls the module more than once."""
        return any(self.source.attribute(self.block, key) is not None for key in ("for_each", "count"))


@dataclass(frozen=True, slots=True)
class Module:
    """One folder of the files of a commit. Nothing is parsed until it is asked for."""

    files: Files
    folder: str

    @property
    def paths(self) -> tuple[str, ...]:
        """Its Terraform and variable files."""
        return tuple(sorted(path for path in self.files if posixpath.dirname(path) == self.folder and path.endswith((".tf", ".tfvars"))))

    @property
    def sources(self) -> tuple[Source, ...]:
        """Its Terraform files."""
        return tuple(parse(self.files[path], path) for path in self.paths if path.endswith(".tf"))

    @property
    def decodes(self) -> bool:
        """True where it takes what it builds out of other files: those say which pools there are, and are found by layouts of theirs."""
        return any(b"yamldecode" in self.files[path] or b"jsondecode" in self.files[path] for path in self.paths)

    @property
    def problem(self) -> str:
        """Why nothing that its files say is final, or those of the modules that lead to it; "" = it is."""
        module, seen = self, {self.folder}
        while True:
            problem, calls = module._problem(), module.calls()
            if problem or not calls:
                return problem
            module = Module(self.files, posixpath.dirname(calls[0].source.path))
            if module.folder in seen:
                return f"the call at {calls[0].where} goes round in a circle"
            seen.add(module.folder)

    def _problem(self) -> str:
        overrides = [path for path in self._mine() if _OVERRIDE.fullmatch(posixpath.basename(path))]
        if overrides:
            return f"{overrides[0]} may override it"
        unread = [path for path in sorted(self.files) if self._may_be_called_unread(path)]
        if unread:
            return f"{unread[0]} may call its module too, in a way that is not followed"
        calls = self.calls()
        if len(calls) > 1:
            return f"its module is called from {' and '.join(call.where for call in calls[:2])}: one block stands for several clusters"
        if calls and calls[0].is_repeated:
            return f"its module is called at {calls[0].where} with for_each or count: one block stands for several clusters"
        return ""

    def _mine(self) -> list[str]:
        return [path for path in sorted(self.files) if posixpath.dirname(path) == self.folder]

    def _may_be_called_unread(self, path: str) -> bool:
        """True where Terraform in JSON, or what is not HCL, names this folder; or where a source outside the repo ends in it."""
        content = self.files[path]
        if not path.endswith((".tf", ".tf.json")) or b"module" not in content:
            return False
        remote = rb"//" + re.escape(self.folder.encode()) + rb"/?[?\"]"
        if self.folder and re.search(rb'"[^."\s][^"\s]*' + remote, content):
            return True
        is_read = path.endswith(".tf") and _called(content, path) is not None
        way = posixpath.relpath(self.folder or ".", posixpath.dirname(path) or ".").encode()
        return not is_read and re.search(rb'"(\./)?' + re.escape(way) + rb'/?"', content) is not None

    def voices(self) -> set[str]:
        """Every file that may say what is in it: its own, its callers', and variable files that a command line may name."""
        callers = {posixpath.dirname(call.source.path) for call in self.calls()} - {self.folder}
        return {*self.paths, *self._by_hand(), *(path for folder in callers for path in Module(self.files, folder).paths)}

    def calls(self) -> tuple[Call, ...]:
        """Every call of this module in the repo."""
        name = posixpath.basename(self.folder).encode()
        able = (path for path in sorted(self.files) if path.endswith(".tf") and _may_call(self.files[path], name))
        suspects = [path for path in able if self.folder in (_called(self.files[path], path) or ())]
        return tuple(call for path in suspects for call in _calls(self.files[path], path) if call.folder == self.folder)

    # ── Names ────────────────────────────────────────────────────────────────────────────────────────────────────────
    def local(self, name: str) -> Definition | Stopped:
        """What `local.name` stands for."""
        found = [
            (source, expression)
            for source in self.sources
            for block in source.blocks(source.body, "locals")
            for key, expression in source.attributes(block)
            if key == name
        ]
        return Definition(self, *found[0]) if len(found) == 1 else self._not_one(f"local.{name}", found)

    def variable(self, name: str) -> Definition | Stopped:
        """What `var.name` stands for: see the rule at the top."""
        found = [
            (source, block) for source in self.sources for block in source.blocks(source.body, "variable") if source.label(block, 0) == name
        ]
        if len(found) != 1:
            return self._not_one(f"var.{name}", found)
        ((source, block),) = found
        default = source.attribute(block, "default")
        default_value = Definition(self, source, default) if default is not None else None
        calls = self.calls()
        return self._argument(calls, name, default_value) if calls else self._assigned(name, default_value)

    def declares(self, name: str) -> bool:
        """True where the module has a variable of that name."""
        return any(source.label(block, 0) == name for source in self.sources for block in source.blocks(source.body, "variable"))

    def _argument(self, calls: tuple[Call, ...], name: str, default: Definition | None) -> Definition | Stopped:
        if len(calls) > 1 or calls[0].is_repeated:
            return Stopped(f"var.{name} has a value for each call of its module: {self.problem}")
        call = calls[0]
        expression = call.source.attribute(call.block, name)
        if expression is not None:
            return Definition(Module(self.files, posixpath.dirname(call.source.path)), call.source, expression)
        return default or Stopped(f"var.{name} has no default, and the call at {call.where} gives it no value")

    def _assigned(self, name: str, default: Definition | None) -> Definition | Stopped:
        foreign = [path for path in self._json_values(name) if _may_say(self.files[path], name)]
        if foreign:
            return Stopped(f"var.{name} gets its value in {foreign[0]}; variables in JSON are not followed")
        automatic = [value for path in self._automatic() if (value := self._value(path, name))]
        by_hand = [value for path in self._by_hand() if (value := self._value(path, name)) and self._may_get(path, name)]
        if not by_hand:
            return automatic[-1] if automatic else self._default(name, default)
        if len(by_hand) == 1 and not automatic and default is None:
            return self._alone(name, by_hand[0])
        rivals = [value.source.path for value in (*by_hand, *automatic)] + ([f"the default of {default.source.path}"] if default else [])
        return Stopped(f"var.{name} may get its value from {' or '.join(rivals)}: which one is on the command line (-var-file)")

    def _default(self, name: str, default: Definition | None) -> Definition | Stopped:
        if default is None:
            return Stopped(f"var.{name} has no default and no *.tfvars file in the repo gives it a value")
        unsure = (
            f"The value is the default of variable {name} in {default.source.path}; "
            f"a TF_VAR_{name} or -var where Terraform runs would win over it."
        )
        return Definition(default.module, default.source, default.expression, unsure)

    def _alone(self, name: str, value: Definition) -> Definition | Stopped:
        """A -var-file may serve several folders."""
        others = [folder for folder in self._folders() if folder != self.folder and Module(self.files, folder).declares(name)]
        if others:
            return Stopped(f"var.{name} in {value.source.path} may also be the variable of {others[0] or 'the root folder'}")
        unsure = f"The value is in {value.source.path}, which counts only where Terraform runs with it as its -var-file."
        return Definition(value.module, value.source, value.expression, unsure)

    def _value(self, path: str, name: str) -> Definition | None:
        source = parse(self.files[path], path)
        expression = source.attribute(source.body, name)
        return Definition(self, source, expression) if expression is not None else None

    def _automatic(self) -> list[str]:
        """The variable files that Terraform reads by itself, the strongest last."""
        mine = [path for path in self.paths if path.endswith(_AUTO)]
        main = posixpath.join(self.folder, _MAIN)
        return [*([main] if main in self.files else []), *mine]

    def _by_hand(self) -> list[str]:
        """Variable files that need a -var-file: others of this folder, and those of other folders."""
        automatic = self._automatic()
        return [path for path in sorted(self.files) if path.endswith(".tfvars") and path not in automatic]

    def _may_get(self, path: str, name: str) -> bool:
        """False where a variable file is another module's own: it reads the file by itself, or has a variable of that name."""
        folder = posixpath.dirname(path)
        if folder == self.folder or folder not in self._folders():
            return True
        return _AUTOMATIC.fullmatch(posixpath.basename(path)) is None and not Module(self.files, folder).declares(name)

    def _folders(self) -> frozenset[str]:
        """Every folder that is a module."""
        return frozenset(posixpath.dirname(path) for path in self.files if path.endswith(".tf"))

    def _json_values(self, name: str) -> list[str]:
        return [path for path in sorted(self.files) if path.endswith(".tfvars.json") and self._may_get(path, name)]

    def unread(self, name: str) -> list[str]:
        """Its Terraform in JSON that may define or read a name; nothing is followed there."""
        return [path for path in self._mine() if path.endswith(".tf.json") and _may_say(self.files[path], name)]

    def _not_one(self, name: str, found: list[tuple[Source, Node]]) -> Stopped:
        if found:
            lines = " and ".join(f"{source.path} line {line_of(node)}" for source, node in found[:2])
            return Stopped(f"{name} is defined more than once: {lines}")
        return Stopped(f"{name} is defined in no .tf file of {self.folder or 'the root folder'}")


def _may_say(content: bytes, name: str) -> bool:
    """False only where a JSON text cannot hold the name, not even escaped."""
    return name.encode() in content or b"\\u" in content


def _may_call(content: bytes, name: bytes) -> bool:
    return b"module" in content and (b'"./' in content or b'"../' in content) and (name in content or b".." in content)


@lru_cache(maxsize=20_000)
def _called(content: bytes, path: str) -> frozenset[str] | None:
    """Folders of the repo that a file calls as modules; None = it is not HCL."""
    try:
        return frozenset(call.folder for call in _calls(content, path) if call.folder is not None)
    except BadInput:
        return None


def _calls(content: bytes, path: str) -> Iterator[Call]:
    source = parse(content, path)
    for block in source.blocks(source.body, "module"):
        yield Call(source, block)

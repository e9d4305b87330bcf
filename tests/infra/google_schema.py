"""What the Google provider takes: the arguments, blocks and results of the resources that our Terraform uses.

`tests/data/terraform/google.json` is made anew, after another resource or block came into use, by

    npm pack @cdktf/provider-google@16.12.1 && tar xzf cdktf-provider-google-*.tgz
    .venv/bin/python -m tests.infra.google_schema package

That package (MPL-2.0, see NOTICE; the archive's SHA-512 begins 2aa340ff9462153d) is generated from the schema of hashicorp/google 6.50.0.
Its typings say which arguments there are, of what type, and which are required; nothing of it is run.
"""

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.infra.hcl import Module, used

FILE = Path(__file__).parents[1] / "data" / "terraform" / "google.json"
TREE = Path(__file__).parents[2] / "infra" / "terraform"
MODULES = [Module(folder=TREE / name) for name in ("gcp", "gcp/anchor", "modules/gcp_function", "modules/gcp_bucket", "modules/gcp_meters")]
Schema = dict[str, Any]
Paths = set[tuple[str, ...]]

_INTERFACE = re.compile(r"^export interface (\w+)(?: extends [\w.]+)? \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_CLASS = re.compile(r"^export declare class (\w+) extends cdktf\.(\w+) \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_PROPERTY = re.compile(r"/\*\*(.*?)\*/\s*readonly (\w+)(\?)?: (.*?);\n(?=    /\*\*|\Z)", re.DOTALL)
_ANCHOR = re.compile(r"#(\w+) \w+#\w+\}")
_GETTER = re.compile(r"^    get (\w+)\(\): (.+);$", re.MULTILINE)
_TYPES = {
    "string": "string",
    "number": "number",
    "boolean": "bool",
    "string[]": "list(string)",
    "number[]": "list(number)",
    "cdktf.IResolvable": "bool",
}
OWN = frozenset({"internalValue", "fqn", "friendlyUniqueId", "cdktfMetadata"})
"""Getters of the typings themselves."""


def load() -> Schema:
    """The schema as it is kept."""
    found: Schema = json.loads(FILE.read_text())
    return found


def schema_of(package: Path) -> Schema:
    """The schema of everything that is used."""
    version = json.loads((package / "package.json").read_text())
    return {
        "provider": f"{version['cdktf']['provider']['name']} {version['cdktf']['provider']['version']}",
        "from": f"{version['name']} {version['version']}, {version['license']}",
        "resource": {name: _of(package, name, paths) for name, paths in sorted(used(MODULES, "resource").items())},
        "data": {name: _of(package, f"data_{name}", paths) for name, paths in sorted(used(MODULES, "data").items())},
    }


def _of(package: Path, name: str, paths: Paths) -> Schema:
    folder = re.sub(r"^(data_)?google_", r"\1google_" if name.startswith("data_") else r"\1", name).replace("_", "-")
    text = (package / "lib" / folder / "index.d.ts").read_text()
    typings = _Typings(text)
    return typings.block(typings.root, paths, is_top=True)


class _Typings:
    """One resource's typings."""

    def __init__(self, text: str) -> None:
        self.interfaces: dict[str, str] = dict(_INTERFACE.findall(text))
        self.classes = {name: body for name, _, body in _CLASS.findall(text)}
        self.main = next(name for name, base, _ in _CLASS.findall(text) if base in {"TerraformResource", "TerraformDataSource"})
        self.root = f"{self.main}Config"

    def block(self, interface: str, paths: Paths, *, is_top: bool = False) -> Schema:
        """A block's arguments and blocks; what is in a block that nothing uses is left out."""
        attributes: Schema = {}
        blocks: Schema = {}
        inputs = set()
        for comment, name, optional, kind in _PROPERTY.findall(self.interfaces[interface]):
            inputs.add(name)
            anchor = _ANCHOR.search(comment)
            snake = anchor[1] if anchor else _snake(name)
            required = {} if optional else {"required": True}
            if re.search(r"\* \w+ block\n", comment):
                many = {"many": True} if "[]" in kind else {}
                inner = {path[1:] for path in paths if path[:1] == (snake,)}
                content = self.block(kind.partition("[]")[0].strip(), inner) if inner else {}
                blocks[snake] = required | many | content
            else:
                attributes[snake] = {"type": _type(kind)} | required
        body = self.classes.get(self.main if is_top else f"{interface}OutputReference", "")
        for name, kind in _GETTER.findall(body):
            if name not in inputs | OWN and not (name.endswith("Input") and name.removesuffix("Input") in inputs):
                attributes[_snake(name)] = {"type": _type(kind), "computed": True}
        return {part: found for part, found in (("attributes", attributes), ("blocks", blocks)) if found}


def _type(kind: str) -> str:
    plain = kind.replace(" | cdktf.IResolvable", "").replace(" | undefined", "").strip()
    if plain == "cdktf.StringMap" or re.fullmatch(r"\{\s*\[key: string\]: string;\s*\}", plain):
        return "map(string)"
    return _TYPES.get(plain, "any")


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)([A-Z])", lambda letter: f"_{letter[0].lower()}", name)


def written(schema: Mapping[str, Any]) -> str:
    """As it is kept: a line for each attribute, so that a change is readable."""
    return json.dumps(schema, indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(written(schema_of(Path(sys.argv[1]))))

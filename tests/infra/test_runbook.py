"""The runbook names what there is: every command is parsed by the real one, every name is in the trees, every alarm has its line."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from tests.infra.hcl import Module
from trimtab.cli.main import app
from trimtab.flow.deployed import EXPECTED

ROOT = Path(__file__).parents[2]
TREE = ROOT / "infra" / "terraform"
PAGE = (ROOT / "docs" / "runbook.md").read_text()
CLOUDS = ("aws", "gcp")
TOOLS = {"aws", "gcloud", "gh", "terraform", "trimtab", "make", "sha256sum", "mkdir", "export", "cd", "git"}
"""What a line of the page may begin with."""


def fenced(kind: str) -> list[str]:
    """The blocks of a language, without their indent."""
    return [re.sub(rf"(?m)^{indent}", "", body) for indent, body in re.findall(rf"(?ms)^( *)```{kind}\n(.*?)^\1```$", PAGE)]


def spans() -> list[str]:
    """What stands between backquotes in the text."""
    text = re.sub(r"(?ms)^ *```.*?^ *```$", "", PAGE)
    return [span.replace("\n", " ") for span in re.findall(r"`([^`]+)`", text)]


def commands() -> list[str]:
    """Every command line of the page, in blocks and in the text."""
    lines = [line for block in fenced("sh") for line in block.splitlines()]
    return lines + [span for span in spans() if span.split()[0] in TOOLS and len(span.split()) > 1]


LINES = commands()


def test_the_page_is_about_something() -> None:
    """What is looked for below is found at all."""
    assert len(LINES) > 40
    assert len([line for line in LINES if line.startswith("trimtab ")]) > 15


def test_every_line_of_a_block_is_a_command_of_a_tool_that_was_named() -> None:
    assert [line for block in fenced("sh") for line in block.splitlines() if shlex.split(line)[0] not in TOOLS] == []


@pytest.mark.parametrize("line", sorted({line for line in LINES if line.startswith("trimtab ")}))
def test_every_command_is_one_that_trimtab_takes(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Down to the command that does it, with all its arguments; nothing is run."""
    (tmp_path / "FOLDER").mkdir()
    monkeypatch.chdir(tmp_path)

    assert parsed(shlex.split(line)[1:])


@pytest.mark.parametrize("line", ["replay", "replay merge --now", "no-such-command", "people forget NAME", "stop --reason why"])
def test_a_command_that_trimtab_does_not_take_would_be_noticed(line: str) -> None:
    with pytest.raises(Exception, match=r"Missing|No such"):
        parsed(shlex.split(line))


def parsed(arguments: list[str]) -> str:
    """What the command is called that takes them. Raises click's UsageError."""
    command: Any = typer.main.get_command(app)
    above, name = None, "trimtab"
    while hasattr(command, "resolve_command"):
        above = command.make_context(name, [*arguments], parent=above, resilient_parsing=True)
        name, command, arguments = command.resolve_command(above, arguments)
        if command is None:
            raise LookupError(f"No such command {name}")
    command.make_context(name, [*arguments], parent=above)
    return str(name)


def test_every_make_target_is_there() -> None:
    targets = set(re.findall(r"(?m)^([a-z0-9-]+):", (ROOT / "Makefile").read_text()))
    named = {shlex.split(line)[1] for line in LINES if line.startswith("make ")}

    assert named
    assert named <= targets


def test_every_output_is_one_of_the_tree() -> None:
    outputs = {cloud: Module(folder=TREE / cloud).names("output") for cloud in CLOUDS}
    named = {name for line in LINES for name in re.findall(r"terraform output (?:-raw )?([a-z_]+)", line)}

    assert named >= {"store", "ledger", "secrets", "webhooks"}
    assert {name for name in named if name not in outputs["aws"] | outputs["gcp"]} == set()
    assert named - outputs["gcp"] <= {"operator_policy", "exports"}
    assert named - outputs["aws"] <= {"address"}


def test_every_variable_is_one_of_the_tree_that_it_is_for() -> None:
    blocks = {re.match(r"# (\w+)\n", block)[1]: block for block in fenced("hcl")}  # type: ignore[index]
    known = {cloud: Module(folder=TREE / cloud).names("variable") for cloud in CLOUDS}

    assert set(blocks) == set(CLOUDS)
    for cloud, block in blocks.items():
        named = set(re.findall(r"(?m)^(\w+)\s*=", block))
        assert named <= known[cloud], cloud
        required = {each.labels[0] for each in Module(folder=TREE / cloud).of("variable") if "default" not in each.attributes}
        assert required <= named, cloud
    assert {span for span in spans() if re.fullmatch(r"[a-z]+(_[a-z]+)+ = .*", span) and span.split()[0] not in known["aws"]} == {
        'highest_stage = "approve"'
    }


def test_the_settings_are_ones_that_a_deployment_takes() -> None:
    from trimtab.settings import Settings

    for block in fenced("hcl"):
        inside = re.search(r"(?ms)^settings = \{\n(.*?)^\}", block)
        assert inside
        assert set(re.findall(r"(?m)^  (\w+)\s*=", inside[1])) <= set(Settings.model_fields)
    exported = re.search(r"export TRIMTAB_SETTINGS='(.*)'", PAGE)
    assert exported
    assert Settings.model_validate(json.loads(exported[1])).deployed_at


def test_every_secret_has_a_line_that_says_how_it_is_rotated() -> None:
    rights = [json.loads((TREE / cloud / "rights.json").read_text()) for cloud in CLOUDS]
    known = {secret for table in rights for each in table.values() for secret in each["secrets"]}
    section = PAGE.partition("## Rotate a secret")[2].partition("\n## ")[0]

    assert set(re.findall(r"(?m)^\| `(\w+)` \|", section)) == known
    put_in = {name for line in LINES for name in re.findall(r"--secret-id trimtab/(\w+)|versions add trimtab-([\w-]+)", line)}
    assert put_in
    assert {(on_aws or on_google).replace("-", "_") for on_aws, on_google in put_in} <= known | {"NAME"}
    for block in fenced("hcl"):
        listed = re.search(r"(?m)^secrets\s*= \[(.*)\]", block)
        assert listed
        assert set(re.findall(r'"(\w+)"', listed[1])) <= known


# ── names of things ──────────────────────────────────────────────────────────────────────────────────────────────────
def called(attribute: str, *folders: str) -> Iterator[tuple[str, str]]:
    """Type of resource and what one is called, with FUNCTION and * where it is not written out."""
    for folder in folders:
        module = Module(folder=TREE / folder)
        local = "trimtab-FUNCTION" if folder.startswith("modules/") else "*"
        for block in module.of("resource"):
            if attribute in block.attributes:
                text = block.source.text(block.attributes[attribute]).strip('"')
                name = text.replace("${var.prefix}", "trimtab").replace("${local.name}", local).replace("local.name", local)
                yield block.labels[0], re.sub(r"\$\{[^}]*\}", "*", name).replace("var.prefix", "trimtab")


def alarms(cloud: str) -> set[str]:
    kind, attribute = {"aws": ("aws_cloudwatch_metric_alarm", "alarm_name"), "gcp": ("google_monitoring_alert_policy", "display_name")}[
        cloud
    ]
    return {name for found, name in called(attribute, cloud, f"modules/{cloud}_function") if found == kind}


@pytest.mark.parametrize("cloud", CLOUDS)
def test_every_alarm_is_on_the_page_and_every_alarm_of_the_page_is_there(cloud: str) -> None:
    """One that rings and stands nowhere wakes somebody who then has to guess."""
    section = PAGE.partition("## Alarms")[2]
    cells = [row.split("|")[1 + CLOUDS.index(cloud)].strip().strip("`") for row in re.findall(r"(?m)^\| `.*\|$", section)]

    assert len(cells) == len(set(cells)) == 6
    assert set(cells) == alarms(cloud)


def test_every_name_of_ours_is_one_that_terraform_gives() -> None:
    """What is a function's own is told apart from what any name could match that Terraform puts together elsewhere."""
    attributes = ("name", "alarm_name", "display_name", "secret_id")
    of_functions = {name for attribute in attributes for _, name in called(attribute, *(f"modules/{cloud}_function" for cloud in CLOUDS))}
    of_all = {name for attribute in attributes for _, name in called(attribute, *CLOUDS) if name.startswith("trimtab")}
    functions = f"(?:FUNCTION|{'|'.join(EXPECTED)})"
    # Buckets' names are made in a local; a release's files are no resources, and the gate's check is the forge's.
    others = {"trimtab-store-ACCOUNT-eu-central-1", "trimtab-VERSION-aws-x86_64", "trimtab-VERSION-sbom", "trimtab/gate"}
    named = {name for line in [*LINES, *spans()] for name in re.findall(r"(?<![\w./-])trimtab[-/][\w-]+", line)} - others

    assert len(named) > 8
    for name in named:
        own = re.match(f"trimtab-{functions}-", name)
        patterns = [
            re.escape(one).replace(r"\*", r"[\w-]+").replace("FUNCTION", functions)
            for one in ({each for each in of_functions if "*" not in each} if own else of_functions | of_all)
        ]
        assert any(re.fullmatch(pattern, name) for pattern in patterns), name


def test_every_link_of_the_page_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", PAGE):
        path, _, part = target.partition("#")
        text = (ROOT / "docs" / path).resolve().read_text() if path and not (ROOT / "docs" / path).is_dir() else PAGE if not path else ""
        headings = {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in re.findall(r"(?m)^#+ (.*)$", text)}
        assert not path or (ROOT / "docs" / path).exists(), target
        assert not part or part in headings, target

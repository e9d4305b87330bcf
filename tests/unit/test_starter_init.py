"""`trimtab init` leaves a repo for the forge that was named, and says exactly what the code will need."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from trimtab.adapters.github import access
from trimtab.adapters.starter import ForgeName, _shipped, grants, write_starter
from trimtab.cli.main import app
from trimtab.errors import BadInput
from trimtab.settings import Settings
from trimtab.sources import forge_events


@pytest.mark.parametrize(("forge", "is_github", "is_gitlab"), [("github", True, False), ("gitlab", False, True), (None, True, True)])
def test_a_repo_gets_the_ci_of_its_forge(tmp_path: Path, forge: ForgeName | None, is_github: bool, is_gitlab: bool) -> None:
    written = {path.relative_to(tmp_path / "new").as_posix() for path in write_starter(tmp_path / "new", forge)}

    assert (".github/workflows/plan.yml" in written, ".gitlab-ci.yml" in written) == (is_github, is_gitlab)
    assert {".trimtab/config.yaml", "CODEOWNERS", "terraform/profiles.tf", "profiles/collector/manifest.yaml"} <= written


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")

    with pytest.raises(BadInput, match="not empty"):
        write_starter(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_the_command_lists_the_files_for_scripts_and_the_steps_for_people(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["init", str(tmp_path / "new"), "--forge", "gitlab"])

    assert done.exit_code == 0
    assert str(tmp_path / "new" / ".gitlab-ci.yml") in done.stdout.splitlines()
    assert "1. GitLab, a maintainer of the project: two project access tokens, of two users." in done.stderr.splitlines()
    assert "GitHub" not in done.stderr


def test_on_gitlab_it_is_said_how_the_keys_for_applies_are_kept_from_the_writers_branches() -> None:
    """Protected variables reach every protected branch, trimtab/* too: a stolen writer token could take them with a CI of its own."""
    assert "environment `production`: protected" in grants("gitlab")
    assert "scopes `api` and `write_repository`" in grants("gitlab")
    assert "ci_allow_fork_pipelines_to_run_in_parent_project is off" in grants("gitlab")
    for text in ((_shipped() / name).read_text() for name in ("README.md", ".gitlab-ci.yml")):
        assert "CI/CD configuration file" in text


@pytest.mark.security(6)
@pytest.mark.parametrize(("app_name", "asked"), [("The writer opens", access.WRITER), ("The gate answers", access.GATE)])
def test_each_app_is_to_get_exactly_the_permissions_that_it_asks_tokens_for(app_name: str, asked: dict[str, str]) -> None:
    """One right more would be a right that a stolen key has; one less, a refusal on the first day."""
    line = re.search(rf"{app_name}.*\n +(.*)", grants("github"))
    assert line is not None
    names = {"Contents": "contents", "Pull requests": "pull_requests", "Issues": "issues", "Checks": "checks", "Metadata": "metadata"}
    told = {name.strip(): right for name, right in (part.split(": ") for part in line[1].split(","))}

    assert {(names | {"Commit statuses": "statuses"})[name]: right for name, right in told.items()} == dict(asked)


def test_every_setting_and_secret_that_is_named_exists() -> None:
    text = grants(None)
    secrets = {name.lower() for name in re.findall(r"TRIMTAB_([A-Z_]+)", text)}
    settings = {"palette_url", "exports", "repositories", "nonproduction", "highest_stage"}

    assert secrets | settings <= set(Settings.model_fields)
    assert all(name in text for name in settings)


def test_every_event_that_is_asked_for_is_one_that_is_understood() -> None:
    line = re.search(r"Events: (.*);", grants("github"))

    assert line is not None
    assert set(line[1].split(", ")) <= set(forge_events._GITHUB)

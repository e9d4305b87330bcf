"""What is deployed is what was built: whole, alone, the same each time, and with its papers."""

import hashlib
import io
import json
import os
import re
import subprocess
import sys
import zipfile
from itertools import pairwise
from pathlib import Path

import pytest

from infra.bundles.archive import write_checksums
from infra.bundles.build import check_size
from infra.bundles.needs import AWS_SERVICES, Cloud, Target
from tests.bundles.conftest import Build, Built
from trimtab.errors import Broken, Upstream

ROOT = Path(__file__).parents[2]
CLICK = ROOT / "events" / "receive" / "slack_approve.json"
TRIED: tuple[tuple[str, Cloud], ...] = (("receive", "aws"), ("receive", "gcp"), ("alert", "aws"))

ON_AWS = """
import json
from functions.receive import aws
event = json.load(open(sys.argv[1]))
http = {"method": event["method"], "path": event["path"]}
reply = aws.handler({"requestContext": {"http": http}, "headers": event["headers"], "body": event["body"]}, None)
print(reply["statusCode"])
"""
ON_GCP = """
import json, functions_framework
event = json.load(open(sys.argv[1]))
server = functions_framework.create_app("handler", sys.path[-1] + "/main.py", "http").test_client()
print(server.post(event["path"], data=event["body"], headers=event["headers"]).status_code)
"""
CLIENTS = """
import boto3
for name in sys.argv[1:]: boto3.client(name, region_name="eu-central-1", aws_access_key_id="none", aws_secret_access_key="none")
"""


@pytest.fixture(params=TRIED, ids="-".join)
def built(request: pytest.FixtureRequest, build: Build) -> Built:
    return build(*request.param)


def test_everything_that_a_function_can_import_is_in_its_bundle_and_comes_from_nowhere_else(built: Built) -> None:
    built.alone.try_imports(built.made.imports)


def test_a_module_that_is_missing_is_noticed(build: Build) -> None:
    with pytest.raises(Broken, match="ModuleNotFoundError: No module named 'duckdb'"):
        build("alert", "aws").alone.try_imports(["duckdb"])


@pytest.mark.parametrize(("cloud", "program"), [("aws", ON_AWS), ("gcp", ON_GCP)])
def test_receive_answers_a_real_click_from_its_bundle_alone(build: Build, cloud: Cloud, program: str, tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text(json.dumps(json.loads(CLICK.read_text())["settings"]))

    said = build("receive", cloud).alone.run(program, str(CLICK), environ={"TRIMTAB_STORE": tmp_path.as_uri()})

    assert said.strip() == "200"
    assert len([path for path in (tmp_path / "default" / "inbox").rglob("*") if path.is_file()]) >= 1


@pytest.mark.security(29)
@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_receive_carries_no_client_of_anybody(build: Build, cloud: Cloud) -> None:
    tops = {name.split("/")[0] for name in build("receive", cloud).made.files}

    assert not tops & {"slack_sdk", "github", "gitlab", "httpx", "requests", "boto3"}


def test_boto3_finds_the_descriptions_of_the_services_that_are_called(build: Build) -> None:
    """All others are left out: a client of one would fail at its first use."""
    build("alert", "aws").alone.run(CLIENTS, *AWS_SERVICES)


@pytest.mark.security(35)
def test_the_same_checkout_gives_the_same_bytes_in_another_folder(build: Build, target: Target, tmp_path: Path) -> None:
    """Another process, another order of hashes, nothing installed before."""
    first = {cloud: build("receive", cloud) for cloud in ("aws", "gcp")}

    options = [f"--python={target.python}", f"--out={tmp_path / 'dist'}", f"--cache={tmp_path / 'kept'}"]
    command = [sys.executable, "-m", "infra.bundles", "receive", *options]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHONHASHSEED": "7"}, capture_output=True, text=True, check=False)
    if done.returncode == Upstream.exit_code:
        pytest.skip(f"no bundle without its wheels: {done.stderr}")

    assert done.returncode == 0, done.stderr
    for cloud, one in first.items():
        assert (tmp_path / "dist" / cloud / "receive.zip").read_bytes() == one.path.read_bytes()


@pytest.mark.security(35)
@pytest.mark.parametrize("is_flipped", [False, True])
def test_a_bundle_with_another_byte_does_not_match_its_checksum(build: Build, tmp_path: Path, *, is_flipped: bool) -> None:
    path = build("receive", "aws").made.write(tmp_path)
    write_checksums(tmp_path, [path])
    if is_flipped:
        body = bytearray(path.read_bytes())
        body[len(body) // 2] ^= 1
        path.write_bytes(body)

    done = subprocess.run(["sha256sum", "--check", "SHA256SUMS"], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert (done.returncode == 0) != is_flipped, done.stdout


@pytest.mark.security(35)
def test_each_library_is_in_the_bill_of_materials_and_in_the_list_of_licences(built: Built) -> None:
    names = [name for name in built.made.files if name.endswith(".dist-info/METADATA")]
    wheels = [name for name in built.made.files if name.endswith(".whl")]

    bill = json.loads(built.made.files["sbom.cdx.json"])
    listed = {component["name"] for component in bill["components"]}
    terms = built.made.files["LICENCES.txt"].decode()

    assert len(listed) == len(names) + len(wheels)
    assert all(component["licenses"][0]["license"]["name"] for component in bill["components"])
    assert [name for name in listed if f"\n{name} " not in terms] == []


def test_the_text_of_each_licence_lies_where_the_list_says(built: Built) -> None:
    lines = built.made.files["LICENCES.txt"].decode().splitlines()
    texts = [line.strip() for line in lines if line.startswith("    ")]

    assert {"trimtab", "papers"} == built.made.sizes.keys() - {
        line.split()[0] for line, next_ in pairwise(lines) if next_.startswith("    ")
    }
    assert [text for text in texts if text not in built.made.files and not _is_in_a_wheel(built, text)] == []


def _is_in_a_wheel(built: Built, text: str) -> bool:
    wheel, _, inside = text.partition(".whl/")
    with zipfile.ZipFile(io.BytesIO(built.made.files[f"{wheel}.whl"])) as archive:
        return inside in archive.namelist()


def test_libraries_still_know_their_own_version(build: Build) -> None:
    """Some ask for it while they are imported."""
    said = build("alert", "aws").alone.run("from importlib.metadata import version\nprint(version('httpx'), version('slack-sdk'))")

    assert re.fullmatch(r"0\.28\.\d+ 3\.\d+\.\d+\n", said)


def test_a_bundle_that_grew_too_large_is_refused_with_what_is_largest_in_it(build: Build) -> None:
    with pytest.raises(Broken, match=r"^unpacks to \d+\.\d MB of at most 10; largest: obstore \d+\.\d, cryptography \d+\.\d, [^\n]*$"):
        check_size(build("receive", "aws").made, 10_000_000)


@pytest.mark.security(35)
def test_googles_builder_is_given_every_wheel_of_its_runtime_by_hash(build: Build) -> None:
    """Where requirements.txt did not name functions-framework, it would be fetched, without hashes."""
    files = build("receive", "gcp").made.files
    lines = files["requirements.txt"].decode().splitlines()
    wheels = {hashlib.sha256(body).hexdigest() for name, body in files.items() if name.startswith("wheels/")}

    assert [line for line in lines if line.startswith("functions-framework==")]
    assert {line.rpartition("sha256:")[2] for line in lines} == wheels


def test_googles_builder_can_compile_all_of_it(build: Build) -> None:
    """It compiles every file of the source and gives up at the first that it cannot."""
    alone = build("receive", "gcp").alone

    subprocess.run([alone.python, "-m", "compileall", "-f", "-q", str(alone.folders[-1])], check=True)


def test_a_zip_says_nothing_of_when_and_where_it_was_made(built: Built) -> None:
    with zipfile.ZipFile(built.path) as archive:
        entries = archive.infolist()

    assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
    assert {(entry.date_time, entry.external_attr >> 16, entry.create_system) for entry in entries} == {
        ((1980, 1, 1, 0, 0, 0), 0o100644, 3)
    }

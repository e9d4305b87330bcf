"""The whole of `infra/terraform/gcp` on loopback: what Terraform made decides who is run how, told what, and allowed what."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import obstore

from tests.infra.google_provider import attached
from tests.infra.google_schema import TREE, load
from tests.infra.test_terraform_gcp import FUNCTIONS, LEDGER, STORE, Root, of
from tests.whole.clock import Clock
from tests.whole.deaths import Deaths, Victim
from tests.whole.estate import CLUSTER, Estate
from tests.whole.google_pubsub import PubSub, Pushed, Subscription, encoded, publishing
from tests.whole.google_run import Installed, Killer, Service
from tests.whole.google_storage import OWNER
from tests.whole.schedules import next_time
from trimtab import settings as deployment
from trimtab import wiring
from trimtab.adapters.store.objects import open_objects
from trimtab.ports import Ports
from trimtab.sources.senders import Request
from trimtab.sources.usage import folder_of

ROOT = Path(__file__).parents[2]
OPERATOR = "ada@example.com"
RETRIES_OF_SENDERS = 5
FOLDER = folder_of(CLUSTER.cluster.name, CLUSTER.cluster.uid)
"""Below usage/: all that the collector may write to."""
COLLECTOR = "collector@clusters.iam.gserviceaccount.com"
PLACES = {"TRIMTAB_STORE": f"gs://{STORE}", "TRIMTAB_LEDGER": f"gs://{LEDGER}"}


# ── What Terraform makes ─────────────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """What stands after an apply, and each function as its builder left it."""

    resources: Mapping[str, dict[str, Any]]
    installed: Mapping[str, Installed]

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Every resource of a kind."""
        return list(of(dict(self.resources), kind).values())

    def functions(self) -> dict[str, dict[str, Any]]:
        """Functions by their short names."""
        return {each["name"].removeprefix("trimtab-"): each for each in self.of("google_cloudfunctions2_function")}


def made(folder: Path, estate: Estate, bundles: Path) -> Made:
    """Apply the tree for this estate, and build the functions."""
    variables = {
        "project": "example-project", "region": "europe-west1", "bundles": str(bundles), "secrets": sorted(estate.secrets),
        "settings": estate.settings(f"gs://{STORE}"), "operators": [f"user:{OPERATOR}"], "collectors": {FOLDER: COLLECTOR},
    }  # fmt: skip
    shutil.copytree(TREE, folder / "tree", ignore=shutil.ignore_patterns(".terraform", "*.tfstate*", ".terraform.lock.hcl"))
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("TF_", "GOOGLE_", "CLOUDSDK_", "LD_"))}
    with attached(load()) as provider:
        root = Root(folder=folder / "tree" / "gcp", environment=kept | provider | {"CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"})
        begun = root.run("init", "-input=false")
        assert begun.returncode == 0, begun.stderr
        resources = root.applied(variables)
    versions = {each["name"]: each["build_config"][0]["runtime"] for each in of(resources, "google_cloudfunctions2_function").values()}
    return Made(
        resources=resources,
        installed={name: _built(bundles / f"{name}.zip", versions[f"trimtab-{name}"], folder / name) for name in FUNCTIONS},
    )


def _built(bundle: Path, runtime: str, folder: Path) -> Installed:
    return Installed.of(bundle, folder, re.sub(r"python(\d)(\d+)", r"\1.\2", runtime))


# ── What runs ────────────────────────────────────────────────────────────────────────────────────────────────────────
@dataclass(slots=True)
class GoogleCloud:
    """The project while it runs; the `Cloud` of the story."""

    made: Made
    estate: Estate
    clock: Clock
    folder: Path
    storage: Mapping[str, str]
    """url, plain and ca of Cloud Storage."""
    deaths: Deaths
    killer: Killer | None = None
    services: dict[str, Service] = field(default_factory=dict)
    pubsub: PubSub = field(default_factory=lambda: PubSub([], lambda _subscription, _body: 500))

    # ── The story's ──────────────────────────────────────────────────────────────────────────────────────────────────
    def drop(self, key: str, path: Path) -> None:
        """A file lands: usage from the cluster's collector, a bill from who exports it."""
        collector = COLLECTOR if key.startswith(f"usage/{FOLDER}/") else OWNER
        objects = open_objects(f"gs://{STORE}", options=self._options(collector))
        obstore.put(objects.store, key, path, mode="create" if collector == COLLECTOR else "overwrite", use_multipart=False)

    def due(self, function: str, after: datetime) -> datetime:
        """When the job of a function runs next."""
        job = self._job(function)
        assert (job["time_zone"], job.get("paused") or False) == ("Etc/UTC", False), job
        return next_time(job["schedule"], after)

    def _job(self, function: str) -> dict[str, Any]:
        (job,) = (each for each in self.made.of("google_cloud_scheduler_job") if each["name"] == f"trimtab-{function}")
        return job

    def tick(self, function: str) -> None:
        """Cloud Scheduler runs the job of a function."""
        (target,) = self._job(function)["pubsub_target"]
        self.pubsub.publish(target["topic_name"], target["data"], {})

    def notice(self, attributes: Mapping[str, str], body: bytes) -> None:
        """Cloud Billing says something of a budget."""
        (topic,) = (each for each in self.made.of("google_pubsub_topic") if each["name"] == "trimtab-notices")
        self._publishable(topic["id"], "billing-budget-alert@system.gserviceaccount.com")
        self.pubsub.publish(topic["id"], encoded(body), attributes)

    def webhook(self, request: Request) -> int:
        """Somebody outside calls `receive`, which everybody may."""
        service = self.services["receive"]
        assert "allUsers" in self._invokers("receive")
        assert self.made.functions()["receive"]["service_config"][0]["ingress_settings"] == "ALLOW_ALL"
        path = "?".join(filter(None, (request.path, urlencode(request.query))))
        return [_answered(service, request, path) for _ in range(2 if self.pubsub.doubled else 1)][-1]

    def settle(self) -> None:
        """Until nothing is on its way."""
        self.pubsub.settle()

    def command(self, *words: str) -> str:
        """What `trimtab` prints for the operator."""
        environ = self.environ(OPERATOR) | PLACES | {"PYTHONPATH": f"{ROOT / 'shared'}{os.pathsep}{ROOT}"}
        done = subprocess.run(
            [sys.executable, "-m", "trimtab.cli.main", *words], env=environ, capture_output=True, text=True, timeout=300, check=False
        )
        if done.returncode:
            raise AssertionError(f"trimtab {' '.join(words)}: {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout + done.stderr

    def ports(self) -> Ports:
        """The deployment's store, opened by the operator, who only looks."""
        environ = self.environ(OPERATOR)
        os.environ |= {name: environ[name] for name in ("GOOGLE_SERVICE_ACCOUNT_KEY", "SSL_CERT_FILE")}
        return wiring.build(deployment.load(PLACES), is_reading=True)

    # ── Who may ──────────────────────────────────────────────────────────────────────────────────────────────────────
    def refused(self) -> list[dict[str, str]]:
        """Calls of Cloud Storage that no binding allowed."""
        kept = self.folder / "storage" / "refused.jsonl"
        return [json.loads(line) for line in kept.read_text().splitlines()] if kept.exists() else []

    def _invokers(self, function: str) -> set[str]:
        return {each["member"] for each in self.made.of("google_cloud_run_v2_service_iam_member") if each["name"] == f"trimtab-{function}"}

    def _publishable(self, topic: str, account: str) -> None:
        allowed = {(each["topic"], each["member"]) for each in self.made.of("google_pubsub_topic_iam_member")}
        assert (topic, f"serviceAccount:{account}") in allowed, (topic, account)

    def push(self, subscription: Subscription, pushed: Pushed) -> int:
        """Pub/Sub calls a function with its account's token."""
        function = next(name for name, each in self.made.functions().items() if each["service_config"][0]["uri"] == subscription.endpoint)
        if f"serviceAccount:{subscription.account}" not in self._invokers(function):
            return 403
        return self.services[function].call("POST", "/", pushed.headers, pushed.body).status

    # ── Their surroundings ───────────────────────────────────────────────────────────────────────────────────────────
    def environ(self, account: str) -> dict[str, str]:
        """What a process of this account runs in, wherever it runs."""
        scratch = self.folder / "tmp" / account.partition("@")[0]
        scratch.mkdir(parents=True, exist_ok=True)
        return self.clock.environ() | {
            "PATH": os.environ["PATH"], "HOME": str(scratch), "TMPDIR": str(scratch), "LANG": "C.UTF-8",
            "SSL_CERT_FILE": self.storage["ca"],
            "GOOGLE_SERVICE_ACCOUNT_KEY": self._options(account)["service_account_key"],
        }  # fmt: skip

    def _options(self, account: str) -> dict[str, str]:
        """A token of this account, as the metadata server of its machine would give it."""
        base = self.storage["plain" if account in {OWNER, COLLECTOR} else "url"]
        key = {"gcs_base_url": f"{base}/as/{account}", "disable_oauth": True, "client_email": "", "private_key": "", "private_key_id": ""}
        return {"service_account_key": json.dumps(key), "allow_http": "true"}

    def _settings(self, which: str) -> str:
        (found,) = (each for address, each in self.made.resources.items() if re.search(rf'secret_version\.settings\["{which}"\]', address))
        return str(found["secret_data"])

    def service(self, function: str) -> Service:
        """A function as Terraform describes it."""
        described = self.made.functions()[function]
        build, config = described["build_config"][0], described["service_config"][0]
        own = {each["key"]: self._secret(each) for each in config["secret_environment_variables"]}
        # Without a trigger of its own Google takes a function for one of HTTP; the code knows better.
        platform = {
            "FUNCTION_TARGET": build["entry_point"],
            "FUNCTION_SIGNATURE_TYPE": "http",
            "K_SERVICE": described["name"],
            "HOST": "127.0.0.1",
        }
        return Service(
            name=function,
            installed=self.made.installed[function],
            environ=self.environ(config["service_account_email"]) | platform | config["environment_variables"] | own,
            timeout=config["timeout_seconds"],
            most=config["max_instance_count"],
            log=self.folder / f"{function}.log",
            killer=self.killer,
            deaths=self.deaths,
        )

    def victims(self) -> dict[int, Victim]:
        """Functions by the sessions of their processes."""
        every = [(name, each) for name, service in self.services.items() for each in service.instances()]
        return {instance.popen.pid: Victim(name, instance.kill) for name, instance in every}

    def _secret(self, wanted: Mapping[str, Any]) -> str:
        """As Secret Manager gives it: settings were written by Terraform, values by a person."""
        for which in ("all", "collect", "receive"):
            if wanted["secret"] == f"trimtab-settings-{which}":
                return self._settings(which)
        name = wanted["secret"].removeprefix("trimtab-").replace("-", "_")
        return str(self.estate.secrets[name])


def _answered(service: Service, request: Request, path: str) -> int:
    """What a sender is told, who tries again what was not served."""
    for _ in range(RETRIES_OF_SENDERS):
        status = service.call(request.method, path, request.headers, request.body).status
        if status not in {429, 503, 504}:
            break
    return status


@contextmanager
def running(
    made: Made, folder: Path, estate: Estate, clock: Clock, deaths: Deaths, *, killer: Killer | None = None
) -> Iterator[GoogleCloud]:
    """The project runs until the block ends; nothing of it is left. Where somebody kills, everything is delivered twice as well."""
    with ExitStack() as stack:
        clouds: list[GoogleCloud] = []
        publish = stack.enter_context(publishing(lambda: clouds[0].pubsub))
        storage = stack.enter_context(_storage(made, folder / "storage", clock, publish))
        cloud = GoogleCloud(made=made, estate=estate, clock=clock, folder=folder, storage=storage, deaths=deaths, killer=killer)
        subscriptions = [Subscription.of(each) for each in made.of("google_pubsub_subscription")]
        cloud.pubsub = PubSub(subscriptions, cloud.push, doubled=killer is not None)
        deaths.victims = cloud.victims
        stack.callback(cloud.pubsub.end)
        clouds.append(cloud)
        for function in made.functions():
            cloud.services[function] = cloud.service(function)
            stack.callback(cloud.services[function].kill)
        yield cloud


@contextmanager
def _storage(made: Made, folder: Path, clock: Clock, publish: str) -> Iterator[dict[str, str]]:
    """Cloud Storage in a process of its own."""
    folder.mkdir(parents=True)
    rules = {
        "buckets": [each["name"] for each in made.of("google_storage_bucket")], "bindings": made.of("google_storage_bucket_iam_member"),
        "notifications": made.of("google_storage_notification"), "publish": publish,
    }  # fmt: skip
    (folder / "rules.json").write_text(json.dumps(rules))
    environ = {**os.environ, **clock.environ(), "PYTHONPATH": f"{ROOT / 'shared'}{os.pathsep}{ROOT}"}
    process = subprocess.Popen([sys.executable, "-m", "tests.whole.google_storage", str(folder)], env=environ, cwd=ROOT)
    try:
        until = time.monotonic() + 60
        while not (folder / "ready.json").exists():
            assert process.poll() is None, "Cloud Storage did not start"
            assert time.monotonic() < until, "Cloud Storage did not start in time"
            time.sleep(0.02)
        yield json.loads((folder / "ready.json").read_text())
    finally:
        process.kill()
        process.wait()

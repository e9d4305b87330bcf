"""Google Cloud's Terraform: held against the provider's schema, then applied by Terraform itself, with a provider that calls nobody."""

import base64
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.infra import google_iam, iam_policies
from tests.infra.google_provider import attached
from tests.infra.google_schema import MODULES, TREE, load
from tests.infra.hcl import used
from tests.infra.hcl_check import problems
from trimtab import settings as deployment
from trimtab.adapters.gcp.secret_manager import HOST, with_secrets
from trimtab.adapters.http import client
from trimtab.changes.hcl_nodes import parse
from trimtab.flow.wake import AGAIN, ROUTES, function_of
from trimtab.receive_settings import load_receive_settings
from trimtab.sources.drops import is_export_signal, is_usage_signal, parse_completion

GCP = TREE / "gcp"
FILES = sorted(path for module in MODULES for path in module.folder.glob("*.tf"))
RIGHTS: dict[str, dict[str, Any]] = json.loads((GCP / "rights.json").read_text())
FUNCTIONS: dict[str, dict[str, Any]] = json.loads((GCP / "functions.json").read_text())
TERRAFORM = shutil.which("terraform")
needs_terraform = pytest.mark.skipif(TERRAFORM is None, reason="no terraform on this machine")
TABLE = "bills.billing.gcp_billing_export_resource_v1_01A2B3_C4D5E6_F7A8B9"
MONITORING = "https://monitoring.googleapis.com"
ACCOUNT = "01A2B3-C4D5E6-F7A8B9"
SMALL: dict[str, Any] = {"project": "example-project", "region": "europe-west1"}
WHOLE: dict[str, Any] = SMALL | {
    "domain": "hooks.example.com",
    "secrets": ["slack_signing_secret", "slack_token", "github_writer_key", "github_gate_key", "azure_webhook_secret", "palette_api_key"],
    "settings": {
        "palette_url": "https://api.example.com",
        "repositories": [{"id": "gitops", "forge": "github", "location": "example/gitops"}],
        "github": {"writer": {"app_id": 1, "installation_id": 2}, "gate": {"app_id": 3, "installation_id": 4}},
        "metrics": [{"cluster_uid": "c1", "url": f"{MONITORING}/v1/projects/metrics-project/location/global/prometheus", "auth": "google"}],
        "anchor": "gs://elsewhere",
    },
    "billing_exports": {"google": {"table": TABLE, "billing_account": ACCOUNT, "location": "EU"}},
    "secret_versions": {"slack_token": "3"},
    "budgets": {"all": {"billing_account": ACCOUNT, "amount": 1000, "currency": "EUR"}},
    "collectors": {"prod": "collector@clusters.iam.gserviceaccount.com"},
    "operators": ["user:ada@example.com"],
    "alarm_emails": ["platform@example.com"],
    "spark": {"script": "gs://release/spark.py", "image": "europe-docker.pkg.dev/release/trimtab", "subnetwork": "default"},
}  # fmt: skip
LEDGER, STORE = "trimtab-ledger-example-project", "trimtab-store-example-project"


# ── As text ──────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(TREE)))
def test_every_file_parses(path: Path) -> None:
    assert not parse(path.read_bytes(), str(path)).root.has_error


@needs_terraform
def test_every_file_is_formatted() -> None:
    folders = [str(module.folder) for module in MODULES]
    done = subprocess.run(["terraform", "fmt", "-check", "-diff", *folders], capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stdout


def test_every_argument_block_and_name_is_one_that_there_is() -> None:
    assert problems([module.folder for module in MODULES], load()) == []


def test_the_schema_holds_what_is_used_and_nothing_else() -> None:
    """A resource that came into use is looked up, not guessed; one that left takes its lines along."""
    for kind in ("resource", "data"):
        assert set(load()[kind]) == set(used(MODULES, kind))


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("modules/gcp_function/main.tf", "max_instance_count ", "most_instances ", "no argument most_instances"),
        ("modules/gcp_function/main.tf", "  location    = var.region\n", "", "location is missing"),
        ("modules/gcp_function/main.tf", "retry_policy {", "retry_rule {", "no block retry_rule"),
        ("modules/gcp_function/main.tf", "service_config[0].uri", "service_config[0].url", "has no url"),
        ("modules/gcp_bucket/main.tf", "    condition {\n      age = 7\n    }\n", "", "block condition is missing"),
        ("modules/gcp_bucket/main.tf", "  uniform_bucket_level_access = true", '  uniform_bucket_level_access = "yes"', "expected bool"),
        ("gcp/main.tf", "runtime           = var.runtime\n", "", "runtime is missing"),
        ("gcp/main.tf", "caller            = ", "callers           = ", "the module takes no callers"),
        ("gcp/main.tf", "module.store.name", "module.store.names", "module.store has no output names"),
        ("gcp/main.tf", "google_service_account.builder.id", "google_service_account.build.id", "account.build is not declared"),
        ("gcp/alarms.tf", "var.log_days", "var.days", "var.days is not declared"),
        ("gcp/rights.tf", "for name in keys(local.table)", "for names in keys(local.table)", "name is not declared"),
        ("gcp/buckets.tf", "google_storage_notification", "google_storage_notice", "the schema has no such resource"),
        ("gcp/versions.tf", "var.labels", "{}", "var.labels is used nowhere"),
        ("gcp/alarms.tf", 'policy" "silent"', 'policy" "stopped"', "stopped is declared 2 times"),
    ],
)  # fmt: skip
def test_a_mistake_is_found(file: str, old: str, new: str, said: str, tmp_path: Path) -> None:
    shutil.copytree(TREE, tmp_path / "tree", ignore=shutil.ignore_patterns(".terraform"))
    broken = tmp_path / "tree" / file
    text = broken.read_text()
    assert old in text
    broken.write_text(text.replace(old, new))

    found = problems([tmp_path / "tree" / module.folder.relative_to(TREE) for module in MODULES], load())

    assert [problem for problem in found if said in problem], found


@pytest.mark.security(30)
def test_exactly_one_member_is_everybody() -> None:
    text = "\n".join(path.read_text() for path in FILES)

    assert text.count("allUsers") == 1
    assert "allAuthenticatedUsers" not in text


# ── Tables ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_each_function_is_in_both_tables_and_nothing_else_is() -> None:
    folders = {path.parent.name for path in (TREE.parents[1] / "functions").glob("*/gcp.py")}

    assert set(FUNCTIONS) == set(RIGHTS) == folders


@pytest.mark.security(28)
def test_both_clouds_give_the_same_secrets() -> None:
    assert {name: each["secrets"] for name, each in RIGHTS.items()} == {name: each["secrets"] for name, each in iam_policies.RIGHTS.items()}


@pytest.mark.security(28)
def test_every_right_names_the_call_that_needs_it() -> None:
    for function, each in RIGHTS.items():
        for right in each["rights"]:
            file, _, name = right["for"].partition(";")[0].partition(":")
            source = (TREE.parents[1] / "shared" / "trimtab" / file).read_text()
            defined = rf"^(\s*def {name}\(|{name} = |class {name}\()"

            assert re.search(defined, source, re.MULTILINE), f"{function}: {right['for']}"


def test_the_clock_wakes_the_same_functions_on_both_clouds_and_the_same_requests_reach_them() -> None:
    for name, each in iam_policies.FUNCTIONS.items():
        assert FUNCTIONS[name].get("inbox") == each.get("inbox"), name
        assert ("schedule" in FUNCTIONS[name]) is ("schedule" in each), name


# ── Applied ──────────────────────────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, kw_only=True, slots=True)
class Root:
    """A copy of the tree, and Terraform in it."""

    folder: Path
    environment: dict[str, str]

    def run(self, *arguments: str, variables: dict[str, Any] | None = None) -> subprocess.CompletedProcess[str]:
        """Terraform with these variables."""
        given = []
        if variables is not None:
            (self.folder / "test.tfvars.json").write_text(json.dumps(variables))
            given = ["-input=false", "-var-file=test.tfvars.json"]
        command = ["terraform", *arguments[:1], "-no-color", *given, *arguments[1:]]
        return subprocess.run(command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=180, check=False)

    def applied(self, variables: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """Address → values of everything, after an apply."""
        done = self.run("apply", "-auto-approve", variables=variables)
        assert done.returncode == 0, done.stderr[-4000:]
        return dict(_resources(json.loads(self.run("show", "-json").stdout)["values"]["root_module"]))

    def planned(self, variables: dict[str, Any], *more: str) -> dict[str, dict[str, Any]]:
        """The same before an apply: what only Google can say is not there."""
        done = self.run("plan", "-out=test.plan", *more, variables=variables)
        assert done.returncode == 0, done.stderr[-4000:]
        return dict(_resources(json.loads(self.run("show", "-json", "test.plan").stdout)["planned_values"]["root_module"]))


def _resources(module: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for each in module.get("resources", []):
        if each["mode"] == "managed":
            yield each["address"], each["values"]
    for child in module.get("child_modules", []):
        yield from _resources(child)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Root]]:
    """Roots by name, each a copy of its own, with a provider that calls nobody."""
    base = tmp_path_factory.mktemp("gcp")
    bundles = base / "bundles"
    bundles.mkdir()
    for function in FUNCTIONS:
        (bundles / f"{function}.zip").write_bytes(function.encode())
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("TF_", "GOOGLE_", "CLOUDSDK_"))}
    with attached(load()) as found:
        environment = kept | found | {"CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1", "TF_VAR_bundles": str(bundles)}

        def made(name: str, below: str = "gcp") -> Root:
            target = base / name
            shutil.copytree(TREE, target, ignore=shutil.ignore_patterns(".terraform", "*.tfstate*", ".terraform.lock.hcl"))
            fresh = Root(folder=target / below, environment=environment)
            done = fresh.run("init", "-input=false")
            assert done.returncode == 0, done.stderr
            return fresh

        yield made


@pytest.fixture(scope="module")
def whole(root: Callable[[str], Root]) -> Root:
    return root("whole")


@pytest.fixture(scope="module")
def made(whole: Root) -> dict[str, dict[str, Any]]:
    """Everything there is with every option in use."""
    return whole.applied(WHOLE)


def of(made: dict[str, dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    return {address: each for address, each in made.items() if re.search(rf"(^|\.){kind}(\.|\[|$)", address)}


def bindings_of(made: dict[str, dict[str, Any]], account: str) -> list[dict[str, Any]]:
    member = f"serviceAccount:trimtab-{account}@example-project.iam.gserviceaccount.com"
    return [each for each in of(made, "google_storage_bucket_iam_member").values() if each["member"] == member]


@needs_terraform
def test_it_applies_and_a_second_plan_changes_nothing(whole: Root, made: dict[str, dict[str, Any]]) -> None:
    done = whole.run("plan", "-detailed-exitcode", variables=WHOLE)

    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert {
        name.removeprefix("trimtab-") for each in of(made, "google_cloudfunctions2_function").values() if (name := each["name"])
    } == set(FUNCTIONS)


@needs_terraform
def test_a_function_that_leaves_the_tables_leaves_nothing_behind(root: Callable[[str], Root]) -> None:
    """What remains would go on being woken, or keep a secret."""
    ours = root("leaving")
    assert [address for address, each in ours.applied(SMALL).items() if "report" in address or "trimtab-report" in json.dumps(each)]
    for table in ("functions.json", "rights.json"):
        (ours.folder / table).write_text(
            json.dumps({name: each for name, each in json.loads((GCP / table).read_text()).items() if name != "report"})
        )

    left = ours.applied(SMALL)

    assert [address for address, each in left.items() if "report" in address or "trimtab-report" in json.dumps(each)] == []


@needs_terraform
def test_the_longest_prefix_and_tenant_keep_google_s_limits(root: Callable[[str], Root]) -> None:
    prefix, tenant = "a" * 21, "t" * 63
    there = root("long").planned(WHOLE | {"prefix": prefix, "tenant": tenant})

    assert max(len(each["account_id"]) for each in of(there, "google_service_account").values()) <= 30
    assert max(len(each["name"]) for each in of(there, "google_storage_bucket").values()) <= 63
    assert max(len(each["filter"] or "") for each in of(there, "google_pubsub_subscription").values()) <= 256
    for each in of(there, "google_storage_bucket_iam_member").values():
        assert google_iam.operators(each["condition"][0]["expression"]) <= 12


@needs_terraform
@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"settings": {"slack_token": "xoxb-of-somebody"}}, "a secret may not stand here"),
        ({"settings": {"store": "gs://other"}}, "are set here"),
        ({"secrets": ["slack_tokens"]}, "only names of rights.json"),
        ({"schedules": {"merge": "* * * * *"}}, "only functions that the clock wakes"),
        ({"billing_exports": {"x": {"table": "p.d.t` UNION", "billing_account": ACCOUNT, "location": "EU"}}}, "dataset.gcp_billing"),
        ({"secret_versions": {"slack_token": "3"}}, "only names that are in secrets"),
        ({"request_days": 7}, "at least 60"),
    ],
)  # fmt: skip
def test_a_variable_that_cannot_be_meant_is_refused(more: dict[str, Any], said: str, whole: Root) -> None:
    done = whole.run("plan", variables=SMALL | more)

    assert done.returncode == 1
    assert said in " ".join(done.stderr.replace("│", " ").split())


# ── Rights ───────────────────────────────────────────────────────────────────────────────────────────────────────────
SAMPLES = sorted(
    {
        place.replace("*", "x/0000000000") if not place.endswith(".stop") else "ledger:permit/0000000007.stop"
        for each in iam_policies.RIGHTS.values()
        for right in each["rights"]
        for place in right["on"]
        if place.startswith(("ledger:", "store:", "usage:")) and not place.endswith(":bucket")
    }
    | {"ledger:permit/0000000007", "ledger:inbox/spark/x", "store:reports/x", "ledger:leases/x"}
)
"""A key for each place in AWS's table, and some that nobody may touch."""


def on_google(place: str) -> tuple[str, str]:
    which, _, key = place.partition(":")
    return (LEDGER if which == "ledger" else STORE), (f"usage/{key}" if which == "usage" else f"default/{key}")


def on_aws(place: str) -> str:
    which, _, key = place.partition(":")
    return f"arn:aws:s3:::{'ledger' if which == 'ledger' else 'store'}/{'usage' if which == 'usage' else 'default'}/{key}"


@needs_terraform
@pytest.mark.security(28)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_may_touch_the_same_objects_on_both_clouds(function: str, made: dict[str, dict[str, Any]]) -> None:
    """The table of AWS is held to what functions really call; this one is held to that."""
    ours, theirs = bindings_of(made, function), iam_policies.rights_of(function)
    for permission, action in (("storage.objects.get", "s3:GetObject"), ("storage.objects.create", "s3:PutObject")):
        for place in SAMPLES:
            # Whoever may write over a document may read it, to Google.
            is_replacer = permission == "storage.objects.get" and google_iam.allows(ours, "storage.objects.delete", *on_google(place))
            may = google_iam.allows(ours, permission, *on_google(place))

            assert may == (iam_policies.allows(theirs, action, on_aws(place)) or is_replacer), (permission, place)


@needs_terraform
@pytest.mark.security(17)
@pytest.mark.parametrize("account", [*FUNCTIONS, "spark", "exporter"])
def test_nobody_but_people_can_delete_or_write_over_anything_in_the_ledger(account: str, made: dict[str, dict[str, Any]]) -> None:
    """Creating is all that they may; Google asks for the right to delete before it writes over."""
    ours = bindings_of(made, account)

    assert ours
    for place in SAMPLES:
        if place.startswith("ledger:"):
            assert not google_iam.allows(ours, "storage.objects.delete", *on_google(place))
    assert not google_iam.allows(ours, "storage.objects.create", STORE, "bundles/merge-x.zip")


@needs_terraform
@pytest.mark.security(11, 21)
def test_clicks_come_from_receive_alone_and_a_go_from_people_alone(made: dict[str, dict[str, Any]]) -> None:
    may_click = {
        name
        for name in FUNCTIONS
        if google_iam.allows(bindings_of(made, name), "storage.objects.create", LEDGER, f"default/inbox/slack/{'a' * 64}")
    }
    may_go = {
        name
        for name in FUNCTIONS
        if google_iam.allows(bindings_of(made, name), "storage.objects.create", LEDGER, "default/permit/0000000007")
    }

    assert may_click == {"receive"}
    assert may_go == set()


MECHANISMS = {
    "roles/artifactregistry.writer": "Cloud Build pushes a function's image",
    "roles/bigquery.dataViewer": "the scheduled query reads the bill and the table of files",
    "roles/bigquery.jobUser": "the scheduled query is a job",
    "roles/dataproc.worker": "the Spark runtime's own work",
    "roles/iam.serviceAccountOpenIdTokenCreator": "Pub/Sub makes the token that a push shows",
    "roles/iam.serviceAccountUser": "the clock starts a batch that runs as another account",
    "roles/logging.logWriter": "Cloud Build logs",
    "roles/monitoring.viewer": "adapters/gcp/identity.py asks Google Managed Prometheus",
    "roles/pubsub.publisher": "Cloud Storage, Cloud Billing and dead letters",
    "roles/pubsub.subscriber": "dead letters are taken from their subscription, and read by people",
    "roles/run.invoker": "Pub/Sub and senders call",
    "roles/secretmanager.secretAccessor": "Cloud Run puts a secret into a function's environment",
}
"""Roles beside those on objects, each with who needs it."""


@needs_terraform
@pytest.mark.security(28)
def test_every_role_is_one_that_something_named_here_needs(made: dict[str, dict[str, Any]]) -> None:
    """A role that came in unnoticed would be a right that nobody looked at."""
    given = {each["role"] for address, each in made.items() if "_iam_member." in address}
    (starter,) = of(made, "google_project_iam_custom_role").values()

    assert given == {*MECHANISMS, *google_iam.PERMISSIONS, starter["name"]}
    assert starter["permissions"] == ["dataproc.batches.create"]


@needs_terraform
def test_secrets_can_be_made_before_anything_that_needs_their_values(root: Callable[[str], Root]) -> None:
    """Google starts no function whose secret is empty: so the first apply makes the secrets alone."""
    first = root("first").planned(WHOLE, "-target=google_secret_manager_secret.this")

    assert {each["secret_id"] for each in first.values()} == {f"trimtab-{name.replace('_', '-')}" for name in WHOLE["secrets"]}


@needs_terraform
def test_a_collector_creates_below_its_own_folder_and_reads_nothing(made: dict[str, dict[str, Any]]) -> None:
    member = f"serviceAccount:{WHOLE['collectors']['prod']}"
    ours = [each for each in of(made, "google_storage_bucket_iam_member").values() if each["member"] == member]

    assert google_iam.allows(ours, "storage.objects.create", STORE, "usage/prod/2026-08-03T00Z/usage.parquet")
    assert not google_iam.allows(ours, "storage.objects.create", STORE, "usage/production/x")
    assert not google_iam.allows(ours, "storage.objects.get", STORE, "usage/prod/2026-08-03T00Z/usage.parquet")


@needs_terraform
@pytest.mark.parametrize("function", FUNCTIONS)
def test_who_lists_may_list_the_bucket_and_read_nothing_by_it(function: str, made: dict[str, dict[str, Any]]) -> None:
    wanted = {place.partition(":")[0] for right in RIGHTS[function]["rights"] if "list" in right["may"] for place in right["on"]}

    for which, bucket in (("ledger", LEDGER), ("store", STORE)):
        assert google_iam.allows(bindings_of(made, function), "storage.objects.list", bucket) is (which in wanted)


@needs_terraform
def test_metrics_of_google_are_read_where_the_settings_say_by_who_reads_metrics(made: dict[str, dict[str, Any]]) -> None:
    found = {each["member"].split("@")[0]: each["project"] for each in of(made, "google_project_iam_member.metrics").values()}
    wanted = {name for name, each in RIGHTS.items() if any("query" in right["may"] for right in each["rights"])}

    assert found == {f"serviceAccount:trimtab-{name}": "metrics-project" for name in wanted}


def test_an_unknown_condition_is_not_taken_for_granted() -> None:
    with pytest.raises(NotImplementedError, match="teach it"):
        google_iam.holds('request.time < timestamp("2026-01-01T00:00:00Z")', "x", "y")


# ── Doors ────────────────────────────────────────────────────────────────────────────────────────────────────────────
@needs_terraform
@pytest.mark.security(30)
def test_only_receive_is_called_from_outside(made: dict[str, dict[str, Any]]) -> None:
    ingress = {each["name"]: each["service_config"][0]["ingress_settings"] for each in of(made, "google_cloudfunctions2_function").values()}
    invokers = {(each["name"], each["member"]) for each in of(made, "google_cloud_run_v2_service_iam_member").values()}
    caller = "serviceAccount:trimtab-caller@example-project.iam.gserviceaccount.com"

    assert ingress == {f"trimtab-{name}": "ALLOW_INTERNAL_AND_GCLB" if name == "receive" else "ALLOW_INTERNAL_ONLY" for name in FUNCTIONS}
    assert invokers == {(f"trimtab-{name}", "allUsers" if name == "receive" else caller) for name in FUNCTIONS}


@needs_terraform
@pytest.mark.security(30)
def test_topics_take_messages_of_their_own_source_alone(made: dict[str, dict[str, Any]]) -> None:
    grants = [(each["topic"].split("/")[-1], each["member"]) for each in of(made, "google_pubsub_topic_iam_member").values()]
    publishers = {topic: member.split("@")[-1] for topic, member in grants if member != "user:ada@example.com"}
    dead = {topic: domain for topic, domain in publishers.items() if topic.endswith("-dead")}

    assert set(dead.values()) == {"gcp-sa-pubsub.iam.gserviceaccount.com"}
    assert {topic: domain for topic, domain in publishers.items() if topic not in dead} == {
        "trimtab-inbox": "gs-project-accounts.iam.gserviceaccount.com",
        "trimtab-drops": "gs-project-accounts.iam.gserviceaccount.com",
        "trimtab-notices": "system.gserviceaccount.com",
    }


@needs_terraform
def test_operators_may_hand_a_dead_letter_back_to_whatever_topic_it_came_by(made: dict[str, dict[str, Any]]) -> None:
    grants = of(made, "google_pubsub_topic_iam_member").values()
    clocks = {f"trimtab-{name}-clock" for name, each in FUNCTIONS.items() if each.get("schedule")}

    assert {each["topic"] for each in grants if each["member"] == "user:ada@example.com"} == {
        "trimtab-inbox", "trimtab-drops", "trimtab-notices", *clocks,
    }  # fmt: skip


@needs_terraform
@pytest.mark.security(33)
def test_each_path_has_a_rate_of_its_own_before_the_function_and_others_end_there(made: dict[str, dict[str, Any]]) -> None:
    (policy,) = of(made, "google_compute_security_policy").values()
    rules = sorted(policy["rule"], key=lambda rule: rule["priority"])
    throttled = {rule["match"][0]["expr"][0]["expression"]: rule["rate_limit_options"][0] for rule in rules if rule["action"] == "throttle"}

    assert set(throttled) == {f"request.path == '/{sender}'" for sender in ("slack", "azure")}
    assert all(options["rate_limit_threshold"] == [{"count": 1200, "interval_sec": 60}] for options in throttled.values())
    assert "content-length" in rules[0]["match"][0]["expr"][0]["expression"]
    assert rules[-1]["action"] == "deny(404)"
    assert of(made, "google_compute_backend_service").popitem()[1]["security_policy"]


@needs_terraform
def test_every_meter_of_the_functions_is_made_of_their_lines(made: dict[str, dict[str, Any]]) -> None:
    meters = json.loads((TREE / "modules" / "gcp_meters" / "meters.json").read_text())

    assert {each["name"] for each in of(made, "google_logging_metric").values()} == {f"trimtab/{name}" for name in (*meters, "stopped")}


@needs_terraform
def test_without_a_domain_there_is_no_load_balancer_to_pay_for(root: Callable[[str], Root]) -> None:
    there = root("small").planned(SMALL)
    ingress = {
        each["name"]: each["service_config"][0]["ingress_settings"] for each in of(there, "google_cloudfunctions2_function").values()
    }

    assert [address for address in there if "google_compute_" in address] == []
    assert {name for name, setting in ingress.items() if setting != "ALLOW_INTERNAL_ONLY"} == {"trimtab-receive"}


@needs_terraform
def test_buckets_are_private_and_forget_nothing_at_once(made: dict[str, dict[str, Any]], root: Callable[[str], Root]) -> None:
    locked = of(root("locked").planned(SMALL | {"ledger_lock": {"days": 400, "is_locked": True}}), "google_storage_bucket")
    for each in (*of(made, "google_storage_bucket").values(), *locked.values()):
        assert each["public_access_prevention"] == "enforced"
        assert each["uniform_bucket_level_access"] is True
        assert each["versioning"][0]["enabled"] is not bool(each["retention_policy"])
    (ledger,) = (each for each in locked.values() if each["name"] == LEDGER)
    assert ledger["retention_policy"] == [{"retention_period": 400 * 86400, "is_locked": True}]


# ── Messages ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def waking(made: dict[str, dict[str, Any]], key: str) -> list[str]:
    """Functions whose subscriptions of the inbox take a notification of that object."""
    found = []
    for each in of(made, "google_pubsub_subscription").values():
        if each["topic"].endswith("trimtab-inbox"):
            prefix = re.fullmatch(r'hasPrefix\(attributes\.objectId, "(.*)"\)', each["filter"])
            assert prefix
            found += [each["name"]] if key.startswith(prefix[1]) else []
    return found


@needs_terraform
@pytest.mark.parametrize("source", [*ROUTES, *(f"{AGAIN.split('/')[1]}/{name}" for name in ("merge", "verify", "ingest", "report"))])
def test_a_request_wakes_the_function_that_serves_it_and_no_other(source: str, made: dict[str, dict[str, Any]]) -> None:
    name = f"{source}/allocate.p-2026-07.x" if source == "ingest" else f"{source}/{'a' * 64}"
    (woken,) = waking(made, f"default/inbox/{name}")

    assert woken.startswith(f"trimtab-{function_of(f'inbox/{name}')}-")


@needs_terraform
@pytest.mark.parametrize("key", ["inbox/clock/verify/2026-08-03T09:25Z", f"inbox/ingest/{'a' * 40}", "inbox/spark/x", "done/slack/x"])
def test_what_a_function_keeps_of_its_own_wakes_nobody(key: str, made: dict[str, dict[str, Any]]) -> None:
    assert waking(made, f"default/{key}") == []


@needs_terraform
def test_notifications_carry_data_because_the_framework_takes_no_message_without(made: dict[str, dict[str, Any]]) -> None:
    found = {(each["bucket"], each["object_name_prefix"]): each for each in of(made, "google_storage_notification").values()}

    assert set(found) == {(LEDGER, "default/inbox/"), (STORE, "usage/"), (STORE, "exports/")}
    assert all(each["payload_format"] == "JSON_API_V1" and each["event_types"] == ["OBJECT_FINALIZE"] for each in found.values())


@needs_terraform
@pytest.mark.parametrize(
    "name",
    [
        "usage/prod/2026-08-03T00Z/_complete.json",
        "usage/prod/2026-08-03T00Z/usage.parquet",
        "exports/google/2026-07/x/rows-000000000000.parquet",
        "exports/google/2026-07/x/000000000000/_trimtab_complete.json",
        "exports/azure/20260701-20260731/202608030910/x/manifest.json",
        "exports/aws/metadata/BILLING_PERIOD=2026-07/estate-Manifest.json",
        "exports/aws/metadata/BILLING_PERIOD=2026-07/other.json",
        "exports/x/not_complete.json",
    ],
)
def test_what_completes_a_delivery_wakes_ingest_and_data_files_wake_nobody(name: str, made: dict[str, dict[str, Any]]) -> None:
    (drops,) = (each for each in of(made, "google_pubsub_subscription").values() if each["topic"].endswith("trimtab-drops"))
    code = drops["message_transforms"][0]["javascript_udf"][0]["code"]
    pattern = re.search(r"return /(.*)/\.test\(", code)
    assert pattern
    url = f"gs://store/{name}"

    assert bool(re.search(pattern[1], name)) is (is_export_signal(url) or is_usage_signal(url))


@needs_terraform
def test_every_message_has_an_end_and_a_pause_and_comes_with_a_token(made: dict[str, dict[str, Any]]) -> None:
    timeouts = {each["name"]: each["service_config"][0]["timeout_seconds"] for each in of(made, "google_cloudfunctions2_function").values()}
    for each in of(made, "google_pubsub_subscription").values():
        if each["name"].endswith("-dead"):
            assert each["push_config"] == []
            continue
        function = next(name for name in timeouts if each["name"].startswith(f"{name}-"))
        assert each["ack_deadline_seconds"] > timeouts[function]
        assert each["dead_letter_policy"][0]["dead_letter_topic"].endswith(f"{function}-dead")
        assert 5 <= each["dead_letter_policy"][0]["max_delivery_attempts"] <= 100
        assert each["retry_policy"][0] == {"minimum_backoff": "10s", "maximum_backoff": "600s"}
        assert each["push_config"][0]["oidc_token"][0]["audience"] == each["push_config"][0]["push_endpoint"]


@needs_terraform
def test_propose_runs_one_at_a_time(made: dict[str, dict[str, Any]]) -> None:
    service = next(
        each["service_config"][0] for each in of(made, "google_cloudfunctions2_function").values() if each["name"] == "trimtab-propose"
    )

    assert (service["max_instance_count"], service["max_instance_request_concurrency"]) == (1, 1)


# ── Settings, secrets, bills ─────────────────────────────────────────────────────────────────────────────────────────
def settings_of(made: dict[str, dict[str, Any]], which: str) -> dict[str, str]:
    (found,) = (each for address, each in of(made, "google_secret_manager_secret_version").items() if f'["{which}"]' in address)
    return {"TRIMTAB_SETTINGS": found["secret_data"], "TRIMTAB_STORE": f"gs://{STORE}", "TRIMTAB_LEDGER": f"gs://{LEDGER}"}


@needs_terraform
def test_settings_are_such_as_the_functions_read(made: dict[str, dict[str, Any]]) -> None:
    everything = deployment.load(settings_of(made, "all"))

    assert (everything.has_spark, everything.ledger_url, everything.anchor) == (True, f"gs://{LEDGER}", "gs://elsewhere")
    assert deployment.load(settings_of(made, "collect")).repositories == ()
    assert load_receive_settings(settings_of(made, "receive")).tenant == "default"


@needs_terraform
@pytest.mark.security(28)
def test_secrets_are_named_and_never_written(made: dict[str, dict[str, Any]]) -> None:
    """A value that passed through Terraform would lie in its state."""
    versions = of(made, "google_secret_manager_secret_version")
    assert {address for address in versions if ".settings[" not in address} == set()
    for each in of(made, "google_cloudfunctions2_function").values():
        service = each["service_config"][0]
        given = {one["key"] for one in service["secret_environment_variables"]}
        own = set(RIGHTS[each["name"].removeprefix("trimtab-")]["secrets"]) & set(WHOLE["secrets"])

        assert given == {"TRIMTAB_SETTINGS"} | {f"TRIMTAB_{secret.upper()}" for secret in own}
        assert {one["version"] for one in service["secret_environment_variables"] if one["key"] == "TRIMTAB_SLACK_TOKEN"} <= {"3"}
        assert set(service["environment_variables"]) - {"TRIMTAB_RULES_FROM"} == {"TRIMTAB_STORE", "TRIMTAB_LEDGER"}


@needs_terraform
@pytest.mark.security(28)
def test_whoever_has_no_key_of_the_forge_is_told_to_read_the_rules_from_the_store(made: dict[str, dict[str, Any]]) -> None:
    """Else it would ask the forge as nobody, and fail."""
    told = {
        each["name"].removeprefix("trimtab-"): each["service_config"][0]["environment_variables"].get("TRIMTAB_RULES_FROM")
        for each in of(made, "google_cloudfunctions2_function").values()
    }

    assert {name for name, source in told.items() if source} == {"ingest", "learn", "alert", "report"}
    assert set(told.values()) == {"store", None}


@needs_terraform
@pytest.mark.security(28)
def test_each_service_account_reads_the_secrets_that_its_function_is_given(made: dict[str, dict[str, Any]]) -> None:
    """The Spark batch finishes what `ingest` began, with its secrets."""
    readers: dict[str, set[str]] = {}
    for each in of(made, "google_secret_manager_secret_iam_member").values():
        readers.setdefault(each["member"].split("@")[0].removeprefix("serviceAccount:trimtab-"), set()).add(each["secret_id"])
    given = {
        each["name"].removeprefix("trimtab-"): {one["secret"] for one in each["service_config"][0]["secret_environment_variables"]}
        for each in of(made, "google_cloudfunctions2_function").values()
    }

    assert readers == given | {"spark": given["ingest"]}


@needs_terraform
def test_a_spark_batch_is_told_where_its_settings_and_secrets_are(made: dict[str, dict[str, Any]]) -> None:
    (job,) = of(made, "google_cloud_scheduler_job.spark").values()
    asked = json.loads(base64.b64decode(job["http_target"][0]["body"]))
    variables = {name.rpartition(".")[2]: value for name, value in asked["runtimeConfig"]["properties"].items()}
    fetched: list[str] = []

    def answered(request: httpx.Request) -> httpx.Response:
        fetched.append(request.url.path)
        return httpx.Response(200, json={"payload": {"data": base64.b64encode(b'{"tenant": "acme"}').decode()}})

    found = with_secrets(variables, client([HOST], transport=httpx.MockTransport(answered)), httpx.BasicAuth("any", "one"))

    assert deployment.load(found | {"TRIMTAB_STORE": asked["pysparkBatch"]["args"][1]}).tenant == "acme"
    assert {path.split("/")[5] for path in fetched} == {"trimtab-settings-all", "trimtab-palette-api-key"}
    assert set(found) == {"TRIMTAB_LEDGER", "TRIMTAB_RULES_FROM", "TRIMTAB_SETTINGS", "TRIMTAB_PALETTE_API_KEY"}
    assert asked["environmentConfig"]["executionConfig"]["serviceAccount"].startswith("trimtab-spark@")


@needs_terraform
def test_the_bill_is_copied_below_its_prefix_and_ingest_believes_the_marker(made: dict[str, dict[str, Any]]) -> None:
    """BigQuery writes whole numbers of JSON as text, and a wildcard as twelve digits."""
    (transfer,) = of(made, "google_bigquery_data_transfer_config").values()
    query = transfer["params"]["query"]
    folder = f"gs://{STORE}/exports/google/2026-07/9b2f6d2e-0000-4000-8000-000000000000"
    columns = re.search(
        r"'(\w+)' AS (\w+), '%s' AS (\w+), '%s' AS (\w+), '%s' AS (\w+),.*?STRUCT\(uri AS (\w+), size AS (\w+)\).*?AS (\w+)\n",
        query,
        re.DOTALL,
    )
    assert columns
    export, *names, name, size, files = columns.groups()
    row = dict(zip(names, (export, "2026-07", "9b2f6d2e", "2026-08-03T09:10:00.123456Z"), strict=True))
    row[files] = [{name: f"{folder}/rows-000000000000.parquet", size: "812"}]
    ours = deployment.load(settings_of(made, "all"))

    drop = parse_completion(
        json.dumps(row).encode() + b"\n",
        f"{folder}/000000000000/_trimtab_complete.json",
        ours.exports,
        modified=datetime(2026, 8, 3, 9, 11, tzinfo=UTC),
        now=datetime(2026, 8, 3, 9, 12, tzinfo=UTC),
    )

    assert (drop.export, drop.period, drop.form, drop.billing_account, drop.sizes) == ("google", "2026-07", "gcp", ACCOUNT, (812,))
    assert f"CONCAT('gs://{STORE}/exports/google/', period, '/', run_id)" in query
    assert query.index("rows-*.parquet") < query.index("/*/_trimtab_complete.json")
    assert "${" not in query


@needs_terraform
def test_the_anchor_s_place_takes_roots_and_gives_none_back(root: Callable[..., Root]) -> None:
    given = {
        "project": "other-project",
        "location": "EU",
        "name": "elsewhere",
        "writer": "verify@example.com",
        "readers": ["user:ada@example.com"],
    }
    there = root("anchor", "gcp/anchor").applied(given)
    ours = [
        each for each in of(there, "google_storage_bucket_iam_member").values() if each["member"] == "serviceAccount:verify@example.com"
    ]

    assert google_iam.allows(ours, "storage.objects.create", "elsewhere", "default/anchors/2026-08-03")
    assert google_iam.allows(ours, "storage.objects.get", "elsewhere", "default/anchors/2026-08-03")
    assert not google_iam.allows(ours, "storage.objects.delete", "elsewhere", "default/anchors/2026-08-03")
    assert not google_iam.allows(ours, "storage.objects.create", "elsewhere", "other/anchors/2026-08-03")

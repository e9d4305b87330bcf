"""Row `edit-5000-lines`: one surgical edit against reading and writing the whole file with ruamel."""

from io import StringIO

from ruamel.yaml import YAML

from tests.bench.results import Measured, Options
from tests.bench.timing import in_turns, medians, seconds
from trimtab.changes import edit_by_hand, plan_edit
from trimtab.changes.layouts import KNOWN
from trimtab.records import FieldChange, Place, PlannedEdit

LINES = 5000
PER_POOL = 12
PATH = "clusters/prod.yaml"
LEAST_TURNS = 5


def measure(options: Options) -> Measured:
    """The edit that a person asks for, and the edit that a proposal plans, against ruamel's round trip."""
    content = clusters_file(round(LINES * options.size()))
    place = Place(repo="bench", path=PATH, cluster="prod", pool=middle_pool(content))
    layout = next(layout for layout in KNOWN if layout.name == "node-groups")
    change = (FieldChange(field="count", old="6", new="4"),)
    edits: list[PlannedEdit] = []

    found = in_turns(
        {
            "by_hand": lambda: seconds(lambda: edits.append(edit_by_hand(content, PATH, place.pool, "", change))),
            "planned": lambda: seconds(lambda: edits.append(plan_edit({place.path: content}, place, layout, change))),
            "ruamel": lambda: seconds(lambda: round_trip(content)),
        },
        max(LEAST_TURNS, options.repeats),
    )

    took = medians(found)
    return Measured(
        row="edit-5000-lines",
        what="one edit in a 5,000-line YAML file, as `trimtab edit` makes it, against a ruamel load and dump",
        value=took["by_hand"] / took["ruamel"],
        bar=1 / 3,
        aim=1 / 6,
        missed=contradictions(content, edits),
        detail={
            "lines": content.count(b"\n"), "turns": len(found["ruamel"]),
            "milliseconds": {name: round(1000 * value, 1) for name, value in took.items()},
            "planned_ratio": round(took["planned"] / took["ruamel"], 3),
        },
    )  # fmt: skip


def clusters_file(lines: int) -> bytes:
    """A cluster with so many pools that the file has about that many lines; comments and blank lines as people leave them."""
    pools = max(1, lines // PER_POOL)
    head = "# Pools of the production cluster. Reviewed by platform-owner.\nname: prod\ncloud: aws\n\nnode_groups:\n"
    return (head + "".join(_pool(number) for number in range(pools))).encode()


def _pool(number: int) -> str:
    return f"""  - name: pool-{number:04}   # owned by ml-owner
    instance_type: m5.{"x" if number % 2 else "2x"}large
    count: 6
    capacity_type: on-demand
    subnet: private-a
    node_labels:
      team: "team-{number % 12}"
      tier: 'batch'
    taints:
      - {{key: dedicated, value: batch-{number}, effect: NoSchedule}}
    disk_gib: 100

"""


def middle_pool(content: bytes) -> str:
    """A pool half-way down."""
    return f"pool-{content.count(b'- name:') // 2:04}"


def round_trip(content: bytes) -> str:
    """What most tools do: the whole file through ruamel, comments kept."""
    yaml = YAML()
    value = yaml.load(content.decode())
    pools = value["node_groups"]
    pools[len(pools) // 2]["count"] = 4
    out = StringIO()
    yaml.dump(value, out)
    return out.getvalue()


def contradictions(content: bytes, edits: list[PlannedEdit]) -> tuple[str, ...]:
    """The edit must touch its one line, and every edit must be the same one."""
    reasons = []
    if len({edit.content for edit in edits}) != 1:
        reasons.append("the same edit gave different bytes")
    before, after = content.splitlines(), edits[0].content.splitlines()
    changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    if changed != [(b"    count: 6", b"    count: 4")]:
        reasons.append(f"the edit touched {len(changed)} lines")
    return tuple(reasons)

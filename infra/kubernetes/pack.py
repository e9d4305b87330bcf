"""`python -m infra.kubernetes.pack FOLDER --image IMAGE@sha256:…`: the collector's pack, from the chart beside this file.

A pack is a folder that Palette's registries take: pack.json, values.yaml, README.md and the chart as an archive. The same checkout and
image give the same bytes.
"""

import argparse
import gzip
import io
import json
import re
import tarfile
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).parent
CHART = HERE / "chart"
_IMAGE = re.compile(r"(?P<repository>[a-z0-9][a-z0-9.:_/-]*)@(?P<digest>sha256:[0-9a-f]{64})")
VALUES = """\
pack:
  # The namespace on the cluster; it is made where it is not there.
  namespace: "trimtab"
  content:
    # What an air-gapped registry has to hold.
    images:
      - image: {repository}@{digest}

charts:
  trimtab:
    image:
      repository: {repository}
      digest: {digest}
    store:
      # Where drops go: s3://bucket/prefix or gs://bucket/prefix. This identity may create objects there and nothing else.
      url: ""
      region: ""
      # Of an S3-compatible server, with the Secret of its keys and the ConfigMap of its authority.
      endpoint: ""
      secret: ""
      caConfigMap: ""
    serviceAccount:
      annotations: {{}}
    collect:
      cluster:
        # Palette fills these in for each cluster of the profile.
        name: "{{{{ .spectro.system.cluster.name }}}}"
        uid: "{{{{ .spectro.system.cluster.uid }}}}"
      pools: []
      prometheus:
        url: "http://prometheus-operated.monitoring.svc:9090"
        jobs: []
    networkPolicy:
      # Where those three are; see docs/in-a-cluster.md.
      enabled: true
      store: {{to: [], ports: [443]}}
      prometheus: {{to: [], ports: [9090]}}
      kubernetesApi: {{to: [], ports: [443, 6443]}}
"""


def version() -> str:
    """The chart's version, which is the pack's."""
    found = re.search(r"^version: (\S+)$", (CHART / "Chart.yaml").read_text(), re.MULTILINE)
    if found is None:
        raise SystemExit(f"{CHART / 'Chart.yaml'}: no version")
    return found[1]


def chart_archive() -> bytes:
    """The chart as Helm packages one: trimtab/… in a gzipped tar, sorted, with fixed times, modes and owners."""
    tar, packed = io.BytesIO(), io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path in sorted(path for path in CHART.rglob("*") if path.is_file()):
            content = path.read_bytes()
            entry = tarfile.TarInfo(f"trimtab/{path.relative_to(CHART).as_posix()}")
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as file:
        file.write(tar.getvalue())
    return packed.getvalue()


def write_pack(folder: Path, image: str) -> list[Path]:
    """The pack's files below `folder`; what was written. SystemExit for an image without its digest."""
    named = _IMAGE.fullmatch(image)
    if named is None:
        raise SystemExit(f"--image {image}: expected REPOSITORY@sha256:…, so that nobody can move what clusters run")
    chart = f"charts/trimtab-{version()}.tgz"
    about = json.loads((HERE / "collector-pack" / "pack.json").read_text()) | {"version": version(), "charts": [chart]}
    files = {
        "pack.json": (json.dumps(about, indent=2) + "\n").encode(),
        "values.yaml": VALUES.format(**named.groupdict()).encode(),
        "README.md": (HERE / "collector-pack" / "README.md").read_bytes(),
        chart: chart_archive(),
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return [folder / name for name in files]


def main(words: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m infra.kubernetes.pack")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--image", required=True, metavar="REPOSITORY@sha256:…")
    asked = parser.parse_args(words)
    for path in write_pack(asked.folder, asked.image):
        print(path)  # noqa: T201 -- a command's answer


if __name__ == "__main__":
    main()

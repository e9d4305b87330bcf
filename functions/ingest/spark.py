"""What was too large for `ingest`, on a Spark cluster (EMR Serverless, Dataproc Serverless, or any): `python -m functions.ingest.spark`.

It takes every message that waits for it, oldest first, and ends. The cluster's own settings say how large it is; ours say what is
whose, in the environment as everywhere.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from trimtab import settings as deployment
from trimtab import wiring
from trimtab.adapters.gcp.secret_manager import with_secrets
from trimtab.errors import TrimtabError
from trimtab.flow.finish_large import finish_large
from trimtab.flow.hand_over import hand_over_period
from trimtab.flow.landed import versions
from trimtab.flow.wake import Wake, serve
from trimtab.ports import Ports

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def run(ports: Ports, spark: "SparkSession", now: datetime) -> list[str]:
    """Do what waits; the outcomes. A message that fails stays, and is done by the next run."""
    with wiring.on_spark(ports, spark) as cluster:
        use_case = partial(_served, cluster=cluster)
        return [serve(use_case, Wake(key=key), ports, now) for key in ports.inbox.pending("spark")]


def _served(wake: Wake, here: Ports, now: datetime, *, cluster: Ports) -> str:
    return finish_large(wake, here, replace(cluster, log=here.log), now)


def main(arguments: Sequence[str]) -> int:
    """`--period YYYY-MM` asks for a period first, whether it is large or not."""
    from pyspark.sql import SparkSession

    parser = argparse.ArgumentParser(prog="functions.ingest.spark", description="Finish on Spark what ingest handed over.")
    parser.add_argument("--store", help="URL of the store; else TRIMTAB_STORE")
    parser.add_argument("--period", action="append", default=[], metavar="YYYY-MM", help="attribute this period")
    asked = parser.parse_args(arguments)
    try:
        ports = wiring.build(deployment.load(with_secrets(wiring.environment()), asked.store))
        for period in asked.period:
            hand_over_period(f"p-{period}", versions(f"p-{period}", ports), ports)
        outcomes = run(ports, SparkSession.builder.appName("trimtab").getOrCreate(), wiring.now(ports.settings))
    except TrimtabError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    sys.stdout.writelines(f"{outcome}\n" for outcome in outcomes)
    return int(any(outcome.startswith("refused") for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

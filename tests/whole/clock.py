"""One time of day for every process of a world: a library before all others adds to the kernel's what one file says.

Stores in a cloud refuse a set clock, as they should, so here everybody's own clock is another.
"""

import math
import os
import shutil
import struct
import subprocess
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

SOURCE = Path(__file__).with_name("clock.c")
VARIABLE = "TRIMTAB_TEST_CLOCK"


def why_not() -> str:
    """Why there can be no such clock here; "" = there can."""
    return "" if shutil.which("cc") else "NO C COMPILER HERE: processes that share a clock need one; install gcc and libc6-dev"


@cache
def library() -> Path:
    """What is loaded before everything else; built once."""
    built = Path(mkdtemp(prefix="trimtab-clock-")) / "clock.so"
    subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", built, SOURCE, "-ldl"], check=True)
    return built


@dataclass(frozen=True, slots=True)
class Clock:
    """The file that says how far from the kernel's time it is."""

    file: Path
    preload: Path

    @classmethod
    def at(cls, moment: datetime, file: Path) -> "Clock":
        """A clock that says `moment` now, for processes that are yet to be started."""
        file.write_bytes(struct.pack("q", int(moment.timestamp() - time.time())))
        return cls(file, library())

    @classmethod
    def of_this_process(cls) -> "Clock":
        """The clock that this process was started with."""
        return cls(Path(os.environ[VARIABLE]), Path(os.environ["LD_PRELOAD"]))

    def environ(self) -> dict[str, str]:
        """What a process needs to go by it."""
        return {VARIABLE: str(self.file), "LD_PRELOAD": str(self.preload)}

    def now(self) -> datetime:
        """What this process takes for the time; only where it goes by this clock itself."""
        return datetime.now(UTC)

    def move(self, moment: datetime) -> None:
        """It is `moment` for everybody from here on; a time that is over by now changes nothing."""
        if moment > self.now():
            self.set(moment)

    def set(self, moment: datetime) -> None:
        """It is `moment` for everybody from here on, even where it was later before."""
        with self.file.open("r+b") as file:
            (moved,) = struct.unpack("q", file.read(8))
            file.seek(0)
            file.write(struct.pack("q", moved + math.ceil((moment - self.now()).total_seconds())))

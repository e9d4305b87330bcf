"""Cloud Run as functions have it: instances of the functions framework that take one request each, as many as Terraform allows.

An instance is started when a request finds none idle. One that takes longer than its function may is killed, with all its children, and
so is one that somebody kills half-way; the caller then gets what Google would answer.
"""

import http.client
import os
import random
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Condition, Timer

from infra.bundles.alone import interpreter, unpacked
from tests.whole.deaths import Deaths

START_SECONDS = 60
QUEUE_SECONDS = 120
"""How long a request waits for an instance."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a caller gets."""

    status: int
    body: bytes = b""


@dataclass(frozen=True, kw_only=True, slots=True)
class Installed:
    """A function as Google's builder left it: its source, and an environment with what requirements.txt names."""

    source: Path
    python: Path

    @classmethod
    def of(cls, bundle: Path, folder: Path, version: str) -> "Installed":
        """Unpack a bundle and install its wheels, for that version of Python. Raises FileNotFoundError where there is none."""
        python = interpreter(version)
        if python is None:
            raise FileNotFoundError(f"no Python {version} on this machine")
        packages, source = unpacked(bundle, folder, python, version).folders
        home = folder / "environment"
        (home / "bin").mkdir(parents=True)
        (home / "bin" / "python").symlink_to(python)
        (home / "pyvenv.cfg").write_text(f"home = {Path(python).parent}\ninclude-system-site-packages = false\n")
        site = home / "lib" / f"python{version}" / "site-packages"
        site.parent.mkdir(parents=True)
        packages.rename(site)
        return cls(source=source, python=home / "bin" / "python")


class Instance:
    """One process of the functions framework, and its children."""

    def __init__(self, installed: Installed, environ: Mapping[str, str], log: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        with log.open("ab") as out:
            self.popen = subprocess.Popen(
                [installed.python, "-P", "-m", "functions_framework"], cwd=installed.source, env={**environ, "PORT": str(self.port)},
                stdout=out, stderr=out, start_new_session=True,
            )  # fmt: skip

    def come_up(self) -> None:
        """Wait until it listens. Raises ChildProcessError where it ends instead, or takes too long."""
        until = time.monotonic() + START_SECONDS
        while not self._is_up():
            if self.popen.poll() is not None or time.monotonic() > until:
                raise ChildProcessError(f"it does not listen; its end: {self.popen.poll()}")
            time.sleep(0.02)

    def _is_up(self) -> bool:
        with socket.socket() as probe:
            return self.popen.poll() is None and probe.connect_ex(("127.0.0.1", self.port)) == 0

    def ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes, timeout: float) -> Answer:
        """One request. Raises OSError or HTTPException where no answer came in time."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            return Answer(answer.status, answer.read())
        finally:
            connection.close()

    def kill(self) -> None:
        """At once, with its children, as a machine that goes away."""
        if self.popen.poll() is None:
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()


@dataclass(slots=True)
class Killer:
    """Kills a few instances of each function in the middle of their first requests: when, is said by a seed."""

    seed: int
    each: int
    """Kills of one function; a request that ended before its time leaves them to the next."""
    usual: Mapping[str, float]
    """Seconds that a function takes when nothing happens to it."""
    told: list[str] = field(default_factory=list)
    """One line for each kill."""
    asked: dict[str, int] = field(default_factory=dict)
    killed: dict[str, int] = field(default_factory=dict)

    def after(self, function: str) -> float | None:
        """Seconds after which the instance that takes this request dies; None = it lives."""
        number = self.asked[function] = self.asked.get(function, 0) + 1
        if self.killed.get(function, 0) >= self.each:
            return None
        return random.Random(f"{self.seed} {function} {number}").uniform(0.05, 0.9) * self.usual.get(function, 1.0)

    def note(self, function: str, after: float) -> None:
        """One died."""
        self.killed[function] = self.killed.get(function, 0) + 1
        self.told.append(f"{function}: killed {after:.2f} s after one of its first {self.asked[function]} requests began")


@dataclass(slots=True)
class Service:
    """One function, deployed."""

    name: str
    installed: Installed
    environ: Mapping[str, str]
    timeout: float
    most: int
    """Instances at once."""
    log: Path
    killer: Killer | None = None
    deaths: Deaths = field(default_factory=Deaths)
    took: list[float] = field(default_factory=list)
    """Seconds of each request that was answered."""
    _idle: list[Instance] = field(default_factory=list)
    _busy: list[Instance] = field(default_factory=list)
    _free: Condition = field(default_factory=Condition)

    def call(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Bring one request to an instance of its own."""
        try:
            instance = self._taken()
        except ChildProcessError as error:
            return Answer(503, str(error).encode())
        if instance is None:
            return Answer(429, b"no instance is free")
        death = self._death_of(instance)
        begun = time.monotonic()
        try:
            answer = instance.ask(method, path, headers, body, self.timeout)
            self.took.append(time.monotonic() - begun)
            self.deaths.served(self.name)
        except TimeoutError:
            instance.kill()
            answer = Answer(504, b"upstream request timeout")
        except (OSError, http.client.HTTPException):
            answer = Answer(503, b"the instance went away")
        finally:
            if death:
                death.cancel()
                death.join()
            self._given_back(instance)
        return answer

    def _death_of(self, instance: Instance) -> Timer | None:
        after = self.killer.after(self.name) if self.killer else None
        if self.killer is None or after is None:
            return None
        killer = self.killer

        def die() -> None:
            killer.note(self.name, after)
            instance.kill()

        timer = Timer(after, die)
        timer.start()
        return timer

    def _taken(self) -> Instance | None:
        """An instance that listens; None = all are busy for too long. Raises ChildProcessError where one does not come up."""
        with self._free:
            if not self._free.wait_for(lambda: len(self._busy) < self.most, QUEUE_SECONDS):
                return None
            self._idle = [instance for instance in self._idle if instance.popen.poll() is None]
            instance = self._idle.pop() if self._idle else self._started()
            self._busy.append(instance)
        try:
            instance.come_up()
        except ChildProcessError:
            self._given_back(instance)
            raise
        return instance

    def _started(self) -> Instance:
        """With a /tmp of its own, which nobody sees any more when it is gone."""
        scratch = tempfile.mkdtemp(prefix=f"{self.name}-", dir=self.log.parent)
        return Instance(self.installed, {**self.environ, "TMPDIR": scratch}, self.log)

    def _given_back(self, instance: Instance) -> None:
        with self._free:
            self._busy.remove(instance)
            if instance.popen.poll() is None:
                self._idle.append(instance)
            self._free.notify_all()

    def instances(self) -> list[Instance]:
        """All that there are now."""
        with self._free:
            return [*self._idle, *self._busy]

    def kill(self) -> None:
        """Every instance of it."""
        with self._free:
            for instance in (*self._idle, *self._busy):
                instance.kill()
            self._idle.clear()

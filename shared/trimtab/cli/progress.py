"""Progress on stderr, for people only: a pipe sees none of it."""

import sys
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn


@dataclass(slots=True)
class Bar:
    """Port Progress: one bar per kind of work, gone when the work is."""

    progress: Progress | None = None
    tasks: dict[str, TaskID] = field(default_factory=dict)

    def stop(self) -> None:
        """Give the terminal back, however far it came: work that failed leaves no bar behind."""
        if self.progress is not None:
            self.progress.stop()
            self.progress, self.tasks = None, {}

    def step(self, text: str, done: int, total: int | None) -> None:
        """Move the bar of `text`."""
        if not sys.stderr.isatty():
            return
        if self.progress is None:
            columns = (
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                TextColumn("{task.completed}/{task.total}"),
                TimeElapsedColumn(),
            )
            self.progress = Progress(*columns, console=Console(stderr=True), transient=True)
            self.progress.start()
        if text not in self.tasks:
            self.tasks[text] = self.progress.add_task(text, total=total)
        self.progress.update(self.tasks[text], completed=done, total=total)
        if total is not None and done >= total and all(task.finished for task in self.progress.tasks):
            self.stop()

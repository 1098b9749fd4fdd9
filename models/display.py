"""Word of the runs on standard error: bars on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from lossc.models.parallel import Outcome
from lossc.models.recorder import Progress
from lossc.models.run import Failure, Job

EVERY = 60.0  # seconds between two lines of a run where there are no bars


class Display:
    """Shows the runs while they go on; a context manager that is also a ``Listener``.

    Args:
        jobs: All runs, in the order of their positions.
        console: Where to; by default standard error.
        every: Seconds between two lines about a run, in a file or a pipe.
    """

    def __init__(
        self, jobs: Sequence[Job], console: Console | None = None, *, every: float = EVERY
    ):
        self._jobs = jobs
        self._console = console or Console(stderr=True, highlight=False)
        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("epoch {task.fields[epoch]:>3}/{task.fields[epochs]}"),
            TextColumn("{task.fields[figure]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._tasks: dict[int, TaskID] = {}
        self._every = every
        self._said: dict[int, float] = {}  # when a run last had a line

    def __enter__(self) -> Display:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def __call__(self, index: int, word: Progress | Outcome) -> None:
        if isinstance(word, Progress):
            self._advance(index, word)
        else:
            self._finish(index, word)

    def _advance(self, index: int, progress: Progress) -> None:
        self._bars.update(
            self._task(index),
            completed=progress.epoch,
            epoch=math.floor(progress.epoch),
            figure=self._figure(index, progress.figure),
        )
        if not self._console.is_terminal:
            self._say(index, progress)

    def _say(self, index: int, progress: Progress) -> None:
        now = time.monotonic()
        if now - self._said.setdefault(index, now) < self._every:
            return
        self._said[index] = now
        done = f"epoch {math.floor(progress.epoch)}/{progress.epochs}"
        words = [done, *filter(None, [self._figure(index, progress.figure)])]
        line = f"{escape(_title(self._jobs[index]))}: {', '.join(words)}"
        self._console.print(line, soft_wrap=True)

    def _finish(self, index: int, outcome: Outcome) -> None:
        if index in self._tasks:
            self._bars.remove_task(self._tasks.pop(index))
        self._console.print(self._summary(outcome), soft_wrap=True)

    def _summary(self, outcome: Outcome) -> str:
        recipe = outcome.job.recipe
        if isinstance(outcome, Failure):
            return f"[red]failed[/red] {escape(outcome.reason)}"
        figure = f"test {recipe.headline} {outcome.test[recipe.headline]:.5f}"
        return f"{escape(_title(outcome.job))}: {figure}, {outcome.seconds:.1f} s"

    def _task(self, index: int) -> TaskID:
        if index not in self._tasks:
            epochs = self._jobs[index].recipe.epochs
            self._tasks[index] = self._bars.add_task(
                escape(_title(self._jobs[index])), total=epochs, epoch=0, epochs=epochs, figure=""
            )
        return self._tasks[index]

    def _figure(self, index: int, figure: float | None) -> str:
        if figure is None:
            return ""
        return f"validation {self._jobs[index].recipe.headline} {figure:.5f}"


def _title(job: Job) -> str:
    return f"{job.choice.text}, seed {job.seed}"

"""Runs that several processes make together: ``--devices``, and ``torchrun``."""

from __future__ import annotations

import atexit
import functools
import multiprocessing
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from typing import Any, ParamSpec

import torch
from torch._C._distributed_c10d import TCPStore

from lossc.models.distributed import World, failed_alone, join, leave
from lossc.models.errors import TaskError, TrainingError
from lossc.models.parallel import Listener, Outcome, attempt, available_cores
from lossc.models.recorder import Progress
from lossc.models.run import Failure, Job

P = ParamSpec("P")

POLL = 0.1  # seconds
LAST_WORDS = 1.0  # seconds for what a process that ended has said

#: Where a process stands: how a run goes, how it ended, that it failed in one process only, or
#: that the process broke down.
Word = tuple[int, Progress | Outcome | str, bool]


class FailedAlone(TrainingError):
    """A run failed in this process, and the others wait for it.

    Args:
        index: The run's.
        reason: Why.
    """

    def __init__(self, index: int, reason: str):
        super().__init__(reason)
        self.index = index


def one_voice(command: Callable[P, int]) -> Callable[P, int]:
    """A command of which only the first of several processes prints anything.

    The processes meet before it and part when they end.
    """

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> int:
        try:
            world = join()
        except TaskError as error:
            print(error, file=sys.stderr)
            return 1
        if world.size > 1:
            atexit.register(leave)
        if world.rank == 0:
            return command(*args, **kwargs)
        with _silence():
            return command(*args, **kwargs)

    return run


def run_together(jobs: Sequence[Job], listen: Listener, start: int = 0) -> list[Outcome]:
    """Make every run in all processes, which have met; all of them call this.

    Args:
        jobs: What to do.
        listen: Told of progress and of ends, in the first process.
        start: How many are made already.

    Returns:
        The outcomes of the others, in the order of ``jobs``.

    Raises:
        FailedAlone: A run failed in this process only; the others are to be ended.
    """
    first = World.of(os.environ).rank == 0
    outcomes: list[Outcome] = []
    for index in range(start, len(jobs)):

        def report(progress: Progress, index: int = index) -> None:
            if first:
                listen(index, progress)

        outcome = attempt(jobs[index], report)
        if isinstance(outcome, Failure) and failed_alone(str(index)):
            raise FailedAlone(index, outcome.reason)
        if first:
            listen(index, outcome)
        outcomes.append(outcome)
    return outcomes


def run_in_processes(jobs: Sequence[Job], devices: int, listen: Listener) -> list[Outcome]:
    """Make every run in several processes of this machine, started for it.

    Args:
        jobs: What to do.
        devices: Processes: one for each GPU, where there are any, else on the CPU.
        listen: Told of progress and of ends, in this process.

    Returns:
        The outcomes, in the order of ``jobs``.

    Raises:
        TaskError: There are fewer GPUs.
        TrainingError: A process died.
    """
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if 0 < gpus < devices:
        raise TaskError(f"--devices {devices}: there are {gpus} GPUs, and a process needs one")
    outcomes: list[Outcome] = []
    while len(outcomes) < len(jobs):
        outcomes += _group(jobs, len(outcomes), devices, listen)
    return outcomes


def _group(jobs: Sequence[Job], start: int, devices: int, listen: Listener) -> list[Outcome]:
    """Outcomes from ``start`` to the last run, or to the first that failed in one process only."""
    context = multiprocessing.get_context("spawn")
    word: multiprocessing.Queue[Word] = context.Queue()
    # the processes meet here, and its port is free: nobody else can take it in between
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    processes: list[SpawnProcess] = []
    outcomes: list[Outcome] = []
    try:
        for rank in range(devices):
            with _environment(_variables(rank, devices, store.port)):
                process = context.Process(target=_work, args=(jobs, start, word))
                process.start()
            processes.append(process)
        while start + len(outcomes) < len(jobs):
            index, said, alone = _next(word, processes)
            if isinstance(said, str):
                raise RuntimeError(said)
            listen(index, said)
            if not isinstance(said, Progress):
                outcomes.append(said)
            if alone:
                return outcomes
        for process in processes:
            process.join(LAST_WORDS)
        return outcomes
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.join()
        word.close()


def _next(word: multiprocessing.Queue[Word], processes: Sequence[SpawnProcess]) -> Word:
    ended_at: float | None = None
    while True:
        try:
            index, said, alone = word.get(timeout=POLL)
        except queue.Empty:
            if all(process.exitcode is None for process in processes):
                continue
            ended_at = ended_at or time.monotonic()
            if time.monotonic() - ended_at < LAST_WORDS:
                continue
            raise TrainingError(_DIED) from None
        if isinstance(said, str):  # it may only have lost touch with one that died
            wait([process.sentinel for process in processes], LAST_WORDS)
            if any((process.exitcode or 0) < 0 for process in processes):
                raise TrainingError(_DIED)
        return index, said, alone


_DIED = "a process of the run died, perhaps for want of memory"


def _variables(rank: int, devices: int, port: int) -> dict[str, str]:
    """What ``torchrun`` tells a process on one machine."""
    return {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": str(devices),
        "LOCAL_WORLD_SIZE": str(devices),
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "GROUP_RANK": "0",
        "TORCHELASTIC_USE_AGENT_STORE": "True",
        "TORCHELASTIC_RESTART_COUNT": "0",
        "OMP_NUM_THREADS": os.environ.get(
            "OMP_NUM_THREADS", str(max(available_cores() // devices, 1))
        ),
    }


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """The variables are set meanwhile: a process takes them over when it starts."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _silence() -> Iterator[None]:
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        yield


def _work(jobs: Sequence[Job], start: int, word: multiprocessing.Queue[Word]) -> None:
    """One of the processes. Interrupts are the parent's, and without it there is no going on."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if int(os.environ["RANK"]) == 0:
        _make(jobs, start, word)
    else:
        with _silence():
            _make(jobs, start, word)


def _make(jobs: Sequence[Job], start: int, word: multiprocessing.Queue[Word]) -> None:
    try:
        join()
        run_together(jobs, lambda index, said: word.put((index, said, False)), start)
        leave()
    except FailedAlone as error:
        word.put((error.index, Failure(jobs[error.index], str(error)), True))
        threading.Event().wait()  # to leave would break the others, who wait
    except BaseException:
        said: Any = f"process {os.environ['RANK']} broke down:\n{traceback.format_exc()}"
        word.put((start, said, False))
        raise SystemExit(1) from None


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)

"""Many runs, one after the other here or several at a time in worker processes."""

from __future__ import annotations

import multiprocessing
import queue
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.queues import Queue
from typing import Any

from lossc.grammar.errors import InternalError, LosscError
from lossc.models.cores import available_cores as available_cores
from lossc.models.errors import TrainingError
from lossc.models.recorder import Progress
from lossc.models.run import Failure, Job, Run

Outcome = Run | Failure
#: Called with the job's position, and either word of its progress or how it ended.
Listener = Callable[[int, Progress | Outcome], None]

POLL = 0.1  # seconds

_word: Queue[tuple[int, Progress]] | None = None


def run_all(jobs: Sequence[Job], workers: int, listen: Listener) -> list[Outcome]:
    """Make every run; one that fails does not stop the others.

    Args:
        jobs: What to do.
        workers: Processes; 1: this one.
        listen: Told of progress and of ends, always in this process.

    Returns:
        The outcomes, in the order of ``jobs``.

    Raises:
        TrainingError: A worker process died.
    """
    if workers <= 1 or len(jobs) <= 1:
        return [_here(index, job, listen) for index, job in enumerate(jobs)]
    return _in_workers(jobs, workers, listen)


def attempt(job: Job, report: Callable[[Progress], None]) -> Outcome:
    """The run, or why it could not be finished."""
    from lossc.models.trainer import train  # Lightning is slow to import: workers only

    try:
        return train(job, report)
    except InternalError:
        raise
    except LosscError as error:
        return Failure(job, str(error))
    except OSError as error:  # of a full disk, which names no file
        return Failure(job, f"{job.folder}: {error}")


def _here(index: int, job: Job, listen: Listener) -> Outcome:
    outcome = attempt(job, lambda progress: listen(index, progress))
    listen(index, outcome)
    return outcome


def _in_workers(jobs: Sequence[Job], workers: int, listen: Listener) -> list[Outcome]:
    context = multiprocessing.get_context("spawn")  # fork is unsafe once torch has threads
    word: Queue[tuple[int, Progress]] = context.Queue()
    outcomes: dict[int, Outcome] = {}
    pool = ProcessPoolExecutor(
        min(workers, len(jobs)), mp_context=context, initializer=_start, initargs=(word,)
    )
    try:
        futures = {pool.submit(_work, index, job): index for index, job in enumerate(jobs)}
        waiting: set[Future[Outcome]] = set(futures)
        while waiting:
            done, waiting = wait(waiting, timeout=POLL, return_when=FIRST_COMPLETED)
            _drain(word, listen, ended=outcomes)
            for future in done:
                outcomes[futures[future]] = future.result()
                listen(futures[future], outcomes[futures[future]])
    except BrokenProcessPool:
        raise TrainingError(
            "a worker process died, perhaps for want of memory: try fewer workers"
        ) from None
    finally:
        _stop(pool, finished=len(outcomes) == len(jobs))
        word.close()
    return [outcomes[index] for index in range(len(jobs))]


def _drain(word: Queue[tuple[int, Progress]], listen: Listener, ended: dict[int, Any]) -> None:
    while True:
        try:
            index, progress = word.get_nowait()
        except queue.Empty:
            return
        if index not in ended:  # its last word may come after its end
            listen(index, progress)


def _stop(pool: ProcessPoolExecutor, finished: bool) -> None:
    # taken before the shutdown, which forgets them
    processes = list((pool._processes or {}).values())
    pool.shutdown(wait=finished, cancel_futures=True)
    if not finished:
        for process in processes:
            process.terminate()


def _start(word: Queue[tuple[int, Progress]]) -> None:
    """Prepare a worker: one thread, and no interrupts, which the parent handles."""
    global _word
    _word = word
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import torch

    torch.set_num_threads(1)


def _work(index: int, job: Job) -> Outcome:
    assert _word is not None
    word = _word
    return attempt(job, lambda progress: word.put((index, progress)))

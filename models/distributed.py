"""Several processes that make a run together, each with its part of every batch.

They are started as ``torchrun`` does it: the environment says how many there are and which this one
is. One process is the same with nobody to talk to.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed
from torch._C._distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from lossc.grammar.errors import LosscError
from lossc.models.errors import TaskError, TrainingError
from lossc.runtime.gathering import GatherRows

T = TypeVar("T")

#: How long a process that failed waits for word that the others did too.
PATIENCE = timedelta(seconds=10)
#: How long processes wait for each other: the first one also reads, tests and writes.
LONGEST = timedelta(hours=2)

_store: Store | None = None
_apart = False  # a failure of this process only: the others are not there to take leave of


@dataclass(frozen=True)
class World:
    """All processes, and which of them this one is.

    Args:
        rank: Among all, from 0. The first prints and writes, the others do neither.
        size: How many there are.
        local_rank: Among those of this machine: the number of its GPU.
        local_size: How many this machine has; every machine has as many.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> World:
        """What the variables of ``torchrun`` say; a world of one without them.

        Raises:
            TaskError: They say what cannot be.
        """
        if "WORLD_SIZE" not in environment:
            return ALONE
        try:
            size, rank = int(environment["WORLD_SIZE"]), int(environment["RANK"])
            local_size = int(environment.get("LOCAL_WORLD_SIZE", size))
            local_rank = int(environment.get("LOCAL_RANK", rank % local_size))
        except (KeyError, ValueError, ZeroDivisionError) as error:
            raise TaskError(
                f"the environment has WORLD_SIZE and no sound RANK, LOCAL_RANK, LOCAL_WORLD_SIZE "
                f"beside it ({error})\n  hint: start the processes with torchrun, or --devices"
            ) from None
        if not (0 <= rank < size and 0 <= local_rank < local_size) or size % local_size:
            raise TaskError(
                f"process {rank} of {size}, {local_rank} of {local_size} on its machine: expected "
                "as many processes on every machine"
            )
        return cls(rank, size, local_rank, local_size)

    def sizes(self, count: int) -> list[int]:
        """How many of ``count`` rows each process has, by rank: equal but for one, perhaps 0."""
        return [count // self.size + (rank < count % self.size) for rank in range(self.size)]

    def rows(self, count: int) -> slice:
        """Which of ``count`` rows are this process's: all parts in the order of ranks are all."""
        sizes = self.sizes(count)
        start = sum(sizes[: self.rank])
        return slice(start, start + sizes[self.rank])


ALONE = World()


def join() -> World:
    """Meet the other processes; once is enough, and more does no harm.

    Raises:
        TaskError: The environment is wrong, or there are fewer GPUs than processes.
    """
    global _store
    world = World.of(os.environ)
    if world.size == 1 or distributed.is_initialized():
        return world
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if 0 < gpus < world.local_size:
        raise TaskError(f"{world.local_size} processes on a machine with {gpus} GPUs: one for each")
    if gpus:
        torch.cuda.set_device(world.local_rank)
    _store, rank, size = next(rendezvous("env://"))
    distributed.init_process_group(
        "nccl" if gpus else "gloo",
        store=PrefixStore("lossc", _store),
        rank=rank,
        world_size=size,
        timeout=LONGEST,
    )
    return world


def leave() -> None:
    """Part from the other processes, which leave too."""
    if distributed.is_available() and distributed.is_initialized() and not _apart:
        distributed.destroy_process_group()


def gathered(output: Tensor, sizes: list[int]) -> Tensor:
    """A network's output for the whole batch, from the parts of all processes.

    On the way back the gradients of all processes are summed, and each takes its own rows: with
    ``DistributedDataParallel``'s mean over processes, the weights get the gradient of one process
    with the whole batch, whatever the loss is (see ``runtime/gathering.py``). That needs the same
    loss of the whole batch in every process.

    Args:
        output: This process's rows, ``[sizes[rank], ...]``.
        sizes: Rows of each process, by rank.

    Returns:
        ``[sum(sizes), ...]``.
    """
    if len(sizes) == 1:
        return output
    whole: Tensor = GatherRows.apply(output, 0, sizes)  # type: ignore[no-untyped-call]
    return whole


def on_first(action: Callable[[], T]) -> T:
    """What an action gives in the first process, in all of them; the others wait for it.

    Args:
        action: Run by the first process alone. What it gives, and what it raises of the user's
            errors, is sent to the others.

    Raises:
        TrainingError: In the others, where the action raised an error of lossc or of a file.
    """
    if World.of(os.environ).size == 1:
        return action()
    error: Exception | None = None
    said: list[Any] = [None, None]
    if distributed.get_rank() == 0:
        try:
            said[0] = action()
        except (LosscError, OSError) as found:
            error, said[1] = found, str(found)
    distributed.broadcast_object_list(said, src=0)
    if error is not None:
        raise error
    if said[1] is not None:
        raise TrainingError(said[1])
    result: T = said[0]
    return result


def in_turn(action: Callable[[], T]) -> T:
    """An action of every process: first of one on each machine, then of the others.

    So a file that the action fetches is fetched once. What is wrong in one process is in all.

    Raises:
        TrainingError: In the others, where the action raised an error of lossc or of a file.
    """
    world = World.of(os.environ)
    if world.size == 1:
        return action()
    result: list[T] = []
    for first in (True, False):
        error: Exception | None = None
        if first is (world.local_rank == 0):
            try:
                result.append(action())
            except (LosscError, OSError) as found:
                error = found
        said: list[str | None] = [None] * world.size
        distributed.all_gather_object(said, None if error is None else str(error))
        if error is not None:
            raise error
        if wrong := next((text for text in said if text is not None), None):
            raise TrainingError(wrong)
    return result[0]


def failed_alone(what: str) -> bool:
    """Whether a failure is this process's own, while the others wait for it somewhere.

    Processes that see the same batches and losses fail together, and can go on together. A disk or
    a file that one of them cannot read is its own, and the others have to be ended.

    Args:
        what: The same name in all processes for what failed, and another one each time.
    """
    global _apart
    world = World.of(os.environ)
    if world.size == 1 or _store is None:
        return False
    try:
        _store.set(f"failed/{what}/{world.rank}", "")
        _store.wait([f"failed/{what}/{rank}" for rank in range(world.size)], PATIENCE)
    except RuntimeError:  # the time is over, or the process that keeps the store has gone
        _apart = True
    return _apart

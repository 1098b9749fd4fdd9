"""Weightings of two processes are those of one process with the whole batch."""

from __future__ import annotations

import time
import warnings
from datetime import timedelta

import pytest
import torch
from torch import multiprocessing, nn
from torch.nn.parallel import DistributedDataParallel

import lossc
from lossc.runtime.gathering import gather_batch
from lossc.runtime.weightings import WEIGHTINGS
from tests.runtime.weightings import NAMES, Problem, make

STEPS = 7
#: Where gradients are measured: at the own rows, at those of all processes, at a parameter.
PLACES = ("rows", "gathered", "parameter")
CASES = [
    (name, place)
    for name in NAMES
    for place in (PLACES if WEIGHTINGS[name].needs_gradients else PLACES[:2])
]
close = {"rtol": 1e-10, "atol": 1e-12}


class Model(nn.Module):
    """Features of rows by one shared matrix; the weighting may lie in it, as Lightning has it."""

    def __init__(self, problem: Problem, weighting: nn.Module | None) -> None:
        super().__init__()
        self.problem, self.weighting = problem, weighting

    def forward(self, rows: slice) -> torch.Tensor:
        return self.problem.features(rows)


def run(name: str, place: str, rank: int | None) -> dict[str, torch.Tensor]:
    """Trains: on all rows in one process, or on those of ``rank`` (0: the first half)."""
    problem = Problem()
    weighting = make(name, gathered=place == "gathered")
    inside = place != "rows"  # a loss outside of the wrapper has nobody to average its gradients
    model = Model(problem, weighting if inside else None)
    parallel = model if rank is None else DistributedDataParallel(model)
    rows = slice(None) if rank is None else slice(4 * rank, 4 * rank + 4)
    every = slice(None)
    parameters = [problem.shared, *weighting.parameters()]
    optimizer = torch.optim.SGD(parameters, lr=1e-3)
    history = []
    for step in range(STEPS):
        if step % 2 == 0 and WEIGHTINGS[name].told_epochs:
            weighting.set_epoch(step // 2)
        features = parallel(rows)
        seen = rows
        if place == "gathered":
            (features,) = gather_batch((features,), (0,))
            seen = every
        values = problem.values(features, seen)
        optimizer.zero_grad()
        shared = (problem.shared,) if place == "parameter" else (features,)
        weighting(values, shared).backward()
        optimizer.step()
        history.append(weighting.weights.clone())
    state = {f"state.{key}": value for key, value in weighting.state_dict().items()}
    return {"weights": torch.stack(history), "shared": problem.shared.detach(), **state}


METRIC = """spec mixed
input score: real[n]
input relevant: bool[n]
input goal: target real[n]
term order = average_precision(score, relevant)
term value = 100 * mean[i] (score[i] - goal[i])^2
combine gradnorm(order, value, learning_rate = 0.1)
surrogate interpolation substitute
surrogate step sigmoid(temperature = 0.5)
surrogate gather batch
"""


def with_metric(rank: int | None) -> torch.Tensor:
    """Weights of a metric, which is of the batch of all, and of a mean over the own rows."""
    problem, loss = Problem(), lossc.loss(METRIC)
    parallel = (
        Model(problem, None) if rank is None else DistributedDataParallel(Model(problem, None))
    )
    rows = slice(None) if rank is None else slice(4 * rank, 4 * rank + 4)
    relevant, goal = (torch.arange(8) % 3 == 0)[rows], problem.goals[rows, 0]
    optimizer = torch.optim.SGD([problem.shared], lr=1e-3)
    history = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss(parallel(rows)[:, 0], relevant, goal).backward()
        optimizer.step()
        history.append(loss.gradnorm.weights.clone())
    return torch.stack([*history, *problem.shared.detach().T[:, :2]])


def work(rank: int, folder: str) -> None:
    warnings.simplefilter("error")
    torch.set_num_threads(1)
    meet = f"file://{folder}/meet"
    patience = timedelta(seconds=30)
    torch.distributed.init_process_group("gloo", meet, patience, world_size=2, rank=rank)
    made = {case: run(*case, rank) for case in CASES}
    torch.save(made | {"metric": with_metric(rank)}, f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What both processes found; started once, since starting takes longest."""
    folder = tmp_path_factory.mktemp("weighting")
    context = multiprocessing.spawn(work, (str(folder),), nprocs=2, join=False)
    deadline = time.monotonic() + 50
    while not context.join(timeout=1):
        if time.monotonic() > deadline:
            for process in context.processes:
                process.kill()
            pytest.fail("the processes wait for each other")
    return [torch.load(folder / f"{rank}.pt") for rank in (0, 1)]


@pytest.mark.parametrize(("name", "place"), CASES)
def test_two_processes_weigh_as_one(found, name, place):
    expected = run(name, place, None)
    if name != "constant":
        assert len(expected["weights"].unique(dim=0)) > 1
    for made in found:
        made = made[name, place]
        assert made.keys() == expected.keys()
        for key, value in expected.items():
            torch.testing.assert_close(made[key], value, **close, equal_nan=True, msg=key)


@pytest.mark.parametrize(("name", "place"), CASES)
def test_both_processes_have_the_same_weights_to_the_bit(found, name, place):
    one, other = (made[name, place] for made in found)
    assert all(one[key].nan_to_num(7).equal(other[key].nan_to_num(7)) for key in one)


def test_a_metric_of_all_processes_is_weighed_as_in_one(found):
    expected = with_metric(None)
    assert len(expected.unique(dim=0)) > 3
    for made in found:
        torch.testing.assert_close(made["metric"], expected, rtol=1e-8, atol=1e-10)

"""The global batch of two processes: its rows, its gradient, and what does not fit together."""

from __future__ import annotations

import time
import warnings
from datetime import timedelta

import pytest
import torch
from torch import multiprocessing, tensor
from torch.nn.parallel import DistributedDataParallel

import lossc
from lossc.runtime.gathering import gather_batch, gathered_dtypes, world_size

SPLITS = {"even": (6, 6), "uneven": (8, 4), "none here": (0, 12), "none there": (12, 0)}
LOSSES = {"average_precision": "eval", "auroc": "train"}
DTYPES = gathered_dtypes()
close = {"rtol": 1e-10, "atol": 1e-10}


# ------------------------------------------------------------------ what each process does


def rows_of(rank: int, whole: torch.Tensor, split: tuple[int, int], dim: int = 0) -> torch.Tensor:
    return whole.split(split, dim)[rank]


def items() -> tuple[torch.Tensor, torch.Tensor]:
    """Features and relevance of 12 items; three of them are tied."""
    features = torch.randn(12, 3, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    features[5] = features[9] = features[2]
    return features, torch.arange(12) % 3 == 1


def network() -> torch.nn.Linear:
    layer = torch.nn.Linear(3, 1).double()
    with torch.no_grad():
        layer.weight.copy_(tensor([[0.5, -1.0, 2.0]]))
        layer.bias.fill_(0.25)
    return layer


def loss_of(name: str, gather: str = "none") -> torch.nn.Module:
    return lossc.loss(name, seed=7, gather=gather).train(LOSSES[name] == "train")


def every_dtype(rank: int) -> list[torch.Tensor]:
    made = []
    for split in SPLITS.values():
        for dtype in DTYPES:
            flat, deep, middle = whole_of(dtype)
            own = tuple(rows_of(rank, value, split, dim) for value, dim in ((flat, 0), (deep, 0)))
            made += gather_batch((*own, rows_of(rank, middle, split, 1)), (0, 0, 1))
    return made


def whole_of(dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    numbers = torch.arange(12 * 6) % 7 - (3 if dtype.is_signed else 0)
    numbers = numbers > 0 if dtype == torch.bool else numbers
    values = (numbers / 2 if dtype.is_floating_point else numbers).to(dtype)
    return values[:12], values.reshape(12, 2, 3), values.reshape(2, 12, 3)


def left_alone(rank: int) -> object:
    cost, scores = torch.eye(3), torch.full((rank, 2), float(rank))
    whole, same = gather_batch((scores, cost), (0, None))
    nobody = gather_batch((torch.ones(0, 3), torch.ones(0, dtype=torch.bool)), (0, 0))
    return whole, same is cost, nobody, world_size()


def slopes(rank: int) -> dict[str, torch.Tensor]:
    """Gradients of the own rows, without DistributedDataParallel."""
    split, found = (3, 1), {}
    whole = torch.linspace(-1, 2, 8, dtype=torch.float64).reshape(2, 4)
    weight = 1.0 + rank  # as when processes weight the loss by what they have

    own = rows_of(rank, whole, split, 1).clone().requires_grad_()
    gather_batch((own,), (1,))[0].pow(3).sum().backward()
    found["equal"] = own.grad

    own = rows_of(rank, whole, split, 1).clone().requires_grad_()
    (weight * gather_batch((own,), (1,))[0].pow(3).sum()).backward()
    found["weighted"] = own.grad

    first, second = (rows_of(rank, whole, split, 1).clone().requires_grad_() for _ in range(2))
    both = gather_batch((first, second), (1, 1))
    other = gather_batch((first,), (1,))[0]
    (both[0] * both[1].pow(2) + other).sum().backward()
    found["several, first"], found["several, second"] = first.grad, second.grad

    own = rows_of(rank, whole, split, 1).clone().requires_grad_(rank == 0)  # constant on process 1
    gather_batch((own,), (1,))[0].pow(3).sum().backward()
    found["constant there"] = own.grad if rank == 0 else tensor(own.grad is None)

    for dtype in (torch.float16, torch.bfloat16):
        own = rows_of(rank, whole.to(dtype), split, 1).clone().requires_grad_()
        gather_batch((own,), (1,))[0].mul(3).sum().backward()
        found[str(dtype)] = own.grad

    own = rows_of(rank, whole, split, 1).clone().requires_grad_()
    with torch.no_grad():
        found["disabled"] = tensor(gather_batch((own,), (1,))[0].requires_grad)
    (made,) = gather_batch((own.detach(),), (1,))
    found["needless"] = tensor(made.requires_grad)
    return found


def penalty(rank: int) -> str:
    own = torch.ones(2, requires_grad=True)
    value = gather_batch((own,), (0,))[0].pow(3).sum()
    with pytest.raises(RuntimeError) as raised:
        torch.autograd.grad(value, own, create_graph=True)
    return str(raised.value)


def trained(rank: int) -> dict[tuple[str, str], list[torch.Tensor]]:
    """The value of each loss, and the gradient that DistributedDataParallel averages."""
    features, relevant = items()
    found = {}
    for split_name, split in SPLITS.items():
        for name in LOSSES:
            layer = network()
            parallel = DistributedDataParallel(layer)  # it averages for as long as it lives
            score = parallel(rows_of(rank, features, split))[:, 0]
            value = loss_of(name, gather="batch")(score, rows_of(rank, relevant, split))
            value.backward()
            found[name, split_name] = [value.detach(), layer.weight.grad, layer.bias.grad]
    return found


def misfits(rank: int) -> dict[str, str]:
    f, flags = torch.zeros, torch.zeros(2, dtype=torch.bool)
    live = torch.zeros(2, requires_grad=True)
    cases = {
        "count": ([(f(2),), (f(2), f(2))], 0),
        "dtype": ([(f(2), flags), (f(2), flags.long())], 0),
        "size": ([(f(2, 3), flags), (f(2, 4), flags)], 0),
        "dims": ([(f(2), flags), (f(2, 1), flags)], 0),
        "cost": ([(f(2), f(3, 3)), (f(2), f(2, 2))], None),
        "rows": ([(f(2), flags), (f(3), flags)], 0),
        "no dim": ([(f(2), f(())), (f(2), f(()))], 0),
        "complex": ([(f(2), flags.cfloat())] * 2, 0),
    }
    found = {}
    for case, (sides, last) in cases.items():
        given = sides[rank]
        dims = (*(0 for _ in given[1:]), last)
        with pytest.raises(ValueError) as raised:
            gather_batch(given, dims, ("score", "other")[: len(given)])
        found[case] = str(raised.value)
    with pytest.raises(ValueError) as raised, torch.set_grad_enabled(rank == 0):
        gather_batch((live,), (0,))
    found["gradient"] = str(raised.value)
    with pytest.raises(ValueError) as raised:
        gather_batch((f(2),), (-1,))
    found["negative"] = str(raised.value)
    (whole,) = gather_batch((torch.full((1,), float(rank)),), (0,))
    found["afterwards"] = str(whole.tolist())
    return found


JOBS = (every_dtype, left_alone, slopes, penalty, trained, misfits)


def work(rank: int, folder: str) -> None:
    warnings.simplefilter("error")
    torch.set_num_threads(1)
    meet = f"file://{folder}/meet"
    patience = timedelta(seconds=30)
    torch.distributed.init_process_group("gloo", meet, patience, world_size=2, rank=rank)
    torch.save({job.__name__: job(rank) for job in JOBS}, f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What both processes found; started once, since starting takes longest."""
    folder = tmp_path_factory.mktemp("gathering")
    context = multiprocessing.spawn(work, (str(folder),), nprocs=2, join=False)
    deadline = time.monotonic() + 50
    while not context.join(timeout=1):
        if time.monotonic() > deadline:
            for process in context.processes:
                process.kill()
            pytest.fail("the processes wait for each other")
    saved = [torch.load(folder / f"{rank}.pt", weights_only=False) for rank in (0, 1)]
    return {job.__name__: [answers[job.__name__] for answers in saved] for job in JOBS}


# ------------------------------------------------------------------ rows


def test_a_single_process_gathers_nothing():
    given = (torch.ones(2, requires_grad=True), torch.ones(3, dtype=torch.bool))
    assert world_size() == 1
    assert gather_batch(given, (0, 0)) is given
    compiled = torch.compile(
        lambda x: gather_batch((x,), (0,))[0] * 2, backend="eager", fullgraph=True
    )
    assert compiled(torch.ones(2)).tolist() == [2, 2]


def test_all_see_the_rows_in_the_order_of_the_processes(found):
    expected = [value for _ in SPLITS for dtype in DTYPES for value in whole_of(dtype)]
    for made in found["every_dtype"]:
        for value, want in zip(made, expected, strict=True):
            assert value.dtype == want.dtype
            assert torch.equal(value, want)


def test_a_tensor_without_batch_and_a_batch_of_nobody(found):
    for whole, same, nobody, size in found["left_alone"]:
        assert whole.tolist() == [[1, 1]]
        assert same
        assert [value.shape for value in nobody] == [(0, 3), (0,)]
        assert size == 2


# ------------------------------------------------------------------ gradient


def test_gradients_are_summed_over_the_processes(found):
    whole = torch.linspace(-1, 2, 8, dtype=torch.float64).reshape(2, 4)
    for rank, slope in enumerate(found["slopes"]):
        own = rows_of(rank, whole, (3, 1), 1)
        want = 3 * own**2  # dL/dx of one process with the whole batch
        expected = {
            "equal": 2 * want,
            "weighted": (1 + 2) * want,  # twice the mean of the weights, on both
            "several, first": 2 * (own**2 + 1),
            "several, second": 2 * (2 * own**2),
            "constant there": 2 * want if rank == 0 else tensor(True),
            "torch.float16": torch.full_like(own, 2 * 3, dtype=torch.float16),
            "torch.bfloat16": torch.full_like(own, 2 * 3, dtype=torch.bfloat16),
            "disabled": tensor(False),
            "needless": tensor(False),
        }
        assert slope.keys() == expected.keys()
        for case, value in slope.items():
            torch.testing.assert_close(value, expected[case], **close, msg=case)


def test_a_gradient_of_the_gradient_is_refused(found):
    assert found["penalty"] == ["the gradient of a gathered batch has no gradient"] * 2


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("name", LOSSES)
def test_training_is_that_of_one_process(found, name, split):
    features, relevant = items()
    layer = network()
    value = loss_of(name)(layer(features)[:, 0], relevant)
    value.backward()
    assert layer.weight.grad.abs().max() > 1e-4
    for made in found["trained"]:
        got = made[name, split]
        for mine, want in zip(got, [value, layer.weight.grad, layer.bias.grad], strict=True):
            torch.testing.assert_close(mine, want.detach(), **close)


def test_a_mean_over_processes_is_another_loss():
    """Why the batch is gathered: what plain DistributedDataParallel would have trained."""
    features, relevant = items()
    loss_fn, score = loss_of("average_precision"), network()(features)[:, 0]
    parts = zip(score.split((6, 6)), relevant.split((6, 6)), strict=True)
    apart = torch.stack([loss_fn(*part) for part in parts]).mean()
    assert (apart - loss_fn(score, relevant)).abs() > 0.01


# ------------------------------------------------------------------ what does not fit


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("count", "process 1 gathers 2 tensors, and process 0 1"),
        (
            "dtype",
            "other: expected the same on all processes but for the batch (*), got torch.int64 [*] "
            "on process 1 and torch.bool [*] on process 0",
        ),
        (
            "size",
            "score: expected the same on all processes but for the batch (*), got torch.float32 "
            "[*, 4] on process 1 and torch.float32 [*, 3] on process 0",
        ),
        (
            "dims",
            "score: expected the same on all processes but for the batch (*), got torch.float32 "
            "[*, 1] on process 1 and torch.float32 [*] on process 0",
        ),
        (
            "cost",
            "other: expected the same on all processes but for the batch (*), got torch.float32 "
            "[2, 2] on process 1 and torch.float32 [3, 3] on process 0",
        ),
        ("rows", "expected as many rows of each, got on process 1: 3 of score, 2 of other"),
        ("no dim", "other: expected dim 0 to be the batch's, got []"),
        ("complex", "other: expected real or whole numbers, or bool, to gather"),
        (
            "gradient",
            "tensor 0: gradients are disabled on process 1, and process 0, which needs one, would "
            "wait for it",
        ),
        ("negative", "expected batch dims that count from 0, got (-1,)"),
        ("afterwards", "[0.0, 1.0]"),
    ],
)
def test_all_processes_say_what_does_not_fit(found, case, message):
    assert [misfit[case] for misfit in found["misfits"]] == [message] * 2


def test_without_other_processes_a_gathering_loss_is_the_plain_one():
    score = torch.randn(9, requires_grad=True)
    relevant = torch.arange(9) % 2 == 0
    for name in LOSSES:
        plain, gathering = loss_of(name), loss_of(name, gather="batch")
        assert torch.equal(plain(score, relevant), gathering(score, relevant))
    with pytest.raises(ValueError, match="relevant: this input cannot be left out"):
        gathering(score, None)


def test_only_what_has_the_batch_is_gathered():
    text = (
        "spec t\ninput scores: real[n, p]\ninput label: int[n] in p\n"
        "input cost: target real[p, p] in [0, inf)\n"
        "decode predicted[i] = argmax[j] scores[i, j]\n"
        "minimize mean[i] cost[label[i], predicted[i]] else 0\n"
        "truth scores[i, j] = [j == label[i]]"
    )
    source = lossc.compile(text, gather="batch", interpolation="perturbed").source()
    assert "(0, 0, None)" in source

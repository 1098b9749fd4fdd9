"""Two processes train as one: the same batches, the same losses, the same weights but for rounding.

All cases run in one pair of processes, since starting them takes longest.
"""

from __future__ import annotations

import errno
import os
import re
import time
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import multiprocessing, nn
from torch.distributed import TCPStore

from lossc.models import module
from lossc.models.data.digits import digits
from lossc.models.data.image_folders import ImageFolders
from lossc.models.data.split import Split, Splits
from lossc.models.distributed import World, join, leave
from lossc.models.errors import TaskError, TrainingError
from lossc.models.losses import resolve
from lossc.models.metrics import average_precision
from lossc.models.processes import _environment, _variables
from lossc.models.recipe import Optimiser, Schedule
from lossc.models.recipes import RECIPES
from lossc.models.recipes.imagenet import ImageNetwork, Share
from lossc.models.run import Job, RunFolder
from lossc.models.trainer import train

#: Weights are of the size of 0.1, and a run moves them by more than 0.01.
close = {"rtol": 1e-4, "atol": 5e-6}


def zeros(directory: Path | None) -> Splits:
    """Zero against the rest, and a number to regress."""

    def changed(split: Split) -> Split:
        label = split.targets["label"]
        return Split(split.features, {"relevant": label == 0, "level": 10.0 * label})

    splits = digits(directory)
    return Splits(changed(splits.train), changed(splits.val), changed(splits.test))


def ranked(output, targets):
    return {"score": output[:, 0], **targets}


def two_maps(output, targets):
    """Two pairs of very different scales, as if they were heatmaps."""
    count = len(output)
    goal = targets["label"].float().view(count, 1, 1, 1)
    return {
        "heatmap_2d": output[:, :4].view(count, 1, 2, 2),
        "target_2d": (goal / 10).expand(count, 1, 2, 2),
        "heatmap_3d": output[:, 4:8].view(count, 1, 1, 2, 2),
        "target_3d": (10 * goal[..., None]).expand(count, 1, 1, 2, 2),
        "scores": output,
        "label": targets["label"],
    }


def too_flat(output, targets):
    return {"scores": output[:, 0], "label": targets["label"]}


def noisy(batch: Split, generator: torch.Generator) -> Split:
    noise = torch.randn(batch.features.shape, generator=generator)
    return Split(batch.features + 0.1 * noise, batch.targets)


def with_norms() -> nn.Module:
    """Running statistics of both kinds: with momentum, and the mean of all batches."""
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        nn.Conv2d(1, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(144, 16),
        nn.BatchNorm1d(16, momentum=None, affine=False),
        nn.Linear(16, 10),
    )


#: A metric of the batch, a mean, weights of both by their gradients, and former batches.
MIXED = """spec mixed
input score: real[n]
input relevant: bool[n]
input level: target real[n]
term order = average_precision(score, relevant)
term value = mean[i] (score[i] - level[i])^2
combine gradnorm(order, value, learning_rate = 0.1)
surrogate interpolation substitute
surrogate step sigmoid(temperature = 0.5)
surrogate gather batch
"""
TRAINED = MIXED.replace("gradnorm(order, value, learning_rate = 0.1)", "uncertainty(order, value)")
REMEMBERING = """spec remembering
input score: real[n]
input relevant: bool[n]
let hits[i] = sum[j | relevant[j]] [score[j] >= score[i]]
let false_[i] = sum[j | not relevant[j]] [score[j] >= score[i]]
evaluate mean[i | relevant[i]] (hits[i] / (hits[i] + false_[i])) else 0
surrogate gather batch
surrogate memory queue(size = 48)
"""

DIGITS = replace(RECIPES["digits"], epochs=2)
RANKED = replace(
    DIGITS,
    data=zeros,
    inputs=ranked,
    provides={"score": "real[n]", "relevant": "bool[n]", "level": "target real[n]"},
    metrics={"average_precision": average_precision},
    watched={},
    headline="average_precision",
    optimiser=Optimiser("sgd", learning_rate=0.01, momentum=0.5),
)
MAPS = {name: "target real[n, k, h, w]" for name in ("heatmap_2d", "target_2d")}
MAPS |= {name: "target real[n, k, d, h, w]" for name in ("heatmap_3d", "target_3d")}
PAIRS = replace(
    DIGITS,
    inputs=two_maps,
    provides=MAPS,
    optimiser=Optimiser("adam", learning_rate=0.001),
)
#: 1,077 examples are 4 batches of 269, and one of a single example: none for the second process.
CASES = {
    "accuracy": (DIGITS, "accuracy"),
    "drawn anchors": (DIGITS, "accuracy(interpolation=idw, squash=sigmoid, lr=1)"),
    "cross_entropy": (replace(DIGITS, batch_size=269, selection="best"), "cross_entropy"),
    "average precision": (replace(RANKED, batch_size=51), "average_precision"),
    "memory": (replace(RANKED, batch_size=51), "remembering"),
    "gradnorm": (replace(RANKED, batch_size=269), "mixed"),
    "adaptive": (replace(PAIRS, batch_size=99), "adaptive_h1"),
    "trained weights of terms": (replace(RANKED, batch_size=269), "trained"),
    "a first loss": (
        replace(
            DIGITS,
            batch_size=269,
            clip=0.5,
            schedule=Schedule(milestones=(1,), warmup_epochs=1),
        ),
        "accuracy(schedule=warmup(first=cross_entropy, epochs=1))",
    ),
    "images": (
        replace(
            RECIPES["imagenet"],
            epochs=2,
            batch_size=5,
            data=ImageFolders(side=24, resize=32, workers=0),
            network=ImageNetwork(blocks=(1,), width=4),
            optimiser=Optimiser("sgd", learning_rate=0.01),
            metrics={"accuracy": Share("first")},
            schedule=Schedule(),
            threads=1,
        ),
        "cross_entropy",
    ),
    "norms and changes": (
        replace(DIGITS, batch_size=99, network=with_norms, augment=noisy),
        "cross_entropy",
    ),
}


#: Left out of the quick tests: each is near another case.
LONGER = ("drawn anchors", "average precision", "trained weights of terms", "a first loss")


def write_images(folder: Path) -> None:
    """Two classes of 7 and 2 images."""
    draw = np.random.default_rng(0)
    for part, count in (("train", 7), ("val", 2)):
        for name, least in (("ash", 0), ("birch", 100)):
            (folder / part / name).mkdir(parents=True)
            for number in range(count):
                pixels = draw.integers(least, least + 150, (36, 40, 3))
                path = folder / part / name / f"{number}.png"
                Image.fromarray(pixels.astype(np.uint8)).save(path)


def job(recipe, text: str, folder: Path) -> Job:
    specs = folder.parent / "specs"
    if not specs.exists():  # the processes find them there
        specs.mkdir()
        for name, text_of in (("mixed", MIXED), ("trained", TRAINED), ("remembering", REMEMBERING)):
            (specs / f"{name}.lossc").write_text(text_of)
    choice = resolve(text, recipe, folders=(specs,))
    images = folder.parent / "squares"
    if recipe.name == "imagenet" and not images.exists():
        write_images(images)
    rate = choice.learning_rate or recipe.learning_rate(choice.rule)
    return Job(recipe, choice, 0, rate, folder, data=images)


def weights(run: Job):
    return torch.load(RunFolder(run.folder).weights, weights_only=True)


class Interrupted(Exception):
    pass


def after_an_epoch(progress):
    if progress.figure is not None:  # the first word with one comes at the epoch's end in both
        raise Interrupted


def refused(run: Job) -> str:
    with pytest.raises(TrainingError) as caught:
        train(run)
    return str(caught.value)


def full_disk(*rest):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def work(rank: int, folder: Path, names: list[str]) -> None:
    """One of the two processes: all cases, and what goes wrong."""
    warnings.simplefilter("error")
    torch.set_num_threads(1)
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank))
    join()
    found = {}
    for name in names:
        found[name] = train(job(*CASES[name], folder / name))
    plain = found["accuracy"].job

    again = replace(plain, folder=folder / "again")
    with pytest.raises(Interrupted):
        train(again, after_an_epoch)
    seen: list[float] = []
    train(again, lambda progress: seen.append(progress.epoch))
    found["resumed from"] = min(seen)

    flat = replace(DIGITS, inputs=too_flat)
    found["nan"] = refused(job(DIGITS, "cross_entropy(lr=1e30)", folder / "nan"))
    found["flat"] = refused(job(flat, "accuracy", folder / "flat"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lightning.fabric.plugins.TorchCheckpointIO.save_checkpoint", full_disk)
        found["full"] = refused(replace(plain, folder=folder / "full"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "gathered", half_the_gradient)
        train(replace(plain, folder=folder / "wrong"))
    torch.save(found, folder / f"{rank}.pt")
    leave()


def half_the_gradient(output, sizes, gathered=module.gathered):
    return gathered((output + output.detach()) / 2, sizes)


@pytest.fixture(scope="module")
def two(request, tmp_path_factory):
    """The folder of what two processes made, and what each found."""
    folder = tmp_path_factory.mktemp("two")
    all_of_them = request.config.getoption("--run-slow")
    names = [name for name in CASES if all_of_them or name not in LONGER]
    job(*CASES["images"], folder / "images")  # writes the specs and the images
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    with _environment(_variables(0, 2, store.port)):
        context = multiprocessing.spawn(work, (folder, names), nprocs=2, join=False)
    deadline = time.monotonic() + 240
    while not context.join(timeout=1):
        if time.monotonic() > deadline:
            for process in context.processes:
                process.kill()
            pytest.fail("the processes wait for each other")
    return folder, [torch.load(folder / f"{rank}.pt", weights_only=False) for rank in (0, 1)]


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow if name in LONGER else ()) for name in CASES],
)
def test_two_processes_train_as_one(two, tmp_path, name):
    folder, (first, second) = two
    alone = train(job(*CASES[name], tmp_path / "alone"))
    ours, theirs = weights(replace(alone.job, folder=folder / name)), weights(alone.job)
    assert ours.keys() == theirs.keys()
    for key, value in theirs.items():
        torch.testing.assert_close(ours[key], value, **close, msg=lambda m, key=key: f"{key}: {m}")
    run = first[name]
    assert second[name].history == run.history
    assert run.epoch == alone.epoch
    for mine, its in zip(run.history, alone.history, strict=True):
        assert mine.keys() == its.keys()
        for key in mine.keys() - {"seconds"}:
            assert mine[key] == pytest.approx(its[key], rel=1e-3, abs=1e-5), key
    assert run.test == pytest.approx(alone.test, abs=1e-5)
    # the state of the loss, such as a queue, and of the optimiser is that of one process
    state = [torch.load(path / "last.ckpt") for path in (folder / name, alone.job.folder)]
    for key, value in state[1]["state_dict"].items():
        torch.testing.assert_close(state[0]["state_dict"][key], value, **close, equal_nan=True)


def test_a_wrong_scale_would_show(two, tmp_path):
    folder, _ = two
    alone = train(job(*CASES["accuracy"], tmp_path / "alone"))
    wrong = weights(replace(alone.job, folder=folder / "wrong"))
    right = weights(alone.job)
    for key in right:
        assert (wrong[key] - right[key]).abs().max() > 100 * close["atol"]


def test_an_interrupted_run_goes_on_to_the_same_weights(two):
    folder, found = two
    assert all(one["resumed from"] > 1 for one in found)
    whole, again = (RunFolder(folder / name).weights for name in ("accuracy", "again"))
    made = [torch.load(path, weights_only=True) for path in (whole, again)]
    assert all(torch.equal(made[0][key], made[1][key]) for key in made[0])


def test_what_goes_wrong_ends_both(two):
    _, found = two
    for one in found:
        assert re.search(r"seed 0, epoch 1, step \d+: the loss is (nan|inf)", one["nan"])
        assert re.search(r"'accuracy', seed 0, epoch 1, step 0: .*expected", one["flat"])
        assert "No space left on device" in one["full"]


def test_files_are_written_once(two):
    folder, _ = two
    names = [path.name for path in (folder / "accuracy").iterdir()]
    assert sum(name.startswith("events.") for name in names) == 1
    assert not any(name.endswith(".part") for name in names)


def test_parts_of_a_batch():
    for count in (0, 1, 2, 7, 64):
        worlds = [World(rank, 3, rank, 3) for rank in range(3)]
        rows = [row for world in worlds for row in range(count)[world.rows(count)]]
        assert rows == list(range(count))
        sizes = worlds[0].sizes(count)
        assert sum(sizes) == count and max(sizes) - min(sizes) <= 1


def test_the_environment_says_who_is_there():
    assert World.of({}) == World(0, 1, 0, 1)
    given = {"WORLD_SIZE": "4", "RANK": "3", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2"}
    assert World.of(given) == World(3, 4, 1, 2)
    assert World.of({"WORLD_SIZE": "2", "RANK": "1"}) == World(1, 2, 1, 2)


@pytest.mark.parametrize(
    "wrong",
    [
        {"WORLD_SIZE": "2"},
        {"WORLD_SIZE": "2", "RANK": "2"},
        {"WORLD_SIZE": "two", "RANK": "0"},
        {"WORLD_SIZE": "3", "RANK": "0", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "2"},
    ],
)
def test_an_environment_that_cannot_be(wrong):
    with pytest.raises(TaskError, match="process"):
        World.of(wrong)

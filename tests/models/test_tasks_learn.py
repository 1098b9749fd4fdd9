"""Every task learns on embedded data, in a form as short as it can be, and goes on after a kill."""

from __future__ import annotations

import os
import random
import signal
import time
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from shutil import rmtree

import pytest
import torch

from lossc.models.data.split import Split, Splits
from lossc.models.errors import TrainingError
from lossc.models.losses import LossChoice
from lossc.models.recipe import Schedule
from lossc.models.recipes import RECIPES
from lossc.models.run import RunFolder
from lossc.models.trainer import train


@dataclass(frozen=True)
class Short:
    """How a task's quick variant on embedded data is made shorter still, and what it must reach.

    Args:
        loss: What it is trained on.
        at_least: The headline on the test split, on the first of its examples (see ``short``).
        chance: What somebody has who does not look at an image.
        changes: To the quick variant.
        figure: In the place of the headline: integrals take longer to learn than peaks.
    """

    loss: str
    at_least: float
    chance: float
    changes: dict = field(default_factory=dict)
    figure: str | None = None


CIFAR = {"epochs": 4, "examples": 1500, "batch_size": 64}
#: A hundred classes in some seconds: larger steps than the quick variant's.
HUNDRED = {"epochs": 5, "examples": 3000, "batch_size": 64}
#: Of the pose tasks: the training people's mean pose has 0.254, which only ``pose-uniloss`` has the
#: steps to leave behind.
FEWER_STEPS = {"epochs": 2, "examples": 960}
FEW_IN_3D = {"epochs": 4, "examples": 300, "schedule": Schedule()}
EIGHT_STACKS = {
    "epochs": 2,
    "examples": 480,
    "batch_size": 8,
    "schedule": Schedule(),
    "learning_rates": {},
}
#: Killed in every run of the tests, the others with --run-slow: all go on by the same code.
KILLED = {"digits", "mnist-ap", "cifar10"}
#: Those that take longest: their broken losses are tested with --run-slow only; what trains them
#: is what trains ``pose``.
LONG = {"pose3d", "pose-uniloss", "pose-head", "pose-anchor", "pose-anchor-8"}

TASKS = {
    "digits": Short("accuracy", 0.85, 0.1, {"epochs": 4}),
    "mnist-ap": Short("interpolated_average_precision", 0.95, 0.1, {"epochs": 3}),
    "cifar10": Short("cross_entropy", 0.4, 0.1, CIFAR),
    "cifar10-anchor": Short("anchor_bce(gamma=0.5)", 0.3, 0.1, CIFAR),
    "cifar100": Short("cross_entropy", 0.08, 0.01, HUNDRED),
    "cifar100-anchor": Short("ohem(rho=0.9)", 0.08, 0.01, HUNDRED),
    "imagenet": Short("cross_entropy", 0.4, 0.1, {"epochs": 2}),
    "pose": Short("anchor_pose", 0.2, 0.07, FEWER_STEPS),
    "pose3d": Short("adaptive_i1", -203.0, -217.9, FEW_IN_3D, "mpjpe_argmax"),
    "pose-head": Short("pckh", 0.6, 0.07, {"epochs": 2, "examples": 480}),
    "pose-uniloss": Short("anchor_pose", 0.3, 0.07, {"epochs": 2}),
    "pose-anchor": Short("anchor_pose", 0.2, 0.07, FEWER_STEPS),
    "pose-anchor-8": Short("anchor_pose", 0.1, 0.07, EIGHT_STACKS),
}

pytestmark = [
    # the integrals of pose3d have little of the gradient on maps of this size
    pytest.mark.filterwarnings("ignore::lossc.models.terms_watch.TermWarning"),
    pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning"),
]


def test_every_task_is_here():
    assert set(TASKS) == set(RECIPES)


@dataclass(frozen=True)
class Fewer:
    """A recipe's data with the first 80 examples for validation and the first 160 to test on."""

    whole: object

    def __call__(self, directory):
        splits = self.whole(directory)
        return Splits(splits.train, splits.val.first(80), splits.test.first(160))


@pytest.fixture
def job_of(make_job, monkeypatch):
    monkeypatch.delenv("LOSSC_DATA", raising=False)

    def make(task, folder):
        short = TASKS[task]
        recipe = replace(RECIPES[task].shortened(embedded=True), **short.changes)
        recipe = replace(recipe, data=Fewer(recipe.data))
        return make_job(short.loss, recipe=recipe, folder=folder)

    return make


def merit(run):
    """The headline; the larger the better."""
    recipe = run.job.recipe
    return run.test[TASKS[recipe.name].figure or recipe.headline] * (
        -1 if recipe.headline_smaller else 1
    )


def weights(job):
    return torch.load(RunFolder(job.folder).weights, weights_only=True)


@pytest.mark.parametrize("task", RECIPES)
def test_it_learns_and_goes_on_after_a_kill(task, job_of, request):
    whole, broken = job_of(task, "whole"), job_of(task, "broken")
    run = train(whole)
    assert TASKS[task].at_least > TASKS[task].chance
    assert merit(run) > TASKS[task].at_least
    if torch.cuda.is_available():
        return  # the same bits are promised on a CPU
    if task not in KILLED and not request.config.getoption("--run-slow"):
        return
    killed_inside_an_epoch(broken, run.seconds / run.epoch)
    assert not RunFolder(broken.folder).result.exists()
    seen = []
    again = train(broken, lambda progress: seen.append(progress.epoch))
    assert min(seen) > 1  # it went on
    one, other = weights(whole), weights(broken)
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert again.test == run.test


def killed_inside_an_epoch(job, seconds):
    """Start a run in a process of its own, and kill that at random between its epochs' ends.

    Args:
        job: The run.
        seconds: What an epoch takes, about.
    """
    for _ in range(5):  # the run may have ended before the signal came
        rmtree(job.folder, ignore_errors=True)  # a run that ended has a checkpoint too
        child = get_context("fork").Process(target=train, args=(job,))
        child.start()
        last = RunFolder(job.folder).last
        while not last.exists() and child.is_alive():
            time.sleep(0.002)
        time.sleep(random.SystemRandom().uniform(0, seconds))
        if child.is_alive():
            os.kill(child.pid, signal.SIGKILL)
        child.join()
        if child.exitcode == -signal.SIGKILL and not RunFolder(job.folder).result.exists():
            return
    raise AssertionError(f"the run ended by itself: {child.exitcode}")


# ------------------------------------------------------- losses that are wrong


class Backwards(LossChoice):
    """A loss of which the negative is trained on."""

    def build(self, seed):
        return Negative(super().build(seed))


class Negative(torch.nn.Module):
    def __init__(self, loss):
        super().__init__()
        self.loss = loss

    def forward(self, **inputs):
        return -self.loss(**inputs)


def with_targets_of_others(job):
    """Each image with the targets of another one of its batch."""
    recipe = job.recipe

    def augment(batch, generator):
        batch = recipe.augment(batch, generator) if recipe.augment else batch
        order = torch.randperm(len(batch), generator=generator)
        return Split(batch.features, {n: value[order] for n, value in batch.targets.items()})

    return replace(job, recipe=replace(recipe, augment=augment))


def backwards(job):
    return replace(job, choice=Backwards(**vars(job.choice)))


#: Heatmaps that are trained on other people's joints still learn where joints mostly are.
BROKEN = {task: backwards if task.startswith("pose") else with_targets_of_others for task in TASKS}


@pytest.mark.parametrize(
    "task", [pytest.param(t, marks=[pytest.mark.slow] if t in LONG else []) for t in RECIPES]
)
def test_a_broken_loss_does_not(task, job_of):
    try:
        run = train(BROKEN[task](job_of(task, "run")))
    except TrainingError as error:
        assert "not finite" in str(error) or "the loss is" in str(error)
        return
    assert merit(run) < TASKS[task].at_least

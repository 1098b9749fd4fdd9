"""A run that ends badly loses at most an epoch."""

from __future__ import annotations

import errno
import os
import pickle
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch

from lossc.models.errors import TrainingError
from lossc.models.parallel import run_all
from lossc.models.run import Failure, RunFolder
from lossc.models.trainer import train
from tests.models.interrupting import Interrupted, same, until, weights


@pytest.fixture
def full_disk(monkeypatch):
    """No room for files of checkpoints from a number of them on; half of one is written."""
    from lightning import Trainer

    save = Trainer.save_checkpoint

    def start(after):
        count = iter(range(10_000))

        def fail(trainer, path, *rest, **more):
            if next(count) < after:
                return save(trainer, path, *rest, **more)
            path.write_bytes(b"half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(Trainer, "save_checkpoint", fail)

    yield start
    monkeypatch.setattr(Trainer, "save_checkpoint", save)


def test_a_full_disk_leaves_the_previous_checkpoint(make_job, full_disk, monkeypatch):
    whole, broken = make_job(folder="whole"), make_job(folder="broken")
    train(whole)
    full_disk(after=4)  # best and last of two epochs, at most
    with pytest.raises(
        TrainingError, match=r"No space left on device\); the one of the epoch befo"
    ):
        train(broken)
    names = {path.name for path in broken.folder.iterdir()}
    assert not any(name.endswith(".part") for name in names)
    torch.load(broken.folder / "last.ckpt", weights_only=True)
    monkeypatch.undo()  # there is room again
    seen = []
    train(broken, lambda progress: seen.append(progress.epoch))
    assert min(seen) > 1
    assert same(weights(whole), weights(broken))


def test_it_is_the_failure_of_one_run(make_job, digits, full_disk):
    full_disk(after=0)
    recipe = replace(digits, epochs=1)
    jobs = [make_job(recipe=recipe, folder=name) for name in ("a", "b")]
    outcomes = run_all(jobs, 1, lambda index, word: None)
    assert all(isinstance(outcome, Failure) for outcome in outcomes)
    assert "a/best.ckpt: the checkpoint cannot be written" in outcomes[0].reason
    assert "kept" not in outcomes[0].reason


class Harmful:
    def __reduce__(self):
        return os.system, ("exit 7",)


@pytest.mark.parametrize("content", [b"", b"no checkpoint", None, pickle.dumps(Harmful())])
def test_a_damaged_checkpoint_is_named(make_job, content):
    job = make_job()
    with pytest.raises(Interrupted):
        train(job, until(2))
    path = RunFolder(job.folder).last
    path.write_bytes(path.read_bytes()[:-500] if content is None else content)
    with pytest.raises(TrainingError, match=r"last\.ckpt: a damaged checkpoint[\s\S]*remove it"):
        train(job)
    path.unlink()
    assert train(job).test["accuracy"] > 0.8


CHILD = """
import sys
from dataclasses import replace
from pathlib import Path
from lossc.models.losses import resolve
from lossc.models.recipes import RECIPES
from lossc.models.run import Job
from lossc.models.trainer import train

recipe = replace(RECIPES["cifar10"].shortened(), epochs=40, batch_size=16)
train(Job(recipe, resolve("anchor_bce", recipe), 0, 0.1, Path(sys.argv[1]), Path(sys.argv[2])))
"""


@pytest.mark.slow
@pytest.mark.parametrize("wait", [0.0, 0.13, 0.29])
def test_a_run_that_was_killed_goes_on(make_job, write_cifar, tmp_path, wait):
    """SIGKILL, wherever it is after a while: the same weights in the end, to the last bit."""
    from lossc.models.recipes import RECIPES

    data = tmp_path / "data"
    write_cifar(data)
    recipe = replace(RECIPES["cifar10"].shortened(), epochs=40, batch_size=16)
    whole, broken = (
        make_job("anchor_bce", recipe=recipe, folder=name, data=data)
        for name in ("whole", "broken")
    )
    whole, broken = (replace(job, learning_rate=0.1) for job in (whole, broken))
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(broken.folder), str(data)])
    deadline = time.monotonic() + 300
    while not RunFolder(broken.folder).last.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(wait)
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL  # it was not done
    seen = []
    train(broken, lambda progress: seen.append(progress.epoch))
    assert min(seen) > 1
    train(whole)
    assert same(weights(whole), weights(broken))

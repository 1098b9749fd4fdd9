from __future__ import annotations

import signal
import sys

import pytest

from lossc.models.distributed import ALONE
from lossc.models.errors import TrainingError
from lossc.models.losses import resolve
from lossc.models.recipes import RECIPES
from lossc.models.recorder import Progress
from lossc.models.run import Job
from lossc.models.run_lock import alone_in
from lossc.models.trainer import train


@pytest.fixture
def job(tmp_path):
    recipe = RECIPES["digits"].shortened()
    return Job(recipe, resolve("cross_entropy", recipe), 0, 0.1, tmp_path / "run")


@pytest.mark.skipif(sys.platform == "win32", reason="has no such locks")
def test_a_run_is_made_by_one_process_at_a_time(job):
    with alone_in(job.folder, ALONE), pytest.raises(TrainingError, match="another process is at"):
        train(job)
    assert not any(job.folder.iterdir())  # nothing of the other's was touched
    with alone_in(job.folder.parent / "other", ALONE):
        train(job)
    with alone_in(job.folder, ALONE):  # it was let go
        pass


def test_an_interrupt_stops_a_run_as_an_interrupt(job):
    handler = signal.getsignal(signal.SIGINT)

    def stop(progress: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(job, stop)
    assert signal.getsignal(signal.SIGINT) is handler
    assert (job.folder / "last.ckpt").is_file()
    train(job)  # goes on, in the same process

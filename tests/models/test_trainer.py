from __future__ import annotations

import csv
import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from lossc.models import losses
from lossc.models.errors import TaskError, TrainingError
from lossc.models.losses import resolve
from lossc.models.run import RunFolder
from lossc.models.trainer import train
from tests.models.interrupting import Interrupted, same, until, weights


def test_cross_entropy_learns_in_seconds(make_job):
    run = train(make_job())
    assert run.test["accuracy"] > 0.8  # chance is 0.1
    assert run.epoch == 5
    assert [entry["epoch"] for entry in run.history] == [1, 2, 3, 4, 5]
    values = [entry["loss"] for entry in run.history]
    assert values[-1] < values[0] / 4


def test_the_same_seed_gives_the_same_weights(make_job):
    jobs = [make_job(folder="one"), make_job(folder="two"), make_job(seed=1, folder="three")]
    before = torch.random.get_rng_state()
    runs = []
    for job in jobs:
        torch.rand(3)  # what else is drawn does not matter
        runs.append(train(job))
    torch.random.set_rng_state(before)
    one, two, three = (weights(job) for job in jobs)
    assert same(one, two)
    assert not same(one, three)
    assert runs[0].test == runs[1].test


def test_the_global_generator_is_left_alone(make_job, digits):
    before = torch.random.get_rng_state()
    train(make_job(recipe=replace(digits, epochs=1)))
    assert torch.equal(before, torch.random.get_rng_state())


def test_an_interrupted_run_goes_on_to_the_same_weights(make_job):
    whole, broken = make_job(folder="whole"), make_job(folder="broken")
    complete = train(whole)
    with pytest.raises(Interrupted):
        train(broken, until(2))
    assert not RunFolder(broken.folder).result.exists()
    seen = []
    run = train(broken, lambda progress: seen.append(progress.epoch))
    assert min(seen) > 2
    assert same(weights(whole), weights(broken))
    drop = {"seconds"}
    for ours, theirs in zip(run.history, complete.history, strict=True):
        assert {k: v for k, v in ours.items() if k not in drop} == {
            k: v for k, v in theirs.items() if k not in drop
        }


def test_with_other_settings_a_run_starts_anew(make_job, digits):
    broken = make_job()
    with pytest.raises(Interrupted):
        train(broken, until(2))
    seen = []
    train(replace(broken, learning_rate=0.05), lambda progress: seen.append(progress.epoch))
    assert min(seen) <= 1


def test_a_finished_run_is_made_again(make_job, digits):
    job = make_job(recipe=replace(digits, epochs=1))
    train(job)
    seen = []
    train(job, lambda progress: seen.append(progress.epoch))
    assert seen[-1] == 1


def test_logs_and_checkpoints(make_job):
    job = make_job()
    run = train(job)
    with (job.folder / "metrics.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [float(row["val_accuracy"]) for row in table] == [
        entry["val_accuracy"] for entry in run.history
    ]
    events = EventAccumulator(str(job.folder)).Reload()
    assert [event.step for event in events.Scalars("val_accuracy")] == [1, 2, 3, 4, 5]
    last = torch.load(job.folder / "last.ckpt", weights_only=True)
    assert last["epoch"] == 4
    assert json.loads((job.folder / "result.json").read_text())["test"] == run.test
    assert not list(job.folder.glob("*.part"))


def test_the_best_epoch_can_be_the_one_that_is_tested(make_job, digits):
    recipe = replace(digits, selection="best", epochs=8)
    job = make_job("cross_entropy(lr=1)", recipe=recipe)
    run = train(job)
    figures = [entry["val_accuracy"] for entry in run.history]
    assert run.validation["accuracy"] == max(figures)
    assert run.epoch == figures.index(max(figures)) + 1


def test_a_loss_that_is_nan_stops_the_run(make_job):
    with pytest.raises(TrainingError, match=r"seed 0, epoch 1, step \d+: the loss is (nan|inf)"):
        train(make_job("cross_entropy(lr=1e30)"))


class Fake(torch.nn.Module):
    """A stand-in for a compiled loss: the soft share of right answers, negated."""

    def __init__(self, fault=None):
        super().__init__()
        self.fault = fault
        self.register_buffer("step", torch.zeros((), dtype=torch.int64))

    def forward(self, scores, label):
        self.step += 1
        if self.fault == "refuses":
            raise ValueError("scores: expected [n, p], got [3]")
        if self.fault == "constant":
            return torch.zeros(())
        return -scores.softmax(dim=1).gather(1, label[:, None]).mean()


@pytest.fixture
def fake(monkeypatch):
    def install(fault=None):
        compiled = SimpleNamespace(loss=lambda: Fake(fault))
        monkeypatch.setattr(losses, "compile_spec", lambda name, **options: compiled)

    return install


def test_a_compiled_loss_trains_and_its_state_is_kept(fake, make_job):
    fake()
    job = make_job("accuracy(lr=0.3)")  # a rate of 1 learns on some processors only
    assert train(job).test["accuracy"] > 0.5
    state = torch.load(job.folder / "last.ckpt", weights_only=True)["state_dict"]
    assert state["loss.step"] == 5 * 17  # 1,077 examples are 17 batches of up to 64


@pytest.mark.parametrize(
    ("fault", "expected"), [("refuses", "expected .n, p., got"), ("constant", "no gradient")]
)
def test_a_loss_that_cannot_train_says_where(fake, make_job, fault, expected):
    fake(fault)
    with pytest.raises(TrainingError, match=rf"'accuracy', seed 0, epoch 1, step 0: .*{expected}"):
        train(make_job("accuracy"))


def test_a_network_whose_scores_are_not_finite(make_job, digits):
    # the loss of the only step is fine, the weights after it are not
    recipe = replace(digits, epochs=1, batch_size=2000)
    with pytest.raises(TrainingError, match="output is not finite"):
        train(make_job("cross_entropy(lr=1e38)", recipe=recipe))


def test_half_precision(make_job):
    assert train(make_job(precision="bf16-mixed")).test["accuracy"] > 0.5


def test_an_unknown_precision(make_job):
    with pytest.raises(TaskError, match="precision"):
        train(make_job(precision="7-bit"))


def test_fewer_examples(make_job, digits):
    recipe = replace(digits, examples=64, epochs=1)
    job = make_job(recipe=recipe)
    train(job)
    events = EventAccumulator(str(job.folder)).Reload()
    assert events.Scalars("train_accuracy")


def test_losses_see_the_same_batches_and_start_alike(make_job, digits, fake):
    fake()
    starts = []
    for loss in ("cross_entropy", "accuracy"):
        job = make_job(loss, recipe=replace(digits, epochs=1), folder=loss)
        train(replace(job, learning_rate=1e-12))  # too little to move
        starts.append(weights(job))
    for name in starts[0]:
        torch.testing.assert_close(starts[0][name], starts[1][name])


@pytest.mark.gpu
def test_a_gpu_is_used(make_job):
    run = train(make_job())
    assert run.test["accuracy"] > 0.8


def test_the_choice_is_part_of_the_settings(make_job, digits):
    job = make_job("cross_entropy")
    other = replace(job, choice=resolve("cross_entropy(lr=1)", digits))
    assert job.settings != other.settings
    assert json.loads(json.dumps(job.settings)) == job.settings


@pytest.mark.parametrize("text", ["accuracy", "accuracy(squash=sigmoid)"])
def test_the_compiled_loss_itself_trains(make_job, text):
    job = make_job(text)
    assert train(job).test["accuracy"] > 0.6  # chance is 0.1
    again = make_job(text, folder="again")
    train(again)
    assert same(weights(job), weights(again))


def test_a_compiled_loss_goes_on_where_it_was(make_job):
    whole, broken = make_job("accuracy", folder="whole"), make_job("accuracy", folder="broken")
    train(whole)
    with pytest.raises(Interrupted):
        train(broken, until(2))
    train(broken)
    assert same(weights(whole), weights(broken))

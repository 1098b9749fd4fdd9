"""Training with a loss that changes from epoch to epoch: told the epoch, and resumed in it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from lossc import specs
from lossc.models.losses import resolve
from lossc.models.run import RunFolder
from lossc.models.trainer import train
from tests.models.interrupting import Interrupted, same, weights

WARM = "accuracy(schedule=warmup(first=cross_entropy, epochs={epochs}), lr=0.15)"
#: By its path the spec of this name is meant, and not the baseline.
FIRST = f"{specs.path('cross_entropy')}(lr=0.15)"


def trained(make_job, digits, loss, epochs, folder):
    job = make_job(loss, recipe=replace(digits, epochs=epochs), folder=folder)
    return job, train(job)


def test_the_first_epochs_are_those_of_the_first_loss(make_job, digits):
    """Bit for bit: figures of each epoch, and the weights; then it switches."""
    _, warm = trained(make_job, digits, WARM.format(epochs=3), 5, "warm")
    _, first = trained(make_job, digits, FIRST, 5, "first")
    _, own = trained(make_job, digits, "accuracy(lr=0.15)", 5, "own")
    losses = [[entry["loss"] for entry in run.history] for run in (warm, first, own)]
    assert losses[0][:3] == losses[1][:3] and losses[0][3] != losses[1][3]
    assert all(value > 0 for value in losses[0][:3])  # in nats
    assert all(-1 <= value <= 0 for value in losses[0][3:])  # minus an accuracy
    assert losses[2][0] != losses[0][0]
    short, _ = trained(make_job, digits, WARM.format(epochs=3), 3, "warm-short")
    other, _ = trained(make_job, digits, FIRST, 3, "first-short")
    assert same(weights(short), weights(other))


@pytest.mark.parametrize("epoch", [1, 2])
def test_a_run_goes_on_in_its_epoch(make_job, digits, epoch):
    """Interrupted in the warm-up, and where it ends."""
    text = WARM.format(epochs=2)
    whole, broken = make_job(text, folder="whole"), make_job(text, folder="broken")
    complete = train(whole)

    def stop(progress):
        if progress.epoch >= epoch:
            raise Interrupted

    with pytest.raises(Interrupted):
        train(broken, stop)
    last = torch.load(RunFolder(broken.folder).last, weights_only=True)
    assert int(last["state_dict"]["loss.epoch"]) == last["epoch"]
    again = train(broken)
    assert same(weights(whole), weights(broken))
    assert [e["loss"] for e in again.history] == [e["loss"] for e in complete.history]


def test_a_spec_file_with_a_schedule(make_job, digits, tmp_path):
    file = tmp_path / "cooling.lossc"
    text = (
        "spec cooling\ninput scores: real[n, p]\ninput label: int[n] in p\n"
        "decode predicted[i] = argmax[j] scores[i, j]\n"
        "evaluate mean[i] [predicted[i] == label[i]] else 0\n"
        "surrogate interpolation substitute\nsurrogate step sigmoid(temperature = 1)\n"
    )
    file.write_text(text + "schedule linear(of = temperature, from = 1, to = 0.25, epochs = 4)\n")
    _, run = trained(make_job, digits, f"{file}(lr=0.1)", 2, "cooling")
    file.write_text(text)
    _, plain = trained(make_job, digits, f"{file}(lr=0.1)", 2, "plain")
    losses = [[entry["loss"] for entry in each.history] for each in (run, plain)]
    assert losses[0][0] == losses[1][0] and losses[0][1] != losses[1][1]


def test_a_schedule_is_no_choice_of_the_surrogate(digits):
    """Rates and surrogates of a recipe are those of the loss without it."""
    recipe = replace(digits, surrogates={"accuracy": {"squash": "sigmoid"}})
    plain = resolve("accuracy", recipe)
    warm = resolve("accuracy(schedule=warmup(first=bce, epochs=1))", recipe)
    assert warm.rule == plain.rule == "accuracy(squash=sigmoid)"
    assert warm.choices["squash"] == "sigmoid" and "schedule" in warm.choices
    assert warm.folder != plain.folder


def test_another_first_loss_is_another_loss(digits, tmp_path):
    file = tmp_path / "own_first.lossc"
    head = "spec own_first\ninput scores: real[n, p]\ninput label: int[n] in p\n"
    digests = []
    for factor in (1, 2):
        file.write_text(f"{head}loss {factor} * mean[i, j] scores[i, j]\n")
        text = "accuracy(schedule=warmup(first=own_first, epochs=1))"
        digests.append(resolve(text, digits, folders=(tmp_path,)).digest)
    assert digests[0] != digests[1]

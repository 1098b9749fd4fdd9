"""Early stop, clipping and schedules, against loops in plain torch."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch.nn.functional import cross_entropy

from lossc.models import module as module_file
from lossc.models.module import TrainingModule
from lossc.models.recipe import Optimiser, Schedule
from lossc.models.seeding import Stream, stream_seed
from lossc.models.trainer import train
from tests.models.interrupting import Interrupted, same, until, weights


def plain_loop(recipe, rate_at, clip=None):
    """The weights after a loop in plain torch on cross entropy, and the norm of each gradient."""
    torch.manual_seed(stream_seed(0, Stream.WEIGHTS))
    network = recipe.network()
    parameters = list(network.parameters())
    optimiser = torch.optim.SGD(parameters, 1.0, momentum=recipe.optimiser.momentum, fused=True)
    data = recipe.data(None).train
    norms = []
    for epoch in range(recipe.epochs):
        generator = torch.Generator().manual_seed(stream_seed(0, Stream.ORDER, epoch))
        order = torch.randperm(len(data), generator=generator)
        batches = order.split(recipe.batch_size)
        for step, index in enumerate(batches):
            optimiser.param_groups[0]["lr"] = rate_at(epoch, step, len(batches))
            optimiser.zero_grad()
            scores = network(data.features[index])
            cross_entropy(scores, data.targets["label"][index]).backward()
            norms.append(math.hypot(*(float(p.grad.norm()) for p in parameters)))
            if clip is not None:
                torch.nn.utils.clip_grad_norm_(parameters, clip)
            optimiser.step()
    return network.state_dict(), norms


@pytest.fixture
def short(digits):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as in the run: sums in another order are other bits
    yield replace(digits, epochs=3, schedule=Schedule(), threads=1)
    torch.set_num_threads(threads)


# ------------------------------------------------------------------ clipping


@pytest.mark.parametrize("clip", [None, 0.3])
def test_clipping_is_that_of_a_plain_loop_bit_for_bit(make_job, short, clip):
    job = make_job(recipe=replace(short, clip=clip))
    run = train(job)
    expected, norms = plain_loop(short, lambda epoch, step, steps: 0.15, clip)
    assert same(weights(job), expected)
    if clip is None:
        assert "grad_norm" not in run.history[0]
        return
    assert max(norms) > clip > min(norms)  # some are shortened, some are not
    steps = len(norms) // 3
    means = [sum(norms[start : start + steps]) / steps for start in range(0, len(norms), steps)]
    assert [entry["grad_norm"] for entry in run.history] == pytest.approx(means, rel=1e-5)


def test_a_scaled_gradient_is_clipped_at_its_own_length(short, make_job):
    """As under float16: the scale is taken out first, or everything would be shortened."""
    job = make_job(recipe=replace(short, clip=0.3))
    loss = job.choice.build(0)
    split = short.data(None).val
    torch.manual_seed(0)
    module = TrainingModule(job.recipe, job.choice, loss, split, 0, 0.1)
    optimiser = torch.optim.SGD(module.parameters(), 0.1)
    value = cross_entropy(module.network(split.features), split.targets["label"])
    value.backward()
    torch.nn.utils.clip_grad_norm_(module.parameters(), 0.3)
    expected = [parameter.grad.clone() for parameter in module.parameters()]
    optimiser.zero_grad()
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    value = cross_entropy(module.network(split.features), split.targets["label"])
    scaler.scale(value).backward()
    module.trainer = SimpleNamespace(precision_plugin=SimpleNamespace(scaler=scaler))
    module._clip(optimiser)
    found = [parameter.grad for parameter in module.parameters()]
    torch.testing.assert_close(found, expected)


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["16-mixed", "bf16-mixed"])
def test_clipping_under_mixed_precision(make_job, digits, precision):
    run = train(make_job(recipe=replace(digits, clip=0.5), precision=precision))
    assert run.test["accuracy"] > 0.8
    assert 0 < run.history[-1]["grad_norm"] < 10


# ------------------------------------------------------------------ schedules


def test_warm_up_rises_from_step_to_step(make_job, short):
    recipe = replace(short, epochs=4, schedule=Schedule((3,), 0.1, warmup_epochs=2))
    job = make_job(recipe=recipe)
    train(job)

    def rate(epoch, step, steps):
        done = epoch * steps + step + 1
        return 0.15 * min(done / (2 * steps), 1.0) * (0.1 if epoch >= 3 else 1.0)

    torch.testing.assert_close(weights(job), plain_loop(recipe, rate)[0])


def test_without_warm_up_the_schedule_is_as_before(make_job, short):
    recipe = replace(short, schedule=Schedule((1, 2), 0.5))
    job = make_job(recipe=recipe)
    train(job)
    expected, _ = plain_loop(recipe, lambda epoch, step, steps: 0.15 * 0.5**epoch)
    assert same(weights(job), expected)


def test_a_run_goes_on_in_its_warm_up(make_job, short):
    recipe = replace(short, epochs=4, schedule=Schedule((3,), 0.1, warmup_epochs=3))
    whole, broken = (make_job(recipe=recipe, folder=name) for name in ("whole", "broken"))
    train(whole)
    with pytest.raises(Interrupted):
        train(broken, until(2))
    train(broken)
    assert same(weights(whole), weights(broken))


def rates(schedule, epochs):
    optimiser = Optimiser("sgd", 1.0).build([torch.nn.Parameter(torch.zeros(1))], 0.4)
    scheduler = schedule.build(optimiser, epochs)
    found = []
    for _ in range(epochs):
        found.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        scheduler.step()
    return found


def test_cosine_is_that_of_torch():
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 0.4)
    theirs = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=6)
    expected = []
    for _ in range(6):
        expected.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        theirs.step()
    assert rates(Schedule((1,), decay="cosine"), 6) == pytest.approx(expected)
    after = rates(Schedule(decay="cosine", warmup_epochs=2), 8)
    assert after == pytest.approx([0.4, 0.4, *expected])


# ------------------------------------------------------------------ early stop


def stops_after(figures, patience):
    """Epochs that are trained, written out."""
    for epoch in range(1, len(figures) + 1):
        best = figures.index(max(figures[:epoch])) + 1
        if epoch - best >= patience:
            return epoch
    return len(figures)


@pytest.mark.parametrize("patience", [1, 2, 4])
def test_a_run_stops_when_it_gets_no_better(make_job, digits, patience):
    recipe = replace(digits, epochs=14)
    job = make_job("cross_entropy(lr=0.5)", recipe=recipe, folder="whole")
    whole = train(job)
    figures = [entry["val_accuracy"] for entry in whole.history]
    expected = stops_after(figures, patience)
    assert patience > 2 or expected < 14
    early = make_job(
        "cross_entropy(lr=0.5)", recipe=replace(recipe, patience=patience), folder="early"
    )
    run = train(early)
    assert [entry["val_accuracy"] for entry in run.history] == figures[:expected]
    assert (run.epoch, run.epochs) == (expected, expected)
    exact = make_job("cross_entropy(lr=0.5)", recipe=replace(recipe, epochs=expected))
    train(exact)
    assert same(weights(early), weights(exact))


def test_a_run_that_stopped_early_is_tested_as_selected(make_job, digits):
    recipe = replace(digits, epochs=30, patience=2, selection="best")
    run = train(make_job("cross_entropy(lr=0.5)", recipe=recipe))
    figures = [entry["val_accuracy"] for entry in run.history]
    assert run.epoch == figures.index(max(figures)) + 1 == run.epochs - 2
    assert run.validation["accuracy"] == max(figures)


def test_smaller_may_be_better(make_job, digits, monkeypatch):
    errors = iter([0.5, 0.4, 0.45, 0.42, 0.3, 0.2])
    monkeypatch.setattr(module_file, "evaluate", lambda *_: {"accuracy": next(errors)})
    recipe = replace(digits, epochs=6, patience=2, headline_smaller=True)
    assert train(make_job(recipe=recipe)).epochs == 4


@pytest.mark.parametrize("back", [0, 1])
def test_a_run_that_goes_on_stops_where_the_whole_one_did(make_job, digits, back):
    """Interrupted in its course, and between its last checkpoint and its end."""
    recipe = replace(digits, epochs=30, patience=2)
    whole, broken = (
        make_job("cross_entropy(lr=0.5)", recipe=recipe, folder=name)
        for name in ("whole", "broken")
    )
    complete = train(whole)
    with pytest.raises(Interrupted):
        train(broken, until(complete.epochs - back))
    run = train(broken)
    assert run.epochs == complete.epochs < 30
    assert same(weights(whole), weights(broken))

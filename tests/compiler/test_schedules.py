"""Losses that change from epoch to epoch: first another loss, and numbers that move."""

from __future__ import annotations

import copy
import importlib
import math
import pickle
import subprocess
import sys
import textwrap

import pytest
import torch
from torch import nn
from torch._dynamo.testing import CompileCounter
from torch.optim.lr_scheduler import CosineAnnealingLR, ExponentialLR, LinearLR, MultiStepLR
from torch.testing import assert_close
from typer.testing import CliRunner

import lossc
from lossc import specs
from lossc.cli import app
from lossc.compiler.compile import compile_spec
from lossc.grammar.errors import SpecError
from lossc.runtime.epochs import (
    cosine_schedule,
    exponential_schedule,
    linear_schedule,
    piecewise_schedule,
)
from tests.surrogates import IDW

WARMUP = "warmup(first=cross_entropy, epochs=5)"
COOLING = "exponential(of=temperature, from=2, to=0.1, epochs=6)"


@pytest.fixture
def batch():
    scores = torch.randn(8, 4, generator=torch.Generator().manual_seed(3))
    return scores, torch.tensor([0, 1, 2, 3, 0, 1, 2, 3])


def value_and_slope(loss, scores, *targets):
    live = scores.clone().requires_grad_()
    value = loss(live, *targets)
    return value.detach(), torch.autograd.grad(value, live)[0]


def assert_same(one, other):
    for ours, theirs in zip(one, other, strict=True):
        assert torch.equal(ours, theirs)


# ---- warm-up


@pytest.mark.parametrize("name", ["anchor_bce", "accuracy", "macro_f1", "focal"])
def test_first_another_loss_and_then_the_own_one(name, batch):
    loss = lossc.loss(name, **IDW, schedule=WARMUP)
    first, own = lossc.loss("cross_entropy"), lossc.loss(name, **IDW)
    for epoch in range(8):
        loss.set_epoch(epoch)
        expected = first if epoch < 5 else own
        assert_same(value_and_slope(loss, *batch), value_and_slope(expected, *batch))
        if epoch < 5:
            assert_close(loss(*batch), nn.functional.cross_entropy(*batch))


def test_the_draws_begin_with_the_own_loss(batch):
    loss, own = (
        lossc.loss("accuracy", **IDW, seed=7, schedule=WARMUP),
        lossc.loss("accuracy", **IDW, seed=7),
    )
    loss.set_epoch(0)
    for _ in range(3):
        loss(*batch)
    assert int(loss.step) == 0
    loss.set_epoch(5)
    for _ in range(3):
        assert_same(value_and_slope(loss, *batch), value_and_slope(own, *batch))


def test_the_metric_is_never_that_of_another_loss(batch):
    loss = lossc.loss("accuracy", **IDW, schedule=WARMUP)
    expected = (batch[0].argmax(-1) == batch[1]).float().mean()
    assert loss.metric(*batch) == expected
    loss.set_epoch(0)
    assert loss.metric(*batch) == expected


def test_a_metric_with_its_own_draws_may_come_first(batch):
    loss = lossc.loss("balanced_accuracy", seed=3, schedule="warmup(first=accuracy, epochs=1)")
    first = lossc.loss("accuracy", seed=3)
    loss.set_epoch(0)
    for _ in range(2):
        assert_same(value_and_slope(loss, *batch), value_and_slope(first, *batch))


def test_the_first_loss_takes_params(batch):
    text = "warmup(first = anchor_bce(gamma = 0, modulate = both), epochs = 2)"
    loss = lossc.loss("anchor_bce", schedule=text)
    loss.set_epoch(1)
    hot = nn.functional.one_hot(batch[1], 4).float()
    plain = nn.functional.binary_cross_entropy_with_logits(batch[0], hot, reduction="none")
    assert_close(loss(*batch), plain.sum(-1).mean())


def test_a_schedule_in_the_spec_and_the_callers_in_its_place(batch):
    text = (specs.path("anchor_bce").read_text()).replace(
        "loss mean", f"schedule {WARMUP}\nloss mean", 1
    )
    loss = lossc.loss(text, **IDW)
    loss.set_epoch(4)
    assert_close(loss(*batch), nn.functional.cross_entropy(*batch))
    own = lossc.loss("anchor_bce")(*batch)
    assert torch.equal(lossc.loss(text, **IDW, schedule="none")(*batch), own)
    other = lossc.loss(text, schedule="warmup(first=cross_entropy, epochs=1)")
    other.set_epoch(1)
    assert torch.equal(other(*batch), own)
    assert torch.equal(
        pickle.loads(pickle.dumps(lossc.loss(text, **IDW, schedule="none")))(*batch), own
    )


def test_yaml_and_a_file_of_ones_own(tmp_path, batch):
    (tmp_path / "gap.lossc").write_text(
        "spec gap\ninput out: real[b, c]\ninput class_: int[b] in c\n"
        "loss mean[i] -out[i, class_[i]]\n"
    )
    (tmp_path / "mine.yaml").write_text(
        "lossc: 1\nname: mine\ninputs: {scores: 'real[n, p]', label: 'int[n] in p'}\n"
        "loss: mean[i] logsumexp[j] scores[i, j]\n"
        "schedule: {kind: warmup, first: gap, epochs: 2}\n"
    )
    with pytest.raises(SpecError, match="L036"):
        lossc.loss(tmp_path / "mine.yaml")
    loss = lossc.loss("mine", **IDW, folders=tmp_path)
    (tmp_path / "gap.lossc").unlink()  # what was compiled needs no file
    for each in (loss, pickle.loads(pickle.dumps(loss)), copy.deepcopy(loss)):
        each.set_epoch(0)
        assert_close(each(*batch), -batch[0].gather(1, batch[1][:, None]).mean())
        each.set_epoch(2)
        assert_close(each(*batch), batch[0].logsumexp(1).mean())


def test_a_spec_cannot_name_a_file_and_a_caller_can(tmp_path, batch):
    path = tmp_path / "gap.lossc"
    path.write_text("spec gap\ninput s: real[n, p]\ninput y: int[n] in p\nloss mean[i] -s[i, y[i]]")
    with pytest.raises(SpecError, match="L036"):
        lossc.loss(
            "spec t\ninput s: real[n, p]\ninput y: int[n] in p\nloss mean[i, j] s[i, j]\n"
            f'schedule warmup(first = "{path}", epochs = 1)'
        )
    loss = lossc.loss("accuracy", schedule={"kind": "warmup", "first": str(path), "epochs": 1})
    loss.set_epoch(0)
    assert_close(loss(*batch), -batch[0].gather(1, batch[1][:, None]).mean())


# ---- numbers


def rates_of(scheduler, count=15, **options):
    """The rates of torch's own scheduler, epoch by epoch, from 1."""
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(()))], lr=1.0)
    made, rates = scheduler(optimiser, **options), []
    for _ in range(count):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        made.step()
    return rates


def test_schedules_are_those_of_torch():
    found = [linear_schedule(epoch, 1.0, 0.1, 10, 0) for epoch in range(15)]
    expected = rates_of(LinearLR, start_factor=1.0, end_factor=0.1, total_iters=10)
    assert found == pytest.approx(expected)
    found = [cosine_schedule(epoch, 1.0, 0.1, 10, 0) for epoch in range(11)]
    assert found == pytest.approx(rates_of(CosineAnnealingLR, 11, T_max=10, eta_min=0.1))
    found = [exponential_schedule(epoch, 1.0, 0.5**10, 10, 0) for epoch in range(11)]
    assert found == pytest.approx(rates_of(ExponentialLR, 11, gamma=0.5))
    found = [piecewise_schedule(epoch, (1.0, 0.5, 0.25), (3, 7)) for epoch in range(15)]
    assert found == pytest.approx(rates_of(MultiStepLR, milestones=[3, 7], gamma=0.5))


@pytest.mark.parametrize("function", [linear_schedule, cosine_schedule, exponential_schedule])
def test_where_schedules_begin_and_end(function):
    assert [function(epoch, 2.0, 0.3, 4, 3) for epoch in (0, 3)] == pytest.approx([2.0, 2.0])
    assert [function(epoch, 2.0, 0.3, 4, 3) for epoch in (7, 10**6, math.inf)] == [0.3] * 3
    between = [function(epoch, 2.0, 0.3, 4, 3) for epoch in (3, 4, 5, 6, 7)]
    assert between == sorted(between, reverse=True) and len(set(between)) == 5


@pytest.mark.parametrize("interpolation", ["idw", "substitute", "multilinear", "bound"])
@pytest.mark.parametrize("name", ["accuracy", "average_precision"])
def test_a_temperature_of_the_epoch_is_that_temperature(name, interpolation, batch):
    if (name, interpolation) == ("average_precision", "bound"):
        pytest.skip("its negatives won make no lower bound")
    scores, label = batch
    inputs = batch if name == "accuracy" else (scores[:, 0], label == 0)
    free = {"interpolation": interpolation, "squash": "none"}
    loss = lossc.loss(name, **free, step="sigmoid(max_spread=none)", schedule=COOLING)
    for epoch in range(9):
        warmth = 2 * (0.1 / 2) ** (min(epoch, 6) / 6)
        loss.set_epoch(epoch)
        assert loss.temperature == pytest.approx(warmth)
        step = {"kind": "sigmoid", "temperature": loss.temperature, "max_spread": "none"}
        fixed = lossc.loss(name, step=step, **free)
        assert_same(
            value_and_slope(copy.deepcopy(loss).eval(), *inputs),
            value_and_slope(fixed.eval(), *inputs),
        )


def test_a_param_of_the_epoch_is_that_param(batch):
    loss = lossc.loss("focal", schedule="linear(of=gamma, from=2, to=0, epochs=4)")
    for epoch, gamma in enumerate([2.0, 1.5, 1.0, 0.5, 0.0, 0.0]):
        loss.set_epoch(epoch)
        assert_close(loss(*batch), lossc.loss("focal", params={"gamma": gamma})(*batch))


def test_without_from_a_schedule_begins_at_the_value_there_is(batch):
    loss = lossc.loss("focal", params={"gamma": 3}, schedule="linear(of=gamma, to=0, epochs=4)")
    loss.set_epoch(0)
    assert loss.gamma == 3
    step = "sigmoid(temperature=0.7)"
    loss = lossc.loss("accuracy", step=step, schedule="cosine(of=temperature, to=0.1, epochs=4)")
    loss.set_epoch(0)
    assert loss.temperature == pytest.approx(0.7)


def test_whole_numbers_stay_whole(batch):
    schedule = {"kind": "piecewise", "of": "k", "values": [3, 2, 1], "milestones": [2, 4]}
    loss = lossc.loss("top_k_accuracy", **IDW, params={"k": 3}, schedule="none")
    with pytest.raises(SpecError, match="L045"):
        lossc.loss("top_k_accuracy", schedule="linear(of=good, from=16, to=4, epochs=4)")
    loss = lossc.loss("top_k_accuracy", **IDW, schedule=schedule)
    for epoch, k in ((0, 3), (1, 3), (2, 2), (4, 1), (9, 1)):
        loss.set_epoch(epoch)
        fixed = lossc.loss("top_k_accuracy", **IDW, params={"k": k})
        assert loss.metric(*batch) == fixed.metric(*batch)
        assert torch.equal(copy.deepcopy(loss).eval()(*batch), fixed.eval()(*batch))


def test_several_schedules_at_once(batch):
    loss = lossc.loss(
        "accuracy",
        interpolation="idw",
        schedule=[WARMUP, "linear(of=temperature, to=0.5, epochs=2, after=5)"],
    )
    loss.set_epoch(0)
    assert_close(loss(*batch), nn.functional.cross_entropy(*batch))
    for epoch, warmth in ((5, 1.0), (6, 0.75), (7, 0.5), (8, 0.5)):
        loss.set_epoch(epoch)
        assert loss.temperature == pytest.approx(warmth)


# ---- the epoch


def test_a_loss_that_was_never_told_the_epoch(batch):
    loss = lossc.loss("accuracy", schedule=[WARMUP, COOLING])
    with pytest.raises(RuntimeError, match=r"loss\.set_epoch\(epoch\)"):
        loss(*batch)
    settled = lossc.loss("accuracy", step="sigmoid(temperature=0.1)").eval()
    assert torch.equal(loss.eval()(*batch), settled(*batch))  # what the schedules lead to
    loss.train().set_epoch(0)
    loss(*batch)


@pytest.mark.parametrize("schedule", [None, WARMUP])
@pytest.mark.parametrize("epoch", [-1, 1.5, "1", None, True])
def test_an_epoch_is_a_whole_number_from_0(schedule, epoch):
    with pytest.raises(ValueError, match="epoch: expected a"):
        lossc.loss("accuracy", **IDW, schedule=schedule).set_epoch(epoch)


@pytest.mark.parametrize("name", ["accuracy", "bce", "ndcg"])
def test_every_loss_can_be_told_the_epoch(name):
    loss = lossc.loss(name, **IDW)
    before = dict(loss.state_dict())
    loss.set_epoch(3)
    assert loss.state_dict() == before and "epoch" not in before


@pytest.mark.parametrize("strict", [True, False])
def test_a_checkpoint_has_the_epoch(strict, batch):
    def made():
        return nn.Sequential(nn.Linear(4, 4), lossc.loss("accuracy", schedule=[WARMUP, COOLING]))

    model, other = made(), made()
    for epoch in (2, 5):
        model[1].set_epoch(epoch)
        other.load_state_dict(model.state_dict(), strict=strict)
        assert int(other[1].epoch) == epoch
        assert_same(value_and_slope(model[1], *batch), value_and_slope(other[1], *batch))
    other.load_state_dict(made().state_dict())
    with pytest.raises(RuntimeError, match="set_epoch"):
        other[1](*batch)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda loss: pickle.loads(pickle.dumps(loss))])
def test_copies_are_in_the_same_epoch(copied, batch):
    loss = lossc.loss("accuracy", schedule=[WARMUP, COOLING])
    for epoch in (1, 5):
        loss.set_epoch(epoch)
        other = copied(loss)
        assert_same(value_and_slope(other, *batch), value_and_slope(loss, *batch))
        other.set_epoch(20)
        assert int(loss.epoch) == epoch
        loss(*batch)


def test_what_is_scheduled_is_no_argument():
    compiled = lossc.compile("accuracy", interpolation="idw", schedule=COOLING)
    with pytest.raises(TypeError, match="temperature follows a schedule"):
        compiled.loss(temperature=1.0)
    assert compiled.loss(good=3).good == 3


@pytest.mark.gpu
def test_no_device_is_waited_for(batch):
    loss = lossc.loss("anchor_bce", validate=False, schedule=[WARMUP]).cuda()
    scores, label = (each.cuda() for each in batch)
    torch.cuda.set_sync_debug_mode("error")
    try:
        for epoch in (0, 5):
            loss.set_epoch(epoch)
            loss(scores.clone().requires_grad_(), label).backward()
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_within_a_distributed_model(batch):
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.network = nn.Linear(4, 4)
            self.loss = lossc.loss("anchor_bce", schedule=[WARMUP])

        def forward(self, features, label):
            return self.loss(self.network(features), label)

    store = torch.distributed.HashStore()
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    try:
        model = nn.parallel.DistributedDataParallel(Model())
        for epoch, name in ((4, "cross_entropy"), (5, "anchor_bce")):
            model.module.loss.set_epoch(epoch)
            value = model(*batch)
            value.backward()
            expected = lossc.loss(name, **IDW)(model.module.network(batch[0]), batch[1])
            assert torch.equal(value, expected)
            assert int(model.state_dict()["module.loss.epoch"]) == epoch
    finally:
        torch.distributed.destroy_process_group()


# ---- the command line


def test_on_the_command_line(tmp_path):
    file = tmp_path / "loss.py"
    more = ["--schedule", WARMUP, "--schedule", COOLING]
    done = CliRunner().invoke(app, ["compile", "accuracy", "-o", str(file), *more])
    assert done.exit_code == 0, done.output
    assert file.read_text() == lossc.compile("accuracy", schedule=[WARMUP, COOLING]).source()
    done = CliRunner().invoke(app, ["explain", "accuracy", "--format", "text", *more])
    assert "cross_entropy in epochs 0 to 4; temperature exponential" in done.output
    done = CliRunner().invoke(app, ["check", "bce", "--batches", "8", "--schedule", "warmup(x=1)"])
    assert done.exit_code == 1
    done = CliRunner().invoke(app, ["check", "anchor_bce", "--batches", "8", "--schedule", WARMUP])
    assert done.exit_code == 0, done.output


# ---- the generated module


@pytest.mark.parametrize(
    ("name", "schedule"),
    [
        ("accuracy", [WARMUP, COOLING]),
        ("precision_at_k", 'piecewise(of = good, values = "16, 8", milestones = 3)'),
        ("focal", "cosine(of = gamma, to = 0, epochs = 3)"),
        ("balanced_accuracy", ["warmup(first=accuracy, epochs=1)", COOLING]),
    ],
)
def test_sources_are_formatted_and_typed(name, schedule, root, tmp_path):
    file = tmp_path / "module.py"
    file.write_text(lossc.compile(name, schedule=schedule).source(), encoding="utf-8")
    settings = ["--config", str(root / "pyproject.toml"), "--no-cache"]
    for command in (["format", "--check"], ["check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, *settings, str(file)],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_file_alone_with_torch(tmp_path):
    source = lossc.compile("anchor_bce", schedule=[WARMUP]).source()
    (tmp_path / "loss.py").write_text(source, encoding="utf-8")
    script = """
        import copy, pickle, sys, torch
        from loss import AnchorBce, anchor_bce
        x, y = torch.randn(4, 3), torch.tensor([0, 1, 2, 0])
        plain, loss = torch.nn.functional.cross_entropy(x, y), AnchorBce()
        try:
            loss(x, y)
        except RuntimeError as error:
            assert "set_epoch" in str(error)
        loss.set_epoch(4)
        for each in (loss, copy.deepcopy(loss), pickle.loads(pickle.dumps(loss))):
            torch.testing.assert_close(each(x, y), plain)
        other = AnchorBce()
        other.load_state_dict(loss.state_dict())
        assert other(x, y) == loss(x, y) == anchor_bce(x, y, epoch=4)
        other.set_epoch(5)
        assert other(x, y) == anchor_bce(x, y, epoch=5) != loss(x, y)
        assert "lossc" not in sys.modules
    """
    done = subprocess.run(
        [
            sys.executable,
            "-I",
            "-c",
            f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n" + textwrap.dedent(script),
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.filterwarnings("ignore:.*should not be instantiated")  # of torch itself
def test_compiled_kernels_follow_the_epoch(batch):
    """One graph for each of the two losses; a number that moves is compiled once more, and once."""
    loss = lossc.loss("anchor_bce", schedule=[WARMUP, "linear(of=gamma, to=0, epochs=20, after=5)"])
    counter = CompileCounter()
    fast = torch.compile(loss, fullgraph=True, backend=counter)
    for epoch in range(26):
        fast.set_epoch(epoch)
        assert_close(value_and_slope(fast, *batch), value_and_slope(loss, *batch))
    assert counter.frame_count <= 5


def test_imported_specs(tmp_path, batch):
    (tmp_path / "own_first.lossc").write_text(
        "spec own_first\ninput s: real[n, p]\ninput y: int[n] in p\nloss mean[i] -s[i, y[i]]"
    )
    (tmp_path / "own_loss.lossc").write_text(
        "spec own_loss\ninput scores: real[n, p]\ninput label: int[n] in p\n"
        'param sign = "plus"\n'
        'loss mean[i, j] where(sign == "minus", -scores[i, j], scores[i, j])\n'
        "schedule warmup(first = own_first, epochs = 1)\n"
    )
    hook = lossc.install_import_hook("scheduled_specs", tmp_path)
    try:
        module = importlib.import_module("scheduled_specs.own_loss")
        for sign in ("plus", "minus"):
            loss = module.OwnLoss(sign=sign)
            loss.set_epoch(0)
            assert_close(loss(*batch), -batch[0].gather(1, batch[1][:, None]).mean())
            loss = pickle.loads(pickle.dumps(loss))
            loss.set_epoch(1)
            assert_close(loss(*batch), batch[0].mean() * (1 if sign == "plus" else -1))
    finally:
        hook.uninstall()


# ---- what does not fit


@pytest.mark.parametrize(
    ("first", "own", "matched"),
    [
        ("a: real[n]", "a: real[m]", {"a": "a"}),
        ("a: real[n]", "b: real[m]", {"a": "b"}),
        ("a: real[n, k], y: int[n] in k", "u: real[b, c], v: int[b] in c", {"a": "u", "y": "v"}),
        ("a: real[n, 2]", "b: real[m, 2]", {"a": "b"}),
        ("a: real[n, k]", "b: real[m, 2]", {"a": "b"}),
        ("a: real[n], w: target real[n] = 1", "b: real[m]", {"a": "b", "w": None}),
        (
            "a: real[n], w: target real[n] = 1",
            "b: real[m], v: target real[m]",
            {"a": "b", "w": "v"},
        ),
        ("a: real[n], b: real[n]", "b: real[n], c: real[n]", {"a": "c", "b": "b"}),
        ("a: real[n] in [0, 2]", "b: real[n] in [0, 1]", {"a": "b"}),
        ("a: real[n, 2]", "b: real[m, k]", None),
        ("a: real[n]", "b: target real[m], c: real[m, m]", None),
        ("a: real[n, k], y: int[n] in k", "u: real[b, c], v: int[b] in b", None),
        ("a: real[n], w: target real[n]", "b: real[m]", None),
        ("a: real[n], w: target real[n]", "a: real[m], v: target real[k]", None),
        ("a: real[n]", "a: real[m, k]", None),
        ("a: real[n] in [0, 1]", "b: real[n]", None),
        ("a: real[n] in [0, 1)", "b: real[n] in [0, 1]", None),
        ("a: bool[n]", "b: int[n]", None),
        ("a: real[n]", "b: real[n], c: real[n]", "'a' of 'first' could be 'b' or 'c' here"),
    ],
)
def test_inputs_are_matched_by_name_then_by_kind_and_axes(first, own, matched):
    from lossc.compiler.warmup import match_inputs
    from lossc.grammar.load import load
    from lossc.grammar.parser import parse_option

    def spec(name, inputs):
        listed = "".join(f"input {each}\n" for each in _split(inputs))
        return load(f"spec {name}\n{listed}loss 0")

    def match():
        option = parse_option("warmup(first = first, epochs = 1)")
        return match_inputs(spec("first", first), spec("own", own), option)

    if isinstance(matched, dict):
        assert match() == matched
        return
    with pytest.raises(SpecError) as caught:
        match()
    assert caught.value.diagnostics[0].code == "L045"
    assert (matched or "takes other inputs") in str(caught.value)


def _split(inputs):
    """``a: real[n, k], y: int[n] in k`` at the commas before a name."""
    import re

    return re.split(r",\s*(?=\w+:)", inputs)


@pytest.mark.parametrize(
    ("schedule", "code", "said"),
    [
        ("warmup(first=auroc, epochs=5)", "L045", "'auroc' takes other inputs than 'accuracy'"),
        ("warmup(first=cross_entropy, epochs=0)", "L045", "'epochs' is a whole number from 1"),
        ("warmup(first=cross_entropy, epochs=1.5)", "L045", "'epochs' is a whole number from 1"),
        ("warmup(first=5, epochs=1)", "L045", "'first' is the name of a spec"),
        ("warmup(first=focal(gamma=-1), epochs=1)", "L027", "outside [0, inf)"),
        ("warmup(first=focal(size=1), epochs=1)", "L028", "no param 'size'"),
        ("warmup(first=focal(gamma=a(b=1)), epochs=1)", "L045", "a number or a word"),
        ("warm(first=focal, epochs=1)", "L028", "did you mean 'warmup'?"),
        ("linear(of=temprature, to=1, epochs=5)", "L045", "did you mean 'temperature'?"),
        ("linear(of=temperature, to=0, epochs=5)", "L027", "temperature = 0 is outside (0, inf)"),
        ("linear(of=temperature, to=a, epochs=5)", "L045", "'to' is a number, not 'a'"),
        ("linear(of=temperature, to=1, epochs=5, after=-1)", "L045", "from 0, not -1"),
        ("exponential(of=power, from=-1, to=1, epochs=5)", "L045", "positive numbers, not -1"),
        ("linear(of=squash, to=1, epochs=5)", "L045", "no number is called 'squash'"),
        ("piecewise(of=power, values=1, milestones=3)", "L045", "1 values and 1 milestones"),
        ('piecewise(of=power, values="1, 2", milestones=0)', "L045", "whole epochs from 1"),
        ('piecewise(of=power, values="1 2 3", milestones="5 5")', "L045", "later than the one"),
        ('piecewise(of=power, values="1, x", milestones=3)', "L045", "'values' is a list"),
        ('piecewise(of=good, values="1, 2.5", milestones=3)', "L045", "good is a whole number"),
    ],
)
def test_what_is_refused(schedule, code, said):
    with pytest.raises(SpecError) as caught:
        compile_spec("accuracy", **IDW, schedule=schedule)
    assert {found.code for found in caught.value.diagnostics} == {code}
    assert said in str(caught.value)


def test_errors_of_a_file_have_their_place():
    text = (
        "spec t\ninput score: real[n]\nparam weight = 1 in [0, 2]\n"
        "loss mean[i] weight * score[i]^2\n"
        "schedule warmup(first = cross_entropy, epochs = 5)\n"
        "schedule linear(of = weight, to = 3, epochs = 5)\n"
    )
    with pytest.raises(SpecError) as caught:
        lossc.loss(text, **IDW)
    assert [(found.code, found.span.line) for found in caught.value.diagnostics] == [
        ("L045", 5),
        ("L027", 6),
    ]


def test_a_value_and_a_schedule_of_the_same_number():
    with pytest.raises(SpecError, match="leave out `from`"):
        lossc.loss(
            "focal", params={"gamma": 1}, schedule="linear(of=gamma, from=2, to=0, epochs=2)"
        )
    with pytest.raises(SpecError, match="temperature = auto"):
        lossc.loss("accuracy", step="sigmoid(temperature=auto)", schedule=COOLING)
    with pytest.raises(SpecError, match="'temperature' has two schedules"):
        lossc.loss("accuracy", **IDW, schedule=[COOLING, COOLING])
    with pytest.raises(SpecError, match="two warm-ups"):
        lossc.loss("accuracy", **IDW, schedule=[WARMUP, WARMUP])
    with pytest.raises(TypeError, match="schedule takes"):
        lossc.loss("accuracy", **IDW, schedule=[5])


def test_a_param_that_must_be_whole_passes_through_no_fraction():
    text = (
        "spec t\ninput score: real[n]\nparam k = 4 in [1, 8]\n"
        "loss sum[r in 1..k] mean[i] r * score[i]^2\n"
    )
    lossc.loss(text, schedule='piecewise(of = k, values = "4, 2", milestones = 3)')
    with pytest.raises(SpecError):
        lossc.loss(text, schedule="linear(of = k, to = 1, epochs = 3)")


def test_the_gradient_audit_takes_a_scheduled_loss():
    from lossc.compiler.audit import quick_audit

    compiled = lossc.compile("accuracy", schedule=[WARMUP, COOLING])
    assert quick_audit(compiled.unscheduled, 0).rows
    assert compiled.stages.summary()["schedule"].startswith("cross_entropy in epochs 0 to 4; ")

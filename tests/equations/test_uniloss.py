"""UniLoss (Liu, Wang and Deng 2020): facts of the paper, numbers recorded from its code."""

from __future__ import annotations

import json

import pytest
import torch
from torch import tensor
from torch.testing import assert_close

from lossc.compiler.compile import compile_spec
from lossc.runtime.reference import idw, idw_gradient
from tests.surrogates import IDW


@pytest.fixture(scope="module")
def recorded(shared):
    return json.loads((shared / "golden" / "dev_sample.json").read_text())


def pairs_of(target):
    """The recorded order of pairs (i < j, different labels), and where ours stand in it.

    Ours put the positive first; a pair recorded the other way round is turned.
    """
    n = len(target)
    theirs = [(i, j) for i in range(n) for j in range(i + 1, n) if target[i] != target[j]]
    ours = [(i, j) for i in range(n) for j in range(n) if target[i] and not target[j]]
    places = [theirs.index((min(pair), max(pair))) for pair in ours]
    return places, tensor([i > j for i, j in ours])


@pytest.mark.parametrize("number", [0, 1])
def test_values_and_gradients_of_the_published_code(recorded, number):
    """Their binaries are -1 and 1, so their u moves twice as far; the loss is minus the metric."""
    record = recorded["uniloss_cls"][number]
    f64 = {"dtype": torch.float64}
    target, scores = tensor(record["target"]), tensor(record["scores"], **f64)
    bits = (tensor(record["bins"]) + 1) // 2
    gradients = {
        "published": tensor(record["grad_cur_bin_ref"], **f64),
        "exact": tensor(record["grad_cur_bin_true"], **f64),
    }
    if "AP" in record["tag"]:
        one = compile_spec(
            "interpolated_average_precision", interpolation="idw(inconsistent=published)"
        )
        scores, target = scores.squeeze(-1), target.bool()
        places, turned = pairs_of(record["target"])
        bits = torch.where(turned, 1 - bits[:, places], bits[:, places])
        gradients = {
            rule: torch.where(turned, -g[places], g[places]) for rule, g in gradients.items()
        }
    else:
        one = compile_spec("accuracy", **IDW)
    scores.requires_grad_()
    values = one.evaluate_binaries(bits, scores, target)
    assert_close(-values, tensor(record["values"], **f64), rtol=0, atol=1e-6)
    u = one.comparisons(scores, target).sigmoid()
    value = idw(u, bits.double(), values)
    assert value.item() == pytest.approx(record["e_tilde_metric"], abs=1e-7)
    for rule, want in gradients.items():
        got = idw_gradient(u.detach(), bits.double(), values, rule)
        assert_close(-got / 2, want, rtol=1e-6, atol=1e-7)
    pull = idw_gradient(u.detach(), bits.double(), values, "published")
    (score_gradient,) = torch.autograd.grad(-(u @ pull), scores)
    want = tensor(record["grad_ref"], **f64).reshape(score_gradient.shape)
    assert_close(score_gradient, want, rtol=1e-6, atol=1e-7)


def test_average_precision_of_every_configuration(recorded):
    """Valid configurations and the two cyclic ones, which count as 0 in the published code."""
    (record,) = recorded["ap_frombins"]
    target = tensor(record["target"]).bool()
    places, turned = pairs_of(record["target"])
    bits = (tensor(record["bins"])[:, places] + 1) // 2
    bits = torch.where(turned, 1 - bits, bits)
    score = torch.zeros(record["n"])
    name = "interpolated_average_precision"
    published = compile_spec(name, interpolation="idw(inconsistent=published)")
    got = published.evaluate_binaries(bits, score, target)
    assert_close(got, tensor(record["ap"]), rtol=0, atol=1e-6)
    extended = compile_spec(name).evaluate_binaries(bits, score, target)
    cyclic = got == 0
    assert cyclic.sum() == record["n_zero"] == 2
    assert_close(extended[~cyclic], got[~cyclic])
    assert (extended[cyclic] > 0).all()


def test_average_precision_of_recorded_rankings(recorded):
    for record in recorded["binary_ap"]:
        if record["distinct"] < record["n"]:
            continue  # the published evaluation sorts ties arbitrarily
        scores, target = tensor(record["scores"]), tensor(record["target"]).bool()
        got = compile_spec("interpolated_average_precision").metric(scores, target)
        assert got.item() == pytest.approx(record["ap"], abs=1e-6)
        plain = compile_spec("average_precision").metric(scores, target)
        assert plain.item() == pytest.approx(record["sklearn_average_precision"], abs=1e-6)


@pytest.mark.parametrize(
    ("positives", "negatives", "valid"), [(2, 2, 14), (2, 3, 46), (3, 3, 230), (1, 3, 8)]
)
def test_number_of_configurations_that_scores_can_have(positives, negatives, valid):
    """Poly-Bernoulli numbers: binary matrices without a forbidden square."""
    one = compile_spec(
        "interpolated_average_precision", interpolation="idw(inconsistent=published)"
    )
    relevant = torch.arange(positives + negatives) < positives
    size = positives * negatives
    bits = (torch.arange(2**size).unsqueeze(1) >> torch.arange(size)) & 1
    values = one.evaluate_binaries(bits, torch.zeros(positives + negatives), relevant)
    assert (values > 0).sum() == valid


def test_one_example_of_two_classes_is_the_sigmoid_of_the_difference():
    """With the anchors 1 and 0 the interpolation of eq. 10 is u itself."""
    scores = tensor([[1.3, 0.4]], dtype=torch.float64)
    one = compile_spec("accuracy", **IDW)
    label = tensor([0])
    bits = tensor([[1], [0]])
    values = one.evaluate_binaries(bits, scores, label)
    u = one.comparisons(scores, label).sigmoid()
    assert_close(idw(u, bits.double(), values), (scores[0, 0] - scores[0, 1]).sigmoid())


def test_random_configurations_carry_almost_no_signal():
    """A random configuration is right on an example of ten classes with probability 2^-9."""
    one = compile_spec("accuracy", **IDW)
    scores, label = torch.randn(128, 10), torch.randint(10, (128,))
    generator = torch.Generator().manual_seed(0)
    bits = torch.randint(2, (400, 128 * 9), generator=generator)
    mean = one.evaluate_binaries(bits, scores, label).mean().item()
    spread = (2**-9 / (400 * 128)) ** 0.5
    assert mean == pytest.approx(2**-9, abs=5 * spread)


def test_squashed_scores_keep_the_binaries_of_the_metric():
    """Sigmoids that saturate to equal numbers do not make ties of different scores."""
    scores, label = tensor([[60.0, 50.0, 40.0]], requires_grad=True), tensor([0])
    one = compile_spec("accuracy", **{**IDW, "squash": "sigmoid"})
    loss = one.loss()(scores, label)
    assert one.metric(scores, label) == 1
    loss.backward()
    assert scores.grad.isfinite().all()

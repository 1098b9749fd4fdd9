"""Each weighting against its formula, written out once more in numpy, and against torchjd's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import tensor
from torch.testing import assert_close

from tests.runtime.weightings import NAMES, Problem, make, numbers, train

close = {"rtol": 1e-9, "atol": 1e-12}


def drawn(steps=9, terms=3, seed=1):
    """Values of terms over some steps: positive, of different scales."""
    random = np.random.default_rng(seed)
    return random.uniform(0.2, 2.0, (steps, terms)) * np.array([1.0, 1e3, 1e-3])[:terms]


def live(row):
    return tensor(row, dtype=torch.float64, requires_grad=True)


# ------------------------------------------------------------------ all


@pytest.mark.parametrize("name", NAMES)
def test_the_gradient_is_the_weighted_sum_of_the_terms_gradients(name):
    problem, weighting = Problem(), make(name)
    train(weighting, problem, 7)
    features = problem.features()
    values = problem.values(features)
    (found,) = torch.autograd.grad(weighting(values, (features,)), features)
    step, weights = 1e-6, numbers(weighting.weights)
    flat = features.detach()
    for place in range(flat.numel()):
        nudge = torch.zeros_like(flat)
        nudge.view(-1)[place] = step
        slopes = (problem.values(flat + nudge) - problem.values(flat - nudge)) / (2 * step)
        expected = float(weights @ numbers(slopes))
        assert found.flatten()[place].item() == pytest.approx(expected, rel=1e-5, abs=1e-7)


# ------------------------------------------------------------------ constant, uncertainty


def test_constant():
    total = make("constant", weight=0.25)(live([1.0, 2.0, 5.0]))
    assert total.item() == 2.0


@pytest.mark.parametrize(("likelihood", "factor"), [("regression", 0.5), ("classification", 1.0)])
def test_uncertainty(likelihood, factor):
    weighting = make("uncertainty", likelihood=likelihood).double()
    log_variances = np.array([0.3, -1.2, 2.0])
    with torch.no_grad():
        weighting.log_variances.copy_(tensor(log_variances))
    values = live([0.7, 30.0, 0.01])
    total = weighting(values)
    total.backward()

    def formula(s):
        return (factor * np.exp(-s) * numbers(values) + s / 2).sum()

    assert total.item() == pytest.approx(formula(log_variances), rel=1e-12)
    for place in range(3):
        nudge = np.eye(3)[place] * 1e-6
        slope = (formula(log_variances + nudge) - formula(log_variances - nudge)) / 2e-6
        assert weighting.log_variances.grad[place].item() == pytest.approx(slope, rel=1e-6)
    assert_close(values.grad, tensor(factor * np.exp(-log_variances)), **close)
    assert_close(weighting.weights, values.grad, **close)


def test_uncertainty_of_a_negated_metric_learns_from_what_is_missing_to_1():
    """With the value itself its gradient would be positive for ever: an infinite weight."""
    weighting = make("uncertainty", 1).double()
    optimizer = torch.optim.SGD(weighting.parameters(), lr=0.5)
    for _ in range(200):
        optimizer.zero_grad()
        weighting(live([-0.9])).backward()
        optimizer.step()
    # exp(-s) (1 - 0.9) / 2 + s / 2 is least where exp(s) = 0.1
    assert weighting.log_variances.item() == pytest.approx(np.log(0.1), rel=1e-6)


def test_uncertainty_keeps_its_log_variances_between_limits():
    weighting = make("uncertainty", 2, limit=3.0)
    optimizer = torch.optim.SGD(weighting.parameters(), lr=5.0)
    for step in range(8):
        optimizer.zero_grad()
        weighting(live([0.0, 1e6]) if step < 6 else live([1.0, 1.0])).backward()
        assert weighting.log_variances.abs().max() <= 3
        if step == 5:
            assert weighting.log_variances.tolist() == [-3, 3]
        optimizer.step()
    low, high = weighting.log_variances.tolist()
    assert low > -3 and high < 3  # they come back


def test_uncertainty_is_that_of_torchjd():
    scalarization = pytest.importorskip("torchjd.scalarization")
    ours, theirs = make("uncertainty").double(), scalarization.UW(3).double()
    values = drawn(terms=3)
    found = []
    for module in (ours, theirs):
        optimizer = torch.optim.Adam(module.parameters(), lr=0.1)
        totals = []
        for row in values:
            optimizer.zero_grad()
            total = module(live(row))
            total.backward()
            optimizer.step()
            totals.append(total.item())
        found.append((totals, next(module.parameters()).tolist()))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-10)
    assert found[0][1] == pytest.approx(found[1][1], rel=1e-10)


# ------------------------------------------------------------------ gradients


def analytic_gradients(problem):
    """Each term's gradient at the features, by hand: ``[3, 8, 3]``."""
    error = numbers(problem.features() - problem.goals)
    found = np.zeros((3, *error.shape))
    found[0, :, 0] = 2 * error[:, 0] / 8
    found[1, :, 1] = 1000 * np.sign(error[:, 1]) / 8
    found[2, :, 2] = np.sign(error[:, 2]) * np.exp(-np.abs(error[:, 2])) / 8
    return found


@pytest.mark.parametrize("alpha", [0.0, 1.5])
def test_gradnorm_descends_on_its_sum(alpha):
    problem, weighting = Problem(), make("gradnorm", alpha=alpha, learning_rate=0.1).double()
    weights, first = np.ones(3), None
    for _ in range(12):
        features = problem.features()
        values = problem.values(features)
        errors = numbers(values) - np.array([0, 0, -1])
        first = errors if first is None else first
        sizes = np.sqrt((analytic_gradients(problem) ** 2).sum((1, 2)))
        rates = (errors / first) / (errors / first).mean()
        mean = (weights * sizes).mean()
        target = mean * rates**alpha

        def scale_free(logs, sizes=sizes, target=target, mean=mean):
            return np.abs(np.exp(logs) * sizes - target).sum() / mean

        slopes = [
            (scale_free(np.log(weights) + nudge) - scale_free(np.log(weights) - nudge)) / 2e-7
            for nudge in np.eye(3) * 1e-7
        ]
        # at a kink no slope is defined: the first step of alpha = 0 is none
        assert (np.abs(weights * sizes - target) > 1e-6 * mean).all()
        total = weighting(values, (features,))
        assert total.item() == pytest.approx(weights @ numbers(values), rel=1e-6)
        assert_close(weighting.weights, tensor(weights), rtol=1e-5, atol=0)
        weights = weights * np.exp(-0.1 * np.array(slopes))
        weights *= 3 / weights.sum()
        with torch.no_grad():
            problem.shared -= 0.01 * torch.autograd.grad(total, problem.shared)[0]
    assert np.abs(weights - 1).max() > 0.1


def test_gradnorm_balances_gradients_of_any_scale():
    scales = tensor([1.0, 1e4, 1e-4], dtype=torch.float64)
    weighting = make("gradnorm", alpha=0.0, learning_rate=0.05)
    point = torch.ones(5, dtype=torch.float64, requires_grad=True)
    for _ in range(400):
        weighting(scales * point.square().sum(), (point,))
    weighed = numbers(weighting.weights * scales)
    assert weighed.max() / weighed.min() < 1.2  # steps of 0.05 go back and forth
    assert weighting.weights.sum().item() == pytest.approx(3)


def test_gradnorm_gives_more_to_a_slow_term():
    weighting = make("gradnorm", 2, alpha=1.0)
    point = torch.ones(2, dtype=torch.float64, requires_grad=True)
    for step in range(300):
        fallen = point[0] + 0.99**step - 1  # with the gradient that the second has, which stays
        values = torch.stack([fallen, point[1]])
        weighting(values, (point,))
    low, high = weighting.weights.tolist()
    assert low / high == pytest.approx(0.99**299, rel=0.1)


def test_normalised_gradients_are_unit_vectors():
    problem, weighting = Problem(), make("block_normalized")
    features = problem.features()
    (found,) = torch.autograd.grad(weighting(problem.values(features), (features,)), features)
    gradients = analytic_gradients(problem)
    units = gradients / np.sqrt((gradients**2).sum((1, 2), keepdims=True))
    assert_close(found, tensor(units.sum(0)), **close)


def test_the_norm_is_that_over_all_shared_tensors():
    one, two = live([3.0, 0.0]), live([2.0])
    values = torch.stack([one[0] + two[0] * 0, one.sum() * 2 + two[0], two[0] ** 2])
    weighting = make("block_normalized")
    weighting(values, (one, two))
    assert_close(weighting.weights, 1 / tensor([1.0, 3.0, 4.0]).double(), **close)
    weighting(values, [two])
    assert_close(weighting.weights, tensor([0.0, 1.0, 0.25]).double(), **close)


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_squares_of_gradients_do_not_overflow(scale):
    point = torch.tensor([1.0, 1.0], requires_grad=True)
    weighting = make("block_normalized", 2)
    total = weighting(torch.stack([point.sum() * scale, point[0]]), (point,))
    (found,) = torch.autograd.grad(total, point)
    assert_close(found, torch.tensor([0.5**0.5 + 1, 0.5**0.5]))


def test_norms_are_those_of_the_jacobian_of_torchjd():
    autojac = pytest.importorskip("torchjd.autojac")
    problem, weighting = Problem(), make("block_normalized")
    features = problem.features()
    weighting(problem.values(features), (problem.shared,))
    (jacobian,) = autojac.jac([*problem.values(problem.features())], [problem.shared])
    assert_close(weighting.weights, 1 / jacobian.flatten(1).norm(dim=1), **close)


# ------------------------------------------------------------------ values


def test_task_priority():
    weighting = make("dynamic_task_priority", alpha=0.3, gamma=2.0, least=0.02)
    values = drawn()
    values[:, 2] = -np.linspace(0.0, 1.0, len(values))  # a metric on its way to 1
    running = None
    for step, row in enumerate(values):
        weighting(live(row))
        indicators = np.append(1 / (1 + row[:2] / values[0, :2]), -row[2])
        if step == 0:
            indicators[2] = 1 / 2  # 0 may be the best of a loss: no value was negative so far
        running = indicators if running is None else 0.3 * indicators + 0.7 * running
        kept = np.clip(running, 0.02, 1)
        assert_close(weighting.weights, tensor(-((1 - kept) ** 2) * np.log(kept)), **close)


def test_task_priority_with_indicators_from_elsewhere():
    weighting = make("dynamic_task_priority", alpha=1.0, gamma=1.0)
    weighting.set_indicators([0.5, 1.0, 0.0])
    weighting(live([1.0, 1.0, 1.0]))
    expected = [0.5 * np.log(2), 0.0, 0.99 * np.log(100)]
    assert weighting.weights.tolist() == pytest.approx(expected, rel=1e-6)
    weighting.set_indicators([float("nan")] * 3)
    weighting(live([1.0, 1.0, 1.0]))
    assert weighting.weights.tolist() == pytest.approx([0.5 * np.log(2)] * 3, rel=1e-6)
    for wrong in ([0.5, 0.5], [0.5, 0.5, 1.5], [-0.1, 0.5, 0.5]):
        with pytest.raises(ValueError, match="indicators: expected 3 numbers in"):
            weighting.set_indicators(wrong)


@pytest.mark.parametrize("per_epoch", [1, 4])
def test_weight_average_is_that_of_torchjd(per_epoch):
    scalarization = pytest.importorskip("torchjd.scalarization")
    ours = make("dynamic_weight_average", temperature=1.5).double()
    theirs = scalarization.DWA(temperature=1.5)
    for step, row in enumerate(drawn(steps=12)):
        if step % per_epoch == 0:
            theirs.step()
            if per_epoch > 1:  # never told: each call is an epoch
                ours.set_epoch(step // per_epoch)
                ours.set_epoch(step // per_epoch)  # the same epoch once more is nothing new
        values = live(row)
        assert ours(values).item() == pytest.approx(theirs(values).item(), rel=1e-12)


def test_weight_average():
    weighting = make("dynamic_weight_average", 2, temperature=2.0)
    means = [(4.0, -0.2), (2.0, -0.4), (1.0, -0.4), (0.0, -1.0), (0.0, -1.0)]
    missing = np.array(means) + np.array([0, 1])  # to the best, which is 0 and -1
    for epoch, row in enumerate(means):
        weighting.set_epoch(epoch)
        for nudge in (-0.1, 0.1):
            weighting(live(np.array(row) * (1 + nudge)))
        ratios = np.ones(2)
        if epoch >= 2:
            before, after = missing[epoch - 2], missing[epoch - 1]
            ratios = np.where(before > 0, after / np.where(before > 0, before, 1), 1)
        if epoch < 4:  # a metric of -1.1 moves the best
            parts = np.exp(ratios / 2)
            assert_close(weighting.weights, tensor(2 * parts / parts.sum()), **close)

"""Terms of a loss under torchjd, which combines their gradients in place of weights."""

from __future__ import annotations

import importlib.util

import pytest
import torch
from torch import nn
from torch.testing import assert_close

import lossc

autojac = pytest.importorskip("torchjd.autojac")
aggregation = pytest.importorskip("torchjd.aggregation")

METRIC_TERM = """spec mixed
input score: real[n]
input relevant: bool[n]
input goal: target real[n]
term order = average_precision(score, relevant)
term value = 10 * mean[i] (score[i] - goal[i])^2
combine order + value
"""


@pytest.fixture(scope="module")
def example(root):
    path = root / "examples" / "torchjd_terms.py"
    spec = importlib.util.spec_from_file_location("torchjd_terms", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def gradient_of(network):
    return torch.cat([p.grad.flatten() for p in network.parameters()])


def test_the_sum_of_the_terms_is_the_plain_loss(example):
    features, near, far = example.problem()
    found = []
    for aggregator in (None, aggregation.Sum()):
        torch.manual_seed(1)
        network, loss = nn.Linear(8, 1), lossc.loss(example.SPEC)
        score = network(features)[:, 0]
        if aggregator is None:
            loss(score, near, far).backward()
        else:
            example.step(network, loss.terms(score, near, far), aggregator)
        found.append(gradient_of(network))
    assert_close(*found)


def test_mgda_is_the_shortest_of_the_convex_combinations(example):
    features, near, far = example.problem()
    torch.manual_seed(1)
    network, loss = nn.Linear(8, 1), lossc.loss(example.SPEC)
    rows = []
    for term in loss.terms(network(features)[:, 0], near, far).values():
        slopes = torch.autograd.grad(term, [*network.parameters()], retain_graph=True)
        rows.append(torch.cat([slope.flatten() for slope in slopes]))
    one, two = rows
    share = ((two - one) @ two / (two - one).square().sum()).clamp(0, 1)
    terms = loss.terms(network(features)[:, 0], near, far)
    example.step(network, terms, aggregation.MGDA(epsilon=1e-9, max_iters=10000))
    assert_close(gradient_of(network), share * one + (1 - share) * two, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", ["sum", "PCGrad", "IMTLG"])
def test_the_example_trains(example, name):
    before, after = (example.train(name, steps) for steps in (0, 60))
    assert all(after[term] < before[term] for term in ("close", "wide"))


def test_metrics_are_terms_too(example):
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(20, 8, generator=generator)
    goal, relevant = torch.randn(20, generator=generator), torch.arange(20) % 3 == 0
    torch.manual_seed(0)
    network, loss = nn.Linear(8, 1), lossc.loss(METRIC_TERM).eval()
    score = network(features)[:, 0]
    terms = loss.terms(score, relevant, goal)
    example.step(network, terms, aggregation.Sum())
    found = gradient_of(network)
    network.zero_grad()
    loss(network(features)[:, 0], relevant, goal).backward()
    assert_close(found, gradient_of(network))


def test_its_scalarisers_take_the_values(example):
    scalarization = pytest.importorskip("torchjd.scalarization")
    features, near, far = example.problem()
    loss, score = lossc.loss(example.SPEC), features[:, 0].clone().requires_grad_()
    values = torch.stack(list(loss.terms(score, near, far).values()))
    mean = scalarization.Mean()(values)
    assert_close(
        torch.autograd.grad(mean, score)[0],
        torch.autograd.grad(loss(score, near, far), score)[0] / 2,
    )

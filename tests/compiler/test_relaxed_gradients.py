"""Relaxed binaries in the metric: every gradient is finite, and none is lost where it counts."""

from __future__ import annotations

import pytest
import torch

import lossc
import lossc.specs
from lossc.compiler.audit import quick_audit
from lossc.compiler.audit_rows import gradient
from lossc.compiler.compile import compile_spec
from lossc.compiler.realistic import Drawer
from lossc.grammar.errors import SpecError
from tests.surrogates import IDW, PLAIN

NORMS = ("godel", "product", "lukasiewicz")
TOP = ("precision_at_k", "recall_at_k", "hit_rate", "r_precision", "partial_auroc")


@pytest.mark.parametrize("name", sorted(lossc.specs.names()))
def test_every_gradient_is_finite(name):
    plain = compile_spec(name, **IDW)
    if not plain.plan.is_metric:
        pytest.skip("a loss has no binaries")
    drawer = Drawer(plain.plan, 2**13)
    sizes = drawer.sizes(4 if drawer.maps else 24)
    draw = drawer.draw(sizes, torch.Generator().manual_seed(1))
    for norm in NORMS:
        try:
            one = compile_spec(name, interpolation=f"substitute(tnorm={norm})", **PLAIN)
        except SpecError:
            continue
        loss = one.loss(validate=False)
        for scale in (0.0, 0.01):
            leaves = {key: value.float() for key, value in draw.scaled(scale).items()}
            value, slopes = gradient(loss, draw, leaves)
            assert all(slope.isfinite().all() for slope in slopes.values()), (norm, scale)
            assert value == value


def shares(scores, norm):
    """By loops: what each class has of the first place."""
    found = torch.zeros_like(scores)
    for i, row in enumerate(scores):
        for c, score in enumerate(row):
            wins = [torch.sigmoid(score - other) for k, other in enumerate(row) if k != c]
            won = torch.stack(wins)
            found[i, c] = {
                "godel": won.min(),
                "product": won.prod(),
                "lukasiewicz": (1 - (1 - won).sum()).clamp(min=0),
            }[norm]
    return found if norm == "lukasiewicz" else found / found.sum(-1, keepdim=True)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("scale", [0.01, 1.0, 5.0])
def test_correlation_of_shares(norm, scale):
    generator = torch.Generator().manual_seed(2)
    scores = scale * torch.randn(12, 4, generator=generator, dtype=torch.float64)
    label = torch.randint(4, (12,), generator=generator)
    said = shares(scores, norm)
    true = torch.nn.functional.one_hot(label, 4).double()
    right, n = (said * true).sum(), 12
    square = n**2 - (said.sum(0) ** 2).sum()
    expected = (right * n - said.sum(0) @ true.sum(0)) / (
        square * (n**2 - (true.sum(0) ** 2).sum())
    ).sqrt()
    loss = lossc.loss("matthews_corrcoef", interpolation=f"substitute(tnorm={norm})", **PLAIN)
    torch.testing.assert_close(-loss(scores, label), expected)
    leaf = scores.clone().requires_grad_()
    (found,) = torch.autograd.grad(loss(leaf, label), leaf)
    for place in [(0, 0), (3, 1), (11, 3)]:
        moved = torch.zeros_like(scores)
        moved[place] = 1e-6
        slope = (loss(scores + moved, label) - loss(scores - moved, label)) / 2e-6
        torch.testing.assert_close(found[place], slope, rtol=1e-4, atol=1e-8)


def test_a_thousand_classes_keep_a_gradient():
    scores = torch.zeros(8, 1000, requires_grad=True)
    label = torch.arange(8)
    lossc.loss("macro_f1", interpolation="substitute", **PLAIN)(scores, label).backward()
    assert (scores.grad[range(8), label] < 0).all()


@pytest.mark.parametrize("name", TOP)
@pytest.mark.parametrize("norm", ["godel", "product"])
def test_the_first_places_are_within_reach(name, norm):
    found = quick_audit(compile_spec(name, interpolation=f"substitute(tnorm={norm})", **PLAIN))
    assert all(row.dead == 0 and row.slope > 1e-6 for row in found.rows if row.improvable)


def test_precision_at_k_by_a_formula():
    generator = torch.Generator().manual_seed(3)
    score = torch.randn(200, generator=generator, dtype=torch.float64)
    relevant = torch.rand(200, generator=generator) < 0.2
    above = torch.sigmoid(score - score.unsqueeze(-1))
    rank = 1 + above.sum(-1) - 0.5  # less the comparison with itself
    first = 1 / (1 + (rank / 10.5) ** 2)
    assert (rank[relevant] > 10.5 / 8).all()
    loss = lossc.loss("precision_at_k", interpolation="substitute", **PLAIN)
    expected = first[relevant].sum() / 10
    torch.testing.assert_close(-loss(score, relevant), expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("norm", NORMS)
def test_the_first_of_many_items(norm):
    text = """
    spec bet
    input score: real[n]
    input odds: target real[n]
    let top = argmax[i] score[i]
    evaluate sum[i] [top == i] * odds[i] else 0
    truth score[i] = odds[i]
    """
    generator = torch.Generator().manual_seed(4)
    score, odds = torch.randn(2, 6, generator=generator, dtype=torch.float64)
    loss = lossc.loss(text, interpolation=f"substitute(tnorm={norm})", **PLAIN)
    expected = (shares(5 * score.unsqueeze(0), norm)[0] * odds).sum()
    torch.testing.assert_close(-loss(5 * score, odds), expected, rtol=1e-6, atol=1e-8)

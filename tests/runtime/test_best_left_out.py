"""Anchors without the best configuration: ``best = none``."""

from __future__ import annotations

import functools

import pytest
import torch
from torch.testing import assert_close

from lossc.compiler.compile import compile_spec
from lossc.grammar.errors import SpecError
from lossc.runtime.between import idw_weights, weights_without_best
from lossc.runtime.reference import idw, idw_gradient
from lossc.runtime.written_out import configurations
from tests.runtime.test_flips import lines_of, prepared_batches, relaxed
from tests.surrogates import IDW

CASES = [
    ("accuracy", "bit"),
    ("average_precision", "bit"),
    ("average_precision", "column"),
    ("auroc", "row"),
    ("pckh", "row"),
    ("macro_f1", "share"),
    ("ndcg", "bit"),
]
#: Good, bad and nearby ones: of all kinds, and each kind alone.
COUNTS = [(7, 5, 6), (0, 9, 0), (9, 0, 0), (0, 0, 9)]


@functools.cache
def compiled(name, flips):
    options = {**IDW, "interpolation": f"idw(best=none, flips={flips})"}
    return compile_spec(name, **options)


@pytest.mark.parametrize(
    ("name", "flips", "counts"),
    [
        *((*case, COUNTS[number % 4]) for number, case in enumerate(CASES)),
        *(("accuracy", "bit", counts) for counts in COUNTS[1:]),
    ],
)
def test_value_and_gradient_are_those_of_the_other_anchors(name, flips, counts):
    one = compiled(name, flips)
    sense = 1 if one.spec.goal.kind == "minimize" else -1
    good, bad, nearby = counts
    loss = one.loss(bits="drawn", good=good, bad=bad, nearby=nearby, validate=False)
    compared = 0
    for inputs, leaves in prepared_batches(one):
        value = loss(**inputs)
        prepared = loss.prepare(**inputs)
        families = loss.families(*prepared)
        best = loss.best(*prepared, families) if one.plan.uses_truth else None
        lines = () if flips == "bit" else lines_of(one, flips)
        drawn = configurations(
            families, loss.seed, loss.step - 1, good, bad, nearby, best, flips=flips, lines=lines
        )
        u, anchors = relaxed(families), drawn[1:]
        metric = loss.evaluate_binaries(drawn, **inputs)[1:]
        if u.numel() == 0 or metric.isnan().any() or compared == 3:
            continue
        gradients = torch.autograd.grad(value, leaves)
        plain = idw(u.detach(), anchors.double(), metric)
        assert_close(value.detach(), sense * plain, rtol=0, atol=1e-12)
        pull = idw_gradient(u.detach(), anchors.double(), metric)
        for got, want in zip(
            gradients, torch.autograd.grad(sense * (u @ pull), leaves), strict=True
        ):
            assert_close(got, want, rtol=0, atol=1e-10)
        compared += 1
    assert compared == 3


@pytest.mark.parametrize("flips", ["bit", "row", "share"])
@pytest.mark.parametrize("counts", COUNTS)
def test_sorted_pairs_have_the_gradient_of_their_value(flips, counts):
    good, bad, nearby = counts
    options = {"bits": "expected", "good": good, "bad": bad, "nearby": nearby}
    loss = compiled("average_precision", flips).loss(**options).double()
    generator = torch.Generator().manual_seed(4)
    score = torch.randn(8, generator=generator, dtype=torch.float64, requires_grad=True)
    relevant = torch.rand(8, generator=generator) > 0.6
    step = torch.tensor(3)

    def value(score, loss=loss):
        inputs = loss.prepare(score, relevant)
        return loss.of_pairs(loss.pairs(*inputs), step, *inputs)

    assert torch.autograd.gradcheck(value, (score,), eps=1e-7)
    with_best = compile_spec("average_precision", **{**IDW, "interpolation": f"idw(flips={flips})"})
    other = value(score, with_best.loss(**options).double())
    assert other > value(score)  # the best one, whose value is 1, is among those that are averaged


def test_the_weights_are_those_of_the_others():
    squared, values = torch.rand(6).double(), torch.rand(6).double()
    for rule in ("exact", "improving", "published", "attract"):
        value, pulls, shares = weights_without_best(squared, values, 1.5, rule)
        want = idw_weights(squared[1:], values[1:], 1.5, rule)
        assert value == want[0]
        assert pulls[0] == shares[0] == 0
        assert_close(pulls[1:], want[1])
        assert_close(shares[1:], want[2])


def test_no_anchor_at_all_is_refused():
    loss = compiled("accuracy", "bit").loss(good=0, bad=0, nearby=0)
    with pytest.raises(ValueError, match="good, bad or nearby must be above 0"):
        loss(torch.randn(4, 3, requires_grad=True), torch.randint(3, (4,)))

    with pytest.raises(SpecError, match=r"L028 .*has no anchors where good, bad and nearby are 0"):
        compile_spec("accuracy", interpolation="idw(good=0, bad=0, nearby=0, best=none)")
    compile_spec("accuracy", interpolation="idw(good=0, bad=0, nearby=0)")  # the best one is left


@pytest.mark.parametrize("counts", COUNTS)
def test_with_the_best_one_each_kind_may_be_left_out(counts):
    options = {**IDW, "interpolation": "idw"}
    one = compile_spec("accuracy", **options)
    good, bad, nearby = counts
    loss = one.loss(good=good, bad=bad, nearby=nearby)
    scores = torch.randn(6, 4, requires_grad=True)
    loss(scores, torch.randint(4, (6,))).backward()
    assert scores.grad.isfinite().all()
    assert scores.grad.abs().sum() > 0

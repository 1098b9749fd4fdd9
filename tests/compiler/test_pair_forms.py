"""Metrics of pairs: written out, summed after a sort, and in slices, against the obvious sums."""

from __future__ import annotations

import functools
import sys

import pytest
import torch
from torch.testing import assert_close

import lossc
from lossc.compiler.compile import compile_spec
from lossc.runtime.pair_numbers import dense_pairs

PAIRED = (
    *("auroc", "average_precision", "equal_error_rate", "fnmr_at_fmr", "hit_rate"),
    *("interpolated_average_precision", "ndcg", "partial_auroc", "precision_at_k", "r_precision"),
    *("recall_at_k", "reciprocal_rank", "spearman", "tpr_at_fpr"),
)
# without steps of their own after the counts
SMOOTH = (
    *("auroc", "average_precision", "interpolated_average_precision", "ndcg", "spearman"),
    *("precision_at_k", "recall_at_k", "tpr_at_fpr"),
)
MAPPED = ("pck", "pckh", "within_one")
UNPAIRED = ("accuracy", "macro_f1", "mean_iou", "kendall_tau", "precision", "concordance_index")


@functools.cache
def compiled(name, step="sigmoid", tnorm="product"):
    step = f"{step}(temperature=1, max_spread=none)"
    interpolation = f"substitute(tnorm={tnorm})"
    return compile_spec(name, step=step, interpolation=interpolation, squash="none")


def obvious(family, relaxed, against=False):
    """Counts by writing all pairs out, in float64, differentiated by autograd."""
    pairs = family.pairs
    if relaxed.squash == "sigmoid":
        pairs = pairs._replace(left=pairs.left.sigmoid(), right=pairs.right.sigmoid())
    comparisons, stored, _ = dense_pairs(pairs)
    z = comparisons / relaxed.temperature
    step = {
        "sigmoid_step": torch.sigmoid,
        "laplace_step": lambda z: torch.where(
            z > 0, 1 - (-z.clamp_min(0)).exp() / 2, z.clamp_max(0).exp() / 2
        ),
        "arctan_step": lambda z: 0.5 + z.atan() / torch.pi,
    }[relaxed.relax.__name__]
    bits = torch.where(stored, step(z), 0)
    to_left = (family.rows == "left") != against
    return bits.sum(-1 if to_left else -2).reshape(family.shape)


def inputs_of(name, kind, n=60):
    generator = torch.Generator().manual_seed(len(kind) + n)
    score = torch.randn(n, generator=generator, dtype=torch.float64)
    if kind == "tied":
        score = torch.randint(-3, 3, (n,), generator=generator).double()
    if kind == "far":
        score = score * 1e4
    score.requires_grad_()
    target = torch.randint(0, 4, (n,), generator=generator)
    relevant = torch.rand(n, generator=generator) < 0.3
    if kind == "full":
        relevant = torch.ones(n, dtype=torch.bool)
    inputs = [score, target.double() if name in ("ndcg", "spearman") else relevant]
    if kind == "grouped" and name != "interpolated_average_precision":
        inputs.append(torch.randint(0, 7, (n,), generator=generator) * 5 - 3)
    return inputs


KINDS = ("random", "tied", "far", "full", "grouped")


def outcome(loss, inputs):
    value = loss(*inputs)
    if not value.requires_grad:
        return value, torch.zeros_like(inputs[0])
    return value, torch.autograd.grad(value, inputs[0])[0]


@pytest.mark.parametrize("name", PAIRED)
@pytest.mark.parametrize("squash", ["none", "sigmoid"])
@pytest.mark.parametrize("way", ["written", "summed", "sliced"])
def test_all_ways_give_the_obvious_sums(name, squash, way, monkeypatch):
    loss = compiled(name, "arctan" if way == "sliced" else "laplace").loss(
        temperature=0.3, squash=squash, validate=False
    )
    module = sys.modules[type(loss).__module__]
    for kind in KINDS:
        if name == "partial_auroc" and kind == "tied":
            continue  # it takes the most of what is more likely than not, which jumps at one half
        inputs = inputs_of(name, kind)
        with monkeypatch.context() as patch:
            patch.setattr(module, "pair_counts", obvious)
            expected = outcome(loss, inputs)
        with monkeypatch.context() as patch:
            patch.setattr(
                module, "most_pairs_written_out", lambda: 0 if way != "written" else 2**40
            )
            found = outcome(loss, inputs)
        assert_close(found, expected, rtol=1e-9, atol=1e-11, msg=lambda m, k=kind: f"{k}: {m}")


@pytest.mark.parametrize("name", SMOOTH)
def test_sums_of_the_sigmoid_are_as_exact_as_stated(name, monkeypatch):
    loss = compiled(name).loss(temperature=0.5, validate=False)
    module = sys.modules[type(loss).__module__]
    for kind in ("random", "tied", "grouped"):
        inputs = inputs_of(name, kind, 300)
        with monkeypatch.context() as patch:
            patch.setattr(module, "pair_counts", obvious)
            expected = outcome(loss, inputs)
        with monkeypatch.context() as patch:
            patch.setattr(module, "most_pairs_written_out", lambda: 0)
            double = outcome(loss, inputs)
            single = [inputs[0].detach().float().requires_grad_(), *inputs[1:]]
            if inputs[1].is_floating_point():
                single[1] = inputs[1].float()
            found = outcome(loss, single)
        assert_close(double, expected, rtol=1e-8, atol=1e-10)
        assert_close(found[0].double(), expected[0], rtol=1e-5, atol=1e-5)
        scale = expected[1].abs().max()
        # NDCG's slope is a difference of neighbours in a table of running sums
        limit = 5e-3 if name == "ndcg" else 1e-4
        assert ((found[1].double() - expected[1]).abs() / scale).max() < limit


@pytest.mark.parametrize("name", MAPPED)
@pytest.mark.parametrize("tnorm", ["godel", "product", "lukasiewicz"])
def test_maps_are_what_the_dense_families_say(name, tnorm):
    from lossc.compiler.batches import batches
    from lossc.runtime import relaxed_rows
    from lossc.runtime.relaxations import sigmoid_step

    one = compiled(name, "sigmoid", tnorm)
    loss = one.loss(temperature=0.6, validate=False)
    module = sys.modules[type(loss).__module__]
    function = {
        "godel": relaxed_rows.least_of_rows,
        "product": relaxed_rows.product_of_rows,
        "lukasiewicz": relaxed_rows.bounded_sum_of_rows,
    }[tnorm]
    paired = {"godel": "least_of_pairs", "product": "product_of_pairs"}.get(
        tnorm, "bounded_sum_of_pairs"
    )
    live = next(entry.name.id for entry in one.spec.inputs if entry.kind.live)
    compared = 0
    for batch in batches(one.spec, dict(one.plan.graph.params), 28, 8):
        batch.inputs[live].requires_grad_()
        prepared = loss.prepare(*batch.inputs.values())
        (family,) = loss.families(*prepared)
        bits = relaxed_rows.relaxed_family(family, sigmoid_step, 0.6)
        rows = function(family, bits)
        stored = family.stored.flatten(-family.columns).any(-1)
        pairs = loss.pairs(*prepared)
        relaxed = module.RelaxedPairs(module.sigmoid_step, None, 0.6, "none")
        found = getattr(module, paired)(pairs[0], relaxed)
        assert_close(found[stored], rows[stored], rtol=1e-10, atol=1e-12)
        if stored.any():
            wanted = torch.autograd.grad(rows[stored].sum(), batch.inputs[live], retain_graph=True)
            got = torch.autograd.grad(found[stored].sum(), batch.inputs[live])
            assert_close(got, wanted, rtol=1e-9, atol=1e-12)
            compared += 1
    assert compared


@pytest.mark.parametrize("name", PAIRED + MAPPED)
def test_these_are_pairs(name):
    assert any(compiled(name).plan.pairs)


@pytest.mark.parametrize("name", UNPAIRED)
def test_these_are_not(name):
    assert not any(compiled(name).plan.pairs)
    assert "PairFamily" not in compiled(name).source()


def test_a_million_scores_take_no_pairs():
    loss = lossc.loss("average_precision", step="laplace", interpolation="substitute")
    generator = torch.Generator().manual_seed(0)
    score = torch.randn(200_000, generator=generator, requires_grad=True)
    relevant = torch.rand(200_000, generator=generator) < 0.1
    loss(score, relevant).backward()  # 4e9 pairs in 10^5 of these would be 16 GB
    assert score.grad.isfinite().all()
    assert (score.grad[relevant] < 0).all()


@pytest.mark.filterwarnings("ignore")  # of torch's own, while it traces
def test_the_sums_compile_whole(monkeypatch):
    one = compiled("average_precision")
    loss = one.loss(validate=False)
    module = sys.modules[type(loss).__module__]
    score, relevant, *_ = inputs_of("average_precision", "random", 40)
    expected = outcome(loss, [score, relevant])
    monkeypatch.setattr(module, "most_pairs_written_out", lambda: 0)
    whole = torch.compile(loss, fullgraph=True, backend="aot_eager")
    assert_close(outcome(whole, [score, relevant]), expected, rtol=1e-9, atol=1e-11)

"""The sparse interpolation against the plain one, over the very anchors that it drew."""

from __future__ import annotations

import functools

import pytest
import torch
from torch.testing import assert_close

from lossc.compiler.batches import make_batch
from lossc.compiler.compile import compile_spec
from lossc.runtime.between import idw_weights
from lossc.runtime.reference import idw, idw_gradient
from lossc.runtime.written_out import configurations
from tests.surrogates import IDW

# of every form in which a metric takes its binaries, and with every source of the best one
METRICS = [
    *("accuracy", "top_k_accuracy", "f_beta", "average_precision", "auroc", "pckh"),
    *("interpolated_average_precision", "precision_at_k", "fnmr_at_fmr", "concordance_index"),
    *("within_one", "macro_f1", "quadratic_weighted_kappa", "mean_iou", "ndcg", "spearman"),
    "kendall_tau",
]
RULES = [
    (rule, squash)
    for squash in ("none", "sigmoid")
    for rule in ("improving", "published", "attract")
]
COMPARED = [(name, "exact", "none") for name in METRICS]
COMPARED += [(name, *how) for name in ("accuracy", "average_precision", "ndcg") for how in RULES]


@functools.cache
def compiled(name):
    return compile_spec(name, **IDW)


def sense_of(one):
    return 1 if one.spec.goal.kind == "minimize" else -1


def best_of(one, loss, inputs, families):
    return loss.best(*inputs, families) if one.plan.uses_truth else None


def inputs_with_gradient(spec, batch):
    live = [entry.name.id for entry in spec.inputs if entry.kind.live]
    values = {k: v.clone().requires_grad_() if k in live else v for k, v in batch.inputs.items()}
    return values, [values[name] for name in live]


def relaxed(families, squash):
    parts = []
    for family in families:
        left, right = family.left, family.right
        if squash == "sigmoid":
            left, right = left.sigmoid(), right.sigmoid()
        parts.append((left - right).expand(family.stored.shape)[family.stored])
    return torch.cat(parts).sigmoid()


@pytest.mark.parametrize(("name", "rule", "squash"), COMPARED)
def test_value_and_gradient_equal_the_written_out_ones(name, rule, squash):
    one = compiled(name)
    sense = sense_of(one)
    loss = one.loss(gradient=rule, squash=squash, bits="drawn", validate=False)
    generator = torch.Generator().manual_seed(11)
    compared = 0
    for kind in ["random", "tied", "equal", "masked", "full"] * 6:
        batch = make_batch(one.spec, dict(one.plan.graph.params), kind, generator)
        fast, leaves = inputs_with_gradient(one.spec, batch)
        value = loss(**fast)
        gradients = torch.autograd.grad(value, leaves)
        slow, slow_leaves = inputs_with_gradient(one.spec, batch)
        prepared = loss.prepare(**slow)
        families = loss.families(*prepared)
        u = relaxed(families, squash)
        best = best_of(one, loss, prepared, families)
        anchors = configurations(families, loss.seed, loss.step - 1, 16, 16, 16, best)
        metric = loss.evaluate_binaries(anchors, **batch.inputs)
        if u.numel() == 0 or metric.isnan().any() or compared == 4:
            continue
        plain = idw(u.detach(), anchors.double(), metric)
        assert_close(value.detach(), sense * plain, rtol=0, atol=1e-12)
        pull = idw_gradient(u.detach(), anchors.double(), metric, rule)
        for got, want in zip(
            gradients, torch.autograd.grad(sense * (u @ pull), slow_leaves), strict=True
        ):
            assert_close(got, want, rtol=0, atol=1e-10)
        compared += 1
    assert compared >= 3


@pytest.mark.parametrize("bits", ["drawn", "expected"])
@pytest.mark.parametrize("name", METRICS)
def test_exact_gradient_is_the_finite_difference(name, bits):
    one = compiled(name)
    loss = one.loss(bits=bits).eval()
    params = dict(one.plan.graph.params)
    batch = make_batch(one.spec, params, "random", torch.Generator().manual_seed(3))
    values, leaves = inputs_with_gradient(one.spec, batch)
    (key,) = [k for k, v in values.items() if v is leaves[0]]
    assert torch.autograd.gradcheck(lambda x: loss(**{**values, key: x}), (leaves[0],), eps=1e-7)


def test_expected_bits_come_near_the_mean_over_drawn_ones():
    """The stated approximation: at l = 1,152 the direction is that of the mean over drawn bits."""
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(128, 10, generator=generator, dtype=torch.float64)
    label = torch.randint(10, (128,), generator=generator)
    one = compile_spec("accuracy", **IDW)

    def gradient(bits, step):
        loss = one.loss(bits=bits, good=0, nearby=0).eval()
        loss.step.fill_(step)
        x = scores.clone().requires_grad_()
        loss(x, label).backward()
        return x.grad.flatten()

    drawn = torch.stack([gradient("drawn", step) for step in range(40)]).mean(0)
    expected = torch.stack([gradient("expected", step) for step in range(40)]).mean(0)
    assert torch.cosine_similarity(drawn, expected, dim=0) > 0.99


def test_same_seed_and_step_draw_the_same_anchors():
    scores, label = torch.randn(8, 5), torch.randint(5, (8,))
    one, other = (compile_spec("accuracy", **IDW).loss(seed=7) for _ in range(2))
    first = [one(scores, label).item() for _ in range(3)]
    assert first == [other(scores, label).item() for _ in range(3)]
    assert len(set(first)) == 3  # every step draws anew
    assert one.step.item() == 3
    other.load_state_dict(one.state_dict())
    assert one(scores, label).item() == other(scores, label).item()


def test_evaluation_mode_repeats_itself_and_does_not_advance():
    scores, label = torch.randn(8, 5), torch.randint(5, (8,))
    loss = compile_spec("accuracy", **IDW).loss().eval()
    assert loss(scores, label) == loss(scores, label)
    assert loss.step.item() == 0


def test_all_equal_scores_have_a_finite_gradient():
    """The published code returns NaN here: sign(0) = 0 makes an anchor coincide with u."""
    scores = torch.zeros(6, 4, requires_grad=True)
    loss = compile_spec("accuracy", **IDW).loss()(scores, torch.zeros(6, dtype=torch.long))
    loss.backward()
    assert loss.isfinite()
    assert scores.grad.isfinite().all()
    assert scores.grad.abs().sum() > 0


@pytest.mark.parametrize("scale", [1e-30, 1.0, 40.0, 1e4, 1e30, float("inf")])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_scores_of_any_size_and_dtype_give_finite_gradients(scale, dtype):
    scores = (torch.randn(12, generator=torch.Generator().manual_seed(0)).sign() * scale).to(dtype)
    scores = scores.requires_grad_()
    relevant = torch.arange(12) % 3 == 0
    loss = compile_spec("average_precision", **IDW).loss()(scores, relevant)
    loss.backward()
    assert loss.isfinite()
    assert scores.grad.dtype == dtype
    assert scores.grad.isfinite().all()


def test_gradient_of_differences_sums_to_zero():
    scores = torch.randn(9, 6, dtype=torch.float64, requires_grad=True)
    compile_spec("accuracy", **IDW).loss()(scores, torch.randint(6, (9,))).backward()
    assert_close(scores.grad.sum(1), torch.zeros(9, dtype=torch.float64), atol=1e-12, rtol=0)


def test_distances_that_overflow_or_vanish_still_give_weights():
    values = torch.tensor([1.0, 0.0])
    value, pulls, _ = idw_weights(torch.tensor([1e-44, 1.0]), values, 1.0, "exact")
    assert value == 1
    assert (pulls == 0).all()
    value, pulls, _ = idw_weights(torch.tensor([1e-30, 1e8]), values, 1.0, "exact")
    assert value == pytest.approx(1.0)
    assert pulls.isfinite().all()


def test_power_of_shepard():
    u = torch.tensor([0.8, 0.6], dtype=torch.float64)
    corners = torch.tensor([[1.0, 1.0], [0.0, 1.0], [0.0, 0.0]], dtype=torch.float64)
    values = torch.tensor([1.0, 0.5, 0.0], dtype=torch.float64)
    squared = (u - corners).square().sum(-1)
    got, _, shares = idw_weights(squared, values, 3.0, "exact")
    assert_close(shares.sum(), torch.tensor(1.0, dtype=torch.float64))
    assert_close(got, idw(u, corners, values, power=3.0))


def test_no_comparison_at_all_gives_the_value_and_no_gradient():
    score = torch.randn(5, requires_grad=True)
    loss = compile_spec("interpolated_average_precision", **IDW).loss()(
        score, torch.zeros(5).bool()
    )
    loss.backward()
    assert loss.item() == -1  # without positives the envelope AP is 1
    assert (score.grad == 0).all()


def test_continuous_parts_of_a_metric_keep_their_gradient():
    """A threshold that lets the score through: the decision and the value are both learned."""
    one = compile_spec(
        """
spec passed
input score: real[n]
input gain: target real[n]
evaluate mean[i] [score[i] > 0] * abs(score[i]) else 0
""",
        **IDW,
    )
    score = torch.tensor([0.7, -0.2, 1.5], dtype=torch.float64, requires_grad=True)
    gain = torch.zeros(3, dtype=torch.float64)
    loss = one.loss(bits="drawn").eval()
    assert torch.autograd.gradcheck(lambda x: loss(x, gain), (score,), eps=1e-7)
    assert one.refactored(score, gain).item() == pytest.approx((0.7 + 1.5) / 3)

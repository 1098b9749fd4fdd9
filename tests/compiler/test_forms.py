"""What a metric takes of its binaries: which form is found, what it costs, and that it is right."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from lossc.compiler.batches import make_batch
from lossc.compiler.build import read_and_build
from lossc.compiler.compile import CompiledLoss, compile_spec
from lossc.compiler.plan import make_plan
from lossc.compiler.surrogate import plan_surrogate
from tests.surrogates import IDW

BIPARTITE = "rows: positives against negatives, one count"

# DESIGN section 5.1: one spec or two of each form, with the places that a step takes
FORMS = {
    "precision": ("one bit a score", "O(n)"),
    "specificity": ("one bit a score", "O(n)"),
    "f_beta": ("one bit a score", "O(n)"),
    "jaccard": ("one bit a score", "O(n)"),
    "accuracy": ("rows: a target against the others", "O(n p)"),
    "top_k_accuracy": ("rows: a target against the others", "O(n p)"),
    "balanced_accuracy": ("rows: a target against the others", "O(n p)"),
    "pixel_accuracy": ("rows: a target against the others", "O(n h w p)"),
    "within_one": ("rows: inside against outside", "O(n p log p)"),
    "pckh": ("rows: inside against outside", "O(n k h w log(h w))"),
    "interpolated_average_precision": (
        "rows: positives against negatives, one count",
        "O(n log n)",
    ),
    "tpr_at_fpr": (BIPARTITE, "O(n log n)"),
    "fnmr_at_fmr": (BIPARTITE, "O(n log n)"),
    "precision_at_k": ("rows: ranks among items, ties by index", "O(n^2)"),
    "reciprocal_rank": ("rows: ranks among items, ties by index", "O(n^2)"),
    "auroc": ("rows: lo and hi", "O(n log n)"),
    "partial_auroc": ("rows: lo and hi", "O(n^2)"),
    "average_precision": ("rows of several families", "O(n log n)"),
    "ndcg": ("all against all, lo and hi", "O(n^2)"),
    "spearman": ("all against all, lo and hi", "O(n^2)"),
    "concordance_index": ("pairs under a coupled filter, one count in all", "O(n^2)"),
    "kendall_tau": ("single bits", "O(n^2)"),
    "macro_f1": ("confusion counts from all pairs of classes", "O(n p^2)"),
    "matthews_corrcoef": ("confusion counts from all pairs of classes", "O(n p^2)"),
    "mean_iou": ("confusion counts from all pairs of classes", "O(n h w p^2)"),
}


@pytest.mark.parametrize("name", FORMS)
def test_form_and_cost(name):
    stages = compile_spec(name, **IDW).stages
    assert (stages.shape.name, stages.shape.cost) == FORMS[name]
    assert stages.shape.kind == ("dense" if name == "kendall_tau" else "row-count")
    assert stages.as_dict()["cost"] == FORMS[name][1]


SUBSTITUTED = {
    "ndcg": "O(n log n)",
    "spearman": "O(n log n)",
    "precision_at_k": "O(n log n)",
    "auroc": "O(n log n)",
    "kendall_tau": "O(n^2)",
    "pckh": "O(n k h^2 w^2)",  # a product over the rows of pairs
    "accuracy": "O(n p)",
}


@pytest.mark.parametrize("name", SUBSTITUTED)
def test_what_relaxed_counts_cost(name):
    shape = compile_spec(name, interpolation="substitute").stages.shape
    assert shape.cost == SUBSTITUTED[name]


@pytest.mark.parametrize("step", ["arctan", "algebraic"])
def test_a_step_that_is_no_sum_of_exponentials_compares_all_pairs(step):
    for interpolation in ("idw", "substitute"):
        one = compile_spec("auroc", step=step, interpolation=interpolation)
        assert one.stages.shape.cost == "O(n^2)"


def test_a_loss_has_no_binaries_to_count():
    assert str(compile_spec("bce").stages.shape) == "differentiable"


def both_forms(name):
    """A spec compiled to row counts, and with every binary kept by itself."""
    graph = read_and_build(name)
    surrogate = plan_surrogate(graph.spec, **IDW)
    plans = make_plan(graph), make_plan(graph, dense=True)
    return [CompiledLoss(graph, plan, surrogate, {}) for plan in plans]


SEVERAL = ["accuracy", "f_beta", "average_precision", "auroc", "precision_at_k", "macro_f1", "ndcg"]


@pytest.mark.parametrize("name", [*SEVERAL, "spearman", "within_one", "mean_iou", "pckh"])
def test_both_forms_have_one_value_on_any_configuration(name):
    counted, dense = both_forms(name)
    assert any(row.columns for row in counted.plan.families)
    assert not any(row.columns for row in dense.plan.families)
    generator = torch.Generator().manual_seed(0)
    compared = 0
    for _ in range(40):
        batch = make_batch(counted.spec, dict(counted.plan.graph.params), "random", generator)
        inputs = batch.inputs
        ours, theirs = counted.comparisons(**inputs), dense.comparisons(**inputs)
        assert_close(ours.sort().values, theirs.sort().values)
        bits = torch.rand(30, ours.shape[0], generator=generator) < 0.5
        same = torch.empty_like(bits)  # the axes of a family may stand in another order
        same[:, theirs.sort(stable=True).indices] = bits[:, ours.sort(stable=True).indices]
        values = counted.evaluate_binaries(bits.double(), **inputs)
        assert_close(values, dense.evaluate_binaries(same.double(), **inputs), equal_nan=True)
        compared += ours.shape[0]
    assert compared > 40


@pytest.mark.parametrize("name", SEVERAL)
def test_both_forms_have_one_value_and_gradient(name):
    generator = torch.Generator().manual_seed(4)
    losses = [one.loss(bad=0) for one in both_forms(name)]
    spec = compile_spec(name, **IDW)
    for kind in ("random", "tied", "random", "tied"):
        batch = make_batch(spec.spec, dict(spec.plan.graph.params), kind, generator)
        found = []
        for loss in losses:
            inputs = dict(batch.inputs)
            live = next(e.name.id for e in spec.spec.inputs if e.kind.live)
            inputs[live] = inputs[live].clone().requires_grad_()
            value = loss(**inputs)
            value.backward()
            found.append((value.detach(), inputs[live].grad))
        assert_close(found[0], found[1])


def test_pairs_that_are_read_both_ways_are_compared_once():
    """lo counts [s_j > s_i], hi counts not [s_i > s_j]: n (n - 1) comparisons, not twice that."""
    one = compile_spec("ndcg", **IDW)
    (row,) = one.plan.families
    assert row.both_ways
    score, gain = torch.randn(7), torch.rand(7)
    assert one.comparisons(score, gain).shape == (7 * 6,)
    assert "losses1[i]" in str(one.stages)


def test_a_class_that_the_filter_fixes_is_read_from_the_label():
    """Recall of class c asks of items of class c only whether their label won."""
    one = compile_spec("balanced_accuracy", **IDW)
    scores, label = torch.randn(6, 4), torch.randint(4, (6,))
    assert one.comparisons(scores, label).shape == (6 * 3,)


def test_all_that_is_asked_of_one_argmax_shares_its_comparisons():
    """matthews_corrcoef asks whether the label won and who won: one family of all pairs."""
    one = compile_spec("matthews_corrcoef", **IDW)
    scores, label = torch.randn(6, 4), torch.randint(4, (6,))
    assert one.comparisons(scores, label).shape == (6 * 4 * 3 / 2,)


def test_a_sum_of_ratios_over_nothing_is_zero_in_both_ways():
    one = compile_spec(
        "spec t\ninput score: real[n]\ninput relevant: bool[n]\n"
        "let negatives = count[j | not relevant[j]]\n"
        "let share[i] = sum[j | not relevant[j]] [score[i] > score[j]] / negatives\n"
        "evaluate mean[i | relevant[i]] share[i] else 0",
        **IDW,
    )
    full = torch.tensor([1.0, 2.0]), torch.tensor([True, True])
    assert one.metric(*full) == one.refactored(*full) == 0

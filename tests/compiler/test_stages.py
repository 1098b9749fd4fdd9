"""What the compiler finds: families, ties, orientation, row counts, and how it prints them."""

from __future__ import annotations

import pytest
import torch

from lossc.compiler.compile import compile_spec
from lossc.compiler.ir.text import text


def families(name, **options):
    return [row.family for row in compile_spec(name, **options).plan.families]


def test_accuracy_compares_the_target_with_each_other_class():
    (family,) = families("accuracy")
    assert text(family.binary) == "scores[i, label[i]] > scores[i, j]"
    assert text(family.stored) == "j != label[i]"
    assert text(family.tie) == "label[i] < j"
    assert family.direction == 1


def test_average_precision_is_two_families_that_point_upwards():
    among, between = families("average_precision")
    assert text(among.binary) == "score[j] > score[i]"  # a tied positive counts as a hit
    assert among.tie.value is True
    assert text(between.binary) == "score[i] > score[j]"
    assert between.tie.value is False


def test_auroc_counts_a_tie_as_half():
    strict, tied = families("auroc")
    assert strict.left is tied.left
    assert (strict.tie.value, tied.tie.value) == (False, True)


def test_ranks_store_each_pair_once():
    (family,) = families("precision_at_k")
    assert [index.name for index in family.mirrored] == ["i", "j"]
    score, relevant = torch.randn(6), torch.tensor([1, 0, 1, 0, 0, 0]).bool()
    pairs = 1 + 2 * 4  # one pair of positives, two positives against four negatives
    assert compile_spec("precision_at_k").comparisons(score, relevant).shape == (pairs,)


@pytest.mark.parametrize(
    ("name", "inputs", "count"),
    [
        ("accuracy", (torch.randn(128, 10), torch.randint(10, (128,))), 128 * 9),
        ("accuracy", (torch.randn(16, 100), torch.randint(100, (16,))), 16 * 99),
        ("interpolated_average_precision", (torch.randn(20), torch.arange(20) < 7), 7 * 13),
    ],
)
def test_number_of_comparisons(name, inputs, count):
    assert compile_spec(name).comparisons(*inputs).shape == (count,)


def test_comparisons_stand_in_the_stated_order():
    score, relevant = torch.tensor([1.0, 2.0, 4.0, 8.0]), torch.tensor([0, 1, 0, 1]).bool()
    got = compile_spec("interpolated_average_precision").comparisons(score, relevant)
    assert got.tolist() == [2 - 1, 2 - 4, 8 - 1, 8 - 4]  # positives major, negatives minor
    scores = torch.tensor([[3.0, 5.0, 4.0]])
    got = compile_spec("accuracy").comparisons(scores, torch.tensor([1]))
    assert got.tolist() == [5 - 3, 5 - 4]


def test_binaries_of_a_configuration_are_evaluated_in_batches():
    one = compile_spec("accuracy")
    scores, label = torch.randn(3, 3), torch.tensor([0, 1, 2])
    bits = torch.tensor([[[1, 1, 1, 0, 1, 1], [0, 0, 0, 0, 0, 0]]])
    assert one.evaluate_binaries(bits, scores, label).tolist() == [[pytest.approx(2 / 3), 0.0]]
    with pytest.raises(ValueError, match="expected 6 binaries"):
        one.evaluate_binaries(torch.ones(5), scores, label)


def test_minimised_metrics_turn_their_families_around():
    text_ = """
spec miss_rate
input score: real[n]
input relevant: bool[n]
minimize mean[i | relevant[i]] [score[i] <= 0.5] else 0
"""
    one = compile_spec(text_)
    (family,) = [row.family for row in one.plan.families]
    assert text(family.binary) == "score[i] > 0.5"
    score = torch.tensor([0.2, 0.9], requires_grad=True)
    loss = one.loss()(score, torch.tensor([True, True]))
    loss.backward()
    assert loss > 0  # the metric itself, to be made small
    assert (score.grad < 0).all()  # which larger scores do


def test_stages_print_as_text_table_and_graph():
    stages = compile_spec("interpolated_average_precision").stages
    for word in ("score", "comparison", "binary", "metric", "row-count", "beaten[i]"):
        assert word in str(stages)
    assert {row["stage"] for row in stages.rows()} == {"score", "comparison", "binary", "metric"}
    graph = stages.graph()
    assert graph.has_edge("score", "c1")
    assert graph.nodes["c1"]["stage"] == "comparison"
    assert "evaluate" in graph


def test_the_dense_form_gives_the_same_metric_as_row_counts():
    counted = compile_spec("interpolated_average_precision")
    dense = compile_spec(
        "interpolated_average_precision", interpolation="idw(inconsistent=published)"
    )
    assert (counted.stages.form, dense.stages.form) == ("row-count", "dense")
    score, relevant = torch.randn(8).round(), torch.rand(8) < 0.4
    assert counted.refactored(score, relevant) == dense.refactored(score, relevant)

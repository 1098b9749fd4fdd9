"""Refactorings that are easy to get wrong: foreign filters, one-sided pairs, empty batches."""

from __future__ import annotations

import pytest
import torch

from lossc import specs
from lossc.compiler.compile import compile_spec
from lossc.grammar.errors import SpecError

RANKING = "spec t\ninput score: real[n]\ninput relevant: bool[n]\n"


def test_a_filter_on_an_index_that_the_comparison_lacks_still_counts():
    one = compile_spec(
        RANKING + "evaluate mean[i, j | relevant[i] and not relevant[j]] [score[i] > 2] else 0.5"
    )
    score, relevant = torch.tensor([3.0, 1.0, 5.0]), torch.tensor([True, True, False])
    assert one.metric(score, relevant) == one.refactored(score, relevant) == 0.5
    assert one.check(350).ok


@pytest.mark.parametrize("rivals", ["t[j] > t[i]", "t[j] >= t[i]", "t[i] > 0 and t[j] > 1"])
def test_pairs_that_are_needed_one_way_only_are_not_mirrored(rivals):
    one = compile_spec(
        "spec t\ninput score: real[n]\ninput t: target real[n]\n"
        f"evaluate mean[i] 1 / (1 + sum[j | {rivals}] [score[j] beats score[i]]) else 0"
    )
    assert one.check(350).ok


def test_pairs_within_a_group_are_mirrored():
    one = compile_spec(
        "spec t\ninput score: real[n]\ninput group: int[n]\n"
        "evaluate mean[i] 1 / (1 + sum[j | group[j] == group[i]] [score[j] beats score[i]]) else 0"
    )
    (row,) = one.plan.families
    assert row.family.mirrored is not None
    score, group = torch.randn(6), torch.tensor([0, 0, 0, 1, 1, 2])
    assert one.comparisons(score, group).shape == (3 + 1,)
    assert one.check(350).ok


def empty_inputs(spec):
    sizes = {"n": 0, "p": 3, "k": 2, "d": 2, "h": 2, "w": 2}
    inputs = {}
    for entry in spec.inputs:
        shape = [sizes[d.size] if isinstance(d.size, str) else d.size for d in entry.kind.dims]
        dtype = {"real": torch.float32, "int": torch.long, "bool": torch.bool}[entry.kind.type]
        inputs[entry.name.id] = torch.zeros(shape, dtype=dtype, requires_grad=entry.kind.live)
    return inputs


@pytest.mark.parametrize("name", specs.names())
def test_an_empty_batch_has_a_loss_and_a_gradient(name):
    one = compile_spec(name)
    inputs = empty_inputs(one.spec)
    value = one.loss()(**inputs)
    value.backward()
    assert value.isfinite()
    for live in (v for v in inputs.values() if v.requires_grad):
        assert live.grad.shape == live.shape


def test_no_anchors_but_the_best_one():
    loss = compile_spec("accuracy", interpolation="idw").loss(good=0, bad=0, nearby=0)
    scores = torch.randn(5, 3, requires_grad=True)
    value = loss(scores, torch.tensor([0, 1, 2, 0, 1]))
    value.backward()
    assert value == -1  # the only known value
    assert scores.grad.isfinite().all()


def test_a_comparison_with_an_undefined_value_does_not_hold():
    one = compile_spec(RANKING + "evaluate [(min[i | relevant[i]] score[i]) > 0] else 0")
    score = torch.randn(4, requires_grad=True)
    loss = one.loss()(score, torch.zeros(4).bool())
    loss.backward()
    assert loss == 0
    assert score.grad.isfinite().all()


def test_an_undefined_loss_says_where():
    loss = compile_spec(RANKING + "loss mean[i | relevant[i]] score[i]").loss()
    with pytest.raises(ValueError, match=r"<text>:4:6: error L029"):
        loss(torch.randn(3), torch.zeros(3).bool())


def test_a_mean_over_two_indices_with_a_filter_on_one():
    one = compile_spec(
        RANKING + "param m = 3\nevaluate mean[i, r in 1..m | relevant[i]] [score[i] > r] else 0"
    )
    score, relevant = torch.tensor([2.5, 9.0, 0.0]), torch.tensor([True, True, False])
    assert one.metric(score, relevant).item() == pytest.approx((2 + 3) / 6)
    assert one.check(140).ok


@pytest.mark.parametrize(
    "scalar", ["n else 1", "sigmoid(n)", "relu(n - 2)", "exp(n)", "floor(n / 2)"]
)
def test_functions_of_sizes(scalar):
    one = compile_spec(RANKING + f"loss (mean[i] score[i]) * ({scalar}) else 0")
    assert one.loss()(torch.ones(3), torch.ones(3).bool()).isfinite()


def test_a_distance_of_zero_has_a_gradient():
    one = compile_spec(
        "spec t\ninput a: real[n, 2]\ninput b: target real[n, 2]\n"
        "loss mean[i] distance(a[i], b[i]) else 0"
    )
    a = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    one.loss()(a, torch.tensor([[1.0, 2.0], [0.0, 0.0]])).backward()
    assert a.grad[0].tolist() == [0, 0]
    assert a.grad[1].tolist() == pytest.approx([0.3, 0.4])


@pytest.mark.parametrize(
    "spec",
    [
        "spec t\ninput x: real\nloss x + [1 < 2]",
        "spec t\ninput x: real[n]\nparam k = 2\nloss (mean[i] x[i]) * [n > 1] + [k > 1] else 0",
        "spec t\ninput s: real[n]\nevaluate [(argmax[j] s[j]) == 1]",
        "spec t\ninput x: real[n]\nloss max[i] x[i] else 0",
        "spec t\ninput x: real[n]\nloss -(sort[i] x[i] at 1) else 0",
        "spec t\ninput x: real[n]\ninput a: target real[n]\n"
        "loss mean[i] x[i] * (7 // a[i]) else 5\nexample x = [1], a = [0] gives 5",
        "spec t\ninput x: real[n]\nparam a = 0\nloss mean[i] x[i] * (7 // a) else 5\n"
        "example x = [1] gives 5",
        "spec t\ninput x: real[n]\nparam a = 2\nloss sum[i] x[i] * (7 // a)\n"
        "example x = [1.5] gives 4.5",
        RANKING + "minimize [(max[i | relevant[i]] score[i]) > 0] else 0",
        RANKING + "evaluate [all[i | n > 1] (score[i] > 1)]",
        "spec t\ninput score: real[n]\nlet v[i] = sum[j] ([score[i] > score[j]] + "
        "[score[i] == score[j]])\nminimize mean[i] [v[i] >= 1] else 0\ntruth score[i] = i",
        "spec t\ninput score: real[n]\ninput other: real[n]\ninput relevant: bool[n]\n"
        "let ratio[i] = min(max(score[i] / other[i], -2), 2)\n"
        "evaluate mean[i | relevant[i]] (floor(ratio[i]) else -9) else 0",
        RANKING + "let r[i] = sum[j | relevant[i]] [score[j] beats score[i]]\nminimize sum[i] r[i]",
        "spec t\ninput x: real[n, m]\ninput a: bool[n]\ninput b: bool[n]\n"
        "let r[i] = sum[j | a[i]] [x[i, j] > 0]\nlet q[i] = sum[j | b[i]] [x[i, j] > 0]\n"
        "evaluate sum[i] r[i] * q[i]",
        "spec t\ninput s: real[n, p]\ninput label: bool[n]\ndecode pred[i] = argmax[j] s[i, j]\n"
        "evaluate (count[i | pred[i] == 1 and label[i]]) / (count[i | label[i]]) else 0",
        RANKING + "input w: target real[n, n]\nlet g[i] = sum[j | relevant[j]] w[i, j]\n"
        "evaluate (sum[j | relevant[j]] [score[j] > g[j]]) / (1 + sum[j] [score[j] > g[j]])",
        "spec t\ninput x: real[n]\n"
        "minimize mean[i] (n - (sum[j | j != i] [x[i] > x[j]]))^2 else 0\ntruth x[i] = i",
        "spec t\ninput x: real[n]\ninput y: target real[n]\nparam w = 1 in [0, 5]\n"
        "minimize w * mean[i] abs([x[i] > 0] - [y[i] > 0]) else 0\n"
        "example x = [1], y = [1], w = 0.5 gives 0",
        "spec t\ninput x: real[n, m]\ninput a: bool[n]\n"
        "minimize sum[i] [a[i]] * (1 / (sum[j] [x[i, j] > 0])) else 5",
        RANKING
        + "evaluate (sum[i, j | relevant[i] and not relevant[j]] ([score[i] > score[j]] + 0.5 * "
        "[score[i] == score[j]])) + (sum[i, j | relevant[i] and not relevant[j]] "
        "[[score[i] > score[j]] == 1])",
        RANKING + "input amount: target real[n] in [0, inf)\n"
        "evaluate sum[i | score[i] > 0] where(relevant[i], -1, 0.1) * amount[i]",
        "spec t\ninput scores: real[n, p]\ninput label: int[n] in p\n"
        "input cost: target real[p, p] in [0, inf)\ndecode pred[i] = argmax[j] scores[i, j]\n"
        "let per[c] = mean[i | label[i] == c] cost[c, pred[i]]\n"
        "minimize mean[c | any[i] [label[i] == c]] per[c] else 0",
    ],
)
def test_small_specs_that_once_broke_down(spec):
    assert compile_spec(spec).check(200).ok


def test_a_decision_with_one_outcome_is_no_decision():
    with pytest.raises(SpecError, match="L030"):
        compile_spec("spec t\ninput x: real[n]\nevaluate [(sort[i] x[i] at 0) > 0]")


def test_definitions_over_groups_are_read_by_their_members():
    one = compile_spec(
        RANKING + "input group: int[n]\n"
        "let share[g in values(group)] = mean[i | group[i] == g] [score[i] > 0]\n"
        "evaluate min[g in values(group)] share[g] else 0"
    )
    score, group = torch.tensor([1.0, -1.0, 1.0, 1.0]), torch.tensor([7, 7, 3, 3])
    assert one.metric(score, score > 0, group) == 0.5
    assert one.check(200).ok
    with pytest.raises(SpecError, match="L022"):
        compile_spec(one.text.replace("share[g] else", "share[0] else"))


def test_the_item_of_a_row_is_compared_with_the_others_only():
    one = compile_spec(
        "spec t\ninput sim: real[n, n]\nevaluate mean[i] [(argmax[j] sim[i, j]) == i] else 0"
    )
    assert one.comparisons(torch.randn(7, 7)).shape == (7 * 6,)

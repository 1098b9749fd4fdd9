"""Translation validation: the bundled specs agree a thousand times; broken ones are caught."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from lossc import specs
from lossc.compiler.batches import KINDS, batches
from lossc.compiler.build import build
from lossc.compiler.compile import CompiledLoss, compile_spec
from lossc.compiler.plan import make_plan
from lossc.compiler.surrogate import plan_surrogate
from lossc.grammar.errors import SpecError
from lossc.grammar.load import load
from tests.surrogates import IDW

METRICS = [name for name in specs.names() if load(name).goal.kind not in ("loss", "combine")]


@pytest.mark.parametrize("name", METRICS)
def test_reference_equals_refactored_on_a_thousand_batches(name):
    report = compile_spec(name, **IDW).check(1001, seed=1)
    assert report.batches == 1001
    assert set(report.kinds) == set(KINDS)
    assert report.comparisons > 0
    assert report.form == ("dense" if name == "kendall_tau" else "row-count")


def test_every_kind_of_batch_is_what_it_says():
    spec = load("average_precision")
    made = {batch.kind: batch.inputs for batch in batches(spec, {}, 700, 0)}
    assert made["empty"]["score"].numel() == 0
    assert made["full"]["relevant"].all()
    assert not made["masked"]["relevant"].any()
    assert made["equal"]["score"].unique().numel() == 1
    tied = [b.inputs["score"] for b in batches(spec, {}, 700, 0) if b.kind == "tied"]
    assert any(score.unique().numel() < score.numel() for score in tied)
    extreme = [b.inputs["score"] for b in batches(spec, {}, 700, 0) if b.kind == "extreme"]
    assert max(score.abs().max().item() for score in extreme) > 1e200


def compiled_from(text, break_plan):
    graph = build(load(text))
    plan = break_plan(make_plan(graph))
    return CompiledLoss(graph, plan, plan_surrogate(graph.spec), {})


BREAKS = {
    "ties": lambda f, make: dataclasses.replace(f, binary=_with_tie(f.binary, make, True)),
    "stored": lambda f, make: dataclasses.replace(f, stored=make.const(True)),
}


def _with_tie(node, make, value):
    left, right, _, same = node.args
    return make("binary", left, right, make.const(value), same, kind="bool", decided=True)


@pytest.mark.parametrize("kind", BREAKS)
def test_a_wrong_refactoring_is_a_compile_error_with_its_smallest_batch(kind):
    def break_plan(plan):
        row = plan.families[0]
        broken = BREAKS[kind](row.family, plan.graph.make)
        families = (dataclasses.replace(row, family=broken), *plan.families[1:])
        return dataclasses.replace(plan, families=families)

    one = compiled_from("interpolated_average_precision", break_plan)
    with pytest.raises(SpecError) as caught:
        one.check(210)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "L034"
    assert "score = [" in diagnostic.message
    assert "relevant = [" in diagnostic.message


def test_a_truth_that_is_not_the_optimum_is_caught():
    text = """
spec macro
input scores: real[n, p]
input label: int[n] in p
decode predicted[i] = argmax[j] scores[i, j]
let hit[c] = sum[i] [label[i] == c] * [predicted[i] == c]
let seen[c] = sum[i] [label[i] == c] + sum[i] [predicted[i] == c]
evaluate mean[c | seen[c] > 0] 2 * hit[c] / seen[c] else 0
truth scores[i, j] = [j == 0]
"""
    with pytest.raises(SpecError) as caught:
        compile_spec(text, **IDW)
    assert caught.value.diagnostics[0].code == "L035"


def test_a_truth_that_is_the_optimum_gives_the_best_configuration():
    text = """
spec macro
input scores: real[n, p]
input label: int[n] in p
decode predicted[i] = argmax[j] scores[i, j]
let hit[c] = sum[i] [label[i] == c] * [predicted[i] == c]
let seen[c] = sum[i] [label[i] == c] + sum[i] [predicted[i] == c]
evaluate mean[c | seen[c] > 0] 2 * hit[c] / seen[c] else 0
truth scores[i, j] = [j == label[i]]
"""
    one = compile_spec(text, **IDW)
    assert one.plan.uses_truth
    assert one.check(210).ok
    scores = torch.randn(8, 4, requires_grad=True)
    one.loss()(scores, torch.randint(4, (8,))).backward()
    assert scores.grad.abs().sum() > 0


def test_an_unknown_optimum_asks_for_truth():
    text = """
spec spread
input score: real[n]
input relevant: bool[n]
let above = mean[i | relevant[i]] [score[i] > 0] else 0
evaluate above * (1 - above)
"""
    with pytest.raises(SpecError) as caught:
        compile_spec(text, **IDW)
    assert caught.value.diagnostics[0].code == "L033"
    assert "truth" in caught.value.diagnostics[0].hint

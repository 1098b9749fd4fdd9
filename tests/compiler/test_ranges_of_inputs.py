"""Declared ranges of real inputs: run-time checks, signs, and the batches of a compile."""

import math

import pytest
import torch

import lossc
from lossc.compiler.batches import KINDS, batches
from lossc.compiler.front.params import inside
from lossc.grammar.load import load
from tests.surrogates import IDW

WEIGHED = """\
spec weighed
input chance: real[n] in [0, 1]
input gain: target real[n] in %s
input relevant: bool[n]
evaluate sum[i | relevant[i]] gain[i] * [chance[i] > 0.5]
"""
RANGES = [
    "[0, inf)",
    "(0, inf)",
    "(-inf, 0)",
    "[-1, 1]",
    "(2, 3)",
    "(1e-6, 1]",
    "[7, 7]",
]


def tensors(chance, gain):
    return torch.tensor(chance), torch.tensor(gain), torch.ones(len(chance), dtype=torch.bool)


def test_values_outside_are_refused():
    loss = lossc.loss(WEIGHED % "(0, inf)", **IDW)
    loss(*tensors([0.0, 1.0], [0.1, 1e9]))
    with pytest.raises(ValueError, match=r"^chance: expected values in \[0, 1\], got 1.5$"):
        loss(*tensors([0.5, 1.5], [1.0, 1.0]))
    with pytest.raises(ValueError, match=r"^gain: expected values in \(0, inf\), got 0$"):
        loss(*tensors([0.5, 0.5], [1.0, 0.0]))
    with pytest.raises(ValueError, match=r"^gain: expected values in \(0, inf\), got nan$"):
        loss.metric(*tensors([0.5, 0.5], [1.0, math.nan]))
    lossc.loss(WEIGHED % "(0, inf)", validate=False, **IDW)(*tensors([0.5, 1.5], [1.0, 0.0]))


def test_an_optional_input_is_checked_where_it_is_given():
    spec = WEIGHED % "[0, 1] = 0.5"
    loss = lossc.loss(spec, **IDW)
    chance, _, relevant = tensors([0.9, 0.1], [0.0, 0.0])
    assert loss.metric(chance, relevant=relevant).item() == 0.5
    with pytest.raises(ValueError, match="gain: expected values in"):
        loss(chance, torch.tensor([0.5, 2.0]), relevant)


def test_the_sign_of_a_range_orients_the_comparisons():
    assert lossc.compile(WEIGHED % "[0, inf)", **IDW).stages.form == "row-count"
    with pytest.raises(lossc.SpecError) as caught:
        lossc.compile(WEIGHED % "[-1, inf)", **IDW)
    assert caught.value.diagnostics[0].code == "L033"


def test_a_positive_range_is_known_to_be_positive():
    ratio = """\
spec ratio
input score: real[n]
input cost: target real[n] in %s
let c = count[i | score[i] > 0]
evaluate c / (c + sum[i] cost[i]) else 0
"""
    lossc.compile(ratio % "(0, inf)", **IDW)
    lossc.compile(ratio % "[0, inf)", **IDW)
    with pytest.raises(lossc.SpecError, match="L033"):
        lossc.compile(ratio % "[-1, 0]", **IDW)


@pytest.mark.parametrize("range_", RANGES)
def test_batches_stay_inside(range_):
    spec = load(WEIGHED % range_)
    bounds = spec.inputs[1].kind.range
    seen = {kind: set() for kind in KINDS}
    for batch in batches(spec, {}, 210, 0):
        seen[batch.kind] |= set(batch.inputs["gain"].tolist())
        assert ((batch.inputs["chance"] >= 0) & (batch.inputs["chance"] <= 1)).all()
    values = set().union(*seen.values())
    assert values and all(inside(bounds, value) for value in values)
    for end, closed in [(bounds.low, bounds.closed_low), (bounds.high, bounds.closed_high)]:
        if closed and math.isfinite(end):
            assert end in seen["tied"]
    assert len(seen["tied"]) <= 4  # so that there are ties
    if bounds.high == math.inf:
        assert max(seen["extreme"]) > 1e5


def test_extreme_scores_reach_the_ends():
    spec = load("spec s\ninput s: real[n] in [0, inf)\nevaluate mean[i] [s[i] > 1] else 0")
    scores = [batch.inputs["s"] for batch in batches(spec, {}, 70, 0) if batch.kind == "extreme"]
    assert max(each.max().item() for each in scores if each.numel()) >= 1e300
    assert min(each.min().item() for each in scores if each.numel()) == 0


def test_without_a_range_nothing_is_checked_or_changed():
    free = load("spec s\ninput s: real[n]\ninput g: target real[n]\nevaluate mean[i] [s[i] > 1]")
    source = lossc.compile(
        "spec s\ninput s: real[n]\nevaluate mean[i] [s[i] > 1] else 0", **IDW
    ).source()
    assert "check_range" not in source
    drawn = [batch.inputs["s"] for batch in batches(free, {}, 70, 0)]
    assert min(each.min().item() for each in drawn if each.numel()) < -1


def test_a_generated_module_reads_well():
    source = lossc.compile(WEIGHED % "[0, inf)", **IDW).source()
    assert 'check_range("chance", chance, 0.0, 1.0, True, True)' in source
    assert 'check_range("gain", gain, 0.0, float("inf"), True, False)' in source
    assert "chance: ``[n]``, scores in [0, 1]." in source

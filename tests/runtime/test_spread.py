"""Scores that spread too far are brought nearer, and nothing else changes."""

import pytest
import torch
from torch.testing import assert_close

import lossc
from lossc.runtime.families import Family, binaries_of
from lossc.runtime.spread import limited_families, limited_family, spread_factor

INF = float("inf")


def test_the_spread_is_that_of_rows_about_their_means():
    torch.manual_seed(0)
    scores = torch.randn(6, 50, dtype=torch.float64) * 20 + 1000 * torch.randn(6, 1).double()
    rows = scores.sub(scores.mean(-1, keepdim=True)).square().mean().sqrt()
    assert_close(spread_factor((scores,), 4.0), rows / 4)
    assert spread_factor((scores,), 1e3) == 1


def test_the_widest_input_counts():
    narrow, wide = torch.tensor([0.0, 1.0]), torch.tensor([-30.0, 30.0])
    assert_close(spread_factor((narrow, wide), 4.0), torch.tensor(7.5))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_extremes_do_not_overflow(dtype):
    most = torch.finfo(dtype).max
    for values in ([-most, most], [INF, -INF, 1.0], [float("nan"), 2.0], [0.0, 0.0], [5.0], []):
        factor = spread_factor((torch.tensor(values, dtype=dtype),), 4.0)
        assert factor.isfinite() and factor >= 1, values
    assert_close(spread_factor((torch.tensor(1e30),), 4.0), torch.tensor(1.0))


def test_what_is_not_finite_has_no_part_in_it():
    scores = torch.tensor([[-40.0, 40.0, INF, float("nan"), -INF]])
    assert_close(spread_factor((scores,), 4.0), torch.tensor(10.0))


def test_every_comparison_has_the_outcome_that_it_had():
    torch.manual_seed(0)
    scores = (torch.randn(40) * 30).round()  # with ties
    stored = torch.ones(40, 40, dtype=torch.bool)
    family = Family(scores, scores.unsqueeze(-1), stored, True, 1, False)
    (near,) = limited_families((family,), (scores,), 4.0)
    assert near.left.std() < 4.5 < scores.std()
    assert torch.equal(binaries_of(near), binaries_of(family))


def test_near_scores_and_their_families_stay_the_same_objects():
    scores = torch.randn(5)
    family = Family(scores, scores, torch.ones(5, dtype=torch.bool), True, 1, False)
    assert limited_families((family,), (scores,), 4.0)[0] is family
    far = limited_family(family, torch.tensor(2.0))
    assert far.left is far.right


@pytest.mark.parametrize("name", ["average_precision", "accuracy", "recall"])
def test_a_bounded_loss_of_huge_scores_still_has_a_gradient(name):
    torch.manual_seed(0)
    shape = (24, 10) if name == "accuracy" else (24,)
    scores = 1000 * torch.randn(shape)
    target = torch.randint(0, 10, (24,)) if name == "accuracy" else torch.rand(24) < 0.4
    options = {"interpolation": "substitute(tnorm=godel)", "squash": "sigmoid"}
    shares = []
    for most in ("none", "4"):
        step = f"sigmoid(temperature=0.1, max_spread={most})"
        loss = lossc.loss(name, step=step, **options)
        leaf = scores.clone().requires_grad_()
        loss(leaf, target).backward()
        shares.append(float((leaf.grad != 0).float().mean()))
    assert shares[1] > 2 * shares[0]


@pytest.mark.parametrize("interpolation", ["substitute", "multilinear", "bound", "idw"])
def test_it_is_the_loss_of_scores_divided_beforehand(interpolation):
    torch.manual_seed(0)
    score, relevant = 50 * torch.randn(30, dtype=torch.float64), torch.rand(30) < 0.3
    plain = lossc.loss("auroc", interpolation=interpolation)
    near = lossc.loss("auroc", interpolation=interpolation, step="sigmoid(max_spread=4)")
    factor = spread_factor((score,), 4.0)
    assert factor > 10
    ours, theirs = score.clone().requires_grad_(), (score / factor).requires_grad_()
    near(ours, relevant).backward()
    plain(theirs, relevant).backward()
    assert_close(near.eval()(score, relevant), plain.eval()(score / factor, relevant))
    assert_close(ours.grad, theirs.grad / factor)


def test_a_temperature_that_follows_the_spread_needs_no_limit():
    with pytest.raises(lossc.SpecError, match="max_spread has no use"):
        lossc.loss("auroc", step="sigmoid(temperature=auto, max_spread=4)")


def test_a_limit_is_a_positive_number():
    for wrong in ("0", "-1", "wide"):
        with pytest.raises(lossc.SpecError, match="max_spread"):
            lossc.loss("auroc", step=f"sigmoid(max_spread={wrong})")


@pytest.mark.parametrize(
    ("own", "called", "found"),
    [
        ("max_spread = 4", "temperature=auto", ("auto", "none")),
        ("temperature = auto", "max_spread=3", (0.1, 3.0)),
        ("temperature = auto", "temperature=0.5", (0.5, 4.0)),
        ("temperature = 2", "max_spread=3", (2.0, 3.0)),
    ],
)
def test_a_callers_choice_takes_the_place_of_the_specs(own, called, found):
    text = "spec t\ninput score: real[n]\nevaluate mean[i] [score[i] > 0.5] else 0\n"
    compiled = lossc.compile(text + f"surrogate step sigmoid({own})\n", step=f"sigmoid({called})")
    options = compiled.surrogate.options
    assert (options["temperature"], options["max_spread"]) == found

"""Metrics of decisions and continuous parts: the gradient is that of the interpolated value."""

from __future__ import annotations

import pytest
import torch

from lossc.compiler.compile import compile_spec
from tests.surrogates import IDW

CLASSES = "spec t\ninput scores: real[n, p]\ninput label: int[n] in p\n"
RANKING = "spec t\ninput score: real[n]\ninput relevant: bool[n]\n"
TRUE_CLASS = "\ntruth scores[i, j] = 6 * [j == label[i]]"
SEPARATED = "\ntruth score[i] = where(relevant[i], 3, -3)"

MIXED = {
    "margin of the correct ones": CLASSES
    + "decode predicted[i] = argmax[j] scores[i, j]\n"
    + "evaluate mean[i] [predicted[i] == label[i]] * sigmoid(scores[i, label[i]]) else 0",
    "score of the winner": CLASSES
    + "decode predicted[i] = argmax[j] scores[i, j]\n"
    + "evaluate mean[i] [predicted[i] == label[i]] * sigmoid(scores[i, predicted[i]]) else 0"
    + TRUE_CLASS,
    "calibration": CLASSES
    + "let sure[i] = 1 / sum[j] exp(scores[i, j] - max[c] scores[i, c])\n"
    + "decode predicted[i] = argmax[j] scores[i, j]\n"
    + "let bin[i] = min(floor(4 * min(max(sure[i], 0), 1)), 3)\n"
    + "let gap[b in 0..3] = sum[i] [bin[i] == b] * (sure[i] - [predicted[i] == label[i]])\n"
    + "minimize (sum[b in 0..3] abs(gap[b])) / n else 0"
    + "\ntruth scores[i, j] = 99 * [j == label[i]]",
    "remainder": RANKING
    + "minimize mean[i | relevant[i]] min(max(score[i], 0), 3) % 0.75 else 0"
    + SEPARATED,
    "median": RANKING
    + "let m = count[i | relevant[i]]\n"
    + "evaluate sort[i | relevant[i]] sigmoid(score[i]) at ((m + 1) // 2) else 0"
    + SEPARATED,
    "cumulative scores in the ranking": RANKING
    + "let place[i] = rank[j | not relevant[j]] score[j] at i\n"
    + "evaluate mean[i | relevant[i]] [place[i] <= 2] * sigmoid(cumsum[j] score[j] at i) else 0"
    + "\ntruth score[i] = where(relevant[i], 9, -1)",
}


def inputs_of(one, dtype=torch.float64):
    generator = torch.Generator().manual_seed(11)
    made = {
        "scores": torch.randn(6, 3, generator=generator, dtype=dtype),
        "label": torch.randint(3, (6,), generator=generator),
        "score": torch.randn(8, generator=generator, dtype=dtype) * 1.5,
        "relevant": torch.tensor([1, 1, 0, 1, 0, 1, 0, 0]).bool(),
    }
    return [made[entry.name.id] for entry in one.spec.inputs]


@pytest.mark.parametrize("name", MIXED)
def test_the_gradient_is_that_of_finite_differences(name):
    one = compile_spec(MIXED[name], **IDW)
    loss = one.loss(bits="drawn").eval()  # the anchors stay what they are
    live, *rest = inputs_of(one)
    live.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: loss(x, *rest), (live,), eps=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", MIXED)
def test_the_continuous_parts_alone_have_their_own_gradient(name):
    """At fixed binaries the metric is differentiable; g is differentiated as it stands."""
    one = compile_spec(MIXED[name], **IDW)
    loss = one.loss().eval()
    live, *rest = inputs_of(one)
    prepared = loss.prepare(live, *rest)
    families = loss.families(*prepared)
    rows = torch.cat([_counts(family) for family in families], -1)

    def metric(x):
        return loss.metric_of_rows(rows, families, x, *rest)

    live.requires_grad_()
    assert torch.autograd.gradcheck(metric, (live,), eps=1e-6, atol=1e-7)
    (gradient,) = torch.autograd.grad(metric(live), live)
    assert gradient.abs().sum() > 0


def _counts(family):
    from lossc.runtime.families import binaries_of, row_counts

    return row_counts(family, binaries_of(family))

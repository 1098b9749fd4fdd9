from __future__ import annotations

import pytest
import torch
from sklearn.metrics import average_precision_score

from lossc.models import metrics

# labels in rank order 0, 1, 1, 0, 1
SCORES = torch.tensor([5.0, 4.0, 3.0, 2.0, 1.0])
RELEVANT = torch.tensor([False, True, True, False, True])


def ap(score, relevant):
    return metrics.average_precision({"score": score, "relevant": relevant})


def envelope(score, relevant):
    return metrics.interpolated_average_precision({"score": score, "relevant": relevant})


def test_step_average_precision():
    assert ap(SCORES, RELEVANT) == pytest.approx((1 / 2 + 2 / 3 + 3 / 5) / 3)


def test_interpolated_average_precision():
    # the envelope lifts the first positive's 1/2 to the 2/3 of the second
    assert envelope(SCORES, RELEVANT) == pytest.approx((2 / 3 + 2 / 3 + 3 / 5) / 3)


def test_a_tie_counts_against_the_positive():
    score = torch.tensor([1.0, 1.0])
    assert envelope(score, torch.tensor([True, False])) == 1 / 2
    assert envelope(score, torch.tensor([False, True])) == 1 / 2


def test_without_positives():
    none = torch.zeros(3, dtype=torch.bool)
    assert (ap(SCORES[:3], none), envelope(SCORES[:3], none)) == (0, 1)


@pytest.mark.parametrize("seed", range(20))
def test_agreement_with_scikit_learn_on_ties(seed):
    generator = torch.Generator().manual_seed(seed)
    score = torch.randint(-4, 5, (40,), generator=generator).float()
    relevant = torch.rand(40, generator=generator) < 0.3
    relevant[0] = True
    assert ap(score, relevant) == pytest.approx(average_precision_score(relevant, score))
    assert envelope(score, relevant) >= ap(score, relevant) - 1e-7 or score.unique().numel() < 40


def test_large_scores_keep_their_order():
    # a sigmoid would make 1 of both, and a tie of the ranking
    score = torch.tensor([200.0, 100.0])
    assert ap(score, torch.tensor([True, False])) == 1


def test_accuracy():
    scores = torch.tensor([[1.0, 2.0], [3.0, 0.0], [0.0, 1.0]])
    label = torch.tensor([1, 0, 0])
    assert metrics.accuracy({"scores": scores, "label": label}) == pytest.approx(2 / 3)


@pytest.mark.parametrize("seed", range(10))
def test_the_envelope_from_its_definition(seed):
    generator = torch.Generator().manual_seed(seed)
    score = torch.randint(0, 6, (12,), generator=generator).float()
    relevant = torch.rand(12, generator=generator) < 0.5
    beaten = sorted(int(((score >= value) & ~relevant).sum()) for value in score[relevant])
    precision = [r / (r + f) for r, f in enumerate(beaten, start=1)]
    expected = [max(precision[r:]) for r in range(len(precision))]
    want = sum(expected) / len(expected) if expected else 1
    assert envelope(score, relevant) == pytest.approx(want)

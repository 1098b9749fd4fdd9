"""Metrics of thresholded scores against scikit-learn."""

from __future__ import annotations

import pytest
import torch
from sklearn import metrics as sk

from tests.specs.batches import assert_worth, compiled, ranked

WORTH = {
    "precision": lambda y, picked: sk.precision_score(y, picked, zero_division=0),
    "recall": lambda y, picked: sk.recall_score(y, picked, zero_division=0),
    "specificity": lambda y, picked: sk.recall_score(y, picked, pos_label=False, zero_division=0),
    "f_beta": lambda y, picked: sk.f1_score(y, picked, zero_division=0),
    "jaccard": lambda y, picked: sk.jaccard_score(y, picked, zero_division=0),
}


@pytest.mark.parametrize("threshold", [0.5, -0.25])
@pytest.mark.parametrize("name", WORTH)
def test_is_scikit_learns_above_the_threshold(name, threshold):
    """Tied batches hold multiples of a quarter: many scores stand right at the threshold."""
    for score, relevant in ranked():
        want = WORTH[name](relevant.numpy(), (score > threshold).numpy())
        assert_worth(compiled(name, threshold=threshold), want, score, relevant)


@pytest.mark.parametrize("beta", [0.5, 2])
def test_f_beta_is_scikit_learns(beta):
    for score, relevant in ranked(1, 200):
        picked = (score > 0.5).numpy()
        want = sk.fbeta_score(relevant.numpy(), picked, beta=beta, zero_division=0)
        assert_worth(compiled("f_beta", beta=beta), want, score, relevant)


@pytest.mark.parametrize("name", WORTH)
def test_the_threshold_of_logits_is_a_probability(name):
    one = compiled(name, activation="sigmoid", threshold=0.3)
    for score, relevant in ranked(2, 200):
        picked = (torch.sigmoid(score) > 0.3).numpy()
        assert_worth(one, WORTH[name](relevant.numpy(), picked), score, relevant)


@pytest.mark.parametrize("name", WORTH)
def test_scores_are_taken_as_they_are_unless_told_otherwise(name):
    score, relevant = torch.tensor([0.3, 0.3], dtype=torch.float64), torch.tensor([True, False])
    plain, logits = compiled(name), compiled(name, activation="sigmoid")
    assert plain.comparisons(score, relevant).tolist() == pytest.approx(
        logits.comparisons(torch.logit(score), relevant).tolist()
    )
    assert plain.metric(score, relevant) != logits.metric(score, relevant)


@pytest.mark.parametrize("name", WORTH)
def test_nothing_is_worth_0(name):
    nothing = torch.zeros(0, dtype=torch.float64)
    assert_worth(compiled(name), 0, nothing, nothing.bool())


@pytest.mark.parametrize(
    ("name", "relevant"),
    [("precision", True), ("recall", False), ("specificity", True), ("f_beta", False)],
)
def test_an_empty_denominator_is_worth_0(name, relevant):
    score = torch.full((3,), 0.5, dtype=torch.float64)  # at the threshold: nothing is picked
    assert_worth(compiled(name), 0, score, torch.full((3,), relevant))

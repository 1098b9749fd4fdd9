"""Ranks, orders, cumulative sums and rounding against numpy, scipy, scikit-learn, torchmetrics."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest
import torch
from scipy.stats import rankdata
from sklearn import metrics as sk
from torchmetrics.functional.classification import multiclass_calibration_error

from lossc.compiler.compile import CompiledLoss, compile_spec
from tests.surrogates import IDW

RANKING = "spec t\ninput score: real[n]\ninput relevant: bool[n]\n"
SEPARATED = "\ntruth score[i] = where(relevant[i], 3, -3)"
BATCHES = 80


@functools.cache
def compiled(text: str) -> CompiledLoss:
    return compile_spec(text, **IDW)


def rankings(seed: int = 0):
    """Scores with many ties and with none; from all negative to all positive; also one item."""
    generator = np.random.default_rng(seed)
    for number in range(BATCHES):
        n = int(generator.integers(1, 14))
        score = generator.integers(-3, 4, n) / 2 if number % 2 else generator.normal(size=n)
        yield score.astype(float), generator.random(n) < (number % 5) / 4


def both(text: str, score, relevant, **more) -> float:
    """The metric, which must be what it is by way of binaries."""
    one = compiled(text)
    inputs = {"score": torch.tensor(score), "relevant": torch.tensor(relevant), **more}
    inputs = {entry.name.id: inputs[entry.name.id] for entry in one.spec.inputs}
    exact = one.metric(**inputs).item()
    assert one.refactored(**inputs).item() == pytest.approx(exact, rel=1e-12, nan_ok=True)
    return exact


def test_ranks_are_scipys_ordinal_ranks_from_the_largest():
    text = RANKING + "evaluate mean[i | relevant[i]] 1 / (rank[j] score[j] at i) else 0"
    for score, relevant in rankings():
        place = rankdata(-score, method="ordinal")
        want = (1 / place[relevant]).mean() if relevant.any() else 0
        assert both(text, score, relevant) == pytest.approx(want)


def test_a_filter_selects_the_rivals_and_not_who_is_ranked():
    text = RANKING + "evaluate mean[i in n] 1 / (rank[j | not relevant[j]] score[j] at i)"
    for score, relevant in rankings(1):
        total = 0.0
        for i, x in enumerate(score):
            rivals = [j for j in range(len(score)) if not relevant[j] and j != i]
            total += 1 / (1 + sum(score[j] > x or (score[j] == x and j < i) for j in rivals))
        assert both(text, score, relevant) == pytest.approx(total / len(score))


def test_ranks_of_counts_keep_the_lower_index_first():
    text = (
        RANKING
        + "let level[i] = [score[i] > 0] + [score[i] > 1]\n"
        + "evaluate mean[i | relevant[i]] 1 / (rank[j] level[j] at i) else 0"
        + SEPARATED
    )
    for score, relevant in rankings(2):
        level = (score > 0).astype(int) + (score > 1)
        place = rankdata(-level, method="ordinal")
        want = (1 / place[relevant]).mean() if relevant.any() else 0
        assert both(text, score, relevant) == pytest.approx(want)


def test_ranks_inside_groups_are_those_of_a_loop():
    text = (
        RANKING
        + "input group: int[n]\n"
        + "let place[i] = rank[j | group[j] == group[i]] score[j] at i\n"
        + "let best[g in values(group)] = max[i | group[i] == g and relevant[i]] 1 / place[i]\n"
        + "evaluate mean[g in values(group)] (best[g] else 0) else 0"
    )
    generator = np.random.default_rng(5)
    for score, relevant in rankings(3):
        group = generator.integers(0, 3, len(score))
        per_group = []
        for member in set(group.tolist()):
            inside = np.flatnonzero(group == member)
            order = inside[np.argsort(-score[inside], kind="stable")]
            hits = [k for k, i in enumerate(order, start=1) if relevant[i]]
            per_group.append(1 / hits[0] if hits else 0)
        got = both(text, score, relevant, group=torch.tensor(group))
        assert got == pytest.approx(np.mean(per_group))


def test_cumulative_gain_with_shared_discounts_is_scikit_learns_ndcg():
    text = (
        "spec t\ninput score: real[n]\ninput gain: target real[n] in [0, inf)\n"
        "let lo[i] = sum[j] [score[j] > score[i]]\n"
        "let hi[i] = sum[j] [score[j] >= score[i]]\n"
        "let cum[r in 0..n] = cumsum[t in 1..n] 1 / log2(1 + t) at r\n"
        "let dcg = sum[i] gain[i] * (cum[hi[i]] - cum[lo[i]]) / (hi[i] - lo[i])\n"
        "let best = sum[r in 1..n] (-sort[i] -gain[i] at r) / log2(1 + r)\n"
        "evaluate dcg / best else 0\ntruth score[i] = gain[i]"
    )
    generator = np.random.default_rng(6)
    for score, _ in rankings(4):
        gain = generator.integers(0, 4, len(score)).astype(float)
        if len(score) > 1:
            got = both(text, score, [], gain=torch.tensor(gain))
            assert got == pytest.approx(sk.ndcg_score([gain], [score]))


def test_a_sum_along_the_ranking_is_the_discounted_cumulative_gain():
    text = (
        "spec t\ninput score: real[n]\ninput gain: target real[n] in [0, inf)\nparam k = 3\n"
        "let place[i] = rank[j] score[j] at i\n"
        "evaluate sum[i | place[i] <= k] gain[i] / log2(1 + place[i])\ntruth score[i] = gain[i]"
    )
    generator = np.random.default_rng(7)
    for score, _ in rankings(5):
        gain = generator.random(len(score))
        top = np.argsort(-score, kind="stable")[:3]
        want = sum(gain[i] / math.log2(r + 2) for r, i in enumerate(top))
        assert both(text, score, [], gain=torch.tensor(gain)) == pytest.approx(want)


@pytest.mark.parametrize("q", [0.1, 0.5, 0.9, 1.0])
def test_hits_above_a_quantile_of_the_negatives(q):
    text = (
        RANKING
        + "param q = 0.5 in [0, 1]\nlet m = count[j | not relevant[j]]\n"
        + "let t = sort[j | not relevant[j]] score[j] at max(1, ceil(q * m))\n"
        + "evaluate mean[i | relevant[i]] [score[i] > t] else 0"
    )
    one = compile_spec(text, **IDW, params={"q": q})
    for score, relevant in rankings(6):
        want = 0.0
        if relevant.any() and not relevant.all():
            t = np.quantile(score[~relevant], q, method="inverted_cdf")
            want = (score[relevant] > t).mean()
        inputs = torch.tensor(score), torch.tensor(relevant)
        assert one.metric(*inputs).item() == pytest.approx(want)
        assert one.refactored(*inputs).item() == pytest.approx(want)


def test_two_medians_are_compared():
    text = (
        RANKING
        + "let up = count[i | relevant[i]]\nlet down = count[i | not relevant[i]]\n"
        + "let a = sort[i | relevant[i]] score[i] at ((up + 1) // 2)\n"
        + "let b = sort[i | not relevant[i]] score[i] at ((down + 1) // 2)\n"
        + "evaluate [a > b]"
    )
    for score, relevant in rankings(7):
        want = 0.0
        if relevant.any() and not relevant.all():
            a, b = (torch.tensor(score[part]).median() for part in (relevant, ~relevant))
            want = float(a > b)
        assert both(text, score, relevant) == want


def test_a_median_as_a_value_is_torchs_lower_median():
    text = (
        RANKING
        + "let m = count[i | relevant[i]]\n"
        + "evaluate sort[i | relevant[i]] sigmoid(score[i]) at ((m + 1) // 2) else 0"
        + SEPARATED
    )
    for score, relevant in rankings(8):
        chosen = torch.tensor(score)[torch.tensor(relevant)].sigmoid()
        want = chosen.median().item() if len(chosen) else 0
        assert both(text, score, relevant) == pytest.approx(want)


@pytest.mark.parametrize(
    ("written", "numpy"),
    [
        ("floor(x)", np.floor),
        ("ceil(x)", np.ceil),
        ("round(x)", np.round),
        ("floor(-x)", lambda x: np.floor(-x)),
        ("x // 0.5", lambda x: x // 0.5),
        ("x % 0.5", lambda x: x % 0.5),
        ("x // -0.5", lambda x: x // -0.5),
        ("x % 2", lambda x: x % 2),
        ("round(2 * x + 1)", lambda x: np.round(2 * x + 1)),
    ],
)
def test_rounding_is_numpys(written, numpy):
    goal = "minimize" if "%" in written else "evaluate"  # passing a threshold must be good
    one = compile_spec(
        RANKING
        + "let x[i] = min(max(score[i], -2.5), 1.5)\n"
        + f"{goal} mean[i | relevant[i]] ({written.replace('x', 'x[i]')}) else 0",
        **IDW,
    )
    for score, relevant in rankings(9):
        x = np.clip(score, -2.5, 1.5)
        want = numpy(x)[relevant].mean() if relevant.any() else 0
        inputs = torch.tensor(score), torch.tensor(relevant)
        assert one.metric(*inputs).item() == pytest.approx(want)
        assert one.refactored(*inputs).item() == pytest.approx(want)


def test_calibration_error_is_torchmetrics():
    text = (
        "spec t\ninput prob: real[n, p] in [0, 1]\ninput label: int[n] in p\n"
        "decode predicted[i] = argmax[j] prob[i, j]\n"
        "let sure[i] = max[j] prob[i, j]\n"
        "let bin[i] = min(floor(10 * sure[i]), 9)\n"
        "let gap[b in 0..9] = sum[i] [bin[i] == b] * (sure[i] - [predicted[i] == label[i]])\n"
        "minimize (sum[b in 0..9] abs(gap[b])) / n\n"
        "truth prob[i, j] = [j == label[i]]"
    )
    one = compile_spec(text, **IDW)
    generator = torch.Generator().manual_seed(8)
    for _ in range(60):
        n, p = (2 + int(torch.randint(9, (), generator=generator)) for _ in range(2))
        prob = torch.randn(n, p, generator=generator, dtype=torch.float64).mul(2).softmax(1)
        label = torch.randint(p, (n,), generator=generator)
        want = multiclass_calibration_error(prob, label, num_classes=p, n_bins=10).item()
        assert one.metric(prob, label).item() == pytest.approx(want, abs=1e-6)
        assert one.refactored(prob, label).item() == pytest.approx(want, abs=1e-6)

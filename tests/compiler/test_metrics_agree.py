"""The bundled metrics against code that no one here wrote, and against the papers' own rules."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn import metrics as sk
from torchmetrics import functional as tm

from lossc.compiler.compile import compile_spec

BATCHES = 300


def ranking_batches(seed=0):
    """Scores with and without ties, from all negative to all positive."""
    generator = torch.Generator().manual_seed(seed)
    for number in range(BATCHES):
        n = 1 + int(torch.randint(12, (), generator=generator))
        if number % 2:
            score = torch.randint(4, (n,), generator=generator).double() / 4
        else:
            score = torch.randn(n, generator=generator, dtype=torch.float64)
        yield score, torch.rand(n, generator=generator) < (number % 5) / 4


def class_batches(seed=0):
    generator = torch.Generator().manual_seed(seed)
    for number in range(BATCHES):
        n, p = (1 + int(torch.randint(8, (), generator=generator)) for _ in range(2))
        if number % 2:
            scores = torch.randint(3, (n, p), generator=generator).double()
        else:
            scores = torch.randn(n, p, generator=generator, dtype=torch.float64)
        yield scores, torch.randint(p, (n,), generator=generator)


def test_accuracy_is_scikit_learns():
    metric = compile_spec("accuracy").metric
    for scores, label in class_batches():
        predicted = scores.numpy().argmax(1)  # the first of equal ones, as the spec has it
        assert metric(scores, label).item() == pytest.approx(sk.accuracy_score(label, predicted))


@pytest.mark.parametrize("k", [1, 2, 5])
def test_top_k_accuracy_is_scikit_learns_without_ties(k):
    metric = compile_spec("top_k_accuracy", params={"k": k}).metric
    for scores, label in class_batches():
        if scores.unique().numel() < scores.numel() or scores.shape[1] < 3 or k >= scores.shape[1]:
            continue
        labels = np.arange(scores.shape[1])
        want = sk.top_k_accuracy_score(label, scores, k=k, labels=labels)
        assert metric(scores, label).item() == pytest.approx(want)


def test_top_k_accuracy_breaks_ties_by_the_lower_class():
    metric = compile_spec("top_k_accuracy", params={"k": 2}).metric
    for scores, label in class_batches(1):
        order = np.argsort(-scores.numpy(), axis=1, kind="stable")[:, :2]
        want = np.mean([y in row for y, row in zip(label.tolist(), order.tolist(), strict=True)])
        assert metric(scores, label).item() == pytest.approx(want)


def test_average_precision_is_scikit_learns():
    metric = compile_spec("average_precision").metric
    for score, relevant in ranking_batches():
        if relevant.any():
            want = sk.average_precision_score(relevant, score)
            assert metric(score, relevant).item() == pytest.approx(want)
        else:
            assert metric(score, relevant).item() == 0


def test_average_precision_is_torchmetrics():
    metric = compile_spec("average_precision").metric
    for score, relevant in ranking_batches(3):
        if relevant.any() and not relevant.all():
            chance = score.sigmoid()
            want = tm.classification.binary_average_precision(chance, relevant.long())
            assert metric(score.sigmoid(), relevant).item() == pytest.approx(want.item(), abs=1e-6)


def test_auroc_is_scikit_learns():
    metric = compile_spec("auroc").metric
    for score, relevant in ranking_batches():
        if relevant.any() and not relevant.all():
            want = sk.roc_auc_score(relevant, score)
            assert metric(score, relevant).item() == pytest.approx(want)


def envelope_average_precision(score, relevant):
    """UniLoss's evaluation, step by step: recall steps times the best precision from there on.

    An equally scored negative counts as ranked before a positive.
    """
    order = sorted(range(len(score)), key=lambda i: (-score[i], bool(relevant[i])))
    hits, precisions, recalls = 0, [], []
    positives = int(relevant.sum())
    if positives == 0:
        return 1.0
    for rank, item in enumerate(order, start=1):
        hits += bool(relevant[item])
        precisions.append(hits / rank)
        recalls.append(hits / positives)
    area, before = 0.0, 0.0
    for place, recall in enumerate(recalls):
        area += (recall - before) * max(precisions[place:])
        before = recall
    return area


def test_interpolated_average_precision_is_the_area_under_the_envelope():
    metric = compile_spec("interpolated_average_precision").metric
    for score, relevant in ranking_batches():
        want = envelope_average_precision(score.tolist(), relevant)
        assert metric(score, relevant).item() == pytest.approx(want)


def test_interpolated_average_precision_of_one_ranking():
    relevant = torch.tensor([0, 1, 1, 0, 1]).bool()
    score = torch.tensor([5.0, 4.0, 3.0, 2.0, 1.0])
    value = compile_spec("interpolated_average_precision").metric(score, relevant)
    assert value.item() == pytest.approx((2 / 3 + 2 / 3 + 3 / 5) / 3)
    assert value.item() == pytest.approx(0.644444, abs=1e-6)


@pytest.mark.parametrize("k", [1, 3, 10])
def test_precision_at_k_is_torchmetrics_without_ties(k):
    metric = compile_spec("precision_at_k", params={"k": k}).metric
    for score, relevant in ranking_batches():
        if score.unique().numel() == score.numel() and relevant.any():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                # it takes scores for probabilities and leaves out what is not above 0
                want = tm.retrieval.retrieval_precision(score.sigmoid(), relevant, top_k=k)
            assert metric(score.sigmoid(), relevant).item() == pytest.approx(want.item())


def test_precision_at_k_breaks_ties_by_the_lower_index():
    metric = compile_spec("precision_at_k", params={"k": 3}).metric
    for score, relevant in ranking_batches(2):
        top = np.argsort(-score.numpy(), kind="stable")[:3]
        want = relevant.numpy()[top].sum() / 3
        assert metric(score, relevant).item() == pytest.approx(want)


@pytest.mark.parametrize(("name", "length"), [("pckh", "head"), ("pck", "torso")])
def test_keypoints_are_correct_within_their_radius(name, length):
    one = compile_spec(name)
    alpha = {"pckh": 0.5, "pck": 0.2}[name]
    generator = torch.Generator().manual_seed(4)
    for number in range(100):
        n, k, h, w = 2, 3, 4, 5
        heatmap = torch.randn(n, k, h, w, generator=generator, dtype=torch.float64)
        if number % 2:
            heatmap = heatmap.round()
        joint = torch.rand(n, k, 2, generator=generator, dtype=torch.float64) * 5
        visible = torch.rand(n, k, generator=generator) < 0.7
        size = torch.rand(n, generator=generator, dtype=torch.float64) * 12
        correct = []
        for b in range(n):
            for q in range(k):
                if visible[b, q]:
                    y, x = divmod(int(heatmap[b, q].flatten().argmax()), w)
                    offset = np.hypot(x - joint[b, q, 0].item(), y - joint[b, q, 1].item())
                    correct.append(offset <= alpha * size[b].item())
        want = np.mean(correct) if correct else 0
        inputs = {"heatmap": heatmap, "joint": joint, "visible": visible, length: size}
        assert one.metric(**inputs).item() == pytest.approx(want)
        assert one.refactored(**inputs).item() == pytest.approx(want)


def test_cross_entropy_and_bce_are_torchs():
    for scores, label in class_batches(5):
        got = compile_once("cross_entropy")(scores, label)
        assert got.item() == pytest.approx(torch.nn.functional.cross_entropy(scores, label).item())
    for score, relevant in ranking_batches(5):
        got = compile_once("bce")(score, relevant)
        want = torch.nn.functional.binary_cross_entropy_with_logits(score, relevant.double())
        assert got.item() == pytest.approx(want.item())


@pytest.mark.parametrize("size", [1e2, 1e4, 1e30])
def test_bce_is_finite_for_extreme_scores(size):
    score = torch.tensor([size, -size], requires_grad=True)
    value = compile_once("bce")(score, torch.tensor([False, True]))
    value.backward()
    assert value.item() == pytest.approx(size)
    assert score.grad.tolist() == [0.5, -0.5]


_LOSSES: dict = {}


def compile_once(name):
    if name not in _LOSSES:
        _LOSSES[name] = compile_spec(name).loss()
    return _LOSSES[name]


def library(name):
    """A spec of the language's library that is not bundled."""
    text = (Path(__file__).parent.parent / "grammar" / "library.lossc").read_text(encoding="utf-8")
    start = text.index(f"spec {name} ") if f"spec {name} " in text else text.index(f"spec {name}\n")
    end = text.find("\nspec ", start)
    return compile_spec(text[start : end if end > 0 else None])


def test_other_metrics_written_in_the_language_are_scikit_learns():
    balanced, beta, recall = (library(n) for n in ("balanced_accuracy", "f_beta", "recall"))
    for scores, label in class_batches(7):
        predicted = scores.numpy().argmax(1)
        classes = np.unique(label.numpy())
        want = np.mean([(predicted[label.numpy() == c] == c).mean() for c in classes])
        assert balanced.metric(scores, label).item() == pytest.approx(want)
    for score, relevant in ranking_batches(7):
        above = (score > 0.5).numpy()
        want = sk.f1_score(relevant, above, zero_division=0)
        assert beta.metric(score, relevant).item() == pytest.approx(want)
        want = sk.recall_score(relevant, above, zero_division=0)
        assert recall.metric(score, relevant).item() == pytest.approx(want)


def test_ignored_labels_do_not_count():
    one = library("pixel_accuracy")
    generator = torch.Generator().manual_seed(6)
    for _ in range(50):
        scores = torch.randint(3, (2, 4, 3, 3), generator=generator).double()
        label = torch.randint(4, (2, 3, 3), generator=generator)
        label[torch.rand(2, 3, 3, generator=generator) < 0.4] = 255
        kept = (label != 255).numpy()
        predicted = scores.numpy().argmax(1)
        want = (predicted == label.numpy())[kept].mean() if kept.any() else 0
        assert one.metric(scores, label).item() == pytest.approx(want)
        assert one.refactored(scores, label).item() == pytest.approx(want)
    scores.requires_grad_()
    one.loss()(scores, label).backward()
    assert scores.grad.isfinite().all()


def test_the_selection_of_online_hard_example_mining_keeps_the_hardest_share():
    one = library("ohem").loss(rho=0.5)
    scores, label = torch.randn(10, 4, dtype=torch.float64), torch.randint(4, (10,))
    each = torch.nn.functional.cross_entropy(scores, label, reduction="none")
    assert one(scores, label).item() == pytest.approx(each.sort(descending=True).values[:5].mean())

"""Metrics that users bring: constant inputs from files, own columns in the table, the examples."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from lossc.compiler.compile import compile_spec
from lossc.models.command import train_command
from lossc.models.errors import TaskError
from lossc.models.losses import resolve
from lossc.models.own_metrics import SpecMetric, with_constants, with_own_metrics

FILES = ("cost_weighted_accuracy", "fnmr_at_one_percent", "recall_with_reject")
COSTED = "cost_weighted_accuracy"


@pytest.fixture
def metrics(root):
    return root / "examples" / "metrics"


@pytest.mark.parametrize("name", FILES)
def test_an_example_is_short_and_right(metrics, name):
    path = metrics / f"{name}.lossc"
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 12
    assert compile_spec(path).check(200).ok


def test_cost_weighted_accuracy_is_the_share_of_the_cost_saved(metrics):
    metric = compile_spec(metrics / f"{COSTED}.lossc").metric
    cost = np.loadtxt(metrics / "costs.csv", delimiter=",")
    generator = torch.Generator().manual_seed(0)
    for _ in range(50):
        scores = torch.randn(12, 10, generator=generator, dtype=torch.float64)
        label = torch.randint(10, (12,), generator=generator)
        rows = cost[label.numpy()]
        paid = rows[np.arange(12), scores.argmax(1).numpy()].mean()
        want = 1 - paid / rows.max(1).mean()
        assert metric(scores, label, torch.from_numpy(cost)).item() == pytest.approx(want)


def test_fnmr_at_one_percent_is_that_of_the_threshold_which_lets_so_many_pass(metrics):
    metric = compile_spec(metrics / "fnmr_at_one_percent.lossc").metric
    generator = torch.Generator().manual_seed(0)
    for _ in range(50):
        score = torch.randint(60, (300,), generator=generator).double()
        relevant = torch.rand(300, generator=generator) < 0.3
        impostors = score[~relevant]
        most = int(0.01 * len(impostors))
        # the lowest genuine score at which no more than 1% of the impostors pass
        refused = sum((impostors >= s).sum() > most for s in score[relevant])
        assert metric(score, relevant).item() == pytest.approx(int(refused) / int(relevant.sum()))


def test_recall_with_reject_counts_confident_hits_class_by_class(metrics):
    metric = compile_spec(metrics / "recall_with_reject.lossc").metric
    generator = torch.Generator().manual_seed(0)
    for _ in range(50):
        scores = 3 * torch.randn(20, 4, generator=generator, dtype=torch.float64)
        label = torch.randint(4, (20,), generator=generator)
        sure, predicted = scores.softmax(1).max(1)
        hit = (predicted == label) & (sure > 0.9)
        want = np.mean([hit[label == c].double().mean() for c in label.unique()])
        assert metric(scores, label).item() == pytest.approx(want)


@pytest.mark.parametrize(
    ("loss", "least"),
    [
        (f"{COSTED}.lossc(step=sigmoid(temperature=0.1), squash=sigmoid, lr=4)", 0.9),
        ("recall_with_reject.lossc(lr=4)", 0.8),
    ],
)
def test_a_metric_of_ones_own_is_learned(metrics, tmp_path, capsys, loss, least):
    """A network that guesses has 0.4 and 0; the loss is the only teacher here."""
    code = train_command(
        task="digits",
        losses=[f"{metrics}/{loss}"],
        epochs=15,
        out=tmp_path,
        as_json=True,
        inputs={"cost": metrics / "costs.csv"},
    )
    (row,) = json.loads(capsys.readouterr().out)["losses"]
    assert code == 0
    assert row["test"][loss.partition(".")[0]]["mean"] > least


def test_every_metric_that_is_trained_on_has_a_column(metrics, tmp_path, capsys):
    code = train_command(
        task="digits",
        losses=["balanced_accuracy", "top_k_accuracy(k=2)", "top_k_accuracy(k=3)", "cross_entropy"],
        epochs=1,
        out=tmp_path,
        as_json=True,
    )
    rows = json.loads(capsys.readouterr().out)["losses"]
    columns = {"accuracy", "balanced_accuracy", "top_k_accuracy", "top_k_accuracy(k=3)"}
    assert code == 0
    assert all(set(row["test"]) == set(row["validation"]) == columns for row in rows)
    two, three = (
        rows[0]["test"][name]["mean"] for name in ("top_k_accuracy", "top_k_accuracy(k=3)")
    )
    assert two <= three


def test_a_baseline_and_a_loss_spec_have_no_metric(digits):
    assert SpecMetric.of(resolve("cross_entropy", digits)) is None
    assert SpecMetric.of(resolve("ohem", digits)) is None
    metric = SpecMetric.of(resolve("macro_f1", digits))
    scores = torch.eye(10)
    assert metric({"scores": scores, "label": torch.arange(10)}) == 1.0


def test_constants_stand_beside_the_inputs_of_every_batch(digits, tmp_path):
    np.save(tmp_path / "w.npy", np.arange(6).reshape(2, 3))
    (tmp_path / "v.txt").write_text("1 2\n3 4.5\n")
    recipe = with_constants(digits, {"w": tmp_path / "w.npy", "v": tmp_path / "v.txt"})
    made = recipe.inputs(torch.zeros(2, 10), {"label": torch.zeros(2, dtype=torch.long)})
    assert made["w"].tolist() == [[0, 1, 2], [3, 4, 5]] and not made["w"].is_floating_point()
    assert made["v"].tolist() == [[1, 2], [3, 4.5]] and made["v"].dtype == torch.float32
    assert set(recipe.provides) == {*digits.provides, "w", "v"}
    other = tmp_path / "w.npy"
    np.save(other, np.ones(3))
    assert with_constants(digits, {"w": other}).constants["w"] != recipe.constants["w"]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("label", "1,2", "feeds it already"),
        ("cost", "1,2\n3", "cannot read"),
        ("cost", "one,two", "cannot read"),
    ],
)
def test_a_constant_that_cannot_be_is_refused(digits, tmp_path, name, text, said):
    path = tmp_path / "table.csv"
    path.write_text(text)
    with pytest.raises(TaskError, match=said):
        with_constants(digits, {name: path})
    with pytest.raises(TaskError, match="cannot read"):
        with_constants(digits, {"cost": tmp_path / "missing.csv"})


def test_own_metrics_do_not_hide_the_tasks_own(digits):
    recipe = with_own_metrics(digits, [resolve("accuracy", digits), resolve("macro_f1", digits)])
    assert set(recipe.final_metrics) == {"macro_f1"}

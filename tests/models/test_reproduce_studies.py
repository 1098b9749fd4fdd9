"""Experiments that are no table of trained losses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from lossc.compiler.compile import compile_spec
from lossc.models.data.joints import GROUPS, JOINTS
from lossc.models.errors import TaskError
from lossc.models.losses import resolve
from lossc.models.recipes import RECIPES
from lossc.models.reproduce.command import perform
from lossc.models.reproduce.excess import excess_of, figure_7, kept_weights, spaced
from lossc.models.reproduce.experiment import Setting
from lossc.models.reproduce.experiments import EXPERIMENTS
from lossc.models.reproduce.fidelity import (
    FRACTIONS,
    Pair,
    agreement,
    fidelity,
    flipped_pairs,
    met_in_training,
)
from lossc.models.reproduce.pose_tests import SixScales, double_counting
from lossc.models.run import Failure, Job
from lossc.models.trainer import train

PUBLISHED = {
    "step": "sigmoid(temperature=1)",
    "interpolation": "idw(gradient=published)",
    "squash": "sigmoid",
}


def test_random_anchors_alone_train_no_network(tmp_path):
    setting = Setting(quick=True, out=tmp_path, workers=1, settings={"epochs": 15})
    report = perform(EXPERIMENTS["uniloss-random-anchors"], setting)
    usual, alone = (line.measured["accuracy, %"].mean for line in report.lines)
    assert usual > 0.9
    assert alone < 0.3
    assert "seen here" in report.verdicts[0]


# ------------------------------------------------------------------ fidelity


@pytest.fixture(scope="module")
def met():
    recipe = replace(RECIPES["digits"].shortened(), epochs=20)
    compiled = compile_spec("accuracy", **PUBLISHED, seed=0)
    return compiled, list(met_in_training(recipe, compiled, 6, seed=0, rate=0.5))


def test_configurations_come_from_the_whole_training(met):
    compiled, states = met
    right = [float(compiled.metric(scores, label)) for _, scores, label in states]
    assert [step for step, _, _ in states] == sorted({step for step, _, _ in states})
    assert states[0][0] == 0
    assert right[-1] > right[0] + 0.2
    assert all(scores.shape == (64, 10) for _, scores, _ in states)


def test_where_nothing_is_flipped_the_metric_is_that_of_the_scores(met):
    compiled, states = met
    step, scores, label = states[2]
    pairs = dict(flipped_pairs(compiled, step, scores, label, torch.Generator().manual_seed(0)))
    assert list(pairs) == list(FRACTIONS)
    accuracy = float((scores.argmax(dim=1) == label).double().mean())
    assert pairs["0"].metric == pytest.approx(accuracy)


def test_metric_and_interpolation_of_flipped_comparisons_by_hand(met):
    compiled, states = met
    step, scores, label = states[3]
    seen = []

    whole = compiled.evaluate_binaries

    def spy(bits, *inputs):
        seen.append(bits)
        return whole(bits, *inputs)

    object.__setattr__(compiled, "evaluate_binaries", spy)
    try:
        pairs = dict(flipped_pairs(compiled, step, scores, label, torch.Generator().manual_seed(1)))
    finally:
        object.__delattr__(compiled, "evaluate_binaries")
    anchors, flipped = seen[0], dict(zip(FRACTIONS, seen[1:], strict=True))
    current = compiled.comparisons(scores, label) > 0
    assert anchors.shape == (49, 64 * 9)
    for title, fraction in FRACTIONS.items():
        bits = flipped[title]
        assert int((bits != current).sum()) == round(fraction * 64 * 9)
        # an example is right where it wins against all nine other classes
        right = bits.reshape(64, 9).all(dim=1).double().mean()
        assert pairs[title].metric == pytest.approx(float(right))
        values = anchors.reshape(49, 64, 9).all(dim=2).double().mean(dim=1)
        distance = (bits.double() - anchors.double()).norm(dim=1)
        assert distance.min() > 0
        value = (values / distance).sum() / (1 / distance).sum()
        assert pairs[title].interpolated == pytest.approx(float(value), rel=1e-5)


def test_agreement_by_hand():
    found = agreement([Pair(0.0, 0.1), Pair(0.5, 0.3), Pair(1.0, 0.2)])
    assert found["L2 distance"] == pytest.approx(np.sqrt(0.01 + 0.04 + 0.64))
    assert found["root mean square"] == pytest.approx(np.sqrt(0.69 / 3))
    assert found["Spearman's coefficient"] == pytest.approx(0.5)
    assert found["Kendall's tau"] == pytest.approx(1 / 3)
    level = agreement([Pair(0.5, 0.1), Pair(0.5, 0.3)])
    assert np.isnan(level["Spearman's coefficient"])


def test_agreement_of_tied_values_is_that_of_loops():
    generator = torch.Generator().manual_seed(0)
    draw = (torch.randint(9, (30,), generator=generator) / 8).tolist()  # accuracies have ties
    other = [value + 0.3 * float(torch.randn((), generator=generator)) for value in draw]
    other[3] = other[7]
    found = agreement([Pair(*pair) for pair in zip(draw, other, strict=True)])
    ranks = np.array([[_rank(value, column) for value in column] for column in (draw, other)])
    assert found["Spearman's coefficient"] == pytest.approx(np.corrcoef(ranks)[0, 1])
    pairs = list(zip(draw, other, strict=True))
    signs = np.sign([(a - b, c - d) for a, c in pairs for b, d in pairs])
    tau = signs.prod(axis=1).sum() / np.sqrt(np.square(signs).sum(axis=0).prod())
    assert found["Kendall's tau"] == pytest.approx(tau)


def _rank(value, column):
    """The mean place of all that are equal."""
    return sum(one < value for one in column) + (column.count(value) + 1) / 2


def test_the_report_gets_worse_with_the_distance(tmp_path, monkeypatch):
    setting = Setting(quick=True, out=tmp_path, settings={"epochs": 2})
    report = fidelity(setting)
    again = fidelity(replace(setting, out=tmp_path / "again"))
    assert report.lines == again.lines
    monkeypatch.setattr("lossc.models.reproduce.fidelity.measured_pairs", None)
    assert fidelity(setting).lines == report.lines  # what was measured is kept
    assert fidelity(replace(setting, train=False)).lines == report.lines
    other = fidelity(replace(setting, train=False, settings={"epochs": 3}))
    assert other.failed
    distance, _, rank, _ = ([line.measured[t].mean for t in FRACTIONS] for line in report.lines)
    assert distance[0] < distance[3] < distance[5]
    assert rank[0] > rank[5]
    assert report.lines[0].published["1/8"] == "8.49"


def test_examples_that_make_no_batch_are_refused(tmp_path):
    setting = Setting(quick=True, out=tmp_path, settings={"examples": 5})
    with pytest.raises(TaskError, match="5 examples make no batch of 64"):
        fidelity(setting)


# -------------------------------------------------------------- excess, poses


def test_the_excess_is_the_difference_of_the_two_losses(spots):
    """Anchor Loss less binary cross entropy, each from its own spec."""
    recipe = RECIPES["pose"]
    output, targets = torch.randn(2, 2, 16, 12, 12), spots(2, 12)[1]
    inputs = recipe.inputs(output[:, -1:], targets)
    losses = [
        resolve(f"anchor_pose(gamma={gamma})", recipe).build(0)(
            **{name: inputs[name] for name in ("heatmap", "target", "visible")}
        )
        for gamma in (2, 0)
    ]
    excess = excess_of(output, targets, recipe)
    assert excess.shape == (2, 16, 12, 12)
    torch.testing.assert_close(excess.nanmean(), losses[0] - losses[1])
    plain = functional.binary_cross_entropy_with_logits(
        inputs["heatmap"], inputs["target"], reduction="none"
    )
    torch.testing.assert_close(plain.mean(dim=(2, 3))[inputs["visible"]].mean(), losses[1])


def test_epochs_that_are_shown():
    assert spaced(160, 5) == (1, 4, 13, 45, 160)
    assert spaced(2, 5) == (1, 2)
    assert spaced(1, 5) == (1,)


def test_maps_over_the_epochs(tmp_path):
    settings = {"examples": 32, "epochs": 2, "network.width": 8, "network.depth": 1}
    setting = Setting(quick=True, out=tmp_path, settings=settings, workers=1)
    report = perform(EXPERIMENTS["anchor-figure-7"], setting)
    assert [column.title for column in report.columns] == ["1", "2"]
    assert not report.failed
    share, more, less = (line.measured for line in report.lines)
    assert 0 < share["1"].mean < 1
    assert more["1"].mean > 0 < less["1"].mean
    assert report.files["maps"].read_bytes().startswith(b"\x89PNG")
    arrays = np.load(report.files["weights"])
    assert set(arrays) == {"epoch_1", "epoch_2"}
    assert arrays["epoch_1"].shape[1] == 16
    share_here = (arrays["epoch_1"] > 0).sum() / np.isfinite(arrays["epoch_1"]).sum()
    assert share["1"].mean == pytest.approx(share_here)
    only_look = perform(EXPERIMENTS["anchor-figure-7"], replace(setting, train=False))
    assert only_look.lines == report.lines


def test_maps_go_on_only_from_a_run_that_keeps_its_weights(tmp_path, monkeypatch):
    asked = []

    def note(jobs, setting):
        asked.extend(jobs)
        return [Failure(job, "enough") for job in jobs]

    monkeypatch.setattr("lossc.models.reproduce.excess.train_all", note)
    setting = Setting(quick=True, out=tmp_path)
    assert figure_7(setting).lines[0].failures == ("enough",)
    kept = kept_weights(asked[0], 1)  # as of a run that was stopped after an epoch
    kept.parent.mkdir(parents=True)
    kept.touch()
    figure_7(setting)
    assert [job.resume for job in asked] == [False, True]
    assert asked[0].recipe.keep == spaced(asked[0].recipe.epochs, 5)


def test_maps_without_photographs_are_a_row_that_fails(tmp_path, monkeypatch):
    monkeypatch.delenv("LOSSC_DATA", raising=False)
    report = figure_7(Setting(out=tmp_path))
    assert report.failed
    assert "photographs of people" in report.lines[0].failures[0]


@pytest.fixture(scope="module")
def pose_run(tmp_path_factory):
    recipe = replace(
        RECIPES["pose-anchor"].shortened(embedded=True), epochs=1, examples=32, keep=(1,)
    )
    recipe = replace(recipe, network=replace(recipe.network, width=8, depth=1))
    choice = resolve("anchor_pose", recipe)
    return train(Job(recipe, choice, 0, 0.01, tmp_path_factory.mktemp("pose") / "run"))


def test_weights_of_an_epoch_are_kept(pose_run):
    kept = torch.load(kept_weights(pose_run.job, 1), weights_only=True)
    last = torch.load(pose_run.job.folder / "network.pt", weights_only=True)
    assert all(torch.equal(kept[name], last[name]) for name in last)


def test_what_pose_networks_are_tested_by(pose_run):
    shares = SixScales("head", 0.5)(pose_run)
    assert set(shares) == {f"six_{group}" for group in (*GROUPS, "mean")}
    assert all(0 <= share <= 1 for share in shares.values())
    double = double_counting(pose_run)
    test = pose_run.job.recipe.data(None).test
    assert double["maps"] == test.targets["visible"].sum()
    assert test.targets["visible"].shape[1] == len(JOINTS)
    assert 0 <= double["several"] <= 1

"""The pose task: augmentation, figures of merit, tests of the papers, and whether it learns."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from lossc.models import pose_report
from lossc.models.data.joints import JOINTS
from lossc.models.data.rendered_figures import figures
from lossc.models.data.split import Splits
from lossc.models.errors import LosscError, TaskError, TrainingError
from lossc.models.evaluate import evaluate
from lossc.models.losses import resolve
from lossc.models.pose_metrics import guess, pckh, shares_found, summary
from lossc.models.recipe import Optimiser, Schedule
from lossc.models.recipes import pose, pose_anchor, pose_anchor_8, pose_head, pose_uniloss
from lossc.models.run import RunFolder
from lossc.models.settings import with_settings
from lossc.models.trainer import train

SMALL = pose.PoseNetwork(width=8, depth=1)


def test_inputs_of_all_stacks(spots):
    maps, targets = spots(3, 8)
    output = torch.stack([maps, 2 * maps], dim=1)
    inputs = pose.PoseInputs(sigma=1.5)(output, targets)
    assert set(inputs) == set(pose.RECIPE.provides)
    assert torch.equal(inputs["heatmap"][0::2], maps)
    assert torch.equal(inputs["heatmap"][1::2], 2 * maps)
    for name, value in inputs.items():
        assert len(value) == 6
        if name != "heatmap":
            assert torch.equal(value[0::2], value[1::2])
    x, y = inputs["joint"][0, 5]
    assert (float(x) + 0.5) / 8 == pytest.approx(float(targets["joint"][0, 5, 0]))
    # the Gaussian's peak is at the cell nearest to the joint, and it is cut off to zeros
    peak = inputs["target"][0, 5].flatten().argmax()
    assert [peak % 8, peak // 8] == [round(float(x)), round(float(y))]
    assert (inputs["target"] == 0).any()
    assert inputs["target"].amax() == 1


@pytest.mark.parametrize("sigma", [0.1, 0.5, 1.0, 3.0, 10.0])
def test_targets_of_other_widths(sigma, spots):
    """A Gaussian around the joint's cell in a window of 2 round(3 sigma) + 1 cells, 3 at least."""
    output, (_, targets) = torch.zeros(1, 1, 16, 64, 64), spots(1, 64)
    target = pose.PoseInputs(sigma=sigma)(output, targets)["target"][0, 0]
    column, row = (64 * targets["joint"][0, 0]).floor().tolist()
    reach = max(round(3 * sigma), 1)
    away = torch.arange(64, dtype=torch.float64)
    squared = (away[:, None] - row) ** 2 + (away - column) ** 2
    inside = ((away[:, None] - row).abs() <= reach) & ((away - column).abs() <= reach)
    expected = torch.exp(-squared / (2 * sigma**2)) * inside
    torch.testing.assert_close(target, expected.float(), atol=1e-6, rtol=0)
    assert torch.equal(target > 0, inside)


@pytest.mark.parametrize(
    "loss", ["pckh", "pck", "anchor_pose", "heatmap_mse", "ohkm(top=4)", "anchor_pose(gamma=0)"]
)
def test_every_loss_of_heatmaps_fits(loss, spots):
    choice = resolve(loss, pose.RECIPE)
    output = torch.randn(2, 2, 16, 8, 8, requires_grad=True)
    inputs = pose.PoseInputs()(output, spots(2, 8)[1])
    value = choice.build(0)(**{name: inputs[name] for name in choice.takes})
    value.backward()
    assert output.grad is not None
    assert (output.grad.abs().amax(dim=(2, 3, 4)) > 0).all()  # of every stack


def test_a_target_without_width_is_one_cell(spots):
    output, (_, targets) = torch.zeros(1, 1, 16, 64, 64), spots(1, 64)
    inputs = pose.PoseInputs(sigma=0)(output, targets)
    assert (inputs["target"].flatten(2).sum(dim=2) == 1).all()
    peak = inputs["target"][0, 5].flatten().argmax()
    assert [peak % 64, peak // 64] == [round(float(x)) for x in inputs["joint"][0, 5]]


def test_one_joint_is_trained_and_tested_alone(spots):
    """The published pose network of UniLoss: MPII's joint 9, 3,583,105 parameters."""
    recipe = pose_head.RECIPE
    assert sum(p.numel() for p in recipe.network().parameters()) == 3_583_105
    maps, targets = spots(3, 8)
    head = JOINTS.index("head_top")
    everything = pose.PoseInputs()(maps[:, None], targets)
    alone = recipe.inputs(maps[:, None, head : head + 1], targets)
    for name in ("heatmap", "joint", "visible", "target"):
        torch.testing.assert_close(alone[name], everything[name][:, head : head + 1])
    found = recipe.summary(maps[:, None, head : head + 1], targets)
    assert found["visible"].sum(dim=0).nonzero().flatten().tolist() == [head]
    assert pckh(found) == shares_found(summary(maps[:, None], targets), "head", 0.5)["head"]


def test_maps_and_joints_must_be_as_many(spots):
    maps, targets = spots(2, 8)
    with pytest.raises(TaskError, match=r"16 maps \(network.maps\) for 1 joints .*head_top"):
        pose_head.RECIPE.inputs(maps[:, None], targets)


def test_the_papers_settings():
    uniloss, anchor = pose_uniloss.RECIPE, pose_anchor.RECIPE
    assert uniloss.optimiser == Optimiser("rmsprop", learning_rate=2.5e-4)
    assert (uniloss.epochs, uniloss.batch_size) == (50, 6)
    assert uniloss.schedule == Schedule(milestones=(30, 40), factor=0.25)
    assert anchor.optimiser == Optimiser("rmsprop", learning_rate=1e-3)
    assert anchor.batch_size == 6
    assert anchor.schedule == Schedule(milestones=(100, 120, 140), factors=(0.5, 0.2, 0.5))
    for recipe, stacks in ((uniloss, 1), (anchor, 2), (pose_anchor_8.RECIPE, 8)):
        assert recipe.network == pose.PoseNetwork(stacks=stacks, width=256, depth=4, pool=True)
        assert recipe.data.side == recipe.augment.side == 256


def quick():
    """The quick variant with fewer images to train and to test on."""
    return replace(pose.RECIPE.shortened(), data=_few, epochs=2, examples=960)


def _few(directory):
    whole = pose.RECIPE.data(None)
    return Splits(whole.train, whole.val.first(60), whole.test.first(120))


@pytest.fixture
def run(make_job, tmp_path):
    def go(loss, **changes):
        return train(make_job(loss, recipe=replace(quick(), **changes)))

    return go


def threshold():
    """Twice what somebody finds who says that every joint is in the middle."""
    return 2 * pckh(guess(_few(None).test.targets))


@pytest.mark.slow
def test_the_quick_variant_learns(run):
    result = run("anchor_pose")
    assert result.test["pckh"] > threshold() > 0.1
    losses = [entry["loss"] for entry in result.history]
    assert losses[-1] < losses[0]


BACKWARDS = """
spec backwards
input heatmap: real[n, k, h, w]
input target: target real[n, k, h, w]
let q[b, j, y, x] = sigmoid(-heatmap[b, j, y, x])
loss mean[b, j, y, x] (q[b, j, y, x] - target[b, j, y, x])^2 else 0
"""
BLIND = """
spec blind
input heatmap: real[n, k, h, w]
loss mean[b, j, y, x] heatmap[b, j, y, x]^2 else 0
"""


# the task's run and a loss that is backwards are in test_tasks_learn.py too, and always run there
@pytest.mark.slow
@pytest.mark.parametrize("text", [BACKWARDS, BLIND], ids=["backwards", "blind"])
def test_a_broken_loss_does_not_pass_for_a_good_one(run, tmp_path, text):
    path = tmp_path / "broken.lossc"
    path.write_text(text)
    try:
        reached = run(str(path)).test["pckh"]
    except TrainingError:
        return
    assert reached < threshold()


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["pckh(interpolation=idw)", "heatmap_mse"])
def test_the_other_losses_learn_too(run, loss):
    assert run(loss, epochs=8).test["pckh"] > threshold()


def test_a_run_goes_on_where_it_was(make_job):
    recipe = replace(quick(), network=SMALL, epochs=2, examples=24)
    whole, broken = (make_job("heatmap_mse", recipe=recipe, folder=f) for f in ("one", "two"))
    train(whole)

    class Interrupted(Exception):
        pass

    def stop(progress):
        if progress.epoch >= 1:
            raise Interrupted

    with pytest.raises(Interrupted):
        train(broken, stop)
    train(broken)
    one, two = (torch.load(RunFolder(j.folder).weights, weights_only=True) for j in (whole, broken))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_a_report_of_a_run(make_job, monkeypatch, capsys, tmp_path):
    recipe = replace(quick(), network=SMALL, epochs=1, examples=16)
    job = make_job("anchor_pose", recipe=recipe)
    run = train(job)
    monkeypatch.setattr(pose_report, "find_recipe", lambda task: recipe)
    assert pose_report.main([str(job.folder), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    single = figures["tests"]["single image"]
    assert single["PCKh@0.5"]["mean"] == pytest.approx(run.test["pckh"])
    assert single["PCK@0.2"]["mean"] == pytest.approx(run.test["pck"])
    targets = recipe.data(None).test.targets
    assert figures["tests"]["the middle"]["PCKh@0.5"]["mean"] == pytest.approx(pckh(guess(targets)))
    assert figures["double"]["maps"] == int(targets["visible"].sum())
    picture = tmp_path / "found.png"
    assert pose_report.main([str(job.folder), "--picture", str(picture)]) == 0
    with Image.open(picture) as image:
        assert image.size == (1320, 440)  # two rows of six
    text = capsys.readouterr().out
    assert "six scales, mirrored" in text
    assert "double counting" in text


def test_a_report_knows_the_settings_of_the_run(make_job):
    """Embedded data, and a network that is neither the task's nor that of its quick variant."""
    recipe = with_settings(
        pose_anchor.RECIPE.shortened(embedded=True),
        {"network.width": 8, "network.stacks": 1, "epochs": 1, "examples": 8},
    )
    job = make_job("anchor_pose", recipe=recipe)
    run = train(job)
    single = pose_report.report(job.folder)["tests"]["single image"]
    assert single["PCKh@0.5"]["mean"] == pytest.approx(run.test["pckh"])


def test_maps_of_some_joints_have_no_report(make_job):
    recipe = with_settings(
        pose_head.RECIPE.shortened(embedded=True),
        {"network.width": 8, "network.depth": 1, "epochs": 1, "examples": 8},
    )
    job = make_job("heatmap_mse", recipe=recipe)
    train(job)
    with pytest.raises(TaskError, match="maps of some joints only"):
        pose_report.report(job.folder)


def test_reports_of_what_is_no_run(make_job, monkeypatch, capsys, tmp_path):
    assert pose_report.main([str(tmp_path / "none")]) == 1
    assert "no finished run" in capsys.readouterr().err
    recipe = replace(quick(), network=SMALL, epochs=1, examples=8)
    job = make_job("heatmap_mse", recipe=recipe)
    train(job)
    monkeypatch.setattr(pose_report, "find_recipe", lambda task: recipe)
    torch.save(quick().network().state_dict(), RunFolder(job.folder).weights)
    with pytest.raises(TaskError, match="no weights of task 'pose'"):
        pose_report.report(job.folder)
    RunFolder(job.folder).weights.write_bytes(b"damaged")
    with pytest.raises(LosscError, match=r"network\.pt: cannot be read"):
        pose_report.report(job.folder)


def test_an_evaluation_does_not_keep_maps():
    recipe = quick()
    split = figures(10, seed=4)
    network = SMALL()
    whole = summary(network.eval()(split.features), split.targets)
    assert evaluate(network, split, recipe)["pckh"] == pytest.approx(pckh(whole))
    assert set(whole) == {"place", "joint", "visible", "head", "torso"}


def test_photographs_of_another_size(tmp_path: Path):
    # the network does not mind: maps have a quarter of the image's side
    network = pose.RECIPE.network().eval()
    assert network(torch.zeros(1, 3, 96, 96, dtype=torch.uint8)).shape == (1, 1, 16, 24, 24)
    assert network(torch.zeros(1, 3, 64, 64)).shape == (1, 1, 16, 16, 16)

"""The pose task: augmentation, figures of merit, tests of the papers, and whether it learns."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

import lossc
from lossc.models import pose_report
from lossc.models.data.joints import GROUPS, JOINTS, MIRRORED
from lossc.models.data.rendered_figures import figures
from lossc.models.data.split import Split, Splits
from lossc.models.errors import LosscError, TaskError, TrainingError
from lossc.models.evaluate import evaluate
from lossc.models.losses import resolve
from lossc.models.pose_augment import PoseAugment, Views, viewed
from lossc.models.pose_metrics import guess, mean_places, pck, pckh, places, shares_found, summary
from lossc.models.pose_testing import averaged_maps, counted_double, found_by, probabilities
from lossc.models.recipe import Optimiser, Schedule
from lossc.models.recipes import pose, pose_anchor, pose_anchor_8, pose_uniloss
from lossc.models.run import RunFolder
from lossc.models.trainer import train

SMALL = pose.PoseNetwork(width=8, depth=1)


def plain_views(count, **changes):
    views = Views(
        angle=torch.zeros(count),
        scale=torch.ones(count),
        mirrored=torch.zeros(count, dtype=torch.bool),
        tint=torch.ones(count, 3),
    )
    return replace(views, **changes)


def spots(count, side, seed=0):
    """Images that are bright around each joint, and in the colour of that joint alone."""
    torch.manual_seed(seed)
    joint = 0.25 + 0.5 * torch.rand(count, 16, 2)
    pixel = (torch.arange(side) + 0.5) / side
    dx = pixel[None, None, None, :] - joint[..., 0, None, None]
    dy = pixel[None, None, :, None] - joint[..., 1, None, None]
    maps = torch.exp(-(dx.square() + dy.square()) / (2 * (1.5 / side) ** 2))  # [n, 16, s, s]
    targets = {
        "joint": joint,
        "visible": torch.ones(count, 16, dtype=torch.bool),
        "head": torch.full((count,), 0.1),
        "torso": torch.full((count,), 0.2),
    }
    return maps, targets


# --- augmentation


def test_a_plain_view_is_the_middle_of_the_image():
    images = torch.randint(256, (3, 3, 24, 24), dtype=torch.uint8)
    _, targets = spots(3, 24)
    seen = viewed(Split(images, targets), plain_views(3), side=16)
    torch.testing.assert_close(seen.features, images[:, :, 4:20, 4:20].float() / 255)
    torch.testing.assert_close(seen.targets["joint"], (targets["joint"] - 0.5) * 1.5 + 0.5)
    torch.testing.assert_close(seen.targets["head"], targets["head"] * 1.5)
    inside = ((targets["joint"] - 0.5).abs() <= 1 / 3).all(dim=-1)
    assert torch.equal(seen.targets["visible"], inside)


@pytest.mark.parametrize("mirrored", [False, True])
def test_joints_go_where_the_pixels_go(mirrored):
    count, side = 6, 96
    maps, targets = spots(count, side)
    views = plain_views(
        count,
        angle=torch.linspace(-1.0, 1.0, count),
        scale=torch.linspace(0.8, 1.25, count),
        mirrored=torch.full((count,), mirrored),
    )
    for joint in (0, 8, 12):  # three at a time fit into the colours
        trio = [joint, joint + 1, joint + 2]
        seen = viewed(Split(maps[:, trio], targets), views, side=64)
        found = places(seen.features)
        for colour, of in enumerate(trio):
            at = MIRRORED[of] if mirrored else of  # a right wrist in a mirror is a left one
            visible = seen.targets["visible"][:, at]
            gap = (found[:, colour] - seen.targets["joint"][:, at]).norm(dim=-1) * 64
            assert visible.any()
            assert gap[visible].max() < 1.0
    torch.testing.assert_close(
        seen.targets["torso"] * 64 * views.scale, torch.full((count,), 0.2 * 96)
    )


def test_colours_are_multiplied():
    images = torch.full((1, 3, 8, 8), 0.5)
    _, targets = spots(1, 8)
    tint = torch.tensor([[0.8, 1.0, 3.0]])
    seen = viewed(Split(images, targets), plain_views(1, tint=tint), side=8)
    torch.testing.assert_close(seen.features[0, :, 4, 4], torch.tensor([0.4, 0.5, 1.0]))


def test_the_numbers_of_the_public_code():
    batch = Split(torch.zeros(2000, 3, 4, 4, dtype=torch.uint8), spots(2000, 4)[1])
    drawn = {}

    def keep(batch, views, side):
        drawn.update(views=views, side=side)
        return batch

    augment = PoseAugment(side=8)
    generator = torch.Generator().manual_seed(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lossc.models.pose_augment.viewed", keep)
        augment(batch, generator)
    views = drawn["views"]
    assert drawn["side"] == 4  # never larger than the image
    turned = views.angle != 0
    assert turned.float().mean() == pytest.approx(0.6, abs=0.03)
    assert views.angle[turned].std() * 180 / math.pi == pytest.approx(28.8, abs=1)  # 30, cut off
    assert views.angle.abs().max() == pytest.approx(math.radians(60))
    assert (views.scale.min().item(), views.scale.max().item()) == (0.75, 1.25)
    assert views.mirrored.float().mean() == pytest.approx(0.5, abs=0.03)
    assert views.tint.min() == pytest.approx(0.8, abs=0.002)
    assert views.tint.max() == pytest.approx(1.2, abs=0.002)


def test_the_same_generator_gives_the_same_batch():
    batch, augment = figures(6, seed=0), PoseAugment(side=64)
    one, same, other = (augment(batch, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(one.features, same.features)
    assert torch.equal(one.targets["joint"], same.targets["joint"])
    assert not torch.equal(one.features, other.features)


# --- figures of merit


def slowly(found, length, alpha):
    """The benchmark's rule, joint by joint and image by image."""
    hits, of = [0] * 16, [0] * 16
    for image in range(len(found["place"])):
        for joint in range(16):
            if found["visible"][image, joint]:
                (x, y), (u, v) = found["place"][image, joint], found["joint"][image, joint]
                of[joint] += 1
                distance = math.hypot(float(x - u), float(y - v))
                hits[joint] += distance / float(found[length][image]) <= alpha
    shares = [h / n for h, n in zip(hits, of, strict=True)]
    groups = {
        "head": shares[9],
        "shoulder": (shares[12] + shares[13]) / 2,
        "elbow": (shares[11] + shares[14]) / 2,
        "wrist": (shares[10] + shares[15]) / 2,
        "hip": (shares[2] + shares[3]) / 2,
        "knee": (shares[1] + shares[4]) / 2,
        "ankle": (shares[0] + shares[5]) / 2,
    }
    rest = [joint for joint in range(16) if joint not in (6, 7)]
    return groups, sum(hits[j] for j in rest) / sum(of[j] for j in rest)


@pytest.mark.parametrize(("length", "alpha"), [("head", 0.5), ("torso", 0.2)])
def test_shares_by_group_and_their_mean(length, alpha):
    found = {
        "place": torch.rand(40, 16, 2),
        "joint": torch.rand(40, 16, 2),
        "visible": torch.rand(40, 16) > 0.3,
        "head": 0.2 + torch.rand(40),
        "torso": 0.5 + torch.rand(40),
    }
    shares = shares_found(found, length, alpha)
    groups, mean = slowly(found, length, alpha)
    assert {name: shares[name] for name in GROUPS} == pytest.approx(groups)
    assert shares["mean"] == pytest.approx(mean)
    measure = {"head": pckh, "torso": pck}[length]
    assert measure(found) == pytest.approx(mean)
    found["visible"][:, 9] = False
    assert math.isnan(shares_found(found, length, alpha)["head"])


def test_a_quarter_of_a_cell_towards_the_higher_neighbour():
    heatmap = torch.full((1, 1, 5, 8), -9.0)  # a joint may be where all scores are negative
    heatmap[0, 0, 2, 4], heatmap[0, 0, 2, 5], heatmap[0, 0, 1, 4] = -1.0, -2.0, -3.0
    assert places(heatmap)[0, 0].tolist() == pytest.approx([(4.5 + 0.25) / 8, (2.5 - 0.25) / 5])


def test_places_of_peaks_agree_with_the_compiled_metric():
    # the spec decodes without a quarter: joints in the middle of cells, and what is right by far
    torch.manual_seed(3)
    output = torch.randn(20, 1, 16, 12, 12)
    cell = torch.randint(12, (20, 16, 2))
    hit = torch.rand(20, 16) > 0.5
    for image, joint in hit.nonzero().tolist():
        x, y = cell[image, joint]
        output[image, 0, joint, y, x] = 9.0
    targets = {
        "joint": (cell + 0.5) / 12,
        "visible": torch.rand(20, 16) > 0.2,
        "head": torch.full((20,), 1.0 / 12),  # half a cell: the cell itself alone
        "torso": torch.full((20,), 2.5 / 12),
    }
    targets["visible"][:, 6:8] = False  # these are not in the benchmark's mean
    inputs = pose.PoseInputs()(output, targets)
    for spec, measure, length in (("pckh", pckh, "head"), ("pck", pck, "torso")):
        names = ("heatmap", "joint", "visible", length)
        expected = float(lossc.loss(spec).metric(*(inputs[name] for name in names)))
        assert measure(summary(output, targets)) == pytest.approx(expected)
        assert 0.3 < expected < 0.7


def test_guesses():
    split = figures(50, seed=9)
    middle, mean = guess(split.targets), guess(split.targets, mean_places(split.targets))
    assert pckh(middle) < 0.15
    assert pckh(mean) > pckh(middle)
    assert mean["place"][0, 9, 1] < 0.35  # heads are above


# --- inputs


def test_inputs_of_all_stacks():
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


@pytest.mark.parametrize("sigma", [0.1, 1.0, 3.0])
def test_targets_of_other_widths(sigma):
    output, (_, targets) = torch.zeros(1, 1, 16, 64, 64), spots(1, 64)
    target = pose.PoseInputs(sigma=sigma)(output, targets)["target"][0, 0]
    side = 2 * max(round(3 * sigma), 1) + 1
    assert int((target > 0).any(dim=0).sum()) <= side
    assert target.max() == 1


@pytest.mark.parametrize(
    "loss", ["pckh", "pck", "anchor_pose", "heatmap_mse", "ohkm(top=4)", "anchor_pose(gamma=0)"]
)
def test_every_loss_of_heatmaps_fits(loss):
    choice = resolve(loss, pose.RECIPE)
    output = torch.randn(2, 2, 16, 8, 8, requires_grad=True)
    inputs = pose.PoseInputs()(output, spots(2, 8)[1])
    value = choice.build(0)(**{name: inputs[name] for name in choice.takes})
    value.backward()
    assert output.grad is not None
    assert (output.grad.abs().amax(dim=(2, 3, 4)) > 0).all()  # of every stack


# --- tests of the papers


class Drawn(torch.nn.Module):
    """Finds joints by their colour: red is the right wrist, green the left one, blue the head."""

    def forward(self, images):
        maps = images.new_zeros(len(images), 1, 16, *(side // 4 for side in images.shape[-2:]))
        small = torch.nn.functional.avg_pool2d(images, 4)
        for colour, name in enumerate(("right_wrist", "left_wrist", "head_top")):
            maps[:, 0, JOINTS.index(name)] = small[:, colour]
        return maps


def test_scaled_images_give_the_same_places():
    maps, _ = spots(4, 64)
    images = maps[:, :3]
    network = Drawn()
    plain = averaged_maps(network, images)
    torch.testing.assert_close(plain, network(images)[:, 0])
    for scales in ((0.8,), (1.25,), (0.7, 1.0, 1.2)):
        averaged = averaged_maps(network, images, scales=scales)
        gap = (places(averaged) - places(plain))[:, [9, 10, 15]].norm(dim=-1) * 16
        assert gap.max() < 1
        assert averaged.shape == plain.shape
    with pytest.raises(ValueError, match="scales are positive numbers"):
        averaged_maps(network, images, scales=(1.0, 0.0))


def test_mirrored_images_exchange_left_and_right():
    maps, _ = spots(4, 64)
    images = maps[:, :3]
    right, left, top = (JOINTS.index(n) for n in ("right_wrist", "left_wrist", "head_top"))
    plain, both = averaged_maps(Drawn(), images), averaged_maps(Drawn(), images, mirrored=True)
    # in the mirror the red wrist is still called the right one, which is exchanged back to the left
    torch.testing.assert_close(both[:, right], (plain[:, right] + plain[:, left]) / 2)
    torch.testing.assert_close(both[:, left], (plain[:, right] + plain[:, left]) / 2)
    torch.testing.assert_close(both[:, top], plain[:, top])


def test_the_networks_mode_is_left_as_it_was():
    network = SMALL()
    found = found_by(network, figures(3, seed=0), mirrored=True, activation=probabilities)
    assert network.training
    assert found["place"].shape == (3, 16, 2)


def test_joints_that_are_found_twice():
    _, targets = spots(4, 64)
    images = torch.zeros(4, 3, 64, 64)
    images[:, 2, 8:12, 8:12] = 1.0
    images[:2, 2, 40:44, 40:44] = 0.7  # a second head
    targets["joint"][:, 9] = 10 / 64
    targets["joint"][1, 9] = 42 / 64  # the brighter one is wrong
    only = torch.zeros(4, 16, dtype=torch.bool)
    only[:, 9] = True
    split = Split(images, {**targets, "visible": only})
    counts = counted_double(Drawn(), split)
    assert (counts.maps, counts.several, counts.right) == (4, 2, 1)


# --- the recipes


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
    """The quick variant on fewer images to test on."""
    return replace(pose.RECIPE.shortened(), data=_few)


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


def test_the_quick_variant_learns(run):
    result = run("anchor_pose")
    assert result.test["pckh"] > threshold() > 0.1
    losses = [entry["loss"] for entry in result.history]
    assert losses[-1] < losses[0] / 2


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


@pytest.mark.parametrize(
    "text", [BACKWARDS, pytest.param(BLIND, marks=pytest.mark.slow)], ids=["backwards", "blind"]
)
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
    assert run(loss).test["pckh"] > threshold()


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


def test_reports_of_what_is_no_run(make_job, monkeypatch, capsys, tmp_path):
    assert pose_report.main([str(tmp_path / "none")]) == 1
    assert "no finished run" in capsys.readouterr().err
    recipe = replace(quick(), network=SMALL, epochs=1, examples=8)
    job = make_job("heatmap_mse", recipe=recipe)
    train(job)
    monkeypatch.setattr(pose_report, "find_recipe", lambda task: quick())
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

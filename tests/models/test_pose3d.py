"""The task of 3D poses: pictures, splits, network, what the losses are fed, and that it learns."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lossc.models.camera import mpjpe
from lossc.models.data.figure_pictures import LIMBS, NOISE, pictures
from lossc.models.data.kinematic_figure import figure
from lossc.models.data.mocap import PARENTS
from lossc.models.data.pose3d import SIDE, cut, pose3d, positions
from lossc.models.errors import DataError
from lossc.models.losses import resolve
from lossc.models.networks.two_stage import INIT_STD, TwoStage, maps, warm_start
from lossc.models.recipe import Recipe, Schedule
from lossc.models.recipes.pose3d import RECIPE, at_depth, inputs, summary
from lossc.models.run import Job
from lossc.models.trainer import train


@pytest.fixture(scope="module")
def figures():
    """The embedded data."""
    return pose3d(None)


@pytest.fixture
def batch(figures):
    return figures.train.take(torch.arange(0, 60, 10))


# ---------------------------------------------------------------------------------------- pictures


def standing() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """One figure in the plane of the picture, by hand: places, depths and pixels a mm."""
    place = torch.full((1, 17, 2), 0.5)
    place[0, :, 1] = torch.linspace(0.2, 0.8, 17)
    return place, torch.zeros(1, 17), torch.full((1, 17), 1 / 2000)


def test_a_limb_covers_what_is_near_its_segment():
    """Against a search over points of the segment, for limbs of one radius."""
    place, depth, scale = standing()
    place[0, 1:3], place[0, 3] = torch.tensor([0.1, 0.3]), torch.tensor([0.4, 0.7])  # right shin
    limb = next(one for one in LIMBS if one.ends == (2, 3))
    with_limb = pictures(place, depth, scale, 64, torch.Generator().manual_seed(1))
    moved = place.clone()
    moved[0, 1:4, 0] = 0.9
    without = pictures(moved, depth, scale, 64, torch.Generator().manual_seed(1))
    points = place[0, 2] + torch.linspace(0, 1, 500)[:, None] * (place[0, 3] - place[0, 2])
    cells = (torch.arange(64) + 0.5) / 64
    grid = torch.stack(torch.meshgrid(cells, cells, indexing="xy"), dim=-1)
    off = (grid[:, :, None] - points).norm(dim=-1).amin(dim=-1) * 64
    radius = limb.radius / 2000 * 64
    changed = (with_limb != without).any(dim=1)[0]
    alone = (grid[..., 0] < 0.4) & (grid[..., 1] > 0.36)  # the thigh ends above
    assert changed[(off < radius - 1) & alone].all()
    assert not changed[(off > radius + 1) & alone].any()


def test_near_limbs_hide_far_ones():
    place, depth, scale = standing()
    place[0, 2], place[0, 3] = torch.tensor([0.3, 0.5]), torch.tensor([0.7, 0.5])  # right
    place[0, 5], place[0, 6] = torch.tensor([0.3, 0.5]), torch.tensor([0.7, 0.5])  # left
    seen = {}
    for near in ("right", "left"):
        depth[0, 2:4], depth[0, 5:7] = (-600, 0) if near == "right" else (0, -600)
        one = pictures(place, depth, scale, 64, torch.Generator().manual_seed(5))[0].float()
        seen[near] = one[:, 31:33, 21:24].mean(dim=(1, 2))
    assert seen["right"][0] > seen["right"][2]  # red
    assert seen["left"][2] > seen["left"][0]  # blue


def test_limbs_join_all_joints():
    ends = {limb.ends for limb in LIMBS}
    assert ends == {(parent, joint) for joint, parent in enumerate(PARENTS) if parent >= 0}
    assert 0 < NOISE < 0.5


@pytest.mark.gpu
def test_pictures_are_the_same_on_a_gpu():
    place, depth, scale = standing()
    here = pictures(place, depth, scale, 64, torch.Generator().manual_seed(0))
    moved = (place.cuda(), depth.cuda(), scale.cuda())
    there = pictures(*moved, 64, torch.Generator().manual_seed(0))
    assert (here.int() - there.cpu().int()).abs().max() <= 1


# ------------------------------------------------------------------------------------------- splits


def test_the_embedded_splits(figures):
    for split in (figures.train, figures.val, figures.test):
        n = len(split)
        assert split.features.shape == (n, 3, SIDE, SIDE)
        assert split.features.dtype == torch.uint8
        targets = split.targets
        assert (targets["joint"] > 0.08).all() and (targets["joint"] < 0.92).all()  # the margin
        assert (targets["depth"] >= 0).all() and (targets["depth"] <= 1).all()
        # what the shares say is where the joints are
        found = positions(targets["joint"], targets["depth"], targets)
        assert mpjpe(found, targets["position"]) < 1e-3
    assert len(figures.train) > 1000


def test_people_of_the_test_are_others(figures):
    """Limbs have the same lengths in all pictures of a person."""

    def shins(split):
        joints = split.targets["position"]
        return (joints[:, 3] - joints[:, 2]).norm(dim=-1).round(decimals=1)

    assert not set(shins(figures.train).tolist()) & set(shins(figures.test).tolist())
    assert set(shins(figures.val).tolist()) <= set(shins(figures.train).tolist())


def test_validation_is_apart_in_time():
    frames = torch.arange(100.0).reshape(100, 1, 1)
    train, val = cut(frames)
    assert val.flatten().tolist() == list(range(85, 100))
    assert train.flatten().tolist() == list(range(75))
    assert [len(part) for part in cut(frames[:5])] == [1, 1]


def test_one_person_is_not_enough(tmp_path: Path):
    import numpy as np

    np.savez(tmp_path / "cmu-mocap-3d.npz", positions_01_1=np.random.randn(9, 17, 3) * 300)
    with pytest.raises(DataError, match="of person 01 only"):
        pose3d.__wrapped__(tmp_path)


def test_a_folder_without_data(tmp_path: Path, monkeypatch):
    with pytest.raises(DataError, match="without --data and LOSSC_DATA"):
        pose3d.__wrapped__(tmp_path)
    monkeypatch.setenv("LOSSC_DATA", str(tmp_path))
    with pytest.raises(DataError, match="nothing found"):
        pose3d.__wrapped__(tmp_path / "other")
    few = [figure(name, name, frames=5, seed=1, size=1.0) for name in ("1", "2")]
    monkeypatch.setattr("lossc.models.data.pose3d.figures", lambda: few)
    assert len(pose3d.__wrapped__(None).test) == 10  # a folder for all tasks may have no such data


# ------------------------------------------------------------------------------------------ network


@pytest.mark.parametrize("depth", [1, 8, 12])
def test_both_stages_have_their_maps(depth):
    network = TwoStage(joints=5, depth=depth, width=16, levels=2)
    output = network(torch.randint(0, 256, (2, 3, 64, 32), dtype=torch.uint8))
    plane, volume = maps(output, 5)
    assert plane.shape == (2, 5, 16, 8)
    assert volume.shape == (2, 5, depth, 16, 8)
    # joint by joint: channel j d + v of the last layer
    torch.testing.assert_close(volume[:, 3, depth - 1], output[:, 5 + 3 * depth + depth - 1])


def test_fresh_last_layers_are_those_of_the_memo():
    for depth, deviation in INIT_STD.items():
        layer = TwoStage(joints=17, depth=depth, width=64, levels=1).heatmap2
        assert float(layer.weight.detach().std()) == pytest.approx(deviation, rel=0.1)
        assert layer.bias is not None
        assert not layer.bias.any()
    assert TwoStage(depth=6, width=16, levels=1).init_std == INIT_STD[8]
    assert TwoStage(depth=100, width=16, levels=1).init_std == INIT_STD[64]
    narrow = TwoStage(depth=64, width=64, levels=1, init_std=0.0006)
    assert float(narrow.heatmap2.weight.detach().std()) == pytest.approx(0.0006, rel=0.05)


def test_the_next_depth_starts_from_the_last():
    before = TwoStage(joints=4, depth=4, width=16, levels=2)
    after = TwoStage(joints=4, depth=8, width=16, levels=2)
    fresh = after.heatmap2.weight.clone()
    assert warm_start(after, before.state_dict()) == ("heatmap2.weight", "heatmap2.bias")
    assert torch.equal(after.heatmap2.weight, fresh)
    image = torch.rand(2, 3, 32, 32)
    before.eval(), after.eval()
    torch.testing.assert_close(maps(after(image), 4)[0], maps(before(image), 4)[0])


def test_a_start_from_another_network():
    network = TwoStage(joints=4, depth=4, width=16, levels=2)
    with pytest.raises(ValueError, match="none of the weights fit"):
        warm_start(network, torch.nn.Linear(3, 4).state_dict())


@pytest.mark.parametrize("wrong", [{"depth": 0}, {"width": 12}, {"levels": 0}, {"init_std": -1.0}])
def test_what_is_no_network(wrong):
    with pytest.raises(ValueError, match=r"at least 1|not negative"):
        TwoStage(**{"joints": 4, "width": 16, "levels": 2, **wrong})


def test_pictures_that_cannot_be_halved():
    with pytest.raises(ValueError, match="multiples of 16, not 40 x 64"):
        TwoStage(joints=4, width=16, levels=2)(torch.rand(1, 3, 40, 64))


# ------------------------------------------------------------------------------------------- recipe


@pytest.mark.parametrize("depth", [1, 8])
def test_all_losses_fit_and_have_gradients(batch, depth):
    recipe = at_depth(depth)
    output = recipe.network()(batch.features)
    fed = inputs(output, batch.targets)
    for text in (*RECIPE.losses, "manual(weight_3d=0.3)"):
        choice = resolve(text, recipe)
        loss = choice.build(0)(**{name: fed[name] for name in choice.takes})
        (gradient,) = torch.autograd.grad(loss, output, retain_graph=True)
        assert gradient.isfinite().all()
        assert (gradient != 0).any()


def test_a_perfect_network_leaves_what_cells_cannot_say(batch):
    """Its maps are the targets: adaptive_h1 is 0, and the joints are half a cell off at most."""
    fed = inputs(torch.zeros(len(batch), 17 * (1 + 64), 16, 16), batch.targets)
    output = torch.cat([fed["target_2d"], fed["target_3d"].flatten(1, 2)], dim=1)
    again = inputs(output, batch.targets)
    choice = resolve("adaptive_h1", RECIPE)
    assert choice.build(0)(**{name: again[name] for name in choice.takes}) == 0
    read = summary(output, batch.targets)
    cell = batch.targets["crop"][:, 2].max() / 16  # pixels
    z = batch.targets["position"][..., 2].max()
    focal = batch.targets["crop"][:, 3].min()
    deep = 1986.05 / 64
    most = math.hypot(float(cell * z / focal) * math.sqrt(2), deep) * 0.55
    for name in ("integral", "argmax"):
        assert (read[name] - read["truth"]).norm(dim=-1).max() < most


def test_the_peaks_of_the_targets_are_where_integrals_read_them(batch):
    fed = inputs(torch.zeros(len(batch), 17 * 9, 16, 16), batch.targets)
    joint = batch.targets["joint"]
    for example, one in ((0, 3), (5, 16)):
        x, y = (float(share) * 16 for share in joint[example, one])
        assert fed["target_2d"][example, one, int(y + 0.5), int(x + 0.5)] == 1
        z = math.ceil(float(batch.targets["depth"][example, one]) * 8) - 1
        assert fed["target_3d"][example, one, z, int(y), int(x)] == 1


def mean_pose(recipe: Recipe, data: Path | None = None) -> float:
    """The error of saying the mean pose of training for every picture, around the true root."""
    splits = recipe.data(data)
    train, test = splits.train.targets["position"], splits.test.targets["position"]
    return mpjpe((train - train[:, :1]).mean(dim=0) + test[:, :1], test)


#: Half as many epochs as the quick variant has.
SHORT = replace(RECIPE.shortened(), epochs=3, schedule=Schedule())


def run(loss: str, recipe: Recipe, folder: Path, **changes) -> dict[str, float]:
    choice = resolve(loss, recipe)
    job = Job(recipe, choice, 0, recipe.learning_rate(choice.rule), folder)
    return train(replace(job, **changes)).test


# in a shorter form in test_tasks_learn.py, where it always runs
@pytest.mark.slow
# the integrals have little of the gradient on maps of this size
@pytest.mark.filterwarnings("ignore::lossc.models.terms_watch.TermWarning")
def test_the_quick_variant_learns(tmp_path):
    found = run("adaptive_i1", SHORT, tmp_path)
    assert max(found.values()) < 0.93 * mean_pose(RECIPE)


#: The prediction is compared with where the joint is not.
BROKEN = """
spec broken
input heatmap_3d: real[n, k, d, h, w]
input target_3d: target real[n, k, d, h, w]
loss mean[b, j, v, y, x] (heatmap_3d[b, j, v, y, x] + target_3d[b, j, v, y, x])^2 else 0
"""


@pytest.mark.slow
def test_a_broken_loss_does_not(tmp_path):
    spec = tmp_path / "broken.lossc"
    spec.write_text(BROKEN)
    found = run(str(spec), SHORT, tmp_path / "run")
    assert min(found.values()) > mean_pose(RECIPE)

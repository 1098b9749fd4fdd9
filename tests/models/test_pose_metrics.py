"""PCKh and PCK as the benchmarks count them, and how the papers test."""

from __future__ import annotations

import math

import pytest
import torch

import lossc
from lossc.models.data.joints import GROUPS, JOINTS
from lossc.models.data.rendered_figures import figures
from lossc.models.data.split import Split
from lossc.models.pose_metrics import guess, mean_places, pck, pckh, places, shares_found, summary
from lossc.models.pose_testing import averaged_maps, counted_double, found_by, probabilities
from lossc.models.recipes import pose


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


class Drawn(torch.nn.Module):
    """Finds joints by their colour: red is the right wrist, green the left one, blue the head."""

    def forward(self, images):
        maps = images.new_zeros(len(images), 1, 16, *(side // 4 for side in images.shape[-2:]))
        small = torch.nn.functional.avg_pool2d(images, 4)
        for colour, name in enumerate(("right_wrist", "left_wrist", "head_top")):
            maps[:, 0, JOINTS.index(name)] = small[:, colour]
        return maps


def test_scaled_images_give_the_same_places(spots):
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


def test_mirrored_images_exchange_left_and_right(spots):
    maps, _ = spots(4, 64)
    images = maps[:, :3]
    right, left, top = (JOINTS.index(n) for n in ("right_wrist", "left_wrist", "head_top"))
    plain, both = averaged_maps(Drawn(), images), averaged_maps(Drawn(), images, mirrored=True)
    # in the mirror the red wrist is still called the right one, which is exchanged back to the left
    torch.testing.assert_close(both[:, right], (plain[:, right] + plain[:, left]) / 2)
    torch.testing.assert_close(both[:, left], (plain[:, right] + plain[:, left]) / 2)
    torch.testing.assert_close(both[:, top], plain[:, top])


def test_the_networks_mode_is_left_as_it_was():
    network = pose.PoseNetwork(width=8, depth=1)()
    found = found_by(network, figures(3, seed=0), mirrored=True, activation=probabilities)
    assert network.training
    assert found["place"].shape == (3, 16, 2)


def test_joints_that_are_found_twice(spots):
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

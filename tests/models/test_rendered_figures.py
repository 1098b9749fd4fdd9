"""Rendered figures, and the order of the joints."""

from __future__ import annotations

import torch

from lossc.models.data.figure_bodies import bodies
from lossc.models.data.joints import JOINTS, MIRRORED, body_lengths
from lossc.models.data.rendered_figures import Capsules, _paint, figures, rendered_figures


def test_figures_are_the_same_for_the_same_seed():
    one, same, other = figures(5, seed=1), figures(5, seed=1), figures(5, seed=2)
    assert torch.equal(one.features, same.features)
    assert torch.equal(one.targets["joint"], same.targets["joint"])
    assert not torch.equal(one.features, other.features)
    assert one.features.shape == (5, 3, 64, 64)
    assert one.features.dtype == torch.uint8


def test_nearly_all_joints_of_a_figure_are_in_its_image():
    split = figures(64, seed=3)
    assert split.targets["visible"].float().mean() > 0.98
    assert (split.targets["head"] > 0).all()
    joint = split.targets["joint"]
    middle = (joint.amax(dim=1) + joint.amin(dim=1)) / 2
    assert (middle - 0.5).abs().max() < 0.1


def test_a_joint_is_where_the_body_is_drawn():
    people = bodies(64, torch.Generator().manual_seed(0))
    ends = torch.cat([people.start, people.end], dim=1)
    for joint in set(JOINTS) - {"neck", "head_top"}:  # those are on a capsule, not at its end
        gap = (ends - people.joint[:, JOINTS.index(joint), None]).norm(dim=-1).amin(dim=1)
        assert gap.max() == 0
    split = figures(200, seed=5)
    at = (split.targets["joint"][:, JOINTS.index("pelvis")] * 64).floor().int()
    count = torch.arange(200)
    inner = split.features[count, :, at[:, 1], at[:, 0]].float()
    outer = split.features[count, :, at[:, 1], at[:, 0] - 16].float()
    assert (inner - outer).abs().amax(dim=1).median() > 40  # the body, and what is beside it


def test_left_and_right_limbs_look_alike_and_are_told_by_the_face():
    people = bodies(200, torch.Generator().manual_seed(0))
    names = {joint: people.joint[:, JOINTS.index(joint)] for joint in JOINTS}
    across = names["left_shoulder"] - names["right_shoulder"]
    face = people.start[:, 5] - people.start[:, 4]  # from the middle of the head to the face
    # facing the viewer (z > 0), the left shoulder is on the right of the image
    seen = face[:, 2].abs() > 0.02
    assert (torch.sign(across[:, 0]) == torch.sign(face[:, 2]))[seen].all()
    assert 0.5 < (face[:, 2] > 0).float().mean() < 0.8
    for right, left in ((6, 7), (8, 9), (10, 11), (12, 13)):
        assert torch.equal(people.colour[:, right], people.colour[:, left])


def test_the_nearer_capsule_hides_the_farther_one():
    red, green = torch.tensor([1.0, 0, 0]), torch.tensor([0, 1.0, 0])
    ends = torch.tensor([[2.0, 8.0], [14.0, 8.0]]), torch.tensor([[8.0, 2.0], [8.0, 14.0]])
    start = torch.stack([ends[0][0], ends[1][0]])[None]
    end = torch.stack([ends[0][1], ends[1][1]])[None]
    radius = torch.full((1, 2), 2.0)
    for depth, above in (((0.0, 1.0), green), ((1.0, 0.0), red)):
        drawn = Capsules(start, end, radius, torch.stack([red, green])[None], torch.tensor([depth]))
        image = _paint(torch.zeros(1, 3, 16, 16), drawn)[0]
        assert torch.equal(image[:, 8, 8], above)
        assert torch.equal(image[:, 8, 2], red)
        assert torch.equal(image[:, 2, 8], green)
        assert image[:, 0, 0].sum() == 0


def test_the_embedded_sets_are_disjoint():
    splits = rendered_figures()
    assert [len(part) for part in (splits.train, splits.val, splits.test)] == [1600, 200, 400]
    seen = {
        part.numpy().tobytes()
        for s in (splits.train, splits.val, splits.test)
        for part in s.features
    }
    assert len(seen) == 2200


def test_a_mirror_image_exchanges_left_and_right():
    for joint, other in enumerate(MIRRORED):
        side, _, part = JOINTS[joint].partition("_")
        swapped = {"right": f"left_{part}", "left": f"right_{part}"}.get(side, JOINTS[joint])
        assert JOINTS[other] == swapped


def test_lengths_stand_in_for_each_other():
    joint = torch.zeros(4, 16, 2)
    joint[:, JOINTS.index("head_top"), 1] = -3.0
    joint[:, JOINTS.index("left_shoulder")] = torch.tensor([3.0, 4.0])  # right hip is at 0
    known = torch.ones(4, 16, dtype=torch.bool)
    known[1, JOINTS.index("neck")] = False
    known[2, JOINTS.index("left_shoulder")] = known[2, JOINTS.index("left_hip")] = False
    known[3] = False
    head, torso = body_lengths(joint, known)
    torch.testing.assert_close(head, torch.tensor([3.0, 2.5, 3.0, 0.0]))
    torch.testing.assert_close(torso, torch.tensor([5.0, 5.0, 6.0, 0.0]))
    given, _ = body_lengths(joint, known, torch.tensor([7.0, 0, 0, 0]))
    assert given[0] == 7

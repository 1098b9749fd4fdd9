"""Motion capture: original files, prepared ones, and the figure that needs neither."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from lossc.models.data.kinematic_figure import HINGES, REST, figure
from lossc.models.data.mocap import BONES, JOINTS, PARENTS, read_person, read_recordings
from lossc.models.data.mocap_motion import ForwardKinematics
from lossc.models.data.mocap_skeleton import read_asf, rotation
from lossc.models.errors import DataError

ASF = """# a comment
:version 1.10
:units
  mass 1.0
  length 0.5
  angle deg
:root
   order TX TY TZ RX RY RZ
   axis XYZ
   position 0 0 0
   orientation 0 0 0
:bonedata
  begin
     id 1
     name upper
     direction 0 -1 0
     length 2
     axis 0 0 90 XYZ
     dof rx rz
     limits (-10.0 170.0)
            (-20.0 20.0)
  end
  begin
     id 2
     name lower
     direction 1 0 0
     length 3
     axis 0 0 0 XYZ
  end
:hierarchy
  begin
    root upper
    upper lower
  end
"""
AMC = """#!OML:ASF
:FULLY-SPECIFIED
:DEGREES
1
root 1 2 3 0 0 0
upper 0 0
2
root 0 0 0 0 90 0
upper 0 0
3
root 0 0 0 0 0 0
upper 90 0
"""
UNIT = 25.4 / 0.5


@pytest.fixture
def person(tmp_path: Path) -> Path:
    folder = tmp_path / "07"
    folder.mkdir()
    (folder / "07.asf").write_text(ASF)
    (folder / "07_01.amc").write_text(AMC)
    return folder


def read(folder: Path, step: int = 1) -> torch.Tensor:
    kinematics = ForwardKinematics(read_asf(folder / "07.asf"), ["root", "upper", "lower"])
    return kinematics.positions(folder / "07_01.amc", step) / UNIT


def test_rotations_are_those_of_scipy():
    angles = torch.randn(50, 3, dtype=torch.float64) * 100
    expected = Rotation.from_euler("xyz", angles.numpy(), degrees=True).as_matrix()
    np.testing.assert_allclose(rotation(angles), expected, atol=1e-12)


def test_a_skeleton_moved_by_hand(person):
    found = read(person)
    # at rest: down by 2 from the root, then 3 to the side
    assert found[0].tolist() == [
        pytest.approx([1, 2, 3]),
        pytest.approx([1, 0, 3]),
        pytest.approx([4, 0, 3]),
    ]
    # the root turned a quarter around y: x becomes -z
    torch.testing.assert_close(found[1, 2], torch.tensor([0.0, -2, -3], dtype=torch.float64))
    # the upper bone turned around its own x, which is the world's y: the lower follows
    torch.testing.assert_close(found[2, 1], torch.tensor([0.0, -2, 0], dtype=torch.float64))
    torch.testing.assert_close(found[2, 2], torch.tensor([0.0, -2, -3], dtype=torch.float64))


def test_every_which_frame(person):
    assert torch.equal(read(person, 2), read(person)[::2])


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("upper 90 0\n", "", r"07_01.amc:11: frame 3 lacks 'upper'"),
        ("upper 90 0", "upper 90", r"07_01.amc:12: expected 2 numbers, found '90'"),
        ("upper 90 0", "upper 90 nan", r"07_01.amc:12: expected 2 numbers"),
        ("upper 90 0", "tail 90 0", r"07_01.amc:12: 'tail' is no bone"),
        (":DEGREES", ":RADIANS", r"07_01.amc:3: angles in degrees"),
        (AMC, "", "no frames"),
    ],
)
def test_a_damaged_recording(person, old, new, where):
    path = person / "07_01.amc"
    path.write_text(AMC.replace(old, new))
    with pytest.raises(DataError, match=where):
        read(person)


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        (":hierarchy", ":other", "no section :hierarchy"),
        ("angle deg", "angle rad", "angles in deg"),
        ("direction 0 -1 0", "direction 0 -1", r"07.asf:16: expected 3 numbers"),
        ("     length 3\n", "", r"07.asf:28: a bone needs"),
        ("axis 0 0 90 XYZ", "axis 0 0 90 ZYX", "axis XYZ expected, not ZYX"),
        ("upper lower\n", "", "'lower' is not in the hierarchy"),
        ("root upper\n", "", "'upper' is not in the hierarchy"),
        ("upper lower\n", "upper lower\n lower tail\n", "'tail' or its parent"),
        ("name lower", "name head", "'head' is not in the hierarchy"),
    ],
)
def test_a_damaged_skeleton(person, old, new, where):
    (person / "07.asf").write_text(ASF.replace(old, new, 1))
    with pytest.raises(DataError, match=where):
        read(person)


def test_bones_that_are_not_there(person):
    with pytest.raises(DataError, match="no bone 'rhipjoint'"):
        read_person(person / "07.asf")


def test_a_folder_without_motion_capture(tmp_path):
    with pytest.raises(
        DataError, match=r"nothing found[\s\S]*hint: put cmu-mocap-3d.npz"
    ) as caught:
        read_recordings(tmp_path)
    assert str(tmp_path / "subjects" / "SS" / "SS.asf") in str(caught.value)


def prepared(path: Path, **arrays: np.ndarray) -> Path:
    np.savez(path / "cmu-mocap-3d.npz", **arrays)
    return path


def test_a_prepared_file(tmp_path):
    array = np.random.default_rng(0).normal(size=(5, 17, 3))
    folder = prepared(tmp_path, positions_09_02=array, positions_09_01=array[:2], fps=30)
    first, second = read_recordings(folder)
    assert (first.person, first.name, len(first.positions)) == ("09", "09_01", 2)
    np.testing.assert_allclose(second.positions, array, rtol=1e-6)


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"fps": np.array(30)}, "no arrays"),
        ({"positions_1_1": np.zeros((5, 16, 3))}, r"positions_1_1: .*expected real \(frames, 17"),
        ({"positions_1_1": np.zeros((5, 17, 3), int)}, "expected real"),
        ({"positions_1_1": np.full((5, 17, 3), np.nan)}, "not finite"),
        ({"positions_1_1": np.zeros((0, 17, 3))}, "no frames"),
        ({"positions_1_1": np.array([{}], dtype=object)}, "not a sound .npz"),
        ({"joint_names": np.array(["hip"] * 17)}, "expected .'hip', 'right_hip'"),
    ],
)
def test_a_wrong_prepared_file(tmp_path, arrays, reason):
    with pytest.raises(DataError, match=reason):
        read_recordings(prepared(tmp_path, **arrays))


def test_a_cut_off_prepared_file(tmp_path):
    path = prepared(tmp_path, positions_1_1=np.zeros((5, 17, 3))) / "cmu-mocap-3d.npz"
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(DataError, match=r"not a sound \.npz"):
        read_recordings(tmp_path)


def test_the_true_files_agree(shared, tmp_path):
    """Our forward kinematics against positions that were made from the same files elsewhere."""
    with tarfile.open(shared / "data" / "cmu-mocap-asfamc.tar.gz") as archive:
        # Python before 3.11.4 has no filters
        archive.extractall(
            tmp_path, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {})
        )
    for path in tmp_path.glob("*/02/02_0[56].amc"):  # the two long ones
        path.unlink()
    ours = {one.name: one.positions for one in read_recordings(tmp_path)}
    theirs = {one.name: one.positions for one in read_recordings(shared / "data")}
    assert sorted(theirs) == [*(f"02_0{i}" for i in range(1, 7)), "03_01", "03_02"]
    assert sum(len(positions) for positions in theirs.values()) == 1549
    for name, positions in ours.items():
        assert (positions - theirs[name]).abs().max() < 1e-3  # mm; they are float32 of some 2,000
    assert len(ours) == 6


def test_the_names_belong_together():
    assert len(JOINTS) == len(PARENTS) == len(BONES) == len(REST) == 17
    assert all(parent < joint for joint, parent in enumerate(PARENTS))


def test_the_figure_has_limbs_of_one_length():
    one = figure("1", "1_1", frames=60, seed=3, size=1.1).positions
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            length = torch.linalg.vector_norm(one[:, joint] - one[:, parent], dim=-1)
            expected = 1.1 * float(torch.tensor(REST[joint]).float().norm())
            torch.testing.assert_close(length, torch.full_like(length, expected))


def test_the_figure_moves_smoothly_and_stands_upright():
    one = figure("1", "1_1", frames=300, seed=4).positions
    speed = torch.linalg.vector_norm(one[1:] - one[:-1], dim=-1) * 30 / 1000
    assert 0.2 < speed.mean() < 4  # m/s
    assert speed.max() < 15
    relative = one - one[:, :1]
    assert relative.std(dim=0)[1:].mean() > 50  # mm: poses differ
    assert (one[:, 10, 1] > one[:, 0, 1] + 200).all()  # the head is above the hip
    for knee, hip, ankle in ((2, 1, 3), (5, 4, 6)):
        thigh, shin = one[:, knee] - one[:, hip], one[:, ankle] - one[:, knee]
        bent = torch.nn.functional.cosine_similarity(thigh, shin, dim=-1)
        assert bent.min() > -0.01  # at most a right angle
    assert {hinge.joint for hinge in HINGES} <= set(range(17))


def test_the_figure_follows_from_the_seed():
    assert torch.equal(figure("a", "b", 5, 1).positions, figure("c", "d", 5, 1).positions)
    assert not torch.equal(figure("a", "b", 5, 1).positions, figure("a", "b", 5, 2).positions)

"""Photographs of people, in the formats of four data sets."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from lossc.models.data.joints import FROM_LSP, JOINTS
from lossc.models.data.pose import PoseData
from lossc.models.data.pose_people import Person, crops
from lossc.models.data.rendered_figures import rendered_figures
from lossc.models.errors import DataError

LSP_NAMES = [JOINTS[at] for at in FROM_LSP]
LOAD = PoseData(side=32, margin=1.5)


@pytest.fixture(autouse=True)
def _no_folder(monkeypatch):
    monkeypatch.delenv("LOSSC_DATA", raising=False)


# --- photographs that the tests write: dark, with a bright spot at each joint of the i-th person


def picture(places, width=80, height=60):
    pixels = np.zeros((height, width, 3), np.uint8)
    for x, y in places:
        pixels[round(y) - 1 : round(y) + 2, round(x) - 1 : round(x) + 2] = 255
    return Image.fromarray(pixels)


def someone(seed, joints=14):
    generator = np.random.default_rng(seed)
    return generator.uniform((10, 10), (70, 50), size=(joints, 2)).round()


def brightness(split, image, joint):
    """Of the pixel where a joint is said to be."""
    side = split.features.shape[-1]
    x, y = (split.targets["joint"][image, joint] * side).floor().int().tolist()
    return split.features[image, 0, y, x].item()


def check_spots(splits, joints=None):
    for split in (splits.train, splits.val, splits.test):
        for image in range(len(split)):
            for joint in range(16):
                if split.targets["visible"][image, joint]:
                    assert brightness(split, image, joint) > 100
                elif joints is None:
                    assert JOINTS[joint] in ("pelvis", "thorax")


@pytest.fixture
def json_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "own-pose"
    (folder / "images").mkdir(parents=True)
    entries = []
    for at in range(10):
        places = someone(at)
        picture(places).save(folder / "images" / f"im{at}.png")
        entries.append(
            {
                "image": f"im{at}.png",
                "joints": [[*place, 1] for place in places.tolist()],
                "head_size": 6.5,
                "split": "val" if at >= 7 else "train",
                "anything": "else",
            }
        )
    document = {"joint_names": LSP_NAMES, "annotations": entries}
    (folder / "annotations.json").write_text(json.dumps(document))
    return folder


def edit(folder: Path, change) -> None:
    path = folder / "annotations.json"
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def test_json(json_folder: Path, tmp_path: Path):
    splits = LOAD(json_folder)
    assert [len(part) for part in (splits.train, splits.val, splits.test)] == [5, 2, 3]
    assert splits.test.features.shape[1:] == (3, 32, 32)
    assert splits.train.features.shape[1:] == (3, 48, 48)  # the margin is in pixels too
    check_spots(splits)
    places = someone(7)
    extent = (places.max(axis=0) - places.min(axis=0)).max()
    assert splits.test.targets["head"][0] == pytest.approx(6.5 / (1.3 * extent))
    hip, shoulder = places[2], places[9]
    torso = np.hypot(*(hip - shoulder)) / (1.3 * extent)
    assert splits.test.targets["torso"][0] == pytest.approx(torso)
    assert LOAD(tmp_path).test.features.equal(splits.test.features)  # the folder above


def test_json_in_an_archive(json_folder: Path, tmp_path: Path):
    plain = LOAD(json_folder)
    archive = tmp_path / "packed" / "own-pose.tar.gz"
    archive.parent.mkdir()
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(json_folder, "own-pose")
    for place in (archive, archive.parent):
        assert LOAD(place).train.features.equal(plain.train.features)
    archive.write_bytes(archive.read_bytes()[:700])
    with pytest.raises(DataError, match=r"own-pose\.tar\.gz: cannot be read as an archive"):
        PoseData(side=33, margin=1)(archive)


def test_a_joint_without_annotation_is_not_visible(json_folder: Path):
    edit(json_folder, lambda d: d["annotations"][7]["joints"].__setitem__(0, [0, 0, 0]))
    test = LOAD(json_folder).test
    assert not test.targets["visible"][0, 0]
    assert test.targets["visible"][0].sum() == 13


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda d: d.pop("joint_names"), "joint_names: Field required"),
        (lambda d: d["annotations"][3].pop("joints"), "annotations.3.joints: Field required"),
        (lambda d: d["annotations"][3]["joints"].pop(), "annotations.3.joints: 13 joints.*has 14"),
        (lambda d: d["joint_names"].__setitem__(1, "right_nee"), "'right_nee' is unknown"),
        (lambda d: d["joint_names"].__setitem__(1, "neck"), "'neck' is named twice"),
        (lambda d: d["annotations"][0].update(image="../im0.png"), "no name of an image"),
        (lambda d: d["annotations"][0].update(image="gone.png"), "gone.png: the image is missing"),
        (lambda d: d.update(annotations=d["annotations"][:3]), "nobody is annotated for the test"),
        (
            lambda d: d["annotations"][0]["joints"].__setitem__(0, [1e9, 5, 1]),
            "im0.png: a square of .* was asked of an image of 80 x 60",
        ),
    ],
)
def test_annotations_that_make_no_sense(json_folder: Path, change, expected):
    edit(json_folder, change)
    with pytest.raises(DataError, match=expected):
        LOAD(json_folder)


def test_a_file_that_is_no_json(json_folder: Path):
    (json_folder / "annotations.json").write_text('{"joint_names": [')
    with pytest.raises(DataError, match=r"annotations\.json: the file: Invalid JSON"):
        LOAD(json_folder)


@pytest.mark.parametrize("kind", ["truncated", "no image", "empty"])
def test_a_damaged_image(json_folder: Path, kind):
    path = json_folder / "images" / "im4.png"
    content = path.read_bytes()
    whole = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8)).save(
        whole, format="jpeg"
    )
    damaged = {"truncated": whole.getvalue()[:900], "no image": b"<html>", "empty": b""}[kind]
    path.write_bytes(damaged)
    assert damaged != content
    with pytest.raises(DataError, match=r"im4\.png: cannot be read as an image"):
        LOAD(json_folder)


def test_a_square_that_leaves_the_image_is_black_there():
    pixels = Image.new("RGB", (20, 10), "white")
    buffer = io.BytesIO()
    pixels.save(buffer, format="png")
    joint, known = np.full((16, 2), 0.0, np.float32), np.ones(16, np.bool_)
    person = Person("white.png", joint, known, centre=(-0.5, -0.5), size=16.0)
    split = crops([person], lambda name: buffer.getvalue(), side=16)
    image = split.features[0, 0].int()  # its lower right quarter is the image's corner
    assert image[8:, 8:].min() == 255
    assert image[:8].max() == image[:, :8].max() == 0
    assert split.targets["joint"][0, 0].tolist() == [0.5 + 0.5 / 16, 0.5 + 0.5 / 16]


# --- LSP and LSPET


def write_lsp(folder: Path, count: int, extended: bool, hidden: int = 3) -> None:
    (folder / "images").mkdir(parents=True)
    joints = np.stack([someone(at) for at in range(count)])  # [n, 14, 2]
    third = np.zeros((count, 14)) if not extended else np.ones((count, 14))
    third[:, hidden] = 1 - third[:, hidden]  # LSP: hidden but annotated; LSPET: not annotated
    whole = np.concatenate([joints, third[..., None]], axis=2)
    order = (1, 2, 0) if extended else (2, 1, 0)
    savemat(folder / "joints.mat", {"joints": whole.transpose(order)})
    digits = 5 if extended else 4
    for at in range(count):
        if extended or not 4 < at < 1000:  # the test needs few of LSP's files
            picture(joints[at]).save(folder / "images" / f"im{at + 1:0{digits}d}.jpg")


def test_lspet(tmp_path: Path):
    write_lsp(tmp_path / "lspet", 20, extended=True)
    splits = LOAD(tmp_path)
    assert [len(part) for part in (splits.train, splits.val, splits.test)] == [14, 2, 4]
    check_spots(splits, joints=14)
    for part in (splits.train, splits.val, splits.test):
        assert not part.targets["visible"][:, FROM_LSP[3]].any()
        assert (part.targets["visible"].sum(dim=1) == 13).all()


def test_lsp_is_split_in_the_middle(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("lossc.models.data.lsp.TESTED", 4)
    write_lsp(tmp_path, 5, extended=False)
    splits = LOAD(tmp_path)
    assert [len(part) for part in (splits.train, splits.val, splits.test)] == [3, 1, 1]
    check_spots(splits)  # hidden joints are annotated
    x, y = (splits.test.targets["joint"][0] - splits.test.targets["joint"][0, 0])[1].tolist()
    places = someone(4)
    extent = 1.3 * (places.max(axis=0) - places.min(axis=0)).max()
    assert (x, y) == pytest.approx(tuple((places[1] - places[0]) / extent))


def test_both_sets_of_leeds(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("lossc.models.data.lsp.TESTED", 3)
    write_lsp(tmp_path / "lsp", 5, extended=False)
    write_lsp(tmp_path / "lspet", 12, extended=True)
    splits = LOAD(tmp_path)
    assert [len(part) for part in (splits.train, splits.val, splits.test)] == [13, 2, 2]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"joints": np.zeros((4, 14, 9))}, r"joints has the shape \[4, 14, 9\], expected"),
        ({"other": np.zeros(3)}, "has no variable 'joints', but: other"),
        (b"MATLAB 5.0 MAT-file, and then nothing", "cannot be read as a MATLAB file"),
    ],
)
def test_a_damaged_matlab_file(tmp_path: Path, content, expected):
    path = tmp_path / "joints.mat"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        savemat(path, content)
    with pytest.raises(DataError, match=rf"joints\.mat: {expected}"):
        LOAD(tmp_path)


# --- MPII


def struct(**fields):
    """A MATLAB struct of one element."""
    return fields


def cell_of_structs(rows):
    """A struct array, whose fields may be missing in some elements (empty, as MATLAB has them)."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    array = np.zeros((1, len(rows)), dtype=[(name, object) for name in names])
    for at, row in enumerate(rows):
        for name in names:
            array[name][0, at] = row.get(name, np.zeros((0, 0)))
    return array


def rect_of(places, missing=()):
    points = cell_of_structs(
        [
            {"x": x + 1, "y": y + 1, "id": joint, "is_visible": joint % 2}
            for joint, (x, y) in enumerate(places.tolist())
            if joint not in missing
        ]
    )
    return {
        **dict(x1=10.0, y1=20.0, x2=13.0, y2=24.0),
        "annopoints": struct(point=points),
        "scale": 0.25,
        "objpos": struct(x=41.0, y=28.25),
    }


@pytest.fixture
def mpii_folder(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    annolist, training = [], []
    for at in range(20):
        name = f"{at:09d}.jpg"
        people = [rect_of(someone(at, 16), missing=(6,) if at == 0 else ())]
        if at == 3:
            people += [{"x1": 1.0, "y1": 1.0, "x2": 2.0, "y2": 2.0}]  # a head and no more
        if at == 4:
            people += [rect_of(someone(at, 16))]
        annolist.append({"image": struct(name=name), "annorect": cell_of_structs(people)})
        training.append(at != 19)  # the last is of the benchmark's test set: no joints
        picture(someone(at, 16)).save(tmp_path / "images" / name)
    annolist[5]["annorect"] = np.zeros((0, 0))
    release = {"annolist": cell_of_structs(annolist), "img_train": np.array([training], np.uint8)}
    savemat(tmp_path / "mpii_human_pose_v1_u12_1.mat", {"RELEASE": release})
    return tmp_path


def test_mpii(mpii_folder: Path):
    splits = LOAD(mpii_folder)
    # 19 images are for training, one of them without people and one with two
    assert [len(part) for part in (splits.train, splits.val, splits.test)] == [14, 2, 3]
    check_spots(splits, joints=16)
    test = splits.test
    size = 200 * 1.25 * 0.25
    assert test.targets["head"][0] == pytest.approx(0.6 * 5 / size)
    assert not test.targets["visible"][0, 6]
    assert test.targets["visible"][0].sum() == 15
    x, y = someone(0, 16)[9]
    expected = ((x - 40) / size + 0.5, (y - (27.25 + 15 * 0.25)) / size + 0.5)
    assert tuple(test.targets["joint"][0, 9].tolist()) == pytest.approx(expected)


def write_one_file(folder: Path) -> None:
    (folder / "images").mkdir()
    entries = []
    for at in range(12):
        places = someone(at, 16)
        picture(places).save(folder / "images" / f"{at}.jpg")
        joints = [[*place, at % 2] for place in places.tolist()]
        joints[7] = [0, 0, 0]
        entries.append(
            {
                "img_paths": f"{at}.jpg",
                "isValidation": float(at >= 9),
                "joint_self": joints,
                "objpos": [40.0, 30.0],
                "scale_provided": 0.3,
            }
        )
    (folder / "mpii_annotations.json").write_text(json.dumps(entries))


def test_mpii_as_one_json_file(tmp_path: Path):
    write_one_file(tmp_path)
    splits = LOAD(tmp_path)
    assert [len(part) for part in (splits.train, splits.val, splits.test)] == [8, 1, 3]
    check_spots(splits)
    places = someone(9, 16)
    neck_to_top = np.hypot(*(places[8] - places[9]))
    assert splits.test.targets["head"][0] == pytest.approx(neck_to_top / 75)


def test_mpii_as_two_json_files(tmp_path: Path):
    (tmp_path / "images").mkdir()
    (tmp_path / "annot").mkdir()
    for name, seeds in (("train.json", range(5)), ("valid.json", range(5, 7))):
        entries = []
        for at in seeds:
            places = someone(at, 16)
            picture(places).save(tmp_path / "images" / f"{at}.jpg")
            entries.append(
                {
                    "image": f"{at}.jpg",
                    "center": [41.0, 31.0],
                    "scale": 0.3,
                    "joints": (places + 1).tolist(),
                    "joints_vis": [1] * 15 + [0],
                }
            )
        (tmp_path / "annot" / name).write_text(json.dumps(entries))
    splits = LOAD(tmp_path)
    assert [len(part) for part in (splits.train, splits.val, splits.test)] == [4, 1, 2]
    check_spots(splits, joints=15)
    (tmp_path / "annot" / "train.json").unlink()
    with pytest.raises(DataError, match=r"train\.json: cannot be read as JSON"):
        PoseData(side=33, margin=1)(tmp_path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[", "cannot be read as JSON"),
        ('{"a": 1}', "expected a list with an object for each person"),
        ('[{"img_paths": "1.jpg"}]', r"the person 1\.jpg: KeyError\('joint_self'\)"),
    ],
)
def test_damaged_annotations_of_mpii(tmp_path: Path, text, expected):
    (tmp_path / "mpii_annotations.json").write_text(text)
    with pytest.raises(DataError, match=rf"mpii_annotations\.json: {expected}"):
        LOAD(tmp_path)


def test_a_joint_that_mpii_does_not_have(tmp_path: Path):
    rect = rect_of(someone(0, 16))
    rect["annopoints"]["point"]["id"][0, 3] = -1
    image = {"image": struct(name="1.jpg"), "annorect": cell_of_structs([rect])}
    release = {"annolist": cell_of_structs([image]), "img_train": np.ones((1, 1), np.uint8)}
    savemat(tmp_path / "mpii_human_pose_v1_u12_1.mat", {"RELEASE": release})
    with pytest.raises(DataError, match=r"RELEASE is not MPII's: 1\.jpg has a joint -1"):
        LOAD(tmp_path)


def test_a_release_of_something_else(tmp_path: Path):
    savemat(tmp_path / "mpii_human_pose_v1_u12_1.mat", {"RELEASE": {"version": "12"}})
    with pytest.raises(DataError, match=r"RELEASE is not MPII's"):
        LOAD(tmp_path)


def test_annotations_without_images(tmp_path: Path):
    write_one_file(tmp_path)
    (tmp_path / "images").rename(tmp_path / "photographs")
    with pytest.raises(DataError, match=r"no folder .*images beside it"):
        LOAD(tmp_path)


# --- which data


def test_without_a_folder_there_are_figures(tmp_path: Path, json_folder: Path, monkeypatch):
    assert LOAD(None) is rendered_figures()
    monkeypatch.setenv("LOSSC_DATA", str(json_folder))
    assert len(LOAD(None).test) == 3
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("LOSSC_DATA", str(tmp_path / "empty"))  # it has data of other tasks
    assert LOAD(None) is LOAD(tmp_path / "empty") is rendered_figures()
    with pytest.raises(DataError, match=r"empty: no pose data\s+expected[^:]*:\s+MPII"):
        PoseData(side=32, margin=1, figures=False)(None)
    monkeypatch.delenv("LOSSC_DATA")
    with pytest.raises(DataError, match="needs photographs of people"):
        PoseData(side=32, margin=1, figures=False)(None)


def test_a_folder_that_there_is_not(tmp_path: Path):
    with pytest.raises(DataError, match=r"nowhere: there is no such folder\s+expected.*one of"):
        LOAD(tmp_path / "nowhere")


def test_the_true_photographs(shared: Path):
    splits = PoseData(side=64, margin=1.5)(shared / "data")
    assert [len(part) for part in (splits.train, splits.val, splits.test)] == [200, 40, 60]
    for part in (splits.train, splits.val, splits.test):
        assert (part.targets["visible"].sum(dim=1) >= 10).all()
        assert ((part.targets["head"] > 0) & (part.targets["torso"] > 0)).all()
    with tarfile.open(shared / "data" / "lspet-pose-subset.tar.gz") as tar:
        file = tar.extractfile("lspet-pose-subset/annotations.json")
        assert file is not None
        entries = json.load(file)["annotations"]
    first = next(entry for entry in entries if entry["split"] == "val")
    x0, y0, x1, y1 = first["bbox"]
    expected = first["head_size"] / (1.3 * max(x1 - x0, y1 - y0))
    assert splits.test.targets["head"][0] == pytest.approx(expected, rel=1e-3)

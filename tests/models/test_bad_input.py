"""What is wrong with files, folders and specs: what ``lossc train`` says of it, and what stays."""

from __future__ import annotations

import errno
import io
import json
import os
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from lossc.models import command, recorder
from lossc.models.command import train_command
from lossc.models.data.split import Split
from lossc.models.errors import DataError, TrainingError
from lossc.models.recipes import RECIPES
from lossc.models.run import RunFolder, finished
from lossc.models.trainer import train
from tests.models.interrupting import Interrupted, until


def said(capsys, **arguments):
    """What a command that fails says; nothing is printed on standard output."""
    assert train_command(**arguments) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "Traceback" not in printed.err
    return printed.err


LOSSES = {
    "mnist-ap": "bce",
    "cifar10": "cross_entropy",
    "pose": "heatmap_mse",
    "pose3d": "adaptive_i1",
}


@pytest.mark.parametrize("task", LOSSES)
def test_a_missing_folder(task, tmp_path, capsys):
    arguments = {"task": task, "losses": [LOSSES[task]], "out": tmp_path / "out"}
    found = said(capsys, **arguments, data=tmp_path / "none")
    assert found.startswith(f"{tmp_path / 'none'}: there is no such folder\n")
    (tmp_path / "empty").mkdir()
    found = said(capsys, **arguments, data=tmp_path / "empty")
    assert str(tmp_path / "empty") in found and "no such folder" not in found
    assert "hint: put" in found or "expected, in DIR" in found
    assert not (tmp_path / "out").exists()


@pytest.fixture
def photographs(tmp_path):
    """Ten people, each of whom stands straight."""
    folder = tmp_path / "people"
    (folder / "images").mkdir(parents=True)
    joints = [[30 + at % 3, 10 + 4 * at, 1] for at in range(16)]
    names = ["head_top", "neck", "thorax", "pelvis"]
    for side in ("right", "left"):
        names += [
            f"{side}_{part}" for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
        ]
    entries = []
    for at in range(10):
        Image.new("RGB", (80, 90), (at, 90, 120)).save(folder / "images" / f"{at}.jpg")
        split = "val" if at > 7 else "train"
        entries.append({"image": f"{at}.jpg", "joints": joints, "head_size": 9.0, "split": split})
    text = json.dumps({"joint_names": names, "annotations": entries})
    (folder / "annotations.json").write_text(text)
    return folder


def test_a_truncated_photograph(photographs, tmp_path, capsys):
    path = photographs / "images" / "3.jpg"
    noise = np.random.default_rng(0).integers(0, 255, (90, 80, 3), np.uint8)
    whole = io.BytesIO()
    Image.fromarray(noise).save(whole, format="jpeg")
    path.write_bytes(whole.getvalue()[:1000])
    arguments = {"task": "pose", "losses": ["heatmap_mse"], "data": photographs}
    found = said(capsys, **arguments, out=tmp_path / "out")
    assert found.startswith(f"{photographs}")
    assert "3.jpg: cannot be read as an image" in found


def test_a_cut_off_pickle_and_one_that_would_run_something(write_cifar, tmp_path, capsys):
    path = write_cifar(tmp_path / "data") / "data_batch_2"
    whole = path.read_bytes()
    arguments = {"task": "cifar10", "losses": ["cross_entropy"], "data": tmp_path / "data"}
    for content in (whole[:-900], b"cos\nsystem\n(S'exit 7'\ntR."):
        path.write_bytes(content)
        assert f"{path}: " in said(capsys, **arguments, out=tmp_path / "out")


def test_a_label_out_of_range_in_a_file(write_cifar, pickled, tmp_path, capsys):
    path = write_cifar(tmp_path / "data") / "test_batch"
    data = np.zeros((3, 3072), np.uint8)
    path.write_bytes(pickled(data=data, labels=[0, 1, 10]))
    arguments = {"task": "cifar10", "losses": ["cross_entropy"], "data": tmp_path / "data"}
    found = said(capsys, **arguments, out=tmp_path / "out")
    assert f"{path}: label 10 at position 2, expected 0 to 9" in found


@pytest.mark.parametrize("label", [-1, 10])
@pytest.mark.parametrize("part", ["train", "val", "test"])
@pytest.mark.parametrize("loss", ["cross_entropy", "accuracy"])
def test_a_label_that_the_network_does_not_have(make_job, digits, part, label, loss):
    def data(directory):
        splits = RECIPES["digits"].data(None)
        split = getattr(splits, part)
        labels = split.targets["label"].clone()
        labels[7] = label
        return replace(splits, **{part: Split(split.features, {"label": labels})})

    expected = f"label {label} at position 7 of the {part} split, expected 0 to 9"
    with pytest.raises(DataError, match=expected):
        train(make_job(loss, recipe=replace(digits, data=data)))


HEAD = "spec mine\ninput label: int[n] in p\ninput scores: "


@pytest.mark.parametrize(
    ("kind", "more", "expected"),
    [
        ("real[n, p, q]", "", "scores: expected the dims [n, p, q], got the shape [64, 10]"),
        ("real[n, p] in [0, 1]", "", "epoch 1, step 0: scores: expected values in [0, 1], got"),
        ("real[n, p]", "input weight: target real[n]\n", "missing: weight\n  the task provides:"),
    ],
)
def test_a_spec_that_does_not_fit_the_task(kind, more, expected, tmp_path, capsys):
    spec = tmp_path / "mine.lossc"
    index = "i, j, k" if "q" in kind else "i, j"
    weight = " * weight[i]" if more else ""
    text = f"{HEAD}{kind}\n{more}loss mean[{index}] scores[{index}] * [label[i] == j]{weight}\n"
    spec.write_text(text)
    arguments = {"task": "digits", "losses": [str(spec)], "epochs": 1, "out": tmp_path / "out"}
    assert train_command(**arguments) == 1
    found = capsys.readouterr().err
    assert expected in found and str(spec) in found


# ------------------------------------------------------------------ checkpoints and disks


def test_a_checkpoint_of_something_else(make_job):
    job = make_job()
    with pytest.raises(Interrupted):
        train(job, until(2))
    torch.save({"weights": torch.zeros(3)}, RunFolder(job.folder).last)
    with pytest.raises(TrainingError, match=r"last\.ckpt: no checkpoint of a run\n.*remove it"):
        train(job)


@pytest.mark.parametrize("content", [None, b"half"])
def test_a_damaged_best_checkpoint(make_job, digits, content):
    job = make_job(recipe=replace(digits, selection="best"))
    with pytest.raises(Interrupted):
        train(job, until(5))
    best = RunFolder(job.folder).best
    best.unlink() if content is None else best.write_bytes(content)
    with pytest.raises(TrainingError, match=rf"best\.ckpt: .*\n  hint: remove {job.folder} to"):
        train(job)


def test_a_damaged_checkpoint_stops_one_run_only(tmp_path, capsys):
    losses = ["cross_entropy", "class_bce"]
    arguments = {"task": "digits", "losses": losses, "epochs": 2, "out": tmp_path}
    assert train_command(**arguments) == 0
    folder = tmp_path / "cross_entropy" / "0"
    (folder / "result.json").unlink()
    (folder / "last.ckpt").write_bytes(b"half")
    capsys.readouterr()
    assert train_command(**arguments) == 1
    printed = capsys.readouterr()
    assert f"{folder / 'last.ckpt'}: a damaged checkpoint" in printed.err
    assert "class_bce, seed 0: test accuracy" in printed.err
    assert "0 (1 failed)" in printed.out


def no_room(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_disk_that_is_full_when_the_history_is_written(make_job, digits, tmp_path, monkeypatch):
    """The run fails, the other goes on, and nothing that was there is lost."""
    job = make_job(folder="one")
    with pytest.raises(Interrupted):
        train(job, until(2))
    write = recorder.write_text
    monkeypatch.setattr(
        recorder,
        "write_text",
        lambda path, text: (no_room if "one" in str(path) else write)(path, text),
    )
    other = make_job(folder="two")
    failure, run = command.run_all([job, other], 1, lambda index, word: None)
    assert failure.reason == f"{job.folder}: [Errno 28] No space left on device"
    monkeypatch.undo()
    assert train(job).test == run.test
    assert finished(job) is not None


def test_a_disk_that_is_full_at_the_end(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(command, "write_json", no_room)
    arguments = {"task": "digits", "losses": ["cross_entropy"], "epochs": 1, "out": tmp_path}
    assert train_command(**arguments) == 1
    printed = capsys.readouterr()
    assert f"{tmp_path}: [Errno 28] No space left on device" in printed.err
    assert "cross_entropy" in printed.out


def test_a_file_where_the_folder_should_be(tmp_path, capsys):
    (tmp_path / "out").write_text("")
    arguments = {"task": "digits", "losses": ["cross_entropy"], "epochs": 1}
    assert train_command(**arguments, out=tmp_path / "out") == 1
    assert "Not a directory" in capsys.readouterr().err

"""Folders with specs of one's own, on the command line and in Python."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

import lossc
from lossc import catalog
from lossc.cli import app
from lossc.models.errors import TaskError
from lossc.models.losses import resolve
from lossc.models.recipes import RECIPES

OWN = """
spec own
doc "Share of the scores above a level."
use part
evaluate 2 * part
"""
PART = "spec part\ninput score: real[n]\nevaluate mean[i] [score[i] > 0.5] else 0\n"
AUROC = 'spec auroc\ndoc "Mine."\ninput score: real[n]\nevaluate mean[i] [score[i] > 0] else 0\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "own specs"
    folder.mkdir()
    for name, text in (("own", OWN), ("part", PART), ("auroc", AUROC)):
        (folder / f"{name}.lossc").write_text(text.strip() + "\n", encoding="utf-8")
    return folder


def run(*arguments: str, code: int = 0, **variables: str) -> str:
    done = CliRunner().invoke(app, list(arguments), env=variables)
    assert done.exit_code == code, done.output
    return done.output


def test_every_command_takes_folders(folder):
    specs = ("--specs", str(folder))
    assert "class Own(nn.Module)" in run("compile", "own", *specs)
    assert run("check", "own", "--batches", "14", *specs).startswith("own: ok, 14 batches agree")
    shown = run("explain", "own", *specs)
    assert f"from {folder / 'part.lossc'}: score, part" in shown
    shown = json.loads(run("explain", "own", "--json", *specs))
    assert shown["uses"] == {str(folder / "part.lossc"): ["score", "part"]}
    assert "uses" in json.loads(run("explain", "auroc", "--json"))
    assert "error L001 [file-missing]" in run("check", "own", code=1)


def test_the_variable_names_folders_too(folder, tmp_path):
    both = os.pathsep.join([str(tmp_path), str(folder)])
    assert run("check", "own", LOSSC_SPECS=both).startswith("own: ok")
    message = run("check", "auroc", code=1, LOSSC_SPECS=str(tmp_path / "gone"))
    assert "gone: error L001 [file-missing]: is not a folder (LOSSC_SPECS names it)" in message
    message = run("compile", "auroc", "--specs", str(tmp_path / "gone"), code=1)
    assert "gone: error L001 [file-missing]: is not a folder" in message


def test_list_shows_own_specs_apart_and_what_they_hide(folder, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "own.yaml").write_text("not: a spec\n", encoding="utf-8")
    (other / "notes.txt").write_text("no spec\n", encoding="utf-8")
    shown = run("list", "--specs", str(folder), LOSSC_SPECS=str(other))
    assert f"specs in {folder}" in shown
    assert f"in place of {other}/own" in shown
    assert "in place of the bundled auroc" in shown
    assert "cannot be read: " in shown
    listed = json.loads(run("list", "--json", "--specs", str(folder)))
    assert {entry["name"]: entry["hides"] for entry in listed["own specs"]} == {
        "auroc": "the bundled auroc",
        "own": None,
        "part": None,
    }
    # the bundled table is that of the library
    assert {entry["name"] for entry in listed["specs"]} == set(catalog.specs())
    assert "own specs" not in json.loads(run("list", "--json"))


def test_python_takes_folders(folder):
    score = torch.tensor([0.9, 0.1])
    for folders in (folder, str(folder), [folder], (str(folder), folder)):
        assert lossc.compile("own", folders=folders).metric(score) == 1
    assert lossc.loss("auroc", folders=folder).metric(score) == 1
    assert lossc.Metric("own", folders=folder)(score) == 1
    with pytest.raises(lossc.SpecError, match="no bundled spec and no file is called 'own'"):
        lossc.loss("own")


def test_training_takes_folders(folder):
    recipe = RECIPES["mnist-ap"]
    choice = resolve("own", recipe, folders=(folder,))
    assert choice.takes == ("score",)
    assert choice.build(seed=0).metric(torch.tensor([0.9])) == 2
    (folder / "part.lossc").write_text(PART.replace("0.5", "0.7"), encoding="utf-8")
    changed = resolve("own", recipe, folders=(folder,))
    assert changed.digest != choice.digest  # a part of it changed: another loss
    assert changed.folder == choice.folder
    with pytest.raises(TaskError, match="did you mean 'own'"):
        resolve("owm", recipe, folders=(folder,))
    with pytest.raises(lossc.SpecError, match="is not a folder"):
        resolve("auroc", recipe, folders=(folder / "gone",))

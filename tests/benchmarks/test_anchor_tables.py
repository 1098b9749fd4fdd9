"""The comparison of Anchor Loss with its baselines, in small."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from statistics import fmean, stdev

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import anchor_tables as benchmark

from lossc.models.losses import resolve
from lossc.models.recipes import RECIPES
from lossc.models.run import read_json


def test_every_loss_fits_its_task():
    for task, losses in benchmark.LOSSES.items():
        recipe = benchmark.recipe_of(task)
        folders = {resolve(loss, recipe).folder for loss in losses}
        assert len(folders) == len(losses)


@pytest.fixture
def small(monkeypatch, tmp_path):
    monkeypatch.setattr(benchmark, "LOSSES", {"digits": ("cross_entropy", "anchor_bce(gamma=0.5)")})
    monkeypatch.setattr(benchmark, "RATES", (1e-4, 0.1, 1e6))
    short = replace(RECIPES["digits"], epochs=2)
    monkeypatch.setattr(benchmark, "recipe_of", lambda task: short)
    return ["--out", str(tmp_path / "out"), "--seeds", "2"]


def test_the_best_rate_on_validation_is_trained_with_all_seeds(small, tmp_path, capsys):
    assert benchmark.main(small) == 0
    *_, head, _, first, second = capsys.readouterr().out.strip().splitlines()
    assert head == "| loss | test accuracy | validation | rate | seeds |"
    folder = tmp_path / "out" / "digits" / "cross_entropy"
    tuned = {
        rate: read_json(folder / rate / "0" / "result.json")["validation"]["accuracy"]
        for rate in ("0.0001", "0.1")
    }
    assert tuned["0.1"] > tuned["0.0001"]
    tests = [read_json(folder / "0.1" / seed / "result.json")["test"]["accuracy"] for seed in "12"]
    expected = f"| `cross_entropy` | {100 * fmean(tests):.2f} ± {100 * stdev(tests):.2f} |"
    assert first.startswith(expected)
    assert first.endswith("| 0.1 | 2 |")
    assert second.startswith("| `anchor_bce(gamma=0.5)` |")


def test_what_is_done_is_not_made_again(small, capsys, monkeypatch):
    benchmark.main(small)
    table = capsys.readouterr().out.strip().splitlines()[-2:]
    monkeypatch.setattr(benchmark, "train", None)  # a call would fail
    benchmark.main(small)
    assert capsys.readouterr().out.strip().splitlines()[-2:] == table
    benchmark.main([*small, "--table"])
    assert capsys.readouterr().out.strip().splitlines()[-2:] == table

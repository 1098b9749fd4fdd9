from __future__ import annotations

import io
import json
from dataclasses import replace
from math import sqrt

import pytest
from rich.console import Console

from lossc.models.figure import save_curves
from lossc.models.run import Failure, Run
from lossc.models.table import Spread, as_json, print_rows, rows


def test_mean_and_sample_standard_deviation():
    spread = Spread((0.9, 0.92, 0.97))
    mean = (0.9 + 0.92 + 0.97) / 3
    variance = ((0.9 - mean) ** 2 + (0.92 - mean) ** 2 + (0.97 - mean) ** 2) / (3 - 1)
    assert spread.mean == pytest.approx(mean)
    assert spread.deviation == pytest.approx(sqrt(variance))
    assert str(spread) == "0.93000 ± 0.03606"


def test_one_run_has_no_spread():
    assert Spread((0.5,)).deviation is None
    assert str(Spread((0.5,))) == "0.50000"


@pytest.fixture
def outcomes(make_job):
    def run(loss, seed, test, seconds):
        history = [
            {"epoch": e, "loss": 1.0, "train_accuracy": 0.5, "val_accuracy": 0.6, "seconds": e}
            for e in (1.0, 2.0)
        ]
        job = make_job(loss, seed=seed)
        return Run(job, {"accuracy": test}, {"accuracy": test - 0.1}, 5, seconds, history)

    return [
        run("cross_entropy", 0, 0.9, 1.0),
        run("cross_entropy", 1, 0.8, 2.0),
        run("cross_entropy(lr=1)", 0, 0.7, 3.0),
        Failure(make_job("cross_entropy(lr=1)", seed=1), "the loss is nan"),
        Failure(make_job("cross_entropy(lr=9)", seed=0), "the loss is nan"),
    ]


def test_one_row_a_loss(outcomes, digits):
    first, second, third = rows(outcomes)
    assert (first.loss, first.learning_rate) == ("cross_entropy", digits.optimiser.learning_rate)
    assert first.test("accuracy").values == (0.9, 0.8)
    assert first.seconds == (1.0 + 2.0) / 2
    assert (second.learning_rate, len(second.runs), len(second.failures)) == (1, 1, 1)
    assert third.test("accuracy") is None


def test_the_printed_table(outcomes, digits):
    text = io.StringIO()
    print_rows(digits, rows(outcomes), Console(file=text))
    deviation = sqrt(((0.9 - 0.85) ** 2 + (0.8 - 0.85) ** 2) / 1)
    assert f"0.85000 ± {deviation:.5f}" in text.getvalue()
    assert "1 (1 failed)" in text.getvalue()
    assert "cross_entropy(lr=9)" in text.getvalue()


def test_a_narrow_terminal_cuts_no_number_and_no_heading(outcomes, digits):
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=80, color_system=None)
    print_rows(digits, rows(outcomes), console)
    lines = text.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert "…" not in text.getvalue()
    assert {"validation", "seeds", "epochs", "seconds"} <= set(text.getvalue().split())
    (first,) = (number for number, line in enumerate(lines) if " 0.85000" in line)
    assert "0.75000" in lines[first]
    assert "1.5" in lines[first]
    assert lines[first + 1].count(f"± {sqrt(0.05**2 * 2):.5f}") == 2


def test_the_figures_for_programs(outcomes, digits, tmp_path):
    figures = as_json(digits, rows(outcomes), {"folder": tmp_path, "curves": None})
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures
    accuracy = figures["losses"][0]["test"]["accuracy"]
    assert accuracy["values"] == [0.9, 0.8]
    assert accuracy["mean"] == pytest.approx(0.85)
    assert figures["losses"][1]["failed"] == [{"seed": 1, "reason": "the loss is nan"}]
    assert figures["losses"][2]["test"]["accuracy"] is None
    assert figures["curves"] is None


def test_the_curves_are_a_picture(outcomes, digits, tmp_path):
    path = save_curves(digits, rows(outcomes), tmp_path / "curves.png")
    assert path.read_bytes().startswith(b"\x89PNG")
    assert save_curves(digits, rows(outcomes[-1:]), tmp_path / "none.png") is None
    assert [file.name for file in tmp_path.glob("*.png*")] == ["curves.png"]


def test_perfect_scores_can_be_drawn(outcomes, digits, tmp_path):
    history = [{"epoch": 1.0, "train_accuracy": 1.0, "val_accuracy": 1.0}]
    perfect = replace(outcomes[0], history=history)
    assert save_curves(digits, rows([perfect]), tmp_path / "curves.png")

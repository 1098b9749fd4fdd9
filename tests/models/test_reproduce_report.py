"""What is said of an experiment's runs."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
import torch

from lossc.models.reproduce.command import perform, reproduce_command
from lossc.models.reproduce.compare import judge
from lossc.models.reproduce.experiment import Claim
from lossc.models.reproduce.experiments import EXPERIMENTS
from lossc.models.reproduce.report import Column, Line, Report, as_json, grid, markdown
from lossc.models.table import Spread

ACCURACY = Column("accuracy, %", "accuracy")


@pytest.mark.parametrize(
    ("gains", "margin", "word"),
    [
        ([1.0], None, "seen here"),
        ([-1.0], None, "not seen here"),
        ([1.0, 1.1, 0.9], None, "seen here"),
        ([-1.0, -1.1, -0.9], None, "not seen here"),
        ([1.0, -1.0, 0.5], None, "open here"),
        ([0.1, 0.2, -0.1], 1.0, "seen here"),
        ([2.0, 2.1, 1.9], 1.0, "seen here"),
        ([-2.0, -2.1, -1.9], 1.0, "not seen here"),
        ([-1.2, -0.9, -1.0], 1.0, "open here"),
        ([60.0], -50, "seen here"),
        ([1.0], -50, "not seen here"),
        ([49.0, 52.0, 50.5], -50, "open here"),
    ],
)
def test_conclusions_are_judged_by_paired_differences(gains, margin, word):
    text = judge(Claim("so", "a", "b", "c", margin), gains, digits=2)
    assert text.startswith(f"so: {word} (")
    assert ("one run" in text) == (len(gains) == 1)
    assert ("no worse by more than" in text) == (margin is not None and margin > 0)
    assert ("better by more than 50" in text) == (margin == -50)


def test_figures_that_are_none_are_left_open(tiny_table, quick_setting):
    """Of maps with several peaks, where there are none, no share is right."""
    column = Column("right, %", "right")
    claims = (Claim("so", "CE", "CE, hardly trained", "right, %"),)
    experiment = replace(
        tiny_table,
        columns=(column,),
        claims=claims,
        curves=None,
        after=lambda run: {"right": math.nan},
    )
    report = perform(experiment, replace(quick_setting, settings={"epochs": 1, "examples": 64}))
    assert report.verdicts == ("so: open here (not measured)",)
    assert grid(report)[1][0][-1] == "-"
    figures = json.loads(json.dumps(as_json(report, ""), allow_nan=False))
    assert figures["rows"][0]["measured"]["right, %"] == {
        "mean": None,
        "std": None,
        "values": [None],
    }


def table(columns):
    lines = (
        Line("a", {column.title: "50.0" for column in columns}, {}),
        Line("b", {}, {column.title: Spread((0.5, 0.7)) for column in columns}, ("why",)),
    )
    return Report("name", "title", "source", columns, lines, "paper", ("here",))


def test_few_columns_have_the_published_figure_beside_and_many_above():
    headings, rows = grid(table((ACCURACY,)))
    assert headings == ["", "accuracy, %, paper", "accuracy, %, here"]
    assert rows == [["a", "50.0", "-"], ["b", "", "60.00 ± 14.14"]]
    two = (ACCURACY, Column("of nobody", "top_5"))
    report = table((ACCURACY,))
    headings, rows = grid(replace(report, columns=two))
    assert headings == ["", "accuracy, %, paper", "accuracy, %, here", "of nobody"]
    assert rows[1] == ["b", "", "60.00 ± 14.14", "-"]
    many = tuple(Column(str(number), "accuracy") for number in range(5))
    headings, rows = grid(table(many))
    assert headings == ["", "", "0", "1", "2", "3", "4"]
    assert rows[0] == ["a", "paper", *["50.0"] * 5]
    assert rows[1] == ["", "here", *["-"] * 5]
    assert rows[2] == ["b", "here", *["60.00 ± 14.14"] * 5]


def test_the_page_says_how_and_where_it_was_measured():
    page = markdown(table((ACCURACY,)), "lossc reproduce name --quick")
    assert "lossc reproduce name --quick" in page
    assert f"torch {torch.__version__}" in page
    assert "- Failed: b: why" in page


def test_the_command_prints_json(quick_setting, capsys, monkeypatch, tiny_table):
    monkeypatch.setitem(EXPERIMENTS, tiny_table.name, tiny_table)
    assert reproduce_command(["tiny-table"], quick_setting, as_json_text=True) == 0
    (figures,) = json.loads(capsys.readouterr().out)
    assert figures["name"] == "tiny-table"
    assert figures["rows"][0]["measured"]["accuracy, %"]["mean"] > 80

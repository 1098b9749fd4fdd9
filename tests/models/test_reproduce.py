from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
import torch

from lossc.models.errors import TaskError
from lossc.models.reproduce import sweep
from lossc.models.reproduce.command import keep, perform, reproduce_command
from lossc.models.reproduce.compare import judge
from lossc.models.reproduce.experiment import Case, Claim, Comparison, Curves, Setting
from lossc.models.reproduce.experiments import EXPERIMENTS, find_experiments
from lossc.models.reproduce.recipes import job_of, recipe_of
from lossc.models.reproduce.report import Column, Line, Report, grid, markdown
from lossc.models.table import Spread

ACCURACY = Column("accuracy, %", "accuracy")
COMPARISONS = {name: one for name, one in EXPERIMENTS.items() if isinstance(one, Comparison)}


@pytest.fixture
def tiny():
    """Two losses on digits, two epochs."""
    return Comparison(
        name="tiny-table",
        title="two losses",
        source="Nobody, table 0",
        setup="ten million digits",
        columns=(ACCURACY,),
        cases=(
            Case("CE", "digits", "cross_entropy", {"accuracy, %": "99.99"}),
            Case("CE, hardly trained", "digits", "cross_entropy(lr=0.000001)"),
        ),
        claims=(Claim("training helps", "CE", "CE, hardly trained", "accuracy, %"),),
        curves=Curves(("val_accuracy", "loss")),
    )


@pytest.fixture
def quick(tmp_path):
    return Setting(quick=True, out=tmp_path, settings={"epochs": 2}, workers=1)


# ------------------------------------------------------------ the experiments


@pytest.mark.parametrize("name", COMPARISONS)
@pytest.mark.parametrize("form", ["full", "quick"])
def test_every_row_is_a_loss_that_fits_its_task(name, form, tmp_path, monkeypatch):
    experiment = COMPARISONS[name]
    setting = Setting(quick=form == "quick", out=tmp_path)
    folders = set()
    for case in experiment.cases:
        start = None
        if case.start:
            start = tmp_path / "network.pt"
            start.write_text(case.start)  # what it begins with counts by its content
        recipe, data = recipe_of(case, setting, start, experiment.measures)
        job = job_of(recipe, case, 0, setting, data)
        folders.add(job.folder)
        if experiment.after is None:
            assert any(column.metric in recipe.metrics for column in experiment.columns)
        if experiment.curves:
            known = {
                f"{split}_{metric}"
                for split in ("train", "val")
                for metric in recipe.watching().metrics
            }
            assert set(experiment.curves.keys) <= known | {"loss"}
    if form == "full":
        assert len(folders) == len(experiment.cases)  # no two rows are the same run


@pytest.mark.parametrize("name", COMPARISONS)
def test_rows_claims_and_columns_belong_together(name):
    experiment = COMPARISONS[name]
    labels = [case.label for case in experiment.cases]
    titles = {column.title for column in experiment.columns}
    assert len(set(labels)) == len(labels)
    assert len(titles) == len(experiment.columns)
    for case in experiment.cases:
        assert set(case.published) <= titles
        for figure in case.published.values():
            if figure != "diverges":
                assert all(math.isfinite(float(part)) for part in figure.split(" ± "))
        assert case.start is None or labels.index(case.start) < labels.index(case.label)
    for claim in experiment.claims:
        assert {claim.better, claim.than} <= set(labels)
        assert claim.column in titles


def test_the_published_means_of_body_joints():
    """The groups of table 7 average, over left and right, to about its printed mean."""
    for case in COMPARISONS["anchor-table-7"].cases:
        groups = [float(figure) for title, figure in case.published.items() if title != "Mean"]
        assert abs(sum(groups) / len(groups) - float(case.published["Mean"])) < 0.6


def test_a_name_that_is_not_there_is_said():
    with pytest.raises(
        TaskError, match=r"unknown experiment 'anchor_table_7'[\s\S]*anchor-table-7"
    ):
        find_experiments(["anchor_table_7"])
    assert len(find_experiments(["all", "uniloss-table-1"])) == len(EXPERIMENTS)


# ------------------------------------------------------------------ the runs


def test_a_comparison_is_trained_reported_and_kept(tiny, quick, capsys):
    report = perform(tiny, quick)
    measured = {line.label: line.measured["accuracy, %"].mean for line in report.lines}
    assert measured["CE"] > 0.8 > 0.3 > measured["CE, hardly trained"]
    assert not report.failed
    assert "training helps: seen here" in report.verdicts[0]
    assert report.files["curves"].read_bytes().startswith(b"\x89PNG")
    assert "17,226 parameters; 2 epochs" in report.here[0]
    assert report.here[1:] == (
        "batches of 64",
        "learning rate 0.15 (CE)",
        "learning rate 1e-06 (CE, hardly trained)",
        "seeds: 1",
    )
    keep(report, quick)
    figures = json.loads((quick.out / "tiny-table" / "report.json").read_text())
    row = figures["rows"][0]
    assert row["published"] == {"accuracy, %": "99.99"}
    assert row["measured"]["accuracy, %"]["mean"] == pytest.approx(100 * measured["CE"])
    page = (quick.out / "tiny-table" / "report.md").read_text()
    assert f"| CE | 99.99 | {100 * measured['CE']:.2f} |" in page
    assert "- Paper: ten million digits" in page


def test_what_is_finished_is_not_made_again(tiny, quick, monkeypatch):
    first = perform(tiny, quick)

    def refuse(jobs, workers, listen):
        raise AssertionError([job.folder for job in jobs])

    monkeypatch.setattr(sweep, "run_all", refuse)
    assert perform(tiny, quick).lines == first.lines
    with pytest.raises(AssertionError):  # other settings are other runs
        perform(tiny, replace(quick, settings={"epochs": 3}))
    with pytest.raises(AssertionError):
        perform(tiny, replace(quick, seeds=2))


def test_a_sweep_that_was_stopped_goes_on(tiny, quick, monkeypatch):
    made = []
    whole = sweep.run_all

    def one_then_stop(jobs, workers, listen):
        made.extend(jobs[:1])
        whole(jobs[:1], workers, listen)
        raise KeyboardInterrupt

    monkeypatch.setattr(sweep, "run_all", one_then_stop)
    with pytest.raises(KeyboardInterrupt):
        perform(tiny, quick)

    def rest(jobs, workers, listen):
        made.extend(jobs)
        return whole(jobs, workers, listen)

    monkeypatch.setattr(sweep, "run_all", rest)
    assert not perform(tiny, quick).failed
    assert len(made) == 2


def test_nothing_is_trained_where_only_a_look_is_asked_for(tiny, quick):
    report = perform(tiny, replace(quick, train=False))
    assert [line.failures for line in report.lines] == [("not trained yet",)] * 2
    assert report.failed
    assert "not measured" in report.verdicts[0]


def test_a_row_that_fails_leaves_the_others(tiny, quick):
    broken = Case("broken", "digits", "cross_entropy(lr=1e30)")
    report = perform(replace(tiny, cases=(*tiny.cases, broken), claims=()), quick)
    assert [bool(line.failures) for line in report.lines] == [False, False, True]
    assert "smaller learning rate" in report.lines[2].failures[0]
    assert report.failed


def test_experiments_share_runs(tiny, quick, monkeypatch):
    perform(tiny, quick)
    monkeypatch.setattr(sweep, "run_all", None)
    other = replace(tiny, name="tiny-figure", cases=tiny.cases[:1], claims=())
    assert not perform(other, quick).failed


def test_a_row_starts_from_the_weights_of_another(quick):
    settings = {"network.depth": 2}
    cases = (
        Case("two", "pose3d", "adaptive_h1", settings=settings),
        Case("four", "pose3d", "adaptive_h1", settings={"network.depth": 4}, start="two"),
    )
    column = Column("MPJPE, mm", "mpjpe", scale=1.0, smaller=True)
    ladder = Comparison("ladder", "", "", "", (column,), cases[::-1])
    setting = replace(quick, settings={"epochs": 1, "examples": 16})
    runs = sweep.make_runs(ladder, setting, seeds=1)
    assert list(runs) == ["four", "two"]
    start = runs["four"][0].job.recipe.network.start
    assert start == str(runs["two"][0].job.folder / "network.pt")
    one, other = (torch.load(start), runs["four"][0].job.recipe.network().state_dict())
    assert (one["stem.0.weight"] == other["stem.0.weight"]).all()


# ---------------------------------------------------------------- the report


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
    ],
)
def test_conclusions_are_judged_by_paired_differences(gains, margin, word):
    text = judge(Claim("so", "a", "b", "c", margin), gains, digits=2)
    assert text.startswith(f"so: {word} (")
    assert ("one run" in text) == (len(gains) == 1)


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


def test_the_command_prints_json(quick, capsys, monkeypatch, tiny):
    monkeypatch.setitem(EXPERIMENTS, tiny.name, tiny)
    assert reproduce_command(["tiny-table"], quick, as_json_text=True) == 0
    (figures,) = json.loads(capsys.readouterr().out)
    assert figures["name"] == "tiny-table"
    assert figures["rows"][0]["measured"]["accuracy, %"]["mean"] > 80

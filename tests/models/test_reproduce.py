from __future__ import annotations

import json
import math
import re
from dataclasses import replace

import pytest
import torch

from lossc.grammar.errors import InternalError
from lossc.models.errors import TaskError
from lossc.models.recipes import RECIPES
from lossc.models.reproduce import sweep
from lossc.models.reproduce.command import keep, perform, reproduce_command
from lossc.models.reproduce.compare import judge
from lossc.models.reproduce.experiment import Case, Claim, Comparison, Curves, Setting
from lossc.models.reproduce.experiments import EXPERIMENTS, find_experiments
from lossc.models.reproduce.recipes import job_of, origin, recipe_of
from lossc.models.reproduce.report import Column, Line, Report, as_json, grid, markdown
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
    assert isinstance(experiment.claims, tuple)  # not used up by one look
    for claim in experiment.claims:
        assert {claim.better, claim.than} <= set(labels)
        assert claim.column in titles


def test_the_published_means_of_body_joints():
    """The groups of table 7 average, over left and right, to about its printed mean."""
    for case in COMPARISONS["anchor-table-7"].cases:
        groups = [float(figure) for title, figure in case.published.items() if title != "Mean"]
        assert abs(sum(groups) / len(groups) - float(case.published["Mean"])) < 0.6


#: Figures in the order of the rows and columns of the papers, with their deviations.
PRINTED = {
    "uniloss-ap": "0.9989 0.9988",
    "uniloss-table-1": "diverges 91.31 95.13 93.06 95.71 95.74 94.99 92.25 95.77",
    "uniloss-table-2": "91.49 91.64 65.90 65.92",
    "uniloss-table-3": "87.89 90.05 90.82 91.23 91.64 90.94 89.10 87.20",
    "uniloss-table-4": "0.9988 0.9987 0.9988 91.55 91.54 91.64 94.79 94.95 95.77",
    "anchor-table-1": """
        93.91 ± 0.12 93.69 ± 0.08 93.90 ± 0.10 94.05 ± 0.23 94.10 ± 0.15 94.17 ± 0.13
        72.98 ± 0.35 92.55 ± 0.30
        73.88 ± 0.22 92.03 ± 0.42
        73.03 ± 0.29 92.61 ± 0.21
        74.01 ± 0.04 92.47 ± 0.40
        74.25 ± 0.34 92.62 ± 0.50
        74.38 ± 0.45 92.45 ± 0.05""",
    "anchor-table-2": "76.39 93.20 76.27 93.21 76.72 93.06 76.82 93.03",
    "anchor-table-3": "73.74 92.45 73.77 92.30 73.11 92.08 74.25 92.62 73.59 92.04 71.86 91.46",
    "anchor-table-a1": """
        73.88 ± 0.22 92.03 ± 0.42 74.06 ± 0.53 92.32 ± 0.24
        74.25 ± 0.34 92.62 ± 0.50 73.90 ± 0.40 92.24 ± 0.06""",
    "anchor-table-4": """
        98.2 96.3 91.2 87.1 90.1 87.4 83.6 90.9
        98.6 96.6 92.3 87.8 90.8 88.8 86.0 91.9""",
    "anchor-table-5": "98.6 94.8 92.5 89.3 93.9 94.8 94.0 94.0",
    "anchor-table-6": """
        96.73 95.94 90.39 85.40 89.04 85.17 81.86 89.32
        96.45 96.04 90.46 86.00 89.20 86.84 83.68 89.93""",
    "anchor-table-7": """
        96.42 95.35 89.82 84.72 88.47 85.17 81.13 88.84
        96.42 95.30 89.57 84.63 88.78 85.07 81.77 88.89
        96.52 95.47 89.71 84.87 88.38 84.75 81.25 88.81
        96.35 95.04 89.26 84.56 88.99 85.51 81.37 88.84
        96.35 95.40 89.60 85.11 88.59 84.85 81.77 88.94
        96.49 95.45 90.08 85.42 88.64 85.31 81.60 89.11""",
    "memo-ladder-h1": "150 86 73.6 68.6 67.1",
    "memo-ladder-i1": "83 73 71.0 55.9 68 65.9",
}


@pytest.mark.parametrize("name", PRINTED)
def test_published_figures_are_those_that_were_printed(name):
    experiment = COMPARISONS[name]
    titles = [column.title for column in experiment.columns]
    said = [case.published[t] for case in experiment.cases for t in titles if t in case.published]
    assert " ".join(said).split() == PRINTED[name].split()


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


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("uniloss-table-4", {"network.width": 8}, "task 'mnist-ap' has no such setting"),
        ("uniloss-table-3", {"batch_size": 32}, "sets it itself, row by row ('batches of 8': 8)"),
        ("uniloss-table-1", {"inputs": {"sigma": 1}}, "sets it itself, row by row ('one-hot"),
        ("uniloss-table-5", {"network.width": 8}, "task 'digits' has no such setting"),
        ("anchor-figure-7", {"network.hidden": [8]}, "task 'pose-anchor' has no such setting"),
        ("uniloss-random-anchors", {"epochs": 0}, "setting 'epochs'"),
    ],
)
@pytest.mark.parametrize("quick", [True, False])
def test_settings_are_refused_before_anything_is_trained(
    name, settings, said, quick, tmp_path, monkeypatch
):
    monkeypatch.setattr(sweep, "run_all", None)
    setting = Setting(quick=quick, out=tmp_path / "out", settings=settings)
    with pytest.raises(TaskError, match=re.escape(said)):
        reproduce_command([name, "uniloss-ap"], setting)
    assert not setting.out.exists()


def test_folders_that_cannot_be_used_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr(sweep, "run_all", None)
    there = tmp_path / "file"
    there.touch()
    with pytest.raises(TaskError, match=r"file: .*exists.*--out names another"):
        reproduce_command(["uniloss-ap"], Setting(quick=True, out=there))
    nowhere = tmp_path / "nowhere"
    with pytest.raises(TaskError, match="nowhere: no such folder"):
        reproduce_command(["uniloss-ap"], Setting(quick=True, out=tmp_path, data=nowhere))


def test_a_look_writes_nothing(tiny, quick, capsys, monkeypatch):
    monkeypatch.setitem(EXPERIMENTS, tiny.name, tiny)
    look = replace(quick, train=False, out=quick.out / "new")
    for name in (tiny.name, "uniloss-table-5"):
        assert reproduce_command([name], look) == 1
        assert "not trained yet" in capsys.readouterr().out
    assert not look.out.exists()
    assert reproduce_command([tiny.name], quick) == 0
    report = quick.out / tiny.name / "report.json"
    before = report.read_bytes()
    assert reproduce_command([tiny.name], replace(quick, seeds=2, train=False)) == 1
    assert report.read_bytes() == before


def test_the_users_rate_goes_before_that_of_a_row(tiny, quick):
    for settings, rate in (({}, 1e-6), ({"optimiser": {"learning_rate": 0.25}}, 0.25)):
        setting = replace(quick, settings=settings)
        recipe, data = recipe_of(tiny.cases[1], setting)
        assert job_of(recipe, tiny.cases[1], 0, setting, data).learning_rate == rate


def test_faults_of_our_own_are_not_rows_that_fail(tiny, quick, monkeypatch):
    def fault(*arguments):
        raise InternalError("a pass")

    monkeypatch.setattr(sweep, "job_of", fault)
    with pytest.raises(InternalError):
        perform(tiny, quick)


@pytest.mark.parametrize(
    ("task", "folder", "said"),
    [
        ("digits", None, "scikit-learn's"),
        ("digits", "data", "scikit-learn's"),
        ("mnist-ap", None, "downloaded"),
        ("mnist-ap", "data", "from the folder of --data"),
        ("pose3d", None, "a kinematic figure"),
        ("pose3d", "data", "a kinematic figure"),  # that has no motion capture
    ],
)
def test_where_data_comes_from(task, folder, said, tmp_path):
    assert origin(RECIPES[task], tmp_path if folder else None) == said
    short = RECIPES["mnist-ap"].shortened(embedded=True)
    assert origin(short, None) == short.embedded


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


def test_figures_that_are_none_are_left_open(tiny, quick):
    """Of maps with several peaks, where there are none, no share is right."""
    column = Column("right, %", "right")
    claims = (Claim("so", "CE", "CE, hardly trained", "right, %"),)
    experiment = replace(
        tiny, columns=(column,), claims=claims, curves=None, after=lambda run: {"right": math.nan}
    )
    report = perform(experiment, replace(quick, settings={"epochs": 1, "examples": 64}))
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


def test_the_command_prints_json(quick, capsys, monkeypatch, tiny):
    monkeypatch.setitem(EXPERIMENTS, tiny.name, tiny)
    assert reproduce_command(["tiny-table"], quick, as_json_text=True) == 0
    (figures,) = json.loads(capsys.readouterr().out)
    assert figures["name"] == "tiny-table"
    assert figures["rows"][0]["measured"]["accuracy, %"]["mean"] > 80

"""The runs of experiments."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
import torch

from lossc.grammar.errors import InternalError
from lossc.models.errors import TaskError
from lossc.models.recipes import RECIPES
from lossc.models.reproduce import sweep
from lossc.models.reproduce.command import keep, perform, reproduce_command
from lossc.models.reproduce.experiment import Case, Comparison, Setting
from lossc.models.reproduce.experiments import EXPERIMENTS
from lossc.models.reproduce.recipes import job_of, origin, recipe_of
from lossc.models.reproduce.report import Column
from lossc.models.run import Failure

ACCURACY = Column("accuracy, %", "accuracy")


def test_a_comparison_is_trained_reported_and_kept(tiny_table, quick_setting, capsys):
    report = perform(tiny_table, quick_setting)
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
    keep(report, quick_setting)
    figures = json.loads((quick_setting.out / "tiny-table" / "report.json").read_text())
    row = figures["rows"][0]
    assert row["published"] == {"accuracy, %": "99.99"}
    assert row["measured"]["accuracy, %"]["mean"] == pytest.approx(100 * measured["CE"])
    page = (quick_setting.out / "tiny-table" / "report.md").read_text()
    assert f"| CE | 99.99 | {100 * measured['CE']:.2f} |" in page
    assert "- Paper: ten million digits" in page


def test_what_is_finished_is_not_made_again(tiny_table, quick_setting, monkeypatch):
    first = perform(tiny_table, quick_setting)

    def refuse(jobs, workers, listen):
        raise AssertionError([job.folder for job in jobs])

    monkeypatch.setattr(sweep, "run_all", refuse)
    assert perform(tiny_table, quick_setting).lines == first.lines
    with pytest.raises(AssertionError):  # other settings are other runs
        perform(tiny_table, replace(quick_setting, settings={"epochs": 3}))
    with pytest.raises(AssertionError):
        perform(tiny_table, replace(quick_setting, seeds=2))


def test_a_sweep_that_was_stopped_goes_on(tiny_table, quick_setting, monkeypatch):
    made = []
    whole = sweep.run_all

    def one_then_stop(jobs, workers, listen):
        made.extend(jobs[:1])
        whole(jobs[:1], workers, listen)
        raise KeyboardInterrupt

    monkeypatch.setattr(sweep, "run_all", one_then_stop)
    with pytest.raises(KeyboardInterrupt):
        perform(tiny_table, quick_setting)

    def rest(jobs, workers, listen):
        made.extend(jobs)
        return whole(jobs, workers, listen)

    monkeypatch.setattr(sweep, "run_all", rest)
    assert not perform(tiny_table, quick_setting).failed
    assert len(made) == 2


def test_runs_go_to_one_gpu_after_the_other(tiny_table, quick_setting, monkeypatch):
    placed = []

    def note(jobs, workers, listen):
        placed.extend(job.device for job in jobs)
        return [Failure(job, "not here") for job in jobs]

    monkeypatch.setattr(sweep, "run_all", note)
    perform(tiny_table, replace(quick_setting, seeds=2))
    assert placed == [0, 1, 2, 3]


def test_nothing_is_trained_where_only_a_look_is_asked_for(tiny_table, quick_setting):
    report = perform(tiny_table, replace(quick_setting, train=False))
    assert [line.failures for line in report.lines] == [("not trained yet",)] * 2
    assert report.failed
    assert "not measured" in report.verdicts[0]


def test_a_row_that_fails_leaves_the_others(tiny_table, quick_setting):
    broken = Case("broken", "digits", "cross_entropy(lr=1e30)")
    report = perform(
        replace(tiny_table, cases=(*tiny_table.cases, broken), claims=()), quick_setting
    )
    assert [bool(line.failures) for line in report.lines] == [False, False, True]
    assert "smaller learning rate" in report.lines[2].failures[0]
    assert report.failed


def test_experiments_share_runs(tiny_table, quick_setting, monkeypatch):
    perform(tiny_table, quick_setting)
    monkeypatch.setattr(sweep, "run_all", None)
    other = replace(tiny_table, name="tiny-figure", cases=tiny_table.cases[:1], claims=())
    assert not perform(other, quick_setting).failed


def test_a_row_starts_from_the_weights_of_another(quick_setting):
    settings = {"network.depth": 2}
    cases = (
        Case("two", "pose3d", "adaptive_h1", settings=settings),
        Case("four", "pose3d", "adaptive_h1", settings={"network.depth": 4}, start="two"),
    )
    column = Column("MPJPE, mm", "mpjpe", scale=1.0, smaller=True)
    ladder = Comparison("ladder", "", "", "", (column,), cases[::-1])
    setting = replace(quick_setting, settings={"epochs": 1, "examples": 16})
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


def test_a_look_writes_nothing(tiny_table, quick_setting, capsys, monkeypatch):
    monkeypatch.setitem(EXPERIMENTS, tiny_table.name, tiny_table)
    look = replace(quick_setting, train=False, out=quick_setting.out / "new")
    for name in (tiny_table.name, "uniloss-table-5"):
        assert reproduce_command([name], look) == 1
        assert "not trained yet" in capsys.readouterr().out
    assert not look.out.exists()
    assert reproduce_command([tiny_table.name], quick_setting) == 0
    report = quick_setting.out / tiny_table.name / "report.json"
    before = report.read_bytes()
    assert reproduce_command([tiny_table.name], replace(quick_setting, seeds=2, train=False)) == 1
    assert report.read_bytes() == before


def test_the_users_rate_goes_before_that_of_a_row(tiny_table, quick_setting):
    for settings, rate in (({}, 1e-6), ({"optimiser": {"learning_rate": 0.25}}, 0.25)):
        setting = replace(quick_setting, settings=settings)
        recipe, data = recipe_of(tiny_table.cases[1], setting)
        assert job_of(recipe, tiny_table.cases[1], 0, setting, data).learning_rate == rate


def test_faults_of_our_own_are_not_rows_that_fail(tiny_table, quick_setting, monkeypatch):
    def fault(*arguments):
        raise InternalError("a pass")

    monkeypatch.setattr(sweep, "job_of", fault)
    with pytest.raises(InternalError):
        perform(tiny_table, quick_setting)


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

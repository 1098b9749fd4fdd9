"""The experiments as data: rows, published figures, claims."""

from __future__ import annotations

import math

import pytest

from lossc.models.errors import TaskError
from lossc.models.reproduce.experiment import Comparison, Setting
from lossc.models.reproduce.experiments import EXPERIMENTS, find_experiments
from lossc.models.reproduce.recipes import job_of, recipe_of

COMPARISONS = {name: one for name, one in EXPERIMENTS.items() if isinstance(one, Comparison)}


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

"""Runs that are done: read back, kept, or made again where anything is another."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch

from lossc.models.data.digest import digest
from lossc.models.data.split import Split, Splits
from lossc.models.losses import resolve
from lossc.models.own_metrics import with_constants
from lossc.models.recipe import Schedule
from lossc.models.recipes import RECIPES
from lossc.models.run import RunFolder, finished, named
from lossc.models.trainer import train
from tests.models.interrupting import Interrupted


@pytest.fixture
def job(make_job, digits):
    return make_job(recipe=replace(digits, epochs=2, clip=1.0))


def test_a_finished_run_is_read_back_whole(job):
    assert finished(job) is None
    run = train(job)
    assert finished(job) == run
    assert finished(replace(job, seed=1)) is None
    assert finished(replace(job, precision="bf16-mixed")) is None


def test_what_is_no_finished_run(job):
    train(job)
    folder = RunFolder(job.folder)
    metrics, result = folder.metrics.read_bytes(), folder.result.read_bytes()
    folder.metrics.unlink()
    assert finished(job) is None
    folder.metrics.write_bytes(metrics.replace(b"0.", b"zero.", 1))
    assert finished(job) is None
    folder.metrics.write_bytes(metrics)
    for damaged in (result[:-20], b"[]", b'{"test": {}}'):
        folder.result.write_bytes(damaged)
        assert finished(job) is None
    folder.result.write_bytes(result)
    assert finished(job) is not None
    folder.result.unlink()
    assert finished(job) is None


def test_a_run_is_kept_if_asked(job):
    seen = []
    first = train(job)
    assert train(replace(job, keep_finished=True), seen.append) == replace(
        first, job=replace(job, keep_finished=True)
    )
    assert not seen
    train(replace(job, keep_finished=True, learning_rate=0.01), seen.append)
    assert seen


@dataclass(frozen=True)
class Digits:
    """The digits, some of them changed."""

    shift: float = 0.0

    def __call__(self, directory: Path | None) -> Splits:
        splits = RECIPES["digits"].data(None)
        if directory is None:
            return splits
        train = splits.train
        return replace(splits, train=Split(train.features + self.shift, train.targets))


def test_another_folder_of_data_is_another_run(job, tmp_path):
    recipe = replace(job.recipe, data=Digits(shift=0.1))
    one, other = (replace(job, recipe=recipe, data=data) for data in (None, tmp_path))
    train(one)
    assert one.settings == other.settings
    assert finished(one) is not None
    assert finished(other) is None


def test_a_run_does_not_go_on_with_other_data(job, tmp_path):
    def stop(progress):
        if progress.epoch >= 1:
            raise Interrupted

    job = replace(job, recipe=replace(job.recipe, data=Digits(shift=0.1)))
    with pytest.raises(Interrupted):
        train(job, stop)
    seen = []
    train(replace(job, data=tmp_path), lambda progress: seen.append(progress.epoch))
    assert min(seen) <= 1


def split(n, start=0.0):
    features = start + torch.arange(n * 2.0).view(n, 2)
    return Split(features, {"label": torch.zeros(n, dtype=torch.bool), "a": torch.ones(n, 1)})


def test_digests():
    whole = Splits(split(100), split(10), split(0))
    found = digest(whole)
    assert found == digest(Splits(split(100), split(10), split(0)))
    assert found["train"].startswith("100, ") and found["test"] == "0, empty"
    for changed in (
        replace(whole, train=split(99)),
        replace(whole, train=split(100, start=1.0)),
        replace(whole, train=Split(whole.train.features.double(), whole.train.targets)),
        replace(whole, val=Split(whole.val.features, {"b": torch.zeros(10)})),
        replace(
            whole, val=Split(whole.val.features, {**whole.val.targets, "a": torch.zeros(10, 1)})
        ),
    ):
        assert digest(changed) != found


def test_everything_that_changes_figures_is_in_the_settings(make_job, digits, tmp_path):
    base = make_job(recipe=digits)
    table = tmp_path / "cost.csv"
    table.write_text("1,2\n")
    pose = RECIPES["pose"]
    pose_job = make_job("pckh", recipe=pose)
    jobs = [
        base,
        *(
            replace(base, recipe=replace(digits, **{name: value}))
            for name, value in {
                "epochs": 6,
                "batch_size": 32,
                "examples": 100,
                "selection": "best",
                "patience": 3,
                "clip": 1.0,
                "threads": 2,
                "headline": "other",
                "data": Digits(),
                "inputs": pose.inputs,
                "network": pose.network,
                "schedule": Schedule(warmup_epochs=1),
                "optimiser": replace(digits.optimiser, momentum=0.5),
                "augment": pose.augment,
            }.items()
        ),
        replace(base, recipe=with_constants(digits, {"cost": table})),
        pose_job,
        replace(pose_job, recipe=replace(pose, inputs=replace(pose.inputs, sigma=3.0))),
        replace(pose_job, recipe=replace(pose, data=replace(pose.data, margin=1.2))),
        replace(pose_job, recipe=replace(pose, augment=replace(pose.augment, tint=0.0))),
        make_job("accuracy"),
        replace(base, choice=resolve("cross_entropy(lr=1)", digits)),
    ]
    texts = [json.dumps(job.settings) for job in jobs]
    assert len(set(texts)) == len(jobs)
    assert not any(" at 0x" in text for text in texts)  # the same in another process
    assert all(json.loads(text) == job.settings for text, job in zip(texts, jobs, strict=True))


def test_parts_have_names():
    assert named(None) is None
    assert named(RECIPES["digits"].inputs) == "inputs"
    assert named(Digits(0.5)) == "Digits(shift=0.5)"

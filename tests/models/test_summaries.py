"""Recipes whose headline is an error, and those whose metrics read summaries of the outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from lossc.models.errors import TrainingError
from lossc.models.evaluate import SUMMARY_BATCH, evaluate
from lossc.models.figure import save_curves
from lossc.models.metrics import accuracy
from lossc.models.table import rows
from lossc.models.trainer import train


def error_rate(inputs: Mapping[str, Tensor]) -> float:
    return 1 - accuracy(inputs)


def winners(output: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
    assert len(output) <= SUMMARY_BATCH
    assert not output.requires_grad
    return {"winner": output.argmax(dim=1), "label": targets["label"]}


def share_of_winners(seen: Mapping[str, Tensor]) -> float:
    return float((seen["winner"] == seen["label"]).float().mean())


def test_the_best_epoch_is_that_of_the_smallest_error(make_job, digits):
    recipe = replace(
        digits,
        metrics={"error": error_rate},
        headline="error",
        headline_smaller=True,
        selection="best",
    )
    run = train(make_job("cross_entropy(lr=0.6)", recipe=recipe))
    errors = [entry["val_error"] for entry in run.history]
    assert run.epoch == errors.index(min(errors)) + 1
    assert run.validation["error"] == pytest.approx(min(errors))
    path = run.job.folder / "curves.png"
    assert save_curves(recipe, rows([run]), path) == path


def test_summaries_give_the_figures_of_whole_outputs(make_job, digits):
    whole = train(make_job(recipe=replace(digits, epochs=2)))
    metrics = {"accuracy": share_of_winners}
    recipe = replace(digits, epochs=2, summary=winners, metrics=metrics, watched={})
    summed = train(make_job(recipe=recipe, folder="summed"))
    assert summed.test == pytest.approx(whole.test)
    for one, other in zip(summed.history, whole.history, strict=True):
        for key in ("train_accuracy", "val_accuracy"):
            assert one[key] == pytest.approx(other[key])


def test_a_summary_of_nothing_finite(digits):
    recipe = replace(digits, summary=winners, metrics={"accuracy": share_of_winners})
    network = recipe.network()
    torch.nn.init.constant_(network[0].weight, torch.inf)
    with pytest.raises(TrainingError, match="not finite"):
        evaluate(network, recipe.data(None).val, recipe)

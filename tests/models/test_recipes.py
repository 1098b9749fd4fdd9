from __future__ import annotations

import pickle
from dataclasses import replace

import pytest
import torch

from lossc.models.errors import TaskError
from lossc.models.losses import resolve
from lossc.models.recipe import Optimiser, Quick, Schedule
from lossc.models.recipes import RECIPES, find_recipe


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_holds_together(name):
    recipe = RECIPES[name]
    assert recipe.name == name
    assert recipe.headline in recipe.metrics
    assert recipe.quick.epochs < recipe.epochs
    assert pickle.loads(pickle.dumps(recipe)) == recipe  # it travels to worker processes
    for loss in recipe.losses:
        assert set(resolve(loss, recipe).takes) <= set(recipe.provides)


def test_mnist_ap_is_that_of_the_paper():
    recipe = RECIPES["mnist-ap"]
    layers = (784 * 500 + 500) + (500 * 300 + 300) + (300 * 1 + 1)
    network = recipe.network()
    assert sum(parameter.numel() for parameter in network.parameters()) == layers == 543_101
    assert recipe.optimiser == Optimiser("sgd", learning_rate=0.01, momentum=0.5)
    assert (recipe.epochs, recipe.batch_size) == (30, 16)
    assert recipe.schedule == Schedule()
    assert recipe.losses == ("interpolated_average_precision", "bce")


def test_mnist_ap_gives_one_score_an_image():
    recipe = RECIPES["mnist-ap"]
    relevant = torch.tensor([True, False])
    inputs = recipe.inputs(recipe.network()(torch.zeros(2, 784)), {"relevant": relevant})
    assert inputs["score"].shape == (2,)
    assert inputs["relevant"] is relevant


def test_digits_are_split_by_class():
    splits = RECIPES["digits"].data(None)
    parts = (splits.train, splits.val, splits.test)
    assert [len(part) for part in parts] == [1077, 360, 360]
    for part in parts:
        share = part.targets["label"].bincount(minlength=10) / len(part)
        assert (share - 0.1).abs().max() < 0.01
    rows = {tuple(row) for part in parts for row in part.features.tolist()}
    assert len(rows) == 1797  # all images are distinct, so the parts do not overlap
    assert splits.train.features.min() == 0
    assert splits.train.features.max() == 1


def test_the_quick_variant_is_the_same_task():
    recipe = RECIPES["mnist-ap"]
    short = recipe.shortened()
    assert Quick(short.epochs, short.examples, embedded=recipe.quick.embedded) == recipe.quick
    assert short.network is recipe.network


def test_a_step_schedule():
    weight = torch.nn.Parameter(torch.zeros(1))
    optimiser = Optimiser("sgd", 0.1, momentum=0.9, weight_decay=1e-4).build([weight], 0.8)
    schedule = Schedule(milestones=(1, 3), factor=0.5).build(optimiser)
    rates = []
    for _ in range(4):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()
    assert rates == [0.8, 0.8 * 0.5, 0.8 * 0.5, 0.8 * 0.5 * 0.5]
    assert optimiser.param_groups[0]["momentum"] == 0.9
    assert optimiser.param_groups[0]["weight_decay"] == 1e-4


def test_a_schedule_with_a_factor_for_each_milestone():
    weight = torch.nn.Parameter(torch.zeros(1))
    optimiser = Optimiser("rmsprop", 1.0).build([weight], 2.0)
    schedule = Schedule(milestones=(1, 3), factors=(0.5, 0.2)).build(optimiser)
    rates = []
    for _ in range(4):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()
    assert rates == pytest.approx([2.0, 2.0 * 0.5, 2.0 * 0.5, 2.0 * 0.5 * 0.2])


@pytest.mark.parametrize(
    ("kind", "expected"), [("adam", torch.optim.Adam), ("rmsprop", torch.optim.RMSprop)]
)
def test_update_rules(kind, expected):
    weight = torch.nn.Parameter(torch.zeros(1))
    assert isinstance(Optimiser(kind, 1e-3).build([weight], 1e-3), expected)


def test_an_unknown_task_names_the_nearest():
    with pytest.raises(TaskError, match=r"unknown task 'mnist_app'[\s\S]*did you mean 'mnist-ap'"):
        find_recipe("mnist_app")


def test_rates_belong_to_rules():
    rule = "accuracy(interpolation=idw(gradient=published), squash=sigmoid)"
    recipe = replace(RECIPES["digits"], learning_rates={"accuracy": 0.5, rule: 2.0})
    spaced = "accuracy(squash = sigmoid, interpolation = idw(gradient = published), seed = 3)"
    assert recipe.learning_rate(resolve(spaced, recipe).rule) == 2.0
    assert recipe.learning_rate(resolve("accuracy(squash=sigmoid)", recipe).rule) == 0.5
    assert recipe.learning_rate("cross_entropy") == recipe.optimiser.learning_rate
    defaults = {"squash": "sigmoid", "interpolation": "idw(gradient=published)"}
    assert resolve("accuracy", recipe, defaults).rule == rule

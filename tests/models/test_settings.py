from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from lossc.models.errors import TaskError
from lossc.models.recipe import Optimiser, Schedule
from lossc.models.recipes import RECIPES
from lossc.models.recipes.pose import PoseInputs, PoseNetwork
from lossc.models.settings import setting_names, setting_values, with_settings

DIGITS, POSE = RECIPES["digits"], RECIPES["pose"]


def test_values_go_where_their_names_lead():
    made = with_settings(
        POSE,
        {
            "network.stacks": 2,
            "inputs.sigma": 3,
            "data": {"side": 64},
            "schedule.milestones": [5, 9],
            "epochs": 12,
            "examples": 100,
            "selection": "best",
        },
    )
    assert made == replace(
        POSE,
        network=PoseNetwork(stacks=2, width=32, depth=3),
        inputs=PoseInputs(sigma=3.0),
        data=replace(POSE.data, side=64),
        schedule=Schedule(milestones=(5, 9), factor=0.2),
        epochs=12,
        examples=100,
        selection="best",
    )


def test_nothing_is_changed_in_place_and_nothing_set_is_nothing_changed():
    before = Optimiser("sgd", learning_rate=0.15, momentum=0.9)
    made = with_settings(DIGITS, {"optimiser": {"momentum": 0.8}})
    assert (DIGITS.optimiser, made.optimiser) == (before, replace(before, momentum=0.8))
    assert with_settings(DIGITS, {}) == DIGITS


def test_widths_of_small_networks():
    made = with_settings(DIGITS, {"network.hidden": [32]})
    sizes = [tuple(p.shape) for p in made.network().parameters()]
    assert sizes == [(32, 64), (32,), (10, 32), (10,)]


def test_what_belongs_together_is_checked_together():
    made = with_settings(POSE, {"schedule.milestones": [1, 2, 3], "schedule.factors": [1, 2, 3]})
    assert made.schedule == Schedule((1, 2, 3), 0.2, (1.0, 2.0, 3.0))


def test_a_rate_is_the_rate_of_every_loss():
    rule = "accuracy(interpolation=idw)"
    assert DIGITS.learning_rate(rule) == 0.3
    same = with_settings(DIGITS, {"optimiser.learning_rate": DIGITS.optimiser.learning_rate})
    assert same.learning_rate(rule) == same.learning_rate("cross_entropy") == 0.15


def test_an_augmentation_is_turned_off():
    assert with_settings(RECIPES["cifar10"], {"augment": None}).augment is None
    assert with_settings(POSE, {"augment": None}).augment is None


def test_building_a_network_to_see_draws_nothing():
    before = torch.random.get_rng_state()
    with_settings(DIGITS, {"network.hidden": [32]})
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("task", RECIPES)
def test_every_value_can_be_set_to_itself(task):
    recipe = RECIPES[task]
    values = setting_values(recipe)
    assert {"epochs", "batch_size", "optimiser.momentum", "schedule.factor"} <= set(values)
    assert with_settings(recipe, values) == replace(recipe, learning_rates={})


def test_what_is_of_the_data_or_the_task_cannot_be_set():
    fixed = {"name", "doc", "metrics", "provides", "losses", "quick", "headline"}
    for recipe in RECIPES.values():
        assert not fixed & {name.partition(".")[0] for name in setting_names(recipe)}
    assert "network.classes" not in setting_names(RECIPES["cifar10"])


@pytest.mark.parametrize(
    ("task", "settings", "expected"),
    [
        ("digits", {"epoch": 3}, r"'epoch': task 'digits' has no such.*\n.*\n.*mean 'epochs'"),
        (
            "digits",
            {"optimiser.momentun": 1},
            r"one of: optimiser\.kind, optimiser\.learning_rate, optimiser\.momentum, "
            r"optimiser\.weight_decay\n  hint: did you mean 'optimiser\.momentum'",
        ),
        ("digits", {"metrics.x": 1}, "'metrics.x': task 'digits' has no such setting"),
        ("digits", {"epochs": "three"}, "'epochs': \"three\" should be a valid integer"),
        ("digits", {"epochs": True}, "'epochs': true should be a valid integer"),
        ("digits", {"epochs": 0}, "'epochs': 0 should be greater than 0"),
        ("digits", {"epochs": 2.5}, "'epochs': 2.5 should be a valid integer"),
        ("digits", {"optimiser.momentum": float("nan")}, "momentum': NaN should be a finite"),
        ("digits", {"optimiser.kind": "lbfgs"}, "'sgd', 'adam' or 'rmsprop'"),
        ("digits", {"selection": None}, "'selection': null should be 'last' or 'best'"),
        ("digits", {"schedule.milestones": 3}, "'schedule.milestones': 3 should be a valid"),
        ("digits", {"schedule.milestones": [3, 1]}, r"milestones rise, unlike \[3, 1\]"),
        ("digits", {"schedule.factors": [0.1, 0.1]}, "2 factors for 1 milestones"),
        ("digits", {"data.side": 3}, "'data' of task 'digits' has no settings"),
        ("digits", {"augment.side": 3}, "'augment' of task 'digits' has no settings"),
        ("digits", {"epochs.x": 3}, "'epochs' is a single value"),
        ("digits", {"optimiser": 3}, r"'optimiser': it has parts\n  expected: .*momentum"),
        ("digits", {"optimiser": None}, "'optimiser': it has parts"),
        ("digits", {"epochs": 3, "epochs.x": 3}, "'epochs' is set as a whole, too"),
        ("digits", {"epochs.x": 3, "epochs": 3}, "parts of it are set, too"),
        ("digits", {"epochs": torch.zeros(1)}, "no plain value"),
        ("pose", {"network.width": 33}, "'network.width': .*a multiple of 8"),
        ("cifar10", {"network.depth": 21}, r"'network.depth': .*6 k \+ 2"),
        ("pose3d", {"network.start": "nowhere.pt"}, "'network.start': .*nowhere.pt"),
    ],
)
def test_what_cannot_be(task, settings, expected):
    with pytest.raises(TaskError, match=expected):
        with_settings(RECIPES[task], settings)


def test_the_place_is_named():
    with pytest.raises(TaskError, match=r"^my\.yaml:3:1: setting 'epochs': 0 should"):
        with_settings(DIGITS, {"epochs": 0}, {"epochs": "my.yaml:3:1"})


def test_the_joints_of_a_pose_task():
    names = ["head_top", "neck"]
    settings = {"inputs.joints": names, "summary.joints": names, "network.maps": 2}
    recipe = with_settings(RECIPES["pose-head"], settings)
    assert recipe.inputs.joints == recipe.summary.joints == tuple(names)
    with pytest.raises(TaskError, match=r"inputs.joints.*head_to"):
        with_settings(recipe, {"inputs.joints": ["head_to"]})

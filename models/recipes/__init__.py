"""The table of bundled tasks."""

from __future__ import annotations

from lossc.grammar.errors import closest
from lossc.models.errors import TaskError
from lossc.models.recipe import Recipe
from lossc.models.recipes import (
    cifar10,
    cifar10_anchor,
    cifar100,
    cifar100_anchor,
    digits,
    imagenet,
    mnist_ap,
    pose,
    pose3d,
    pose_anchor,
    pose_anchor_8,
    pose_head,
    pose_uniloss,
)

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        digits.RECIPE,
        mnist_ap.RECIPE,
        cifar10.RECIPE,
        cifar10_anchor.RECIPE,
        cifar100.RECIPE,
        cifar100_anchor.RECIPE,
        imagenet.RECIPE,
        pose.RECIPE,
        pose3d.RECIPE,
        pose_uniloss.RECIPE,
        pose_head.RECIPE,
        pose_anchor.RECIPE,
        pose_anchor_8.RECIPE,
    )
}


def find_recipe(task: str) -> Recipe:
    """The recipe of a task.

    Raises:
        TaskError: No task has that name.
    """
    if task in RECIPES:
        return RECIPES[task]
    near = closest(task.replace("_", "-"), RECIPES)
    hint = f"\n  hint: {near}" if near else ""
    raise TaskError(f"unknown task '{task}'\n  expected: one of: {', '.join(RECIPES)}{hint}")

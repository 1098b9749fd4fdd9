"""A generated loss under validation: what it was last called with, should it break down."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

from torch import Tensor

_OF_A_BATCH = ("metric", "refactored", "comparisons", "prepare")


class Watched:
    """A generated loss that keeps the batch that it was last called with."""

    def __init__(self, loss: object):
        vars(self).update(loss=loss, batch=())

    def __getattr__(self, name: str) -> Any:
        value = getattr(vars(self)["loss"], name)
        return functools.partial(self._call, value) if name in _OF_A_BATCH else value

    def __setattr__(self, name: str, value: object) -> None:
        setattr(vars(self)["loss"], name, value)

    def __call__(self, *inputs: Tensor) -> Any:
        return self._call(vars(self)["loss"], *inputs)

    def _call(self, method: Callable[..., Any], *inputs: Tensor) -> Any:
        vars(self)["batch"] = inputs
        return method(*inputs)

    def shown(self, names: Iterable[str]) -> str:
        """The batch, one input a line."""
        batch = zip(names, vars(self)["batch"], strict=False)
        return "\n".join(["\non this batch:", *(f"    {k} = {v.tolist()}" for k, v in batch)])

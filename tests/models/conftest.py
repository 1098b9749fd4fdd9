from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lossc.models.losses import resolve
from lossc.models.recipe import Recipe
from lossc.models.recipes import RECIPES
from lossc.models.run import Job

MakeJob = Callable[..., Job]


def idx_bytes(array: np.ndarray) -> bytes:
    """``array`` in the IDX format, written out here independently of the reader."""
    header = bytes([0, 0, 8, array.ndim]) + b"".join(struct.pack(">I", n) for n in array.shape)
    return header + array.astype(np.uint8).tobytes()


@pytest.fixture
def write_idx() -> Callable[[Path, np.ndarray], Path]:
    def write(path: Path, array: np.ndarray) -> Path:
        content = idx_bytes(array)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
        return path

    return write


@pytest.fixture
def digits() -> Recipe:
    """The digits task, five epochs."""
    return replace(RECIPES["digits"], epochs=5)


@pytest.fixture
def make_job(digits: Recipe, tmp_path: Path) -> MakeJob:
    def make(
        loss: str = "cross_entropy",
        seed: int = 0,
        recipe: Recipe = digits,
        folder: str = "run",
        **changes: object,
    ) -> Job:
        choice = resolve(loss, recipe)
        rate = choice.learning_rate or recipe.learning_rate(choice.rule)
        job = Job(recipe, choice, seed, rate, tmp_path / folder)
        return replace(job, **changes)  # type: ignore[arg-type]

    return make

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from lossc.models.losses import resolve
from lossc.models.recipe import Recipe
from lossc.models.recipes import RECIPES
from lossc.models.reproduce.experiment import Case, Claim, Comparison, Curves, Setting
from lossc.models.reproduce.report import Column
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


def cifar_bytes(value: object) -> bytes:
    """The opcodes by which Python 2 pickled CIFAR: protocol 2, short strings, arrays by numpy."""
    if isinstance(value, dict):
        return b"}(" + b"".join(cifar_bytes(part) for pair in value.items() for part in pair) + b"u"
    if isinstance(value, list):
        return b"](" + b"".join(map(cifar_bytes, value)) + b"e"
    if isinstance(value, str):
        return b"U" + bytes([len(value)]) + value.encode()
    if isinstance(value, bytes):
        return b"T" + struct.pack("<I", len(value)) + value
    if isinstance(value, int):
        return b"J" + struct.pack("<i", value)
    assert isinstance(value, np.ndarray)
    kind = b"cnumpy\ndtype\nU\x02" + value.dtype.str[1:].encode() + b"K\x00K\x01\x87R"
    kind += b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    shape = b"(" + b"".join(map(cifar_bytes, value.shape)) + b"t"
    made = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
    return made + b"(K\x01" + shape + kind + b"\x89" + cifar_bytes(value.tobytes()) + b"tb"


def cifar_pickle(**entries: object) -> bytes:
    """A file of the "python version"; names of entries as in the original."""
    return b"\x80\x02" + cifar_bytes(entries) + b"."


@pytest.fixture
def pickled() -> Callable[..., bytes]:
    return cifar_pickle


@pytest.fixture
def write_cifar() -> Callable[..., Path]:
    """Writes a small set that can be learned: a class is a colour, red first, of five shades."""

    def write(folder: Path, classes: int = 10, train: int = 200, test: int = 40) -> Path:
        draw = np.random.default_rng(0)
        names = [f"data_batch_{number}" for number in range(1, 6)] if classes == 10 else ["train"]
        key = "labels" if classes == 10 else "fine_labels"
        below = folder / ("cifar-10-batches-py" if classes == 10 else "cifar-100-python")
        below.mkdir(parents=True)
        sizes = [train // len(names)] * len(names) + [test]
        names.append("test_batch" if classes == 10 else "test")
        for name, size in zip(names, sizes, strict=True):
            labels = np.arange(size) % classes
            shades = labels[:, None] // np.array([1, 5, 25]) % 5
            images = draw.integers(0, 40, (size, 3, 32, 32)) + 50 * shades[:, :, None, None]
            data = images.astype(np.uint8).reshape(size, 3072)
            more = {"coarse_labels": [0] * size} if classes == 100 else {}
            entries = {"batch_label": name, "data": data, key: labels.tolist(), **more}
            (below / name).write_bytes(cifar_pickle(**entries))
        return below

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


Spots = Callable[[int, int], tuple[torch.Tensor, dict[str, torch.Tensor]]]


@pytest.fixture
def spots() -> Spots:
    """Images with a channel for each of 16 joints that is bright around it, and the joints."""

    def make(count: int, side: int) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        joint = 0.25 + 0.5 * torch.rand(count, 16, 2)
        pixel = (torch.arange(side) + 0.5) / side
        dx = pixel - joint[..., 0, None, None]
        dy = pixel[:, None] - joint[..., 1, None, None]
        maps = torch.exp(-(dx.square() + dy.square()) / (2 * (1.5 / side) ** 2))
        targets = {
            "joint": joint,
            "visible": torch.ones(count, 16, dtype=torch.bool),
            "head": torch.full((count,), 0.1),
            "torso": torch.full((count,), 0.2),
        }
        return maps, targets

    return make


@pytest.fixture
def tiny_table():
    """Two losses on digits, two epochs."""
    return Comparison(
        name="tiny-table",
        title="two losses",
        source="Nobody, table 0",
        setup="ten million digits",
        columns=(Column("accuracy, %", "accuracy"),),
        cases=(
            Case("CE", "digits", "cross_entropy", {"accuracy, %": "99.99"}),
            Case("CE, hardly trained", "digits", "cross_entropy(lr=0.000001)"),
        ),
        claims=(Claim("training helps", "CE", "CE, hardly trained", "accuracy, %"),),
        curves=Curves(("val_accuracy", "loss")),
    )


@pytest.fixture
def quick_setting(tmp_path):
    return Setting(quick=True, out=tmp_path, settings={"epochs": 2}, workers=1)

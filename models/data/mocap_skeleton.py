"""Acclaim's skeleton files (.asf): the bones of a person."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from lossc.models.errors import DataError

INCH = 25.4  # mm; a unit of length of these files is an inch over the skeleton's `length`


@dataclass(frozen=True)
class Bone:
    """A rigid piece of the skeleton.

    Args:
        name: As the recordings name it.
        parent: The bone at whose end it starts; ``None`` for the root.
        offset: ``float64[3]``, from its start to its end in the rest pose, mm.
        axis: ``float64[3, 3]``, from its own coordinates to the world's in the rest pose.
        freedom: Which angles a recording has of it, in order: ``rx``, ``ry``, ``rz``; for the root
            also ``tx``, ``ty``, ``tz``.
    """

    name: str
    parent: str | None
    offset: Tensor
    axis: Tensor
    freedom: tuple[str, ...]


@dataclass(frozen=True)
class Skeleton:
    """The bones, parents before children, and what a length of 1 is in mm."""

    path: Path
    bones: tuple[Bone, ...]
    unit: float


def rotation(degrees: Tensor) -> Tensor:
    """Turns around x, then y, then z, which stay where they are: ``[..., 3] -> [..., 3, 3]``."""
    (sx, sy, sz), (cx, cy, cz) = (
        function(torch.deg2rad(degrees)).unbind(-1) for function in (torch.sin, torch.cos)
    )
    rows = [
        *(cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx),
        *(sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx),
        *(-sy, cy * sx, cy * cx),
    ]
    return torch.stack(rows, dim=-1).reshape(*degrees.shape[:-1], 3, 3)


def read_asf(path: Path) -> Skeleton:
    """A skeleton.

    Raises:
        DataError: The file cannot be read or is damaged; says the line.
    """
    sections: dict[str, list[tuple[int, list[str]]]] = {}
    current: list[tuple[int, list[str]]] = []
    for number, words in lines_of(path):
        if words[0].startswith(":"):
            current = sections.setdefault(words[0][1:], [])
            words = words[1:]
        if words:
            current.append((number, words))
    missing = [name for name in ("units", "root", "bonedata", "hierarchy") if name not in sections]
    if missing:
        raise DataError(f"{path}: no section :{missing[0]}; not a whole skeleton file")
    units = {words[0]: words[1:] for _, words in sections["units"]}
    root = {words[0]: words[1:] for _, words in sections["root"]}
    if units.get("angle") != ["deg"] or units.get("length") is None:
        raise DataError(f"{path}: section :units: expected a length, and angles in deg")
    unit = INCH / numbers_in(path, 0, units["length"], 1)[0]
    order = tuple(word.lower() for word in root.get("order", []))
    if sorted(order) != ["rx", "ry", "rz", "tx", "ty", "tz"] or root.get("axis") != ["XYZ"]:
        raise DataError(f"{path}: section :root: expected an order of six and axis XYZ")
    zero = torch.zeros(3, dtype=torch.float64)
    bones = {"root": Bone("root", None, zero, rotation(zero), order)}
    parents = _parents(path, sections["hierarchy"])
    for bone in _bones(path, sections["bonedata"], unit):
        if bone.name not in parents:
            raise DataError(f"{path}: bone '{bone.name}' is not in the hierarchy")
        bones[bone.name] = Bone(bone.name, parents[bone.name], bone.offset, bone.axis, bone.freedom)
    ordered = [bones["root"]]
    for name, parent in parents.items():  # the hierarchy lists parents first
        if name not in bones or parent not in {bone.name for bone in ordered}:
            raise DataError(f"{path}: hierarchy: '{name}' or its parent '{parent}' is no bone yet")
        ordered.append(bones[name])
    return Skeleton(path, tuple(ordered), unit)


def _parents(path: Path, lines: list[tuple[int, list[str]]]) -> dict[str, str]:
    return {
        child: words[0]
        for _, words in lines
        if words[0] not in ("begin", "end")
        for child in words[1:]
    }


def _bones(path: Path, lines: list[tuple[int, list[str]]], unit: float) -> Iterator[Bone]:
    fields: dict[str, tuple[int, list[str]]] = {}
    for number, words in lines:
        if words[0] == "begin":
            fields = {}
        elif words[0] == "end":
            try:
                direction = numbers_in(path, *fields["direction"], 3)
                length = numbers_in(path, *fields["length"], 1)[0]
                line, words = fields["axis"]
                axis, order = numbers_in(path, line, words[:3], 3), words[3]
                name = fields["name"][1][0]
            except (KeyError, IndexError):
                raise DataError(
                    f"{path}:{number}: a bone needs name, direction, length and axis"
                ) from None
            if order != "XYZ":
                raise DataError(f"{path}:{line}: bone '{name}': axis XYZ expected, not {order}")
            offset = torch.tensor(direction, dtype=torch.float64) * length * unit
            turned = rotation(torch.tensor(axis, dtype=torch.float64))
            yield Bone(name, None, offset, turned, tuple(fields.get("dof", (0, []))[1]))
        elif not words[0].startswith("("):  # a further line of limits
            fields[words[0]] = number, words[1:]


def lines_of(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Numbers and words of the lines that say something, comments left out.

    Raises:
        DataError: The file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if words and not line.lstrip().startswith("#"):
            yield number, words


def numbers_in(path: Path, line: int, words: Sequence[str], count: int) -> list[float]:
    """So many finite numbers.

    Raises:
        DataError: The words are others; says the line, where there is one (not 0).
    """
    try:
        values = [float(word) for word in words]
    except ValueError:
        values = []
    if len(values) != count or not all(math.isfinite(value) for value in values):
        where = f"{path}:{line}" if line else f"{path}"
        raise DataError(f"{where}: expected {count} numbers, found '{' '.join(words)}'")
    return values

"""What `flips = row` and `flips = column` mean for a family: all comparisons of one item.

The row of a pair is all comparisons of its item on the outer side (whose index comes first), its
column all those of the item on the other side. Where one item is compared with several that
belong to it alone (the label's score with each other class), there are rows but no columns. A
comparison with a fixed number is a row by itself. A family that stores each pair of items once has
the same items on both sides: rows that are all pairs of an item, and no columns.
"""

from __future__ import annotations

from lossc.compiler.ir.node import Index
from lossc.compiler.ir.text import text
from lossc.compiler.refactor.rows import RowFamily
from lossc.grammar.errors import Diagnostic, SpecError


def lines_of_families(families: tuple[RowFamily, ...], flips: str) -> tuple[tuple[int, ...], ...]:
    """``line_axes`` of each family; nothing where no lines are flipped.

    Raises:
        SpecError: A family has no columns (L028).
    """
    if flips not in ("row", "column"):
        return ()
    return tuple(line_axes(row, flips) for row in families)


def line_axes(row: RowFamily, flips: str) -> tuple[int, ...]:
    """The axes of the stored comparisons along which a row, or a column, runs.

    Args:
        row: The family.
        flips: ``row`` or ``column``.

    Raises:
        SpecError: The family has no columns (L028).
    """
    inner, outer = _free(row, _inner_side(row)), _free(row, _outer_side(row))
    if flips == "row":
        alone = not outer and not _live(row, _outer_side(row))
        return () if alone else _places(row, inner)
    if row.family.mirrored is not None or not outer or not inner:
        what = text(row.family.binary)
        raise SpecError(
            Diagnostic(
                row.family.binary.span,
                "bad-option",
                f"idw(flips = column): no two comparisons of {what} share an item "
                "on the other side than that of their row",
                hint="`flips = row` and `flips = share` go with every metric",
            )
        )
    return _places(row, outer)


def line_side(row: RowFamily, flips: str) -> str:
    """Whose item numbers the lines of a family of pairs: the ``left`` or the ``right`` one's."""
    return _outer_side(row) if flips == "row" else _inner_side(row)


def _free(row: RowFamily, side: str) -> tuple[Index, ...]:
    """The axes that number the items of one side alone."""
    left, right = row.family.left.indices, row.family.right.indices
    ours, theirs = (left, right) if side == "left" else (right, left)
    return tuple(axis for axis in row.axes if axis in ours and axis not in theirs)


def _outer_side(row: RowFamily) -> str:
    """The side whose own axes come first; one without any comes before the other."""
    first = {side: _places(row, _free(row, side)) for side in ("left", "right")}
    return "left" if first["left"] <= first["right"] else "right"


def _inner_side(row: RowFamily) -> str:
    return "right" if _outer_side(row) == "left" else "left"


def _live(row: RowFamily, side: str) -> bool:
    return (row.family.left if side == "left" else row.family.right).live


def _places(row: RowFamily, axes: tuple[Index, ...]) -> tuple[int, ...]:
    return tuple(place for place, axis in enumerate(row.axes) if axis in axes)

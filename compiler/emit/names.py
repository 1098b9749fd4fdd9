"""Identifiers of generated code: the spec's own names wherever Python and torch leave them free."""

from __future__ import annotations

import builtins
import keyword
import re

from torch import nn

from lossc.compiler.choices import COMPILE_TIME, OPTIONS
from lossc.compiler.emit.runtime_source import runtime_names

_IMPORTED = (
    *("annotations", "checkpoint", "functional", "math", "nn", "torch"),
    *("Any", "Callable", "NamedTuple", "Protocol", "Sequence", "Tensor"),
)
_METHODS = (
    *("forward", "metric", "defined", "refactored", "comparisons", "evaluate_binaries"),
    *("families", "ideal", "best", "tied", "items", "metric_of_rows", "prepare", "pairs"),
    *("relaxed_metric", "expected", "outcome", "of_pairs", "of_families"),
    *("set_epoch", "follow", "set_step", "follow_step", "measured", "terms", "figures"),
)
# what the methods call their own variables, and what a loss keeps besides its params and options
_LOCALS = (
    "self",
    "cls",
    "sizes",
    "counts",
    "rows",
    "binaries",
    "value",
    "values",
    "weights",
    "free",
    "dtype",
    "device",
)
_ATTRIBUTES = (
    *("seed", "step", "validate", "goal", "_lossc"),
    *("epoch", "told", "warming", "first", "shared", "reported", "steps", "told_step"),
)

RESERVED: frozenset[str] = frozenset(
    {
        *keyword.kwlist,
        *keyword.softkwlist,
        *dir(builtins),
        *dir(nn.Module),
        *vars(nn.Module()),
        *runtime_names(),
        *OPTIONS,
        *COMPILE_TIME,
        *_IMPORTED,
        *_METHODS,
        *_LOCALS,
        *_ATTRIBUTES,
    }
)
_WINS = re.compile(r"(?:wins|losses)\d+")  # the counts of each family
_IDEAL = "ideal_"  # begins the ideal scores of an input


def identifier(name: str, taken: set[str] | frozenset[str] = frozenset()) -> str:
    """A valid identifier for ``name``: itself, or with underscores appended.

    >>> [identifier(name) for name in ("scores", "class", "_", "__x", "2d", "wins1", "ideal_score")]
    ['scores', 'class_', 'blank', 'x_', '_2d', 'wins1_', 'own_ideal_score']
    """
    fresh = re.sub(r"\W", "_", name)
    if not fresh.strip("_"):
        fresh = "blank"
    elif fresh.startswith("__"):  # Python renames those inside a class
        fresh = fresh.lstrip("_") + "_"
    if fresh[0].isdigit():
        fresh = "_" + fresh
    if fresh.startswith(_IDEAL):
        fresh = "own_" + fresh
    while fresh in RESERVED or fresh in taken or _WINS.fullmatch(fresh):
        fresh += "_"
    return fresh


def class_name(name: str) -> str:
    """``average_precision`` -> ``AveragePrecision``."""
    camel = "".join(part[:1].upper() + part[1:] for part in re.split(r"[\W_]+", name) if part)
    return identifier(camel if camel and not camel[0].isdigit() else f"Loss{camel}")

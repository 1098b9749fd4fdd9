"""Identifiers of generated code: the spec's own names wherever Python and torch leave them free."""

from __future__ import annotations

import builtins
import keyword
import re

RESERVED = frozenset(
    {
        *keyword.kwlist,
        *keyword.softkwlist,
        *dir(builtins),
        "self",
        "cls",
        "torch",
        "nn",
        "functional",
        "Tensor",
    }
    | {
        "math",
        "annotations",
        "dtype",
        "device",
        "families",
        "rows",
        "seed",
        "step",
        "validate",
        "forward",
        "metric",
    }
    | {
        "training",
        "comparisons",
        "refactored",
        "parameters",
        "buffers",
        "modules",
        "to",
        "float",
        "double",
        "half",
    }
    | {"temperature", "good", "bad", "nearby", "power", "gradient", "squash", "goal"}
)


def identifier(name: str, taken: set[str] | frozenset[str] = frozenset()) -> str:
    """A valid identifier for ``name``: itself, or with underscores appended."""
    fresh = re.sub(r"\W", "_", name)
    if not fresh or fresh[0].isdigit():
        fresh = "_" + fresh
    while fresh in RESERVED or fresh in taken or fresh.startswith("__"):
        fresh = fresh.lstrip("_") + "_" if fresh.startswith("__") else fresh + "_"
    return fresh


def class_name(name: str) -> str:
    """``average_precision`` -> ``AveragePrecision``."""
    camel = "".join(part[:1].upper() + part[1:] for part in re.split(r"[\W_]+", name) if part)
    return identifier(camel if camel and not camel[0].isdigit() else f"Loss{camel}")

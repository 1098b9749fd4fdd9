"""Lightning's notes about itself, which say nothing to somebody who trains a bundled task."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from logging import WARNING, getLogger

#: The beginnings of warnings that are known and harmless, as regular expressions.
NOISE = (
    r"`isinstance\(treespec, LeafSpec\)` is deprecated",  # Lightning with torch >= 2.9
)


@contextmanager
def quiet() -> Iterator[None]:
    """Without Lightning's notes and the warnings in :data:`NOISE`; any other goes through."""
    logger = getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(WARNING)
    try:
        with warnings.catch_warnings():
            for message in NOISE:
                warnings.filterwarnings("ignore", message)
            yield
    finally:
        logger.setLevel(level)

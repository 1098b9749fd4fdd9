"""What is said while a run goes on: warnings of ours, and none of Lightning's notes."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from logging import WARNING, getLogger
from typing import Any

#: The beginnings of warnings that are known and harmless, as regular expressions.
NOISE = (
    r"`isinstance\(treespec, LeafSpec\)` is deprecated",  # Lightning with torch >= 2.9
    r"`broadcast_buffers` is deprecated",  # torch >= 2.13; its new name is unknown to older ones
    r"It is recommended to use `self\.log\(.*sync_dist=True",  # figures are those of all processes
)


@contextmanager
def quiet(altogether: bool = False) -> Iterator[None]:
    """Without Lightning's notes and the warnings in :data:`NOISE`; any other goes through.

    Args:
        altogether: Without any warning: another process gives the same.
    """
    logger = getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(WARNING)
    usual = warnings.formatwarning

    def plain(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> str:
        """A warning of ours as its text alone: the line that gave it helps nobody."""
        ours = category.__module__.startswith("lossc.")
        return f"warning: {message}\n" if ours else usual(message, category, *place, **more)

    warnings.formatwarning = plain
    try:
        with warnings.catch_warnings():
            for message in NOISE:
                warnings.filterwarnings("ignore", message)
            if altogether:
                warnings.simplefilter("ignore")
            yield
    finally:
        warnings.formatwarning = usual
        logger.setLevel(level)

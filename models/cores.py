"""How many processes may work at the same time."""

from __future__ import annotations

import os

from lossc.models.distributed import World


def available_cores() -> int:
    """The cores that this process may use; those that make a run together share them."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else (os.cpu_count() or 1)
    return max(cores // World.of(os.environ).local_size, 1)

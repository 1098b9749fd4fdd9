"""What the commands that train have in common: how they end, and without what they cannot start."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lossc.commands.guard import complain, fail

# What the extra `train` installs, by import name.
TRAIN_PACKAGES = frozenset(
    {"lightning", "torchmetrics", "sklearn", "scipy", "PIL", "matplotlib", "pooch", "tensorboard"}
)


@contextmanager
def training() -> Iterator[None]:
    """Word of an interrupt, and of a package that the extra ``train`` would have installed."""
    try:
        yield
    except KeyboardInterrupt:
        complain("interrupted: the same command goes on where the runs stopped")
        raise
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in TRAIN_PACKAGES:
            raise
        fail(f"training needs '{missing}', which is not installed: pip install 'lossc[train]'")

"""One seed, several independent streams of random numbers."""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """What the random numbers are for."""

    WEIGHTS = 0
    ORDER = 1
    EPOCH = 2
    AUGMENT = 3


def stream_seed(seed: int, stream: Stream, epoch: int = 0) -> int:
    """A seed for one purpose of one run, far from every other.

    It depends neither on the loss nor on what was drawn before: runs of different losses with the
    same seed start from the same weights and see the same batches, and a run that is continued
    after an epoch draws what it would have drawn without the interruption.

    >>> stream_seed(0, Stream.WEIGHTS) == stream_seed(0, Stream.WEIGHTS)
    True
    >>> stream_seed(0, Stream.ORDER, epoch=1) == stream_seed(1, Stream.ORDER, epoch=0)
    False

    Args:
        seed: The run's seed, not negative.
        stream: The purpose.
        epoch: 0-based, for what is drawn anew every epoch.

    Returns:
        An integer in [0, 2^63).
    """
    state = np.random.SeedSequence((seed, int(stream), epoch)).generate_state(1, np.uint64)
    return int(state[0]) >> 1

"""What an option or a param is in each epoch of a training."""

from __future__ import annotations

import math
from typing import Any


def linear_schedule(epoch: float, start: float, end: float, epochs: int, after: int) -> float:
    """A straight line from ``start`` to ``end``.

    Args:
        epoch: From 0; infinite for what is left once the schedule has run out.
        start: The value up to the epoch ``after``.
        end: The value from the epoch ``after + epochs`` on.
        epochs: How many epochs it takes.
        after: The epoch in which it begins.
    """
    done = min(max((epoch - after) / epochs, 0.0), 1.0)
    return end if done == 1 else start + (end - start) * done


def cosine_schedule(epoch: float, start: float, end: float, epochs: int, after: int) -> float:
    r"""Half a period of a cosine from ``start`` to ``end``: slow, fast, slow.

    .. math:: end + (start - end) (1 + \cos(\pi t)) / 2

    with t the share of ``epochs`` that has passed.

    Source: Loshchilov and Hutter 2017 (SGDR), eq. 5, without restarts.

    Args:
        epoch: From 0; infinite for what is left once the schedule has run out.
        start: The value up to the epoch ``after``.
        end: The value from the epoch ``after + epochs`` on.
        epochs: How many epochs it takes.
        after: The epoch in which it begins.
    """
    done = min(max((epoch - after) / epochs, 0.0), 1.0)
    return end if done == 1 else end + (start - end) * (1 + math.cos(math.pi * done)) / 2


def exponential_schedule(epoch: float, start: float, end: float, epochs: int, after: int) -> float:
    """The same factor every epoch, from ``start`` to ``end``; both are positive.

    Args:
        epoch: From 0; infinite for what is left once the schedule has run out.
        start: The value up to the epoch ``after``.
        end: The value from the epoch ``after + epochs`` on.
        epochs: How many epochs it takes.
        after: The epoch in which it begins.
    """
    done = min(max((epoch - after) / epochs, 0.0), 1.0)
    # quotients of numbers far apart overflow, quotients of their logarithms do not
    return end if done == 1 else math.exp((1 - done) * math.log(start) + done * math.log(end))


def piecewise_schedule(
    epoch: float, values: tuple[float, ...], milestones: tuple[int, ...]
) -> float:
    """One value after the other: the next from each milestone on.

    Args:
        epoch: From 0; infinite for what is left once the schedule has run out.
        values: One more than there are milestones.
        milestones: Epochs, each later than the one before.
    """
    return values[sum(epoch >= milestone for milestone in milestones)]


def follow_loaded_epoch(loss: Any, keys: object) -> None:
    """Brings a scheduled loss to the epoch of the state that was loaded into it."""
    loss.follow(int(loss.epoch))


def check_told(told: bool, training: bool) -> None:
    """Raises RuntimeError where a scheduled loss trains and was never told the epoch."""
    if training and not told:
        raise RuntimeError(
            "this loss changes from epoch to epoch and was never told one: call "
            "loss.set_epoch(epoch) at the start of each epoch, counted from 0"
        )


def follow_loaded_step(loss: Any, keys: object) -> None:
    """Brings a loss that goes by steps to the step of the state that was loaded into it."""
    loss.follow_step(int(loss.steps))


def check_told_step(told: bool, training: bool) -> None:
    """Raises RuntimeError where a loss that goes by steps trains and was never told the step."""
    if training and not told:
        raise RuntimeError(
            "this loss changes from step to step and was never told one: call "
            "loss.set_step(step) before each step of the optimiser, counted from 0"
        )

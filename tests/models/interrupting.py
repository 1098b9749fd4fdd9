"""Runs that are stopped on purpose, and whether two of them ended with the same weights."""

from __future__ import annotations

import torch

from lossc.models.run import RunFolder


class Interrupted(Exception):
    pass


def until(epoch):
    """What a trainer may be told of its progress: it is stopped after so many epochs."""

    def stop(progress):
        if progress.epoch >= epoch:
            raise Interrupted

    return stop


def weights(job):
    """The tested weights that a run left."""
    return torch.load(RunFolder(job.folder).weights, weights_only=True)


def same(one, other):
    """Whether weights are equal to the last bit."""
    return all(torch.equal(one[name], other[name]) for name in one)

"""What can go wrong for the user of a task, as errors with a plain text."""

from __future__ import annotations

from lossc.grammar.errors import LosscError


class TaskError(LosscError):
    """No such task, no such loss, or a loss that does not fit the task."""


class DataError(LosscError):
    """A data file is missing, damaged, or not what its name says."""


class MissingData(DataError):
    """A folder has nothing of what a task reads."""


class TrainingError(LosscError):
    """A run cannot go on: its loss is not finite, has no gradient, or refuses the batch."""

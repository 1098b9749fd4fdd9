"""What a bundled task is: data, network, schedule, and how a loss reads them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import torch
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor, nn

from lossc.models.data.split import AnySplits, Split, StreamedSplits
from lossc.models.fixed import FIXED
from lossc.models.update_rule import Optimiser, Schedule

__all__ = ["Embedded", "Optimiser", "Quick", "Recipe", "Schedule"]

#: A network's output and the batch's targets become the spec's inputs, by name.
Inputs = Callable[[Tensor, Mapping[str, Tensor]], dict[str, Tensor]]
#: What the metrics read of a batch: tensors with one row an example, by name.
Summary = Callable[[Tensor, Mapping[str, Tensor]], dict[str, Tensor]]
#: A figure of merit of all examples of a split, from the spec's inputs or the recipe's summary.
Measure = Callable[[Mapping[str, Tensor]], float]
#: Loads the three sets of a task, from a folder where they do not come with a package.
Data = Callable[[Path | None], AnySplits]
#: A batch as it is trained on, features and targets changed together. What it draws, it draws from
#: the generator, which is on the CPU: every device then sees the same changes.
Augment = Callable[[Split, torch.Generator], Split]
#: Draws examples, and their inputs of specs and what the metrics read of them, into a file.
Picture = Callable[[Split, Mapping[str, Tensor], Path], object]


@runtime_checkable
class FollowsClasses(Protocol):
    """Makes networks for data that says how many classes there are."""

    def __call__(self) -> nn.Module:
        """Fresh weights."""
        ...

    def for_classes(self, count: int) -> Callable[[], nn.Module]:
        """Makes the same network with a last layer for ``count`` classes."""
        ...


@dataclass(frozen=True)
class Embedded:
    """Data that needs no files, in the place of a task's own, and what suits it.

    Args:
        title: What it is, in a few words.
        data: Makes it; the folder is not used.
        epochs: Passes over its training split.
        examples: Train on the first so many only. ``None``: on all.
        network: ``None``: that of the short variant, and so for the others.
        schedule: Of the learning rate.
        optimiser: The update rule.
        learning_rates: By ``LossChoice.rule``, beside those of the short variant.
        batch_size: Examples of one step.
        augment: Changes every training batch.
        threads: CPU threads of one run.
    """

    title: str
    data: Data
    epochs: int
    examples: int | None = None
    network: Callable[[], nn.Module] | None = None
    schedule: Schedule | None = None
    optimiser: Optimiser | None = None
    learning_rates: Mapping[str, float] = field(default_factory=dict)
    batch_size: int | None = None
    augment: Augment | None = None
    threads: int | None = 1


@dataclass(frozen=True)
class Quick:
    """The short variant of a task.

    Args:
        epochs: Fewer of them.
        examples: Train on the first so many only. ``None``: on all.
        network: A smaller one. ``None``: the task's.
        schedule: One that fits the fewer epochs. ``None``: the task's.
        batch_size: Examples of one step. ``None``: the task's.
        augment: Changes every training batch. ``None``: as the task does.
        learning_rates: Those that other epochs or another network need, by ``LossChoice.rule``.
        embedded: Trained on where the user names no folder that has the task's data. ``None``: the
            task's data needs no files, or has such a thing itself.
    """

    epochs: int
    examples: int | None = None
    network: Callable[[], nn.Module] | None = None
    schedule: Schedule | None = None
    batch_size: PositiveInt | None = None
    augment: Augment | None = None
    learning_rates: Mapping[str, float] = field(default_factory=dict)
    embedded: Embedded | None = None


@dataclass(frozen=True)
class Recipe:
    """One task with its schedule.

    Args:
        name: As the command line spells it.
        doc: One line.
        source: The paper and section that the settings are from.
        data: Loads the splits, from a folder where the data does not come with a package.
        network: Builds the network with fresh weights.
        provides: The spec inputs that the task can feed, with their kinds.
        inputs: Makes them from the network's output and a batch's targets.
        optimiser: The update rule and the default learning rate.
        epochs: Passes over the training split.
        batch_size: Examples of one step.
        losses: What is trained when no loss is named.
        surrogates: The recipe's own surrogate for a spec, for users who choose none.
        metrics: Figures of the evaluation, by name, from code that shares nothing with the losses.
        final_metrics: More of them, of the tested weights only: those of the specs trained on.
        headline: The metric that the task is about; the larger the better, unless
            ``headline_smaller``.
        quick: The short variant.
        schedule: Of the learning rate; constant by default.
        learning_rates: By ``LossChoice.rule``, where the default does not suit: a rate for one
            gradient rule is none for another.
        selection: Which weights are tested: after the last epoch, or after the best on validation.
        examples: Train on the first so many examples only. ``None``: on all.
        constants: Digests of inputs that are the same for every batch, by name.
        threads: CPU threads of one run; one is fastest for small networks, and a fixed number
            makes a run give the same figures alone and beside others. ``None``: torch decides.
        summary: What the metrics read, made batch by batch, where the outputs of a whole split are
            too much to keep (heatmaps). ``None``: ``inputs`` of all outputs.
        headline_smaller: The smaller the headline the better: it is an error.
        augment: Changes every training batch, on its device. ``None``: examples are as they are.
        keep: Epochs after which the network's weights are kept beside the checkpoints, in
            ``epoch-N.pt``; the weights of a run do not depend on it.
        watched: Figures that are logged after each epoch, like the metrics, and are in no table.
        patience: Stop after so many epochs whose validation headline is no better than the best
            before. ``None``: never.
        clip: The largest norm of all gradients together; longer ones are shortened to it before
            each step. ``None``: any.
        picture: Draws the first test examples and what was found in them, after a run. ``None``:
            nothing is drawn.
        embedded: What the data is, where it stands in for the task's own; else empty.
    """

    name: str = field(metadata=FIXED)
    doc: str = field(metadata=FIXED)
    source: str = field(metadata=FIXED)
    data: Data
    network: Callable[[], nn.Module]
    provides: Mapping[str, str]
    inputs: Inputs
    optimiser: Optimiser
    epochs: PositiveInt
    batch_size: PositiveInt
    losses: tuple[str, ...] = field(metadata=FIXED)
    metrics: Mapping[str, Measure]
    headline: str = field(metadata=FIXED)
    quick: Quick = field(metadata=FIXED)
    schedule: Schedule = field(default_factory=Schedule)
    surrogates: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    learning_rates: Mapping[str, float] = field(default_factory=dict)
    selection: Literal["last", "best"] = "last"
    examples: PositiveInt | None = None
    constants: Mapping[str, str] = field(default_factory=dict)
    final_metrics: Mapping[str, Measure] = field(default_factory=dict)
    threads: PositiveInt | None = None
    summary: Summary | None = None
    headline_smaller: bool = field(default=False, metadata=FIXED)
    augment: Augment | None = None
    watched: Mapping[str, Measure] = field(default_factory=dict)
    keep: tuple[int, ...] = ()
    patience: PositiveInt | None = None
    clip: PositiveFloat | None = None
    picture: Picture | None = None
    embedded: str = field(default="", metadata=FIXED)

    def shortened(self, embedded: bool = False) -> Recipe:
        """The quick variant.

        Args:
            embedded: On data that needs no files, where the task does not have that anyway.
        """
        short = self._shortened()
        other = self.quick.embedded
        if not embedded or other is None:
            return short
        return replace(
            short,
            embedded=other.title,
            data=other.data,
            epochs=other.epochs,
            examples=other.examples,
            network=other.network or short.network,
            schedule=other.schedule or short.schedule,
            optimiser=other.optimiser or short.optimiser,
            learning_rates={**short.learning_rates, **other.learning_rates},
            batch_size=other.batch_size or short.batch_size,
            augment=other.augment or short.augment,
            threads=other.threads,
        )

    def _shortened(self) -> Recipe:
        return replace(
            self,
            epochs=self.quick.epochs,
            examples=self.quick.examples,
            network=self.quick.network or self.network,
            schedule=self.quick.schedule or self.schedule,
            batch_size=self.quick.batch_size or self.batch_size,
            augment=self.quick.augment or self.augment,
            learning_rates={**self.learning_rates, **self.quick.learning_rates},
        )

    def fitted(self, splits: AnySplits) -> Recipe:
        """The recipe with a network for the data's classes, where that is for the data to say."""
        if isinstance(splits, StreamedSplits) and isinstance(self.network, FollowsClasses):
            return replace(self, network=self.network.for_classes(len(splits.classes)))
        return self

    def watching(self) -> Recipe:
        """The recipe whose metrics are all that is logged."""
        return replace(self, metrics={**self.metrics, **self.watched})

    def learning_rate(self, rule: str) -> float:
        """The recipe's rate for a loss.

        Args:
            rule: ``LossChoice.rule``; one without a rate of its own has that of its spec.
        """
        name = rule.partition("(")[0]
        default = self.learning_rates.get(name, self.optimiser.learning_rate)
        return self.learning_rates.get(rule, default)

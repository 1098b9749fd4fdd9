"""A network, its loss and its update rule as one Lightning module."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from lightning import LightningModule
from lightning.pytorch.strategies import SingleDeviceStrategy
from torch import Tensor, nn

from lossc.compiler.emit.names import identifier
from lossc.models.data.split import Examples, Split
from lossc.models.distributed import ALONE, World, gathered, on_first
from lossc.models.errors import TrainingError
from lossc.models.evaluate import evaluate
from lossc.models.losses import LossChoice
from lossc.models.recipe import Recipe
from lossc.models.running import Running
from lossc.models.seeding import Stream, stream_seed
from lossc.models.terms_watch import TermsWatch

CHECK_EVERY = 50  # steps between looks at the loss on a GPU, where each look waits for the device


class TrainingModule(LightningModule):
    """Trains a recipe's network on a loss, and measures it on the validation split every epoch.

    One Lightning batch is a list of batches, and each of them is a step: Lightning's work around a
    call (0.3 to 0.45 ms, a third of a step of the small tasks) is then paid once for the list. For
    the same reason float32 on one device goes straight to torch's backward and optimiser (0.2 ms
    less); any other precision goes through Lightning, which scales there.

    Of several processes each sends its part of a batch through the network, gathers the outputs of
    all, and computes the loss of the whole batch: a loss need not be a mean over examples.

    After an epoch ``epoch_figures`` has ``loss`` (mean over the steps), ``grad_norm`` (the same,
    before clipping, if the recipe clips), ``loss_*`` (what the loss
    says of itself, if it has a method ``figures() -> Mapping[str, float]``, and the gradients of
    its terms: see ``terms_watch.py``), ``train_*`` (metrics and watched figures of the outputs
    while training, as they came) and ``val_*`` (the same).

    Args:
        recipe: The task.
        choice: Which loss, and what it is called with.
        loss: The loss itself.
        validation: The split to measure on after each epoch.
        seed: The run's.
        learning_rate: Of the update rule.
        world: The processes that train together.
    """

    def __init__(
        self,
        recipe: Recipe,
        choice: LossChoice,
        loss: nn.Module,
        validation: Examples,
        seed: int,
        learning_rate: float,
        world: World = ALONE,
    ):
        super().__init__()
        self.automatic_optimization = False
        self.recipe = recipe
        self.choice = choice
        self.seed = seed
        self.learning_rate = learning_rate
        self.world = world
        self.network = recipe.network()
        self.loss = loss
        self._arguments = {name: identifier(name) for name in choice.takes}
        self.epoch_figures: dict[str, float] = {}
        self._validation = validation
        self._direct = False
        self._steps = 0
        self._sum: Tensor | float = 0.0
        self._norms: Tensor | float = 0.0
        self._running = Running(recipe)
        self._terms = TermsWatch(loss)
        self._changes = torch.Generator()

    @property
    def own_rows(self) -> Callable[[int], slice] | None:
        """Which rows of a batch's features it is to be given; ``None``: all.

        They are all where examples are changed: what is drawn for one depends on all.
        """
        whole = self.world.size == 1 or self.recipe.augment is not None
        return None if whole else self.world.rows

    def configure_optimizers(self) -> Any:
        optimiser = self.recipe.optimiser.build(self.parameters(), self.learning_rate)
        return [optimiser], [self.recipe.schedule.build(optimiser, self.recipe.epochs)]

    def on_fit_start(self) -> None:
        one_device = isinstance(self.trainer.strategy, SingleDeviceStrategy)
        self._direct = one_device and self.trainer.precision == "32-true"

    def on_train_epoch_start(self) -> None:
        torch.manual_seed(stream_seed(self.seed, Stream.EPOCH, self.current_epoch))
        self._changes.manual_seed(stream_seed(self.seed, Stream.AUGMENT, self.current_epoch))
        tell = getattr(self.loss, "set_epoch", None)  # a baseline has no such thing
        if tell is not None:
            tell(self.current_epoch)
        self._steps, self._sum, self._norms = 0, 0.0, 0.0
        self._running.clear()

    def training_step(self, batches: list[Split], batch_idx: int) -> None:
        optimiser: Any = self.optimizers(use_pl_optimizer=not self._direct)
        for original in batches:
            batch = self._changed(original)
            tell = getattr(self.loss, "set_step", None)
            if tell is not None:  # it has counted the steps, and checkpoints have the count
                tell(int(self.loss.steps) + 1)  # type: ignore[arg-type]
            value, output = self._forward(batch)
            optimiser.zero_grad()
            if self._direct:
                value.backward()  # type: ignore[no-untyped-call]
            else:
                self.manual_backward(value)
            self._clip(optimiser)
            self._warm_up(optimiser)
            optimiser.step()
            self._running.add(output.detach(), batch.targets)
            self._sum = self._sum + value.detach()
            self._steps += 1
            if value.device.type == "cpu" or self._steps % CHECK_EVERY == 0:
                self._check_finite()

    def on_train_epoch_end(self) -> None:
        schedule: Any = self.lr_schedulers()
        for group, rate in zip(
            schedule.optimizer.param_groups, schedule.get_last_lr(), strict=True
        ):
            group["lr"] = rate  # as it is without warm-up: schedules build on it
        schedule.step()
        self._check_finite()
        self.epoch_figures = on_first(self._figures)
        self.log_dict(self.epoch_figures | {"step": self.current_epoch + 1.0})  # the log's axis

    def _figures(self) -> dict[str, float]:
        found = {"loss": float(self._sum) / max(self._steps, 1)}
        if self.recipe.clip is not None:
            found["grad_norm"] = float(self._norms) / max(self._steps, 1)
        parts = (
            ("loss", self._terms.epoch()),
            ("train", self._running.figures()),
            ("val", self._validated()),
        )
        for part, figures in parts:
            found |= {f"{part}_{name}": figure for name, figure in figures.items()}
        return found

    def _forward(self, batch: Split) -> tuple[Tensor, Tensor]:
        count = len(next(iter(batch.targets.values())))
        rows = None if self.own_rows else self.world.rows(count)
        own: Tensor = self.network(batch.features if rows is None else batch.features[rows])
        output = gathered(own, self.world.sizes(count))
        inputs = self.recipe.inputs(output, batch.targets)
        try:
            taken = {name: inputs[name] for name in self.choice.takes}
            value: Tensor = self.loss(**{self._arguments[name]: taken[name] for name in taken})
        except ValueError as error:  # what a loss says of a batch that it cannot take
            raise TrainingError(f"{self._where()}: {error}") from error
        if not value.requires_grad:
            raise TrainingError(f"{self._where()}: the loss has no gradient")
        self._terms.note(taken)
        return value, output

    def _clip(self, optimiser: Any) -> None:
        """Shorten the gradient; under mixed precision after the scale is taken out of it."""
        if self.recipe.clip is None:
            return
        scaler = getattr(self.trainer.precision_plugin, "scaler", None)
        if scaler is not None:
            scaler.unscale_(getattr(optimiser, "optimizer", optimiser))
        norm = torch.nn.utils.clip_grad_norm_(self.parameters(), self.recipe.clip)
        self._norms = self._norms + norm

    def _warm_up(self, optimiser: Any) -> None:
        """Set the rate of the coming step, in the epochs of the warm-up."""
        schedule = self.recipe.schedule
        if not schedule.warmup_epochs or self.current_epoch >= schedule.warmup_epochs:
            return
        scheduler: Any = self.lr_schedulers()
        done = self.current_epoch + (self._steps + 1) / self._steps_in_epoch
        for group, rate in zip(optimiser.param_groups, scheduler.get_last_lr(), strict=True):
            group["lr"] = rate * schedule.warmup(done)

    @property
    def _steps_in_epoch(self) -> int:
        batches: Any = self.trainer.train_dataloader
        return int(batches.steps)

    def _check_finite(self) -> None:
        # a sum that was not finite once never is again
        if not math.isfinite(self._sum):
            terms = self._terms.not_finite()
            raise TrainingError(
                f"{self._where()}: the loss is {float(self._sum)}{f' ({terms})' if terms else ''}; "
                f"a smaller learning rate than {self.learning_rate:g} may help"
            )

    def _where(self) -> str:
        return (
            f"loss '{self.choice.text}', seed {self.seed}, epoch {self.current_epoch + 1}, "
            f"step {self._steps}"
        )

    def _changed(self, batch: Split) -> Split:
        if self.recipe.augment is None:
            return batch
        with torch.no_grad():
            return self.recipe.augment(batch, self._changes)

    def _validated(self) -> dict[str, float]:
        self._validation = self._validation.to(self.device)
        try:
            return evaluate(self.network, self._validation, self.recipe.watching())
        except TrainingError as error:
            raise TrainingError(f"{self._where()}: {error}") from None

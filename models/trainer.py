"""Train one network on one loss with one seed."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from lightning import Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from torch import nn

from lossc.models.data.module import TrainingData
from lossc.models.data.split import AnySplits, Split, StreamedSplits
from lossc.models.ddp import trainer_options
from lossc.models.distributed import World, in_turn, join, on_first
from lossc.models.errors import TaskError, TrainingError
from lossc.models.evaluate import evaluate_finally
from lossc.models.label_check import check_labels
from lossc.models.module import TrainingModule
from lossc.models.noise import quiet
from lossc.models.recorder import Recorder, Report, save_weights
from lossc.models.run import Job, Run, RunFolder, finished, write_json
from lossc.models.run_lock import alone_in
from lossc.models.seeding import Stream, stream_seed

GROUP = 32  # steps for each call from Lightning


def train(job: Job, report: Report = lambda progress: None) -> Run:
    """Train, keep checkpoints and logs, test the selected weights.

    The weights follow from the job's settings alone: initial weights, order of the data and the
    loss's randomness come from the seed, and neither torch's global generator nor its number of
    threads is left changed. A run that was interrupted goes on after its last whole epoch and
    ends with the weights that it would have had.

    Where the environment says that this is one of several processes (:class:`World`), all of them
    call this with the same job, and each gets the same run: their parts of a batch are one batch
    (docs/decisions/0033-distributed-training.md). The first alone writes.

    Args:
        job: What to do.
        report: Told of the progress, in every process.

    Returns:
        Figures on the test and validation splits, and the history; with ``job.keep_finished``
        those of a finished run of the same settings, where there is one.

    Raises:
        DataError: The data is missing or damaged, or has labels that the network does not have.
        SpecError: The loss is wrong.
        TrainingError: The loss is not finite or has no gradient, a checkpoint cannot be written or
            read, or another process is at the run.
        KeyboardInterrupt: The user stopped it.
    """
    world = join()
    splits = in_turn(lambda: job.recipe.data(job.data))
    job = replace(job, recipe=job.recipe.fitted(splits))
    recipe = job.recipe
    train_split = splits.train.first(recipe.examples or len(splits.train))
    folder = RunFolder(job.folder)
    made = on_first(lambda: finished(job, splits) if job.keep_finished else None)
    if made is not None:
        return made
    with (
        alone_in(job.folder, world),
        _threads(recipe.threads),
        torch.random.fork_rng(),
        quiet(world.rank > 0),
    ):
        checkpoint = on_first(lambda: _sound(folder.open(job, splits)))
        torch.manual_seed(stream_seed(job.seed, Stream.WEIGHTS))
        loss = job.choice.build(job.seed)
        torch.manual_seed(stream_seed(job.seed, Stream.WEIGHTS))
        module = TrainingModule(
            recipe, job.choice, loss, splits.val, job.seed, job.learning_rate, world
        )
        check_labels(module.network, splits, recipe)
        recorder = Recorder(
            folder, report, recipe.headline, recipe.headline_smaller, recipe.patience
        )
        trainer = _trainer(job, recorder, world, loss)
        group = GROUP if isinstance(train_split, Split) else 1
        data = TrainingData(train_split, recipe.batch_size, job.seed, group, module.own_rows)
        with _interrupts():
            trainer.fit(module, data, ckpt_path=checkpoint)
        device = torch.device("cpu")
        if isinstance(splits, StreamedSplits):  # too many for it
            device = trainer.strategy.root_device
        return on_first(lambda: _tested(job, module, splits, recorder, folder, device))


def _tested(
    job: Job,
    module: TrainingModule,
    splits: AnySplits,
    recorder: Recorder,
    folder: RunFolder,
    device: torch.device,
) -> Run:
    """The run's figures, once its weights and they are written."""
    recipe = job.recipe
    if recipe.selection == "best":
        best = _loaded(folder.best, f"remove {folder.path} to start this run anew")
        module.load_state_dict(best["state_dict"])
    network = module.network.to(device)
    test = evaluate_finally(network, splits.test.to(device), recipe)
    validation = evaluate_finally(network, splits.val.to(device), recipe)
    epoch = recorder.best_epoch if recipe.selection == "best" else len(recorder.history)
    run = Run(job, test, validation, epoch, recorder.seconds, recorder.history)
    save_weights(network.cpu().state_dict(), folder.weights)
    figures = {"test": test, "validation": validation, "epoch": epoch, "seconds": run.seconds}
    write_json(folder.result, figures)
    return run


def _sound(checkpoint: Path | None) -> Path | None:
    """The checkpoint to go on from, once it was seen to be whole; nothing in it is run.

    Raises:
        TrainingError: It is damaged.
    """
    if checkpoint is not None:
        _loaded(checkpoint, "remove it to start this run anew")
    return checkpoint


def _loaded(checkpoint: Path, hint: str) -> dict[str, Any]:
    try:
        found = torch.load(checkpoint, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file may raise whatever there is
        reason = f"a damaged checkpoint ({type(error).__name__})"
    else:
        if isinstance(found, dict) and {"state_dict", "callbacks", "epoch"} <= set(found):
            return found
        reason = "no checkpoint of a run"
    raise TrainingError(f"{checkpoint}: {reason}\n  hint: {hint}")


def _trainer(job: Job, recorder: Recorder, world: World, loss: nn.Module) -> Trainer:
    gpu = torch.cuda.is_available()
    if world.size > 1:
        placed = trainer_options(world, loss, gpu)
    else:
        placed = {"devices": [job.device % torch.cuda.device_count()] if gpu else 1}
    try:
        return Trainer(
            max_epochs=job.recipe.epochs,
            accelerator="gpu" if gpu else "cpu",
            precision=job.precision,  # type: ignore[arg-type]
            deterministic="warn" if gpu else None,
            logger=TensorBoardLogger(job.folder, name="", version="", default_hp_metric=False),
            callbacks=[recorder],
            log_every_n_steps=1,
            reload_dataloaders_every_n_epochs=1,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            **placed,
        )
    except ValueError as error:  # an unknown precision, in Lightning's own words
        raise TaskError(str(error)) from None


@contextmanager
def _interrupts() -> Iterator[None]:
    """An interrupt is one, where Lightning ends the process with a code, and ignores the next."""
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as ending:
        if isinstance(ending.__context__, KeyboardInterrupt):
            signal.signal(signal.SIGINT, before)
            raise KeyboardInterrupt from None
        raise


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    before = torch.get_num_threads()
    if count is not None:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)

"""How faithful the interpolation is to the metric around configurations met in training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import torch
from scipy import stats
from torch import Tensor

from lossc.compiler.compile import CompiledLoss, compile_spec
from lossc.models.data.batches import Batches
from lossc.models.errors import TaskError
from lossc.models.recipe import Recipe
from lossc.models.reproduce.compare import describe
from lossc.models.reproduce.experiment import Case, Setting, Study
from lossc.models.reproduce.recipes import job_of, recipe_of
from lossc.models.reproduce.report import Column, Line, Report
from lossc.models.reproduce.uniloss import ON_DIGITS
from lossc.models.run import Job, read_json, whole_settings, write_json
from lossc.models.seeding import Stream, stream_seed
from lossc.models.table import Spread
from lossc.runtime.reference import idw
from lossc.runtime.written_out import configurations

#: Shares of the comparisons that are flipped, and what the paper reports at each.
FRACTIONS = {"0": 0.0, "1/512": 1 / 512, "1/128": 1 / 128, "1/32": 1 / 32, "1/8": 0.125, "1/2": 0.5}
PUBLISHED = {
    "L2 distance": ("0.19", "0.19", "0.57", "2.83", "8.49", "12.25"),
    "rank correlation": ("0.98", "0.97", "0.92", "0.70", "0.35", "0.15"),
}
CASE = Case("UniLoss", "digits", f"{ON_DIGITS}idw(gradient=published))")
SAMPLES = 500
QUICK_SAMPLES = 100
FLIPS = Stream.AUGMENT  # the task has no augmentation: the stream is free


@dataclass(frozen=True)
class Pair:
    """The metric of a configuration, and what the interpolation makes of it."""

    metric: float
    interpolated: float


def fidelity(setting: Setting) -> Report:
    """UniLoss's table 5 (appendix B.0.1) on digits and accuracy.

    A network is trained on accuracy, interpolated as in the public code. Of steps that are evenly
    spaced over the training the current configuration is taken, with the anchors drawn at it; then
    a share of its comparisons is flipped, and the interpolated metric there is compared with the
    metric.
    """
    recipe, data = recipe_of(CASE, setting)
    job = job_of(recipe, CASE, 0, setting, data)
    samples = QUICK_SAMPLES if setting.quick else SAMPLES
    file = setting.out / TABLE_5.name / "pairs.json"
    settings = whole_settings(job) | {"samples": samples}
    pairs = _kept(file, settings)
    if pairs is None and setting.train:
        pairs = measured_pairs(job, samples)
        _keep(pairs, file, settings)
    here: tuple[str, ...] = ()
    lines: tuple[Line, ...] = (Line("trained", {}, {}, ("not trained yet",)),)
    if pairs is not None:
        lines = _lines(pairs)
        here = (
            f"{describe(recipe, data)}; accuracy in [0, 1]",
            f"{len(pairs['0'])} configurations from evenly spaced steps of batches of "
            f"{recipe.batch_size}, nine comparisons an example",
            "seeds: 1",
        )
    return Report(
        name=TABLE_5.name,
        title=TABLE_5.title,
        source=TABLE_5.source,
        columns=tuple(Column(title, title, scale=1.0) for title in FRACTIONS),
        lines=lines,
        paper="task, number of samples, coefficient and units are not stated",
        here=here,
        notes=(
            "the published rank correlation stands beside Spearman's coefficient",
            "L2 distance: of the vectors of all samples; it grows with their number, the root mean "
            "square does not",
        ),
    )


def measured_pairs(job: Job, samples: int) -> dict[str, list[Pair]]:
    """Train, and compare the interpolation with the metric, by the share of what is flipped.

    Args:
        job: The task, the loss, rate and seed; nothing is written to its folder.
        samples: Steps of the training that are looked at, as far as there are so many.

    Raises:
        TaskError: There is no whole batch to train on.
    """
    choices = job.choice.choices
    compiled = compile_spec(
        job.choice.name,
        step=choices["step"],
        interpolation=choices["interpolation"],
        squash=choices["squash"],
        seed=job.seed,
    )
    generator = torch.Generator().manual_seed(stream_seed(job.seed, FLIPS))
    pairs: dict[str, list[Pair]] = {title: [] for title in FRACTIONS}
    met = met_in_training(job.recipe, compiled, samples, job.seed, job.learning_rate)
    for step, scores, label in met:
        for title, pair in flipped_pairs(compiled, step, scores, label, generator):
            pairs[title].append(pair)
    return pairs


def _keep(pairs: dict[str, list[Pair]], file: Path, settings: dict[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    plain = {title: [astuple(pair) for pair in found] for title, found in pairs.items()}
    write_json(file, {"settings": settings, "pairs": plain})


def _kept(file: Path, settings: dict[str, Any]) -> dict[str, list[Pair]] | None:
    """What was measured with these settings before, if anything."""
    found = read_json(file)
    if not isinstance(found, dict) or found.get("settings") != settings:
        return None
    return {title: [Pair(*pair) for pair in found["pairs"][title]] for title in FRACTIONS}


def met_in_training(
    recipe: Recipe, compiled: CompiledLoss, samples: int, seed: int, rate: float
) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Steps of a training on the loss, evenly spaced, with whole batches only.

    Args:
        recipe: Of a task that needs no files.
        compiled: The loss.
        samples: Steps; all of them where there are no more.
        seed: Of weights and the order of the data.
        rate: The learning rate.

    Yields:
        The step of the loss's random numbers; scores ``[n, p]``; labels ``int64[n]``.

    Raises:
        TaskError: There is no whole batch.
    """
    train = recipe.data(None).train
    if recipe.examples is not None:
        train = train.first(recipe.examples)
    per_epoch = len(train) // recipe.batch_size
    if per_epoch == 0:
        raise TaskError(
            f"{len(train)} examples make no batch of {recipe.batch_size}: set more examples, or a "
            "smaller batch_size"
        )
    kept = set(torch.linspace(0, recipe.epochs * per_epoch - 1, samples).long().tolist())
    with torch.random.fork_rng():
        torch.manual_seed(stream_seed(seed, Stream.WEIGHTS))
        network = recipe.network()
    loss: Any = compiled.loss()
    optimiser = recipe.optimiser.build(network.parameters(), rate)
    schedule = recipe.schedule.build(optimiser)
    step = 0
    for epoch in range(recipe.epochs):
        order = stream_seed(seed, Stream.ORDER, epoch)
        for (batch,) in Batches(train, recipe.batch_size, order):
            if len(batch) < recipe.batch_size:
                continue
            scores, label = network(batch.features), batch.targets["label"]
            if step in kept:
                yield step, scores.detach(), label
            optimiser.zero_grad()
            loss(scores, label).backward()
            optimiser.step()
            step += 1
        schedule.step()


def flipped_pairs(
    compiled: CompiledLoss, step: int, scores: Tensor, label: Tensor, generator: torch.Generator
) -> Iterator[tuple[str, Pair]]:
    """Interpolated metric and metric where a share of the comparisons is flipped, for each share.

    Args:
        compiled: A metric of ``scores`` and ``label`` under inverse distance weighting.
        step: Of the random numbers that anchors are drawn by.
        scores: ``[n, p]``.
        label: ``int64[n]``.
        generator: Chooses the comparisons.
    """
    loss: Any = compiled.loss()
    families = loss.families(*loss.prepare(scores, label))
    counts = (loss.good, loss.bad, loss.nearby)
    anchors = configurations(families, loss.seed, torch.tensor(step), *counts)
    values = compiled.evaluate_binaries(anchors, scores, label).double()
    current = compiled.comparisons(scores, label) > 0
    for title, fraction in FRACTIONS.items():
        changed = torch.randperm(len(current), generator=generator)
        flipped = current.clone()
        flipped[changed[: round(fraction * len(current))]] ^= True
        metric = compiled.evaluate_binaries(flipped, scores, label)
        value = idw(flipped.double(), anchors.double(), values)
        yield title, Pair(float(metric), float(value))


def _lines(pairs: dict[str, list[Pair]]) -> tuple[Line, ...]:
    figures = {title: agreement(listed) for title, listed in pairs.items()}
    published = {
        "L2 distance": PUBLISHED["L2 distance"],
        "Spearman's coefficient": PUBLISHED["rank correlation"],
    }
    lines = []
    for name in next(iter(figures.values())):
        measured = {title: Spread((one[name],)) for title, one in figures.items()}
        said = dict(zip(FRACTIONS, published[name], strict=True)) if name in published else {}
        lines.append(Line(name, said, measured))
    return tuple(lines)


def agreement(pairs: Sequence[Pair]) -> dict[str, float]:
    """How near interpolated values are to the metric, and how well they rank.

    Args:
        pairs: At least two.

    Returns:
        ``L2 distance`` of the two vectors, ``root mean square`` of the differences, ``Spearman's
        coefficient``, ``Kendall's tau`` (b, for ties); coefficients are NaN where all are equal.
    """
    metric = torch.tensor([pair.metric for pair in pairs], dtype=torch.float64)
    interpolated = torch.tensor([pair.interpolated for pair in pairs], dtype=torch.float64)
    distance = torch.linalg.vector_norm(interpolated - metric)
    constant = bool((metric == metric[0]).all() or (interpolated == interpolated[0]).all())
    nan = float("nan")
    return {
        "L2 distance": float(distance),
        "root mean square": float(distance / len(pairs) ** 0.5),
        "Spearman's coefficient": nan
        if constant
        else float(stats.spearmanr(metric.numpy(), interpolated.numpy()).statistic),
        "Kendall's tau": nan
        if constant
        else float(stats.kendalltau(metric.numpy(), interpolated.numpy()).statistic),
    }


TABLE_5 = Study(
    name="uniloss-table-5",
    title="fidelity of the interpolation, by the share of flipped comparisons",
    source="UniLoss, table 5",
    cases=(CASE,),
    perform=fidelity,
)

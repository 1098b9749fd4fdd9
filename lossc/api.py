"""The two functions most users need: a spec's loss, and the compiled spec behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, TypeAlias

from lossc.compiler.compile import compile_spec
from lossc.grammar.folders import Folders

if TYPE_CHECKING:
    from torch import nn

    from lossc.compiler.compile import CompiledLoss

#: A name, a name with parameters (``"idw(good=8)"``), or a mapping with the key ``kind``.
Choice: TypeAlias = str | Mapping[str, Any] | None


def loss(
    name: str | PathLike[str],
    *,
    params: Mapping[str, Any] = {},
    step: Choice = None,
    interpolation: Choice = None,
    squash: str | None = None,
    transform: str | None = None,
    seed: int = 0,
    validate: bool = True,
    folders: Folders = (),
    gather: str | None = None,
    memory: Choice = None,
    schedule: Choice | Sequence[str | Mapping[str, Any]] = None,
) -> nn.Module:
    """The differentiable loss of a spec, ready to be called in a training loop.

    Args:
        name: A bundled spec's name, the path of a spec file, or a spec's text.
        params: Values for the spec's parameters.
        step: Relaxation of the step, such as ``"sigmoid(temperature=0.5)"``. ``None``: the spec's.
        interpolation: Interpolation of the metric, such as ``"idw(gradient=published)"``.
        squash: ``"sigmoid"`` bounds the scores before they are compared, ``"none"`` does not.
        transform: ``"log"`` trains the negated logarithm of a metric in (0, 1].
        seed: Seed of everything the surrogate samples.
        validate: Check the inputs' shapes, dtypes and values at every call in eager mode.
        folders: A folder, or several, in which names are looked up first; then come the folders of
            the environment variable ``LOSSC_SPECS``, and the bundled library.
        gather: ``"batch"``: where several processes train together, the loss of the batch of all of
            them, on each; a metric of sets, such as average precision, is no mean over processes.
        memory: ``"queue(size=1024)"``: in training, the last scores and targets of former batches
            stand beside the current one, without gradient.
        schedule: What changes from epoch to epoch, such as
            ``"warmup(first=cross_entropy, epochs=5)"``, or a list, in place of the spec's own;
            ``"none"``: nothing does. The loss must then be told the epoch: ``set_epoch(epoch)``.

    Returns:
        A module that takes the spec's inputs in their order, or by name, and returns a scalar.

    Raises:
        SpecError: The spec, or an option, is wrong.
        ValueError: The seed is not a whole number.
    """
    return compile(
        name,
        params=params,
        step=step,
        interpolation=interpolation,
        squash=squash,
        transform=transform,
        seed=seed,
        validate=validate,
        folders=folders,
        gather=gather,
        memory=memory,
        schedule=schedule,
    ).loss()


def compile(
    name: str | PathLike[str],
    *,
    params: Mapping[str, Any] = {},
    step: Choice = None,
    interpolation: Choice = None,
    squash: str | None = None,
    transform: str | None = None,
    seed: int = 0,
    validate: bool = True,
    folders: Folders = (),
    gather: str | None = None,
    memory: Choice = None,
    schedule: Choice | Sequence[str | Mapping[str, Any]] = None,
) -> CompiledLoss:
    """The compiled spec: its stages, its metric, its loss, and the loss's source.

    The options are those of :func:`loss`.

    Raises:
        SpecError: The spec, or an option, is wrong.
        ValueError: The seed is not a whole number.
    """
    return compile_spec(
        name,
        params=params,
        step=step,
        interpolation=interpolation,
        squash=squash,
        transform=transform,
        seed=seed,
        validate=validate,
        folders=folders,
        gather=gather,
        memory=memory,
        schedule=schedule,
    )

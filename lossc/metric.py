"""Any spec's metric in the manner of torchmetrics: update it with batches, compute it on all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from inspect import Parameter, Signature
from os import PathLike
from typing import Any, cast

import torch
from torch import Tensor

from lossc.compiler.compile import compile_spec
from lossc.compiler.emit.generated import GeneratedMetric
from lossc.compiler.emit.signature import signature_of
from lossc.grammar import syntax as sx
from lossc.grammar.errors import NotAMetric, closest, one_of
from lossc.grammar.folders import Folders

try:
    import torchmetrics
except ModuleNotFoundError as error:
    message = "lossc.Metric needs torchmetrics: pip install 'lossc[metrics]'"
    raise ModuleNotFoundError(message, name=error.name) from None


class Metric(torchmetrics.Metric):
    """The metric of a spec over everything that it was updated with.

    Inputs whose first dim is the batch dim, that of the first live input, are put together along
    it; the others (a table of costs) must be the same in every update. The value is the one of
    :meth:`CompiledLoss.metric` on all of it at once, which for a ranking metric is not the mean
    over the batches. All inputs are kept until ``reset``.

    >>> import lossc
    >>> metric = lossc.Metric("average_precision")  # doctest: +SKIP
    >>> for x, relevant in loader:  # doctest: +SKIP
    ...     metric.update(network(x), relevant)
    >>> value = metric.compute()  # doctest: +SKIP

    Args:
        name: A bundled spec's name, the path of a spec file, or a spec's text.
        params: Values for the spec's parameters.
        folders: Where names are looked up before the bundled library.
        local: The inputs that number something anew in every update, such as queries that are 0,
            1, ... in each batch: the same number in two updates is then not the same query.
        validate: Check the inputs at every update.
        **options: Those of ``torchmetrics.Metric``: ``compute_on_cpu``, ``dist_sync_on_step``, ...

    Raises:
        SpecError: The spec, or a parameter, is wrong.
        NotAMetric: The spec defines a loss.
        ValueError: The inputs cannot be put together batch by batch.
    """

    is_differentiable = False
    full_state_update = False

    def __init__(
        self,
        name: str | PathLike[str],
        *,
        params: Mapping[str, Any] = {},
        folders: Folders = (),
        local: str | Iterable[str] = (),
        validate: bool = True,
        **options: Any,
    ):
        super().__init__(**options)
        compiled = compile_spec(name, params=params, folders=folders, validate=validate)
        self.spec_name = compiled.spec.name.id
        if not compiled.plan.is_metric:
            raise NotAMetric(f"'{self.spec_name}' defines a loss, which has no metric")
        self._larger = compiled.plan.graph.goal == "evaluate"
        # not a submodule: what a loss keeps is no part of a checkpoint of the metric
        vars(self)["_loss"] = compiled.loss()
        python = signature_of(compiled.plan.graph).inputs
        self._names = {python[entry.name.id]: entry.name.id for entry in compiled.spec.inputs}
        self._stacked = _stacked(compiled.spec)
        self._local = _checked([local] if isinstance(local, str) else list(local), compiled.spec)
        for each in self._names.values():
            self.add_state(_state(each), [], dist_reduce_fx="cat" if self._stacks(each) else None)
        self._updates = 0  # not reset: `forward` resets between updates that belong together
        self._tell_inputs()

    @property
    def higher_is_better(self) -> bool:  # type: ignore[override]
        """Whether the spec says ``evaluate``, and not ``minimize``."""
        return self._larger

    def update(self, *inputs: Tensor, **named: Tensor) -> None:
        """Takes a batch: the spec's inputs in their order, or by name.

        Raises:
            TypeError: An input is unknown, missing or given twice.
            ValueError: An input is wrong, or differs from that of earlier batches where it must
                not.
        """
        given = self._bound(inputs, named)
        self._updates += 1
        batch = self._metric.prepare(**given)
        taken = {}  # all of the batch or, if anything is wrong, none of it
        for name, value in zip(self._names.values(), batch, strict=True):
            seen, value = getattr(self, _state(name)), value.detach()
            if name in self._local:
                value = torch.stack([torch.full_like(value, self._place()), value], dim=-1)
            if self._stacks(name):
                self._check_alike(name, seen, value)
                taken[name] = value
            elif len(self._one([*seen, value], name)) > len(seen):
                taken[name] = value.clone()
        for name, value in taken.items():
            getattr(self, _state(name)).append(value)

    def compute(self) -> Tensor:
        """The metric of everything seen since the last ``reset``.

        Raises:
            ValueError: Nothing was seen, or the metric has no value on it.
        """
        whole = {}
        for python, name in self._names.items():
            seen = getattr(self, _state(name))
            if isinstance(seen, list) and not seen:
                raise ValueError(f"the metric of '{self.spec_name}' has seen no batch")
            if name in self._local:
                rows = _whole(seen)
                whole[python] = torch.unique(rows, dim=0, return_inverse=True)[1]
            elif self._stacks(name):
                whole[python] = _whole(seen)
            else:  # one from each process
                whole[python] = self._one(seen, name)[0]
        return self._metric.metric(**whole)

    @property
    def _metric(self) -> GeneratedMetric:
        return cast("GeneratedMetric", vars(self)["_loss"])

    def _stacks(self, name: str) -> bool:
        return name in self._stacked

    def _place(self) -> int:
        """A number that no other update has, in this process or another."""
        processes, rank = 1, 0
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            processes, rank = torch.distributed.get_world_size(), torch.distributed.get_rank()
        return self._updates * processes + rank

    def _bound(self, inputs: tuple[Tensor, ...], named: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Inputs under their Python names."""
        if len(inputs) > len(self._names):
            raise TypeError(f"'{self.spec_name}' has {len(self._names)} inputs, not {len(inputs)}")
        given = dict(zip(self._names, inputs, strict=False))
        python = {name: key for key, name in self._names.items()}
        for name, value in named.items():
            key = python.get(name, name)
            if key not in self._names:
                hint = closest(name, python) or one_of(python)
                raise TypeError(f"'{self.spec_name}' has no input '{name}'; {hint}")
            if key in given:
                raise TypeError(f"'{self.spec_name}' got its input '{name}' twice")
            given[key] = value
        return given

    def _check_alike(self, name: str, seen: list[Tensor], value: Tensor) -> None:
        if seen and seen[-1].shape[1:] != value.shape[1:]:
            message = f"{name}: the shape {list(value.shape)} differs behind the batch dim"
            raise ValueError(f"{message} from {list(seen[-1].shape)}, which came before")

    def _one(self, values: list[Tensor], name: str) -> list[Tensor]:
        """The value that all are."""
        if any(not torch.equal(values[0], other) for other in values[1:]):
            raise ValueError(f"{name}: has no batch dim, and is not the same in every update")
        return values[:1]

    def _reduce_states(self, incoming_state: dict[str, Any]) -> None:
        """What ``forward`` does to put a batch to those before: of equal values one is kept."""
        super()._reduce_states(incoming_state)
        for name in self._names.values():
            if not self._stacks(name):
                setattr(self, _state(name), self._one(getattr(self, _state(name)), name))

    def _tell_inputs(self) -> None:
        """A collection passes on what this names: the inputs of each metric, and no others."""
        kind = Parameter.POSITIONAL_OR_KEYWORD
        names = {**dict.fromkeys(self._names), **dict.fromkeys(self._names.values())}
        parameters = [Parameter(name, kind) for name in names if name.isidentifier()]
        self._update_signature = Signature(parameters)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._tell_inputs()

    def __repr__(self) -> str:
        return f"Metric({self.spec_name})"


def _state(name: str) -> str:
    return f"seen_{name}"


def _whole(seen: list[Tensor] | Tensor) -> Tensor:
    return seen if isinstance(seen, Tensor) else torch.cat(seen)  # one tensor once synchronised


def _stacked(spec: sx.Spec) -> frozenset[str]:
    """The inputs that are put together along the batch dim.

    Raises:
        ValueError: There is no batch dim, or it occurs where no batch can be added.
    """
    live = next(entry for entry in spec.inputs if entry.kind.live and entry.kind.default is None)
    dims = [dim.size for dim in live.kind.dims]
    if not dims or not isinstance(dims[0], str):
        raise ValueError(f"'{spec.name.id}' has no batch dim: '{live.name.id}' is of a fixed size")
    for entry in spec.inputs:
        if dims[0] in [dim.size for dim in entry.kind.dims][1:]:
            raise ValueError(
                f"'{spec.name.id}' cannot be updated batch by batch: '{entry.name.id}' has the "
                f"batch dim {dims[0]} elsewhere than in front"
            )
    heads = {entry.name.id: [dim.size for dim in entry.kind.dims][:1] for entry in spec.inputs}
    return frozenset(name for name, head in heads.items() if head == [dims[0]])


def _checked(local: list[str], spec: sx.Spec) -> frozenset[str]:
    """The names of ``local``.

    Raises:
        ValueError: One is no input of whole numbers, one for each example.
    """
    fit = [
        entry.name.id
        for entry in spec.inputs
        if entry.kind.type == "int" and entry.kind.below is None and len(entry.kind.dims) == 1
    ]
    for name in local:
        if name not in fit or name not in _stacked(spec):
            numbers = one_of(fit) if fit else "it has none"
            raise ValueError(f"'{name}' does not number anything in '{spec.name.id}'; {numbers}")
    return frozenset(local)

"""From a spec to a loss: the one entry point of the compiler."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import torch
from torch import Tensor, nn

from lossc.compiler.build import build, read_and_build
from lossc.compiler.choices import GIVES_WAY
from lossc.compiler.emit.generated import GeneratedMetric
from lossc.compiler.emit.memory import arguments_of, loss_class
from lossc.compiler.emit.module import ModuleText, write_module
from lossc.compiler.emit.signature import signature_of
from lossc.compiler.emit.text import folded
from lossc.compiler.examples import check_examples
from lossc.compiler.front.params import plain
from lossc.compiler.front.term_calls import relaxed_as
from lossc.compiler.ideal_search import tried_on_data, with_suggested_ideal
from lossc.compiler.ir.graph import Graph
from lossc.compiler.plan import Plan, make_plan
from lossc.compiler.refactor.ideals import suggested_ideals
from lossc.compiler.schedule_plan import (
    first_values,
    kept_schedules,
    plan_schedules,
    set_in,
    settled,
)
from lossc.compiler.schedules import GivenSchedules, SchedulePlan
from lossc.compiler.stages import Stages
from lossc.compiler.surrogate import SurrogatePlan, plan_surrogate, seed_number
from lossc.compiler.surrogate_options import Given
from lossc.compiler.surrogate_trials import keeps_its_promises
from lossc.compiler.uses.expand import called_texts
from lossc.compiler.validate import QUICK, Report, validate_refactoring
from lossc.compiler.version import VERSION
from lossc.compiler.watched import Watched
from lossc.grammar import syntax as sx
from lossc.grammar.errors import InternalError, LosscError, NotAMetric, SpecError, closest, one_of
from lossc.grammar.folders import Folders
from lossc.grammar.format import to_dsl


class CompiledLoss:
    """A spec that was refactored, proved on data and turned into torch code.

    Attributes:
        spec: The syntax of the spec, with what it uses merged in.
        stages: The four stages; ``str()`` is readable.
        parts: The losses of other specs that its terms call, by term.
    """

    def __init__(
        self,
        graph: Graph,
        plan: Plan,
        surrogate: SurrogatePlan | None,
        options: Mapping[str, object],
        schedules: SchedulePlan | None = None,
        parts: Mapping[str, CompiledLoss] | None = None,
    ):
        self.spec: sx.Spec = graph.spec
        self.parts: Mapping[str, CompiledLoss] = parts or {}
        self.plan, self.surrogate, self._options = plan, surrogate, dict(options)
        self.schedules = schedules
        self.stages = Stages(plan, surrogate, schedules)
        self.text = to_dsl(graph.spec)

    def replanned(self, plan: Plan) -> CompiledLoss:
        """The same spec and options with another plan."""
        options, parts = self._options, self.parts
        return CompiledLoss(plan.graph, plan, self.surrogate, options, self.schedules, parts)

    def scheduled(self, schedules: SchedulePlan | None) -> CompiledLoss:
        """The same loss that changes from epoch to epoch."""
        if schedules is None:
            return self
        plan, options, parts = self.plan, self._options, self.parts
        return CompiledLoss(plan.graph, plan, self.surrogate, options, schedules, parts)

    @functools.cached_property
    def unscheduled(self) -> CompiledLoss:
        """What is left when the schedules have run out: a loss that takes no epoch."""
        if self.schedules is None:
            return self
        plan, options, parts = self.plan, self._options, self.parts
        return CompiledLoss(plan.graph, plan, self.surrogate, options, None, parts)

    @functools.cached_property
    def module(self) -> ModuleText:
        """The generated module."""
        digest = hashlib.sha256(self.text.encode()).hexdigest()[:16]
        head = [f"The loss of the spec `{self.spec.name.id}`, compiled by lossc {VERSION}.", ""]
        head += ["This file needs torch and nothing else. The spec (sha256 " + digest + "):", ""]
        for line in self.text.rstrip().split("\n"):
            head += folded("    " + line)
        head += ["", "Its stages:", ""]
        for line in str(self.stages).split("\n"):
            head += folded("    " + line, hanging=14)
        said = "\n".join(line.rstrip() for line in head) + "\n"
        return write_module(self.plan, self.surrogate, said, self.schedules, self.parts)

    def source(self) -> str:
        """The Python source of the loss: a module that needs only torch."""
        return self.module.source

    def loss(self, /, **overrides: Any) -> nn.Module:
        """The loss as an ``nn.Module``.

        Args:
            **overrides: Arguments of the generated class: params, ``temperature``, ``gradient``,
                ``seed``, ...

        Raises:
            TypeError: There is no such option.
            ValueError: An option's value is not a number, or out of range.
            SpecError: The ideal scores are beaten where params have these values.
        """
        given = self._arguments(overrides)
        arguments = {"validate": self._options.get("validate", True), **given}
        made: nn.Module = loss_class(self.module, rebuild_loss)(**arguments)
        # what it takes to compile it again, for pickling
        vars(made)["_lossc"] = (self.text, dict(self._options), given)
        self._try_ideal_scores(made, given)
        return made

    def _try_ideal_scores(self, made: nn.Module, given: Mapping[str, object]) -> None:
        """What is ideal may depend on params, and was tried with those of the compilation."""
        graph = self.plan.graph
        names = signature_of(graph).params
        values = {name: given[python] for name, python in names.items() if python in given}
        changed = {name: v for name, v in values.items() if v != graph.params[name]}
        if self.plan.is_metric and self.plan.uses_truth and changed:
            params = {**graph.params, **cast("dict[str, int | float]", changed)}
            plan = replace(self.plan, graph=replace(graph, params=params))
            validate_refactoring(plan, made, QUICK // 2, patient=False)

    def _arguments(self, overrides: Mapping[str, object]) -> dict[str, object]:
        """Options under their Python names, as Python numbers; a TypeError for unknown ones."""
        params = signature_of(self.plan.graph).params
        known = {*arguments_of(self.module)}
        options = known - {*params.values()}
        given: dict[str, object] = {}
        numbers = self.schedules.numbers if self.schedules is not None else ()
        scheduled = {each.of for each in numbers}
        for name, value in overrides.items():
            python = params.get(name, name)
            if name in scheduled:
                raise TypeError(
                    f"{name} follows a schedule here: change that, or compile with schedule='none'"
                )
            if python not in known:
                hint = closest(name, {*params, *options})
                raise TypeError(
                    f"the loss of '{self.spec.name.id}' has no option '{name}'; "
                    + (hint or one_of(sorted({*params, *options})))
                )
            given[python] = plain(value)
        return given

    @functools.cached_property
    def _eager(self) -> GeneratedMetric:
        return cast("GeneratedMetric", self.unscheduled.loss(validate=True))

    def _named(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Inputs under their Python names: ``lambda`` is called ``lambda_`` there."""
        names = signature_of(self.plan.graph).inputs
        return {names.get(name, name): value for name, value in inputs.items()}

    def _metric_only(self, what: str) -> None:
        if not self.plan.is_metric:
            raise NotAMetric(f"'{self.spec.name.id}' defines a loss, which has no {what}")

    def metric(self, *args: Tensor, **inputs: Tensor) -> Tensor:
        """The metric as the spec has it (decoder, then evaluator): a scalar.

        Raises:
            NotAMetric: The spec defines a loss.
            ValueError: An input is wrong, or the metric has no value on this batch.
        """
        self._metric_only("metric")
        return self._eager.metric(*args, **self._named(inputs))

    def refactored(self, *args: Tensor, **inputs: Tensor) -> Tensor:
        """g(h(f(.))): the metric by way of comparisons and binaries, equal to :meth:`metric`."""
        self._metric_only("metric")
        return self._eager.refactored(*args, **self._named(inputs))

    def comparisons(self, *args: Tensor, **inputs: Tensor) -> Tensor:
        """All comparisons: ``[l]``, family by family, row-major; l depends on the data."""
        self._metric_only("comparisons")
        return self._eager.comparisons(*args, **self._named(inputs))

    def evaluate_binaries(self, binaries: Tensor, *args: Tensor, **inputs: Tensor) -> Tensor:
        """G on binaries, 0 or 1 in the order of :meth:`comparisons`: ``[..., l] -> [...]``."""
        self._metric_only("binaries")
        return self._eager.evaluate_binaries(
            torch.as_tensor(binaries), *args, **self._named(inputs)
        )

    def check(self, batches: int = 1000, seed: int = 0, patient: bool = True) -> Report:
        """Translation validation on ``batches`` batches.

        Args:
            batches: How many.
            seed: Of the batches.
            patient: Go on after the first failure, to show the smallest.

        Raises:
            SpecError: The two forms disagree; shows the smallest batch on which they do. Or an
                example of the spec has another value.
            InternalError: The generated code broke down; shows the spec and the batch.
        """
        watched: Watched | None = None
        try:
            watched = Watched(self._eager)
            report = validate_refactoring(self.plan, watched, batches, seed, patient)
            report.examples = check_examples(self.spec, self.plan.is_metric, self._with)
            return report
        except LosscError:
            raise
        except Exception as error:
            names = [entry.name.id for entry in self.spec.inputs]
            raise InternalError(
                f"the generated code of '{self.spec.name.id}' broke down: "
                f"{type(error).__name__}: {error}\n{self.text}"
                + (watched.shown(names) if watched is not None else "")
            ) from error

    def _with(self, params: Mapping[str, int | float | str]) -> nn.Module:
        """The loss with other params; compiled anew if some of them are no arguments of it."""
        ours = self.plan.graph.params
        if any(type(ours[name]) is not type(value) for name, value in params.items()) or any(
            ours[name] != value for name, value in params.items() if isinstance(value, str)
        ):
            graph = build(self.spec, params)
            ideals = (i for i in suggested_ideals(graph) if i.text == self.plan.ideal)
            for ideal in ideals:
                graph = replace(graph, truth=ideal.truth)
            plan = make_plan(
                graph,
                published_consistency=self.plan.published_consistency,
                needs_best=self.plan.needs_best,
            )
            return CompiledLoss(plan.graph, plan, self.surrogate, {}, None, self.parts).loss()
        numbers = {name: value for name, value in params.items() if not isinstance(value, str)}
        return self.unscheduled.loss(**{**numbers, "validate": True})

    def __repr__(self) -> str:
        return f"CompiledLoss({self.spec.name.id}: {self.surrogate or 'differentiable'})"


def compile_spec(
    spec: str | os.PathLike[str] | sx.Spec,
    *,
    params: Mapping[str, object] | None = None,
    step: Given = None,
    interpolation: Given = None,
    squash: str | None = None,
    transform: str | None = None,
    seed: int = 0,
    validate: bool = True,
    folders: Folders = (),
    gather: str | None = None,
    memory: Given = None,
    schedule: GivenSchedules = None,
    called: Mapping[str, str] | None = None,
) -> CompiledLoss:
    """Compiles a spec.

    Args:
        spec: A bundled spec's name, a path, spec text, or what was read of one.
        params: Values that replace the spec's parameter defaults.
        step: The step relaxation: ``"sigmoid"``, ``"laplace(temperature=0.5)"`` or a dict with
            ``kind``; ``lossc.compiler.choices.STEPS`` lists them.
        interpolation: ``"idw"``, ``"substitute(tnorm=godel)"`` or a dict with ``kind``;
            ``lossc.compiler.choices.INTERPOLATIONS`` lists them.
        squash: ``"sigmoid"`` bounds the scores before they are compared.
        transform: What is trained of the interpolated metric; ``"none"`` or ``"log"``.
        seed: Of all that the loss draws at random.
        validate: Whether the loss checks its inputs in eager mode.
        folders: Where names are looked up before the bundled library.
        gather: ``"batch"``: under ``torch.distributed`` the loss is that of the batch of all
            processes, equal on each; ``"none"``: of the own batch.
        memory: ``"queue(size=1024)"`` keeps the last scores and targets of former batches beside
            a small one; ``"none"`` does not.
        schedule: ``"warmup(first=cross_entropy, epochs=5)"``, a dict with ``kind``, or a list of
            them, in place of the spec's own schedules; ``"none"`` takes these away.
            ``lossc.compiler.schedules.SCHEDULES`` lists them.
        called: Texts of the specs that its terms call, where no file is asked for them; pickled
            losses have them.

    Returns:
        The compiled loss; it has been tried on random and adversarial batches, on which a
        metric's refactoring was found equal to it.

    Raises:
        SpecError: The spec or an option is wrong; all errors that could be found.
        ValueError: The seed is not a whole number.
        InternalError: The generated code broke down on a batch.
    """
    if params is not None and not isinstance(params, Mapping):
        raise TypeError(f"params takes a mapping from names to values, not {type(params).__name__}")
    params = {name: plain(value) for name, value in (params or {}).items()}
    values = cast("dict[str, int | float | str]", params)
    if isinstance(spec, sx.Spec):
        graph = build(spec, values, folders=folders, called=called)
    else:
        graph = read_and_build(spec, values, folders, called)
    options: dict[str, object] = {
        "params": params,
        "step": step,
        "interpolation": interpolation,
        "squash": squash,
        "transform": transform,
        "seed": seed_number(seed),
        "validate": validate,
        "gather": gather,
        "memory": memory,
    }
    surrogate = plan_surrogate(
        graph.spec, step, interpolation, squash, transform, seed, gather, memory
    )
    schedules = plan_schedules(
        graph,
        None if graph.goal == "loss" else surrogate,
        schedule,
        set_in(params, step, interpolation),
        folders,
        lambda first, given: compile_spec(
            first, params=given, seed=seed, validate=validate, schedule="none"
        ),
    )
    options["schedule"] = kept_schedules(graph.spec, schedules)
    if graph.calls:
        options["called"] = called_texts(graph.spec)
    parts = {
        call.name: compile_spec(
            relaxed_as(call.spec, graph.spec),
            params=call.params,
            step=step,
            interpolation=interpolation,
            squash=squash,
            transform=transform,
            seed=seed,
            validate=validate,
            gather=gather,
            memory=memory,
            schedule="none",
        )
        for call in graph.calls
    }
    if schedules is not None:
        graph, surrogate = settled(graph, surrogate, schedules, values)
    try:
        compiled = _tried(graph, surrogate, options, parts)
    except SpecError as error:
        rules = {found.rule for found in error.diagnostics}
        other = GIVES_WAY.get(rules.pop()) if len(rules) == 1 else None
        if surrogate.named or other is None:
            raise
        # nobody asked for the interpolation that refuses this metric
        named = cast("dict[str, Any]", {**options, "interpolation": other})
        try:
            return compile_spec(spec, **named, folders=folders)
        except SpecError:
            raise error from None
    if schedules is None:
        return compiled
    compiled.loss(**first_values(schedules))  # ideal scores must be that with these as well
    return compiled.scheduled(schedules)


def _tried(
    graph: Graph,
    surrogate: SurrogatePlan,
    options: Mapping[str, object],
    parts: Mapping[str, CompiledLoss],
) -> CompiledLoss:
    """The loss of a graph, once it has been tried on data."""
    if graph.goal == "loss":
        return tried_on_data(CompiledLoss(graph, make_plan(graph), None, options, None, parts))
    published = surrogate.published_consistency
    try:
        needs_best = surrogate.method.needs_best
        plan = make_plan(graph, published_consistency=published, needs_best=needs_best)
        compiled = CompiledLoss(graph, plan, surrogate, options)
        if graph.truth and not plan.uses_truth and (needs_best or not surrogate.named):
            # it is not needed, but a wrong one is an error all the same
            told = plan if needs_best else make_plan(graph, needs_best=True)
            compiled.replanned(replace(told, uses_truth=True)).check(QUICK // 2, patient=False)
        return keeps_its_promises(tried_on_data(compiled))
    except SpecError as error:
        rules = {found.rule for found in error.diagnostics}
        if graph.truth or not rules <= {"unknown-best", "best-beaten"}:
            raise
        return keeps_its_promises(
            with_suggested_ideal(
                graph, published, lambda plan: CompiledLoss(graph, plan, surrogate, options), error
            )
        )


def rebuild_loss(
    text: str, options: dict[str, Any], overrides: dict[str, Any], state: dict[str, Any]
) -> nn.Module:
    """A pickled loss: compiled again from its spec text, with its buffers and attributes."""
    made = compile_spec(text, **options).loss(**overrides)
    made.load_state_dict(state["state_dict"], assign=True)  # on their own device
    made.train(state["training"])
    vars(made).update(state["attributes"])
    return made

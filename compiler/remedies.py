"""Settings that are measured where an audit found something wrong, and the first that is better."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lossc.compiler.audit_rows import Auditor, Row
from lossc.compiler.compile import CompiledLoss, compile_spec
from lossc.grammar.errors import SpecError

TNORMS = ("godel", "product", "lukasiewicz")


@dataclass(frozen=True)
class Remedy:
    """A setting that was measured.

    Args:
        setting: As it is written on the command line.
        cured: In how many of the places where something was wrong it is right.
        places: How many there were.
    """

    setting: str
    cured: int
    places: int

    @property
    def whole(self) -> bool:
        """Whether nothing is left of it."""
        return self.cured == self.places

    @property
    def effect(self) -> str:
        """What it does, in words."""
        if self.whole:
            return "measured on the same batches, this is gone"
        return f"measured on the same batches, this is gone in {self.cured} of {self.places} places"


def remedies(
    auditor: Auditor,
    flagged: Mapping[str, Sequence[Row]],
    faults: Mapping[str, Callable[[Row], bool]],
) -> dict[str, Remedy]:
    """For each rule the setting that cures the most places; the first one among equals.

    Args:
        auditor: Has the batches, and the spec with the surrogate that something is wrong with.
        flagged: By rule, where.
        faults: What is wrong with a row, by rule: a cure must not be another illness.
    """
    compiled = auditor.compiled
    if compiled.surrogate is None or not flagged:
        return {}
    places = {rule: [(row.size, row.scale) for row in rows] for rule, rows in flagged.items()}
    found: dict[str, Remedy] = {}
    for setting, options in settings(
        compiled, {scale for those in places.values() for _, scale in those}
    ):
        open_ = [rule for rule in places if rule not in found or not found[rule].whole]
        if not open_:
            break
        other = _recompiled(compiled, options)
        if other is None:
            continue
        wanted = dict.fromkeys(place for rule in open_ for place in places[rule])
        rows = {place: auditor.row(*place, other) for place in wanted}
        wrong = {
            place: {rule for rule, bad in faults.items() if bad(row)} for place, row in rows.items()
        }
        was = {place: {rule for rule in places if place in places[rule]} for place in wanted}
        for rule in open_:
            cured = sum(
                rule not in wrong[place] and wrong[place] <= was[place] for place in places[rule]
            )
            if cured > (found[rule].cured if rule in found else 0):
                found[rule] = Remedy(setting, cured, len(places[rule]))
    return found


def settings(compiled: CompiledLoss, scales: set[float]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Other surrogates for a spec, the nearest to its own first: how written, and as options."""
    surrogate = compiled.surrogate
    assert surrogate is not None
    if surrogate.interpolation == "perturbed":
        for scale in sorted(scale for scale in scales if scale > 0):
            yield _interpolation(f"perturbed(noise={scale:g})")
    else:
        warm = ["auto", *(f"{scale:g}" for scale in sorted(scales) if scale)]
        for temperature in warm:
            if str(surrogate.options["temperature"]).removesuffix(".0") != temperature:
                step = f"{surrogate.step}(temperature={temperature})"
                yield f"--step '{step}'", {"step": step}
        if surrogate.options["squash"] == "none":
            yield "--squash sigmoid", {"squash": "sigmoid"}
    if surrogate.interpolation == "idw" and surrogate.options["nearby"]:
        # near a configuration that is worth nothing, its corrections hold everything else in place
        yield _interpolation("idw(nearby=0)")
    own = surrogate.options["tnorm"] if surrogate.interpolation == "substitute" else ""
    for tnorm in TNORMS:
        if tnorm != own:
            yield _interpolation(f"substitute(tnorm={tnorm})")
    for other in ("idw", "multilinear"):
        if surrogate.interpolation != other:
            yield _interpolation(other)
    for tnorm in TNORMS[:2]:
        step, norm = f"{surrogate.step}(temperature=auto)", f"substitute(tnorm={tnorm})"
        yield f"--step '{step}' --interpolation '{norm}'", {"step": step, "interpolation": norm}


def _interpolation(option: str) -> tuple[str, Mapping[str, Any]]:
    return f"--interpolation '{option}'", {"interpolation": option}


def _recompiled(compiled: CompiledLoss, options: Mapping[str, Any]) -> CompiledLoss | None:
    """The same spec with other options; ``None`` where these do not fit it."""
    surrogate = compiled.surrogate
    assert surrogate is not None
    own, method = surrogate.options, surrogate.method
    kept = {name: own[name] for name in (*method.run_time, *method.compile_time)}
    given: dict[str, Any] = {
        "params": compiled.plan.graph.params,
        "step": {"kind": surrogate.step, "temperature": own["temperature"]},
        "interpolation": {"kind": surrogate.interpolation, **kept},
        "squash": own["squash"],
        "transform": own["transform"],
    }
    try:
        return compile_spec(compiled.text, **{**given, **options})
    except SpecError:
        return None

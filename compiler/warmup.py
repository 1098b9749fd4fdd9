"""The loss of the first epochs: another spec, on the same inputs.

Source: Ryou, Jeong and Perona 2019 (Anchor Loss), section 4.1: cross entropy for 5 epochs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lossc.compiler.front.term_calls import within
from lossc.compiler.schedule_numbers import whole_number
from lossc.compiler.uses.expand import expand, find_spec
from lossc.grammar import syntax as sx
from lossc.grammar.errors import Diagnostic, SpecError
from lossc.grammar.folders import Folders
from lossc.grammar.load import load

if TYPE_CHECKING:
    from lossc.compiler.compile import CompiledLoss

#: Compiles a spec with values of its params.
Compile = Callable[[sx.Spec, Mapping[str, object]], "CompiledLoss"]
Params = dict[str, int | float | str]
_MOST = 2  # ways to match inputs: two are one too many


@dataclass(frozen=True)
class Warmup:
    """Another loss in the first epochs.

    Args:
        first: The other loss.
        epochs: How many epochs it lasts.
        matched: For each of its inputs, the input of the spec that it gets; ``None``: its default.
        params: Values of its params, for those who compile it again.
    """

    first: CompiledLoss
    epochs: int
    matched: tuple[tuple[str, str | None], ...]
    params: Mapping[str, object]

    @property
    def given(self) -> dict[str, object]:
        """The schedule with the whole text of its loss."""
        first = {"kind": self.first.text, **self.params}
        return {"kind": "warmup", "first": first, "epochs": self.epochs}

    def __str__(self) -> str:
        others = [
            f"{theirs} = {ours}" for theirs, ours in self.matched if ours not in (None, theirs)
        ]
        with_ = f" (with {', '.join(others)})" if others else ""
        last = "epoch 0" if self.epochs == 1 else f"epochs 0 to {self.epochs - 1}"
        return f"{self.first.spec.name.id}{with_} in {last}"


def read_warmup(
    option: sx.Option, spec: sx.Spec, from_caller: bool, folders: Folders, compiled: Compile
) -> Warmup:
    """The warm-up that a ``schedule`` asks for.

    Args:
        option: ``warmup(first = ..., epochs = ...)``.
        spec: The spec that it belongs to.
        from_caller: Whether a caller named the first loss, and no spec: callers may name files.
        folders: Where its name is looked up first.
        compiled: Compiles the first loss.

    Raises:
        SpecError: No such loss, it is wrong, or it takes other inputs.
    """
    said = dict(option.arguments)
    epochs = whole_number(option, "epochs", said["epochs"], 1)
    if isinstance(epochs, Diagnostic):
        raise SpecError(epochs)
    reference, params = _reference(option, said["first"])
    if from_caller:
        first = expand(load(reference, folders=folders), folders)
    else:
        first = find_spec(sx.Name(reference, option.span), spec, folders)
    matched = match_inputs(first, spec, option)
    return Warmup(compiled(first, params), epochs, tuple(matched.items()), params)


def _reference(option: sx.Option, first: sx.Literal | sx.Option) -> tuple[str, Params]:
    """The name of the first loss, and values of its params."""
    if not isinstance(first, sx.Option):
        if not isinstance(first, str):
            message = f"'first' is the name of a spec, not {first!r}"
            raise SpecError(Diagnostic(option.span, "bad-schedule", message, "`cross_entropy`"))
        return first, {}
    params: Params = {}
    for key, value in first.arguments:
        if isinstance(value, sx.Option):
            message = f"param {key} of '{first.name}' is a number or a word"
            raise SpecError(Diagnostic(option.span, "bad-schedule", message))
        params[key] = value
    return first.name, params


def match_inputs(first: sx.Spec, spec: sx.Spec, option: sx.Option) -> dict[str, str | None]:
    """Which input of a spec each input of its first loss gets.

    An input gets the one of its name; where there is none, the one that has its kind and its axes,
    whatever these are called. There must be exactly one way.

    Raises:
        SpecError: There is none, or several.
    """
    own = {entry.name.id: entry.kind for entry in spec.inputs}
    theirs = {entry.name.id: entry.kind for entry in first.inputs}
    found: list[dict[str, str | None]] = []
    for match in _matches(list(theirs.items()), own, frozenset(theirs), {}, {}):
        found.append(match)
        if len(found) == _MOST:
            break
    if len(found) == 1:
        return found[0]
    name = first.name.id
    if found:
        which = next(key for key in theirs if found[0][key] != found[1][key])
        message = f"'{which}' of '{name}' could be '{found[0][which]}' or '{found[1][which]}' here"
        hint = f"call one of them '{which}'"
    else:
        message = f"'{name}' takes other inputs than '{spec.name.id}'"
        hint = f"'{name}' takes {_shown(first)}"
    raise SpecError(
        Diagnostic(option.span, "bad-schedule", message, f"a loss of {_shown(spec)}", hint)
    )


def _matches(
    theirs: list[tuple[str, sx.Kind]],
    own: Mapping[str, sx.Kind],
    names: frozenset[str],
    dims: Mapping[str, str | int],
    done: Mapping[str, str | None],
) -> Iterator[dict[str, str | None]]:
    """All ways to give the rest of the inputs what they take."""
    if not theirs:
        yield dict(done)
        return
    (name, kind), *rest = theirs
    # an input that has the name of another one is meant for that
    allowed = [name] if name in own else [key for key in own if key not in names]
    any_fits = False
    for key in allowed:
        if key in done.values():
            continue
        bound = _fits(kind, own[key], dims)
        if bound is None:
            continue
        any_fits = True
        yield from _matches(rest, own, names, bound, {**done, name: key})
    if not any_fits and kind.default is not None and name not in own:
        yield from _matches(rest, own, names, dims, {**done, name: None})


def _fits(
    theirs: sx.Kind, own: sx.Kind, dims: Mapping[str, str | int]
) -> dict[str, str | int] | None:
    """The sizes of the axes once an input gets another, or ``None`` where it cannot."""
    if (theirs.type, theirs.live) != (own.type, own.live) or len(theirs.dims) != len(own.dims):
        return None
    if own.ignore is not None and theirs.ignore is None:
        return None
    bounds = theirs.range
    if bounds is not None and (own.range is None or not within(own.range, bounds)):
        return None
    pairs = [(a.size, b.size) for a, b in zip(theirs.dims, own.dims, strict=True)]
    if theirs.below is not None:
        if own.below is None:
            return None
        pairs.append((theirs.below.size, own.below.size))
    bound = dict(dims)
    for their_size, own_size in pairs:
        if isinstance(their_size, int):
            if their_size != own_size:
                return None
        elif bound.setdefault(their_size, own_size) != own_size:
            return None
    return bound


def _shown(spec: sx.Spec) -> str:
    kinds = (f"{e.name.id}: {' '.join(e.kind.span.text.split())}" for e in spec.inputs)
    return ", ".join(kinds)

"""One spec merged into another: shared where both say the same, an error where they do not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import PurePath

from lossc.compiler.uses.rename import renamed
from lossc.grammar import syntax as sx
from lossc.grammar.errors import Diagnostic
from lossc.grammar.source import Span

_ORDER = ("decode", "let", "truth")  # as both forms of the language keep them


@dataclass
class Merged:
    """A spec that takes in what it uses.

    Args:
        spec: As it is written.
        errors: What does not fit together.
    """

    spec: sx.Spec
    errors: list[Diagnostic] = field(default_factory=list)

    def __post_init__(self) -> None:
        spec = self.spec
        self.inputs = {entry.name.id: entry for entry in spec.inputs}
        self.params = {param.name.id: param for param in spec.params}
        written = [each for each in spec.definitions if each.kind != "truth"]
        self.definitions = {each.name.id: each for each in written}
        self.own = frozenset(self.inputs)
        # a name is one thing only: what it is, and where that is said
        self.taken: dict[str, tuple[str, Span]] = {}
        for what, name, span in declared(spec):
            self.taken.setdefault(name, (what, span))

    def add(self, use: sx.Use, used: sx.Spec) -> None:
        """Takes in a spec that uses nothing any more."""
        called = next((term for term in used.terms if term.called is not None), None)
        if called is not None:
            message = (
                f"term '{called.name.id}' of '{use.name.id}' is another spec, "
                "which `use` does not bring in"
            )
            hint = f"call it: `term name = {use.name.id}(...)`"
            self.errors.append(Diagnostic(use.span, "bad-use", message, hint=hint))
            return
        used = part_of(used, use)
        before = len(self.errors)
        for entry in used.inputs:
            self._input(use, entry)
        for dim, span in dims(used):
            self._claim(use, "dim", dim, span)
        for param in used.params:
            known = self.params.setdefault(param.name.id, param)
            if self._claim(use, "param", param.name.id, param.span) and known != param:
                self._clash(use, "param", param.name.id, param.span)
        for definition in used.definitions:
            name = definition.name.id
            first = self.definitions.setdefault(name, definition)
            fits = self._claim(use, "definition", name, definition.name.span)
            # `decode` tells the reader what `let` does not, and means the same
            if fits and replace(first, kind="let") != replace(definition, kind="let"):
                self._clash(use, "definition", name, definition.name.span)
            if len(self.errors) > before:
                return  # one clash is enough: the cure is the same for all of them

    def result(self) -> sx.Spec:
        """The spec with everything that it uses in it."""
        truths = [each for each in self.spec.definitions if each.kind == "truth"]
        # what is brought in comes first: the written part reads on from there
        written = {each.name.id for each in self.spec.definitions}
        definitions = sorted(
            [*self.definitions.values(), *truths],
            key=lambda each: (_ORDER.index(each.kind), each.name.id in written),
        )
        return replace(
            self.spec,
            uses=(),
            inputs=tuple(self.inputs.values()),
            params=tuple(self.params.values()),
            definitions=tuple(definitions),
        )

    def _input(self, use: sx.Use, entry: sx.Input) -> None:
        name, span = entry.name.id, entry.name.span
        if not self._claim(use, "input", name, span):
            return
        known = self.inputs.setdefault(name, entry)
        if replace(known.kind, default=None) != replace(entry.kind, default=None):
            message = (
                f"input '{name}' is `{written(known.kind)}` ({place(known.kind.span)}) and "
                f"`{written(entry.kind)}` in '{use.name.id}' ({place(entry.kind.span)})"
            )
            hint = "a used spec takes its inputs and their dims under the names that it gives them"
            self.errors.append(Diagnostic(use.span, "bad-use", message, hint=hint))
        elif name in self.own or known.kind.default == entry.kind.default:
            return  # its own declaration says what a spec gives to those that it uses
        elif None in (known.kind.default, entry.kind.default):
            self.inputs[name] = replace(known, kind=replace(known.kind, default=None))
        else:
            self._clash(use, "input", name, entry.kind.span)

    def _claim(self, use: sx.Use, what: str, name: str, span: Span) -> bool:
        """Whether a name is free, or the same sort of thing already."""
        if self.taken.setdefault(name, (what, span))[0] == what:
            return True
        self._clash(use, what, name, span)
        return False

    def _clash(self, use: sx.Use, what: str, name: str, span: Span) -> None:
        other, first = self.taken[name]
        another = f"another {what}" if other == what else _one(other)
        message = (
            f"'{name}' is {_one(what)} of '{use.name.id}' ({place(span)}) "
            f"and {another} here ({place(first)})"
        )
        if what in ("input", "dim"):
            hint = f"rename the {other} '{name}': inputs and dims keep their names"
        elif use.alias is not None:
            hint = f"use it as something else than '{use.alias.id}'"
        elif name == use.name.id:
            hint = f"`use {name} as other` gives it the name `other`"
        else:
            hint = f"`use {use.name.id} as {use.name.id}` puts `{use.name.id}_` before its names"
        self.errors.append(Diagnostic(use.span, "bad-use", message, hint=hint))


def _one(what: str) -> str:
    return f"an {what}" if what == "input" else f"a {what}"


def part_of(used: sx.Spec, use: sx.Use) -> sx.Spec:
    """What of a spec comes along, under the names that it has in the user.

    Its value becomes a definition, its terms become definitions; its truth, surrogate, schedule
    and examples stay behind. With an alias its names begin with the alias; inputs and dims keep
    theirs, and so do the params that an input's ``ignore`` names, which are part of that input.
    """
    kept = {entry.kind.ignore.id for entry in used.inputs if entry.kind.ignore is not None}
    definitions = (
        *(each for each in used.definitions if each.kind != "truth"),
        *(sx.Definition("let", term.name, (), term.body, term.span) for term in used.terms),
    )
    params, body = used.params, used.goal.body
    if use.alias is not None:
        own = {each.name.id for each in params} | {each.name.id for each in definitions}
        names = {name: f"{use.alias.id}_{name}" for name in own - kept}
        definitions = renamed(definitions, names)
        params = tuple(replace(each, name=renamed(each.name, names)) for each in params)
        body = renamed(body, names)
    value = (use.alias or use.name).id
    itself = isinstance(body, sx.Name) and body.id == value
    if not (itself and any(each.name.id == value for each in definitions)):
        name = sx.Name(value, used.goal.span)
        definitions = (*definitions, sx.Definition("let", name, (), body, used.goal.span))
    return replace(used, params=params, definitions=definitions, terms=())


def declared(spec: sx.Spec) -> Iterator[tuple[str, str, Span]]:
    """Everything that has a name in a spec: what it is, its name, and where it is declared."""
    for entry in spec.inputs:
        yield "input", entry.name.id, entry.name.span
    for dim, span in dims(spec):
        yield "dim", dim, span
    for param in spec.params:
        yield "param", param.name.id, param.span
    for each in spec.definitions:
        if each.kind != "truth":
            yield "definition", each.name.id, each.name.span
    for term in spec.terms:
        yield "term", term.name.id, term.name.span


def dims(spec: sx.Spec) -> Iterator[tuple[str, Span]]:
    """The dim symbols of a spec's inputs."""
    for entry in spec.inputs:
        for dim in entry.kind.dims:
            if isinstance(dim.size, str):
                yield dim.size, dim.span


def written(kind: sx.Kind) -> str:
    """A kind as its spec has it, on one line."""
    return " ".join(kind.span.text.split())


def place(span: Span) -> str:
    """``recall.lossc:3:14``: the file's name is enough to find a spec again."""
    return f"{PurePath(span.source.name).name}:{span.line}:{span.column}"

"""Finding and expanding the specs that a spec uses, down to the last one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from lossc import specs
from lossc.compiler.front.functions import FUNCTIONS, WHOLE_ARRAYS
from lossc.compiler.uses.merge import Merged, declared, dims, place
from lossc.compiler.uses.rename import free, size
from lossc.grammar import syntax as sx
from lossc.grammar.errors import Diagnostic, SpecError, closest, one_of
from lossc.grammar.folders import Folders, find_in, search_path, specs_in
from lossc.grammar.format import to_dsl
from lossc.grammar.load import load, load_used
from lossc.grammar.words import MAX_CHARACTERS, MAX_TOKENS

MOST_USES = 64  # `use` statements, those of used specs included
DEEPEST = 16  # specs that use specs
LONGEST_ALIAS = 64  # characters
LARGEST = 5_000  # constructs of a spec with all that it uses; those of bundled specs are 30 to 200

#: A file and the spec in it: what tells that a spec uses itself.
Identity = tuple[Path, str]


def expand(
    spec: sx.Spec, folders: Folders = (), called: Mapping[str, str] | None = None
) -> sx.Spec:
    """A spec with everything that it uses merged in, so that it stands alone.

    Names are looked up in the folders, in those of the variable ``LOSSC_SPECS``, and in the bundled
    library; what a bundled spec uses is bundled. So are the specs that terms call, which stay
    apart: each is the ``called`` of its term.

    Args:
        spec: As it is written.
        folders: Where names are looked up first.
        called: Texts of specs that terms call, by name, where no file is asked for them.

    Raises:
        SpecError: A spec that is not found, is wrong, uses itself, or does not fit; all findings.
    """
    if not spec.uses and not any(_calls(term) for term in spec.terms):
        return spec
    whole = _Expansion(search_path(folders), called or {}).expand(spec, [_identity(spec)])
    if not spec.uses:
        return whole
    text = to_dsl(whole)
    # its text is kept in generated modules and pickles, and must be readable again
    if len(text) > MAX_CHARACTERS or len(re.findall(r"\w+|[^\w\s]", text)) > MAX_TOKENS:
        raise SpecError(_too_large(spec.uses[-1]))
    return whole


def find_spec(name: sx.Name, user: sx.Spec, folders: Folders = ()) -> sx.Spec:
    """The spec that another one names, expanded, found where its ``use`` would find it.

    Raises:
        SpecError: It is not found, or is wrong.
    """
    return _Expansion(search_path(folders), {})._used(sx.Use(name, None, name.span), user, [])


def origins(spec: sx.Spec) -> dict[str, list[str]]:
    """What an expanded spec has from other files: names by file."""
    found: dict[str, list[str]] = {}
    for what, name, span in declared(spec):
        if what != "dim" and span.source.name != spec.span.source.name:
            names = found.setdefault(span.source.name, [])
            names += [name] if name not in names else []
    return found


@dataclass
class _Expansion:
    folders: tuple[Path, ...]
    called: Mapping[str, str]
    done: dict[Identity, sx.Spec] = field(default_factory=dict)
    uses: int = 0

    def expand(self, spec: sx.Spec, chain: list[Identity]) -> sx.Spec:
        merged = Merged(spec)
        for use in spec.uses:
            self.uses += 1
            try:
                self._check_limits(use, chain)
                merged.add(use, self._used(use, spec, chain))
            except SpecError as error:
                merged.errors += error.diagnostics
            if merged.errors and self.uses > MOST_USES:
                break
        if merged.errors:
            raise SpecError(_once(merged.errors))
        result = merged.result() if spec.uses else spec
        result = self._with_called(result, spec, chain)
        if spec.uses and size(result) > LARGEST:
            raise SpecError(_too_large(spec.uses[-1]))
        return result

    def _with_called(self, whole: sx.Spec, user: sx.Spec, chain: list[Identity]) -> sx.Spec:
        """The spec with the specs that its terms call beside them."""
        terms: list[sx.Term] = []
        errors: list[Diagnostic] = []
        for term in whole.terms:
            call = _calls(term)
            if call is not None and term.called is None:
                self.uses += 1
                use = sx.Use(call.name, None, call.span)
                try:
                    self._check_limits(use, chain)
                    term = replace(term, called=self._found(use, user, chain))
                    if sum(map(_embedded, [*terms, term])) > MOST_USES:
                        message = f"over {MOST_USES} specs are called here, one in the other"
                        errors.append(Diagnostic(use.span, "too-large", message))
                except SpecError as error:
                    errors += error.diagnostics
            terms.append(term)
        if errors:
            raise SpecError(_once(errors))
        return replace(whole, terms=tuple(terms))

    def _found(self, use: sx.Use, user: sx.Spec, chain: list[Identity]) -> sx.Spec:
        """The spec that a term calls: of a known text, or of a file."""
        path = called_path([name for _, name in chain[1:]], use.name.id)
        if path not in self.called:
            return self._used(use, user, chain)
        spec = load(self.called[path])
        return self.expand(spec, [*chain, _identity(spec)])

    def _used(self, use: sx.Use, user: sx.Spec, chain: list[Identity]) -> sx.Spec:
        """The used spec, expanded; the same object wherever it is used."""
        note = f"used at {place(use.span)}"
        if user.span.source.note:
            note += f", {user.span.source.note}"
        file = self._find(use, user)
        try:
            used = load_used(file, use.name.id, note)
        except SpecError as error:
            raise SpecError([_at(use, file, found) for found in error.diagnostics]) from None
        identity = _identity(used)
        if identity in chain:
            path = [name for _, name in chain[chain.index(identity) :]]
            message = f"'{path[0]}' uses itself: {' -> '.join([*path, path[0]])}"
            raise SpecError(Diagnostic(use.span, "bad-use", message))
        if identity not in self.done:
            whole = self.expand(used, [*chain, identity])
            if errors := _unknown(whole):
                raise SpecError(errors)
            self.done[identity] = whole
        return self.done[identity]

    def _find(self, use: sx.Use, user: sx.Spec) -> Path:
        name = use.name.id
        folders = () if _is_bundled(user) else self.folders
        for folder in folders:
            try:
                file = find_in(folder, name)
            except SpecError as error:
                message = f"'{name}': {error.diagnostics[0].message}"
                raise SpecError(Diagnostic(use.name.span, "bad-use", message)) from None
            if file is not None:
                return file
        if name in specs.names():
            return specs.path(name)
        known = {*specs.names(), *(stem for folder in folders for stem in specs_in(folder))}
        raise SpecError(
            Diagnostic(
                use.name.span,
                "bad-use",
                f"no bundled spec is called '{name}'"
                + (f", and none in {', '.join(map(str, folders))}" if folders else ""),
                expected="a spec that `lossc list` shows",
                hint=_beside(user, name) or closest(name, known),
            )
        )

    def _check_limits(self, use: sx.Use, chain: list[Identity]) -> None:
        message = None
        if self.uses > MOST_USES:
            message = f"over {MOST_USES} specs are used here, one in the other"
        elif len(chain) > DEEPEST:
            message = f"over {DEEPEST} specs use one another here"
        elif use.alias is not None and len(use.alias.id) > LONGEST_ALIAS:
            message = f"an alias has at most {LONGEST_ALIAS} characters"
        if message is not None:
            raise SpecError(Diagnostic(use.span, "too-large", message))


def called_path(callers: Sequence[str], name: str) -> str:
    """What tells a called spec from others of its name: ``outer/inner``."""
    return "/".join([*callers, name])


def called_texts(spec: sx.Spec, callers: Sequence[str] = ()) -> dict[str, str]:
    """The texts of all specs that the terms of an expanded spec call, and those call, by path."""
    found: dict[str, str] = {}
    for term in spec.terms:
        if term.called is not None:
            name = term.body.name.id if isinstance(term.body, sx.Call) else term.called.name.id
            found[called_path(callers, name)] = to_dsl(term.called)
            found |= called_texts(term.called, [*callers, term.called.name.id])
    return found


def _embedded(term: sx.Term) -> int:
    """How many classes a term brings: that of the spec that it calls, and those in it."""
    return 0 if term.called is None else 1 + sum(map(_embedded, term.called.terms))


def _calls(term: sx.Term) -> sx.Call | None:
    """The call of another spec that a term is."""
    body = term.body
    if isinstance(body, sx.Call) and body.name.id not in (*FUNCTIONS, *WHOLE_ARRAYS):
        return body
    return None


def _at(use: sx.Use, file: Path, found: Diagnostic) -> Diagnostic:
    """A finding that has no place in the used file is one of the statement that uses it."""
    if found.span is not None:
        return found
    message = f"cannot use {file}: {found.message}"
    return Diagnostic(use.name.span, "bad-use", message, found.expected)


def _identity(spec: sx.Spec) -> Identity:
    return Path(spec.span.source.name).resolve(), spec.name.id


def _is_bundled(spec: sx.Spec) -> bool:
    file = Path(spec.span.source.name)
    return file.stem in specs.names() and file.resolve() == specs.path(file.stem).resolve()


def _beside(user: sx.Spec, name: str) -> str | None:
    """Where a spec lies beside the one that uses it, what makes it findable."""
    folder = Path(user.span.source.name).parent
    if user.span.source.name == "<text>" or name not in specs_in(folder):
        return None
    return f"it lies beside this spec: name the folder, with `--specs {folder}` or `folders=`"


def _unknown(spec: sx.Spec) -> list[Diagnostic]:
    """Names that a used spec does not declare itself: it must not find them in its user."""
    known = {name for _, name, _ in declared(spec)}
    sizes = {name for name, _ in dims(spec)}
    used = [name for each in spec.definitions if each.kind != "truth" for name in free(each)]
    used += [name for term in spec.terms for name in free(term.body)]
    used += free(spec.goal.body)
    used += [entry.kind.ignore for entry in spec.inputs if entry.kind.ignore is not None]
    wrong = [(name.id, name.span, known) for name in used if name.id not in known]
    for entry in spec.inputs:
        below = entry.kind.below
        if below is not None and isinstance(below.size, str) and below.size not in sizes:
            wrong.append((below.size, below.span, sizes))
    return [
        Diagnostic(
            span, "unknown-name", f"unknown name '{name}'", one_of(names), closest(name, names)
        )
        for name, span, names in wrong
    ]


def _once(errors: Iterable[Diagnostic]) -> list[Diagnostic]:
    """What is wrong with a spec that is used twice is said once."""
    found: dict[tuple[object, ...], Diagnostic] = {}
    for error in errors:
        span = error.span
        where = (span.source.name, span.start, span.end) if span is not None else (error.file,)
        found.setdefault((*where, error.rule, error.message), error)
    return list(found.values())


def _too_large(use: sx.Use) -> Diagnostic:
    message = (
        f"with what it uses, the spec has over {LARGEST:,} names, numbers and operations"
        f" or {MAX_CHARACTERS:,} characters"
    )
    return Diagnostic(use.span, "too-large", message)

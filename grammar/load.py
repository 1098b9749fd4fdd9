"""A spec from wherever a user may point: a bundled name, a file, or the text itself."""

from __future__ import annotations

import os
from pathlib import Path

from lossc import specs
from lossc.grammar.errors import Diagnostic, SpecError, closest, one_of
from lossc.grammar.folders import ENDINGS, Folders, find_in, search_path, specs_in
from lossc.grammar.parser import parse_specs
from lossc.grammar.source import Source
from lossc.grammar.syntax import Spec
from lossc.grammar.words import MAX_CHARACTERS

_YAML = (".yaml", ".yml")


def load(reference: str | os.PathLike[str], *, folders: Folders = ()) -> Spec:
    """The spec that a reference means.

    Args:
        reference: A bundled spec's name; the path of a ``.lossc`` or ``.yaml`` file, with
            ``::name`` behind it to pick one of several specs in it; or a spec's text (which
            begins with ``spec `` or has more than one line).
        folders: Where names are looked up before the folders of the variable ``LOSSC_SPECS``, and
            before the bundled library.

    Returns:
        The spec, as written: nothing is resolved yet.

    Raises:
        SpecError: No such spec, or a wrong one.
    """
    if isinstance(reference, str) and ("\n" in reference or reference.startswith("spec ")):
        source = Source("<text>", reference)
        return _one(_specs(source, yaml=not is_dsl(reference)), "<text>", None)
    file, name = _split(os.fspath(reference))
    path = _find(file, folders)
    return _one(_specs(read(path), yaml=path.suffix in _YAML), str(path), name, file)


def load_used(path: Path, name: str, note: str) -> Spec:
    """The spec that a ``use`` means.

    Args:
        path: Its file.
        name: Which of the specs in it, if it has several.
        note: Where it is used; errors in the file say it.

    Raises:
        SpecError: The file cannot be read, or a spec in it is wrong.
    """
    source = read(path)
    noted = Source(source.name, source.text, note)
    return _one(_specs(noted, yaml=path.suffix in _YAML), str(path), None, name)


def load_all(path: Path) -> tuple[Spec, ...]:
    """All specs of one file.

    Raises:
        SpecError: The file cannot be read, or a spec in it is wrong.
    """
    return _specs(read(path), yaml=path.suffix in _YAML)


def read(path: Path, most: int = MAX_CHARACTERS) -> Source:
    """The text of a spec file.

    Args:
        path: Where it is.
        most: How many characters it may have.

    Raises:
        SpecError: No file, not UTF-8, or more than a spec may have; it is not read whole then.
    """
    name = str(path)
    try:
        if path.is_dir():
            raise _fault("not-text", "this is a folder", name, "give a file in it")
        if path.exists() and not path.is_file():  # a pipe or a device may never end
            raise _fault("not-text", "this is not a regular file", name)
        with path.open("rb") as stream:
            data = stream.read(4 * most + 1)
    except FileNotFoundError:
        raise _missing(path) from None
    except (OSError, ValueError) as error:  # ValueError: NUL in the path
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise _fault("file-missing", f"cannot read the file: {reason}", name) from None
    return from_text(name, data, most)


def from_text(name: str, data: bytes, most: int = MAX_CHARACTERS) -> Source:
    """The text of a spec file that was read.

    Raises:
        SpecError: It is not UTF-8, or longer than a spec may be.
    """
    if len(data) > 4 * most:
        message = f"a text has at most {most:,} characters"
        raise _fault("too-large", message, name)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"byte {data[error.start]:#04x} in line {line} is not UTF-8"
        raise _fault("not-text", message, name, "save the file as UTF-8") from None
    return Source(name, text.removeprefix("\ufeff"))


def _specs(source: Source, *, yaml: bool) -> tuple[Spec, ...]:
    if not yaml:
        return parse_specs(source)
    from lossc.grammar.document import read_yaml  # pydantic is slow to import

    return (read_yaml(source),)


def is_dsl(text: str) -> bool:
    """Whether the first line that says something begins a DSL statement."""
    lines = (line.strip() for line in text.removeprefix("\ufeff").splitlines())
    first = next((line for line in lines if line and not line.startswith("#")), "")
    key = first.split(maxsplit=1)[0] if first else ""
    return not (first in ("---", "%YAML 1.2") or first[0:1] in "[{-|>&*!\"'" or key.endswith(":"))


def _split(reference: str) -> tuple[str, str | None]:
    file, separator, name = reference.rpartition("::")
    return (file, name) if separator and file else (reference, None)


def _find(file: str, named: Folders) -> Path:
    path = Path(file)
    if path.suffix in ENDINGS or len(path.parts) > 1 or "\0" in file or len(file) > 255:
        return path
    folders = search_path(named)
    for folder in folders:
        found = find_in(folder, file)
        if found is not None:
            return found
    if file in specs.names():
        return specs.path(file)
    if path.exists():
        return path
    known = [*specs.names(), *(name for folder in folders for name in specs_in(folder))]
    raise _fault(
        "file-missing",
        f"no bundled spec and no file is called '{file}'",
        file or "<empty>",
        closest(file, known) or "`lossc list` shows the bundled specs",
    )


def _one(found: tuple[Spec, ...], file: str, name: str | None, asked: str | None = None) -> Spec:
    """The only spec of a file, the one that was picked, or the one that the file is called by."""
    if name is None and len(found) == 1:
        return found[0]
    listed = [spec.name.id for spec in found]
    if name is None and asked in listed:
        name = asked
    for spec in found:
        if spec.name.id == name:
            return spec
    if name is None:
        message = f"the text has {len(found)} specs, and one is needed"
        hint = None if file == "<text>" else f"pick one: {file}::{listed[0]}"
        raise _fault("file-missing", message, file, hint, one_of(listed))
    message = f"the file has no spec '{name}'"
    raise _fault("file-missing", message, file, closest(name, listed), one_of(listed))


def _missing(path: Path) -> SpecError:
    near = closest(path.name, [file.name for file in specs_in(path.parent).values()])
    near = near or closest(path.stem, specs.names())
    return _fault("file-missing", "no such file", str(path), near)


def _fault(
    rule: str, message: str, file: str, hint: str | None = None, expected: str | None = None
) -> SpecError:
    return SpecError(Diagnostic(None, rule, message, expected, hint, file))

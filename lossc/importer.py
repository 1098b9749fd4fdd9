"""Specs as Python modules: ``from my_project.losses import my_metric`` compiles my_metric.lossc.

>>> import lossc
>>> hook = lossc.install_import_hook("my_losses", "specs")  # doctest: +SKIP
>>> from my_losses import my_metric  # doctest: +SKIP
>>> value = my_metric(score, relevant)  # doctest: +SKIP
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable, Sequence
from importlib import import_module
from importlib.abc import ExecutionLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from os import PathLike
from pathlib import Path
from types import ModuleType
from typing import Any

_lock = threading.RLock()


class ImportHook:
    """A package whose submodules are the specs of a folder; see :func:`install_import_hook`.

    Args:
        package: The package's full name.
        folder: The folder with the specs. ``None``: the package's own.
    """

    def __init__(self, package: str, folder: Path | None = None):
        self.package, self.folder = package, folder

    def names(self) -> list[str]:
        """The modules that can be imported, and their classes: ``dir()`` of the package."""
        specs = [name for name in self._files() if name.isidentifier()]
        return sorted({*specs, *map(class_of, specs)})

    def resolve(self, name: str) -> Any:
        """The ``__getattr__`` of the package: a spec's module, or the class in it, by its name.

        Raises:
            AttributeError: No spec is called that.
            SpecError: The spec is wrong.
        """
        files = self._files()
        if name in files:
            return import_module(f"{self.package}.{name}")
        for spec in files:
            if class_of(spec) == name.rstrip("_") and spec.isidentifier():
                found = vars(import_module(f"{self.package}.{spec}")).get(name)
                if found is not None:
                    return found
        raise AttributeError(f"module {self.package!r} has no attribute {name!r}")

    def uninstall(self) -> None:
        """Imports of more modules fail from now on; those that were imported stay."""
        with _lock:
            if _FINDER.hooks.get(self.package) is self:
                del _FINDER.hooks[self.package]
            if not _FINDER.hooks and _FINDER in sys.meta_path:
                sys.meta_path.remove(_FINDER)

    def find(self, name: str, path: Sequence[str] | None) -> Path | None:
        """The file of a spec."""
        from lossc.grammar.folders import find_in

        for folder in self._folders(path):
            found = find_in(folder, name)
            if found is not None:
                return found
        return None

    def _files(self) -> dict[str, Path]:
        from lossc.grammar.folders import specs_in

        package = sys.modules.get(self.package)
        hook = _FINDER.hooks.get(self.package, self)  # a later one, in a package that stayed
        found: dict[str, Path] = {}
        for folder in hook._folders(getattr(package, "__path__", ())):
            for name, file in specs_in(folder).items():
                found.setdefault(name, file)
        return found

    def _folders(self, path: Iterable[str] | None) -> list[Path]:
        return [self.folder] if self.folder is not None else [Path(entry) for entry in path or ()]


class SpecFinder(MetaPathFinder):
    """Finds the modules of all hooks. It stands last: other imports never get to it."""

    def __init__(self) -> None:
        self.hooks: dict[str, ImportHook] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        package, _, name = fullname.rpartition(".")
        hook = self.hooks.get(package)
        if hook is not None:
            file = hook.find(name, path)
            if file is not None:
                loader = SpecLoader(fullname, file)
                found = ModuleSpec(fullname, loader, origin=loader.get_filename(fullname))
                found.has_location = True
                return found
        hook = self.hooks.get(fullname)
        if hook is not None and hook.folder is not None:
            found = ModuleSpec(fullname, _PackageLoader(hook), is_package=True)
            found.submodule_search_locations = [str(hook.folder)]
            return found
        return None


class SpecLoader(ExecutionLoader):
    """Loads one spec: compiles it, and runs the generated source in the module.

    Args:
        fullname: The module's name.
        path: The spec's file; what it uses is looked up beside it first.
    """

    def __init__(self, fullname: str, path: Path):
        self.fullname, self.path = fullname, path
        self._source: str | None = None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        from lossc.spec_module import SpecModule

        return SpecModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Compiles the spec as it is now.

        Raises:
            SpecError: The spec is wrong.
        """
        self._source = self._fill(module)

    def get_source(self, fullname: str) -> str:
        """The generated source, of which the module was made."""
        if self._source is None:
            module = ModuleType(fullname)
            module.__file__ = self.get_filename(fullname)
            self._source = self._fill(module)
        return self._source

    def get_filename(self, fullname: str) -> str:
        """Where tracebacks place the generated source: beside its spec, in no file."""
        return f"{self.path}.py"

    def is_package(self, fullname: str) -> bool:
        return False

    def _fill(self, module: ModuleType) -> str:
        from lossc.spec_module import fill

        return fill(module, self.path, self.path.parent)


class _PackageLoader(ExecutionLoader):
    """A package that has no file: its names are those of its hook."""

    def __init__(self, hook: ImportHook):
        self._hook = hook

    def exec_module(self, module: ModuleType) -> None:
        vars(module).update(__getattr__=self._hook.resolve, __dir__=self._hook.names)

    def get_source(self, fullname: str) -> str:
        return ""

    def get_filename(self, fullname: str) -> str:
        raise ImportError(f"{fullname} has no file", name=fullname)

    def is_package(self, fullname: str) -> bool:
        return True


_FINDER = SpecFinder()


def install_import_hook(package: str, folder: str | PathLike[str] | None = None) -> ImportHook:
    """Makes the specs of a folder importable as the modules of a package.

    Each ``name.lossc`` or ``name.yaml`` is the module ``package.name``, compiled when it is first
    imported. It holds the generated source: the class of the loss and its function, and calling
    the module calls that function. ``importlib.reload`` compiles a changed spec again. Modules that
    are Python files come first. What a spec uses is looked up in its own folder first.

    Args:
        package: Its full name. A package that does not exist is made, with the classes of all
            specs among its names; one that exists keeps its own, and gets the specs as modules.
        folder: Where the specs are. ``None``: in the package's own folder.

    Returns:
        The hook: ``resolve`` and ``names`` serve a package's ``__init__`` as ``__getattr__`` and
        ``__dir__``, and ``uninstall`` takes the hook out again. Installing it twice is the same
        as once.

    Raises:
        ValueError: The package has a hook for another folder.
        NotADirectoryError: There is no such folder.
    """
    where = Path(folder).absolute() if folder is not None else None
    if where is not None and not where.is_dir():
        raise NotADirectoryError(f"the specs of '{package}': '{folder}' is not a folder")
    with _lock:
        hook = _FINDER.hooks.get(package)
        if hook is None:
            hook = _FINDER.hooks[package] = ImportHook(package, where)
        elif hook.folder != where:
            raise ValueError(f"'{package}' already has its specs from {hook.folder}: uninstall it")
        if _FINDER not in sys.meta_path:
            sys.meta_path.append(_FINDER)
    return hook


def class_of(name: str) -> str:
    """The class of a spec.

    >>> class_of("average_precision"), class_of("top_k_accuracy")
    ('AveragePrecision', 'TopKAccuracy')
    """
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))

"""What a module made of a spec holds: the generated source, run in it, with pickles and texts.

A param whose value is a text (``activation = "none"``) decides what is compiled, so the generated
class does not take it. The classes and functions here do: another value compiles a variant, once.
"""

from __future__ import annotations

import inspect
import linecache
from collections.abc import Callable, Mapping
from importlib import import_module
from inspect import Parameter
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import Tensor, nn

from lossc.compiler.compile import CompiledLoss, compile_spec, rebuild_loss
from lossc.compiler.emit.memory import equipped, load_module
from lossc.compiler.schedule_plan import kept_schedules
from lossc.grammar.errors import LosscError
from lossc.grammar.folders import Folders

Texts = tuple[tuple[str, str], ...]


class SpecModule(ModuleType):
    """A module that is called as its function is: ``average_precision(score, relevant)``.

    ``from lossc.losses import average_precision`` finds the module, which an import has put there
    under that name, so the module must do what the function does.
    """

    def __call__(self, *inputs: Tensor, **options: Any) -> Tensor:
        value: Tensor = vars(self)["__function__"](*inputs, **options)
        return value

    def __reduce__(self) -> tuple[Callable[[str], ModuleType], tuple[str]]:
        return import_module, (self.__name__,)


def fill(module: ModuleType, path: Path, folders: Folders = ()) -> str:
    """Compiles a spec into a module.

    Args:
        module: Has a name and a file; gets the generated class, the function, and what they call.
        path: The spec's file.
        folders: Where the specs that it uses are looked up.

    Returns:
        The generated source.

    Raises:
        SpecError: The spec is wrong.
    """
    compiled = compile_spec(path, folders=folders)
    text, file = compiled.module, str(module.__file__)
    lines = text.source.splitlines(keepends=True)
    linecache.cache[file] = (len(text.source), None, lines, file)
    exec(compile(text.source, file, "exec"), vars(module))
    made = _Variants(module.__name__, compiled)
    vars(module)[text.class_name] = made.base(vars(module)[text.class_name])
    function = made.function(vars(module)[text.function_name])
    vars(module)[text.function_name] = vars(module)["__function__"] = function
    vars(module)["__signature__"] = inspect.signature(function)
    return text.source


def rebuild_imported(
    module: str,
    name: str,
    text: str,
    options: dict[str, Any],
    given: dict[str, Any],
    state: dict[str, Any],
) -> nn.Module:
    """A pickled loss of an imported class: of that class, if the spec is there and the same."""
    try:
        cls = getattr(import_module(module), name)
    except (ImportError, LosscError, AttributeError):
        return rebuild_loss(text, options, given, state)
    if vars(cls).get("_lossc_text") != text:
        return rebuild_loss(text, options, given, state)
    made: nn.Module = cls(**options["params"], **given)
    made.load_state_dict(state["state_dict"], assign=True)
    made.train(state["training"])
    vars(made).update(state["attributes"])
    return made


class _Variants:
    """The class and the function of a spec, for every choice of its texts.

    Args:
        module: The name of the module that they are in.
        compiled: The spec with its own texts.
    """

    def __init__(self, module: str, compiled: CompiledLoss):
        self.module, self.compiled, self.text = module, compiled, compiled.module
        self.schedule = kept_schedules(compiled.spec, compiled.schedules)
        defaults = {param.name.id: param.default for param in compiled.spec.params}
        self.texts = {name: text for name, text in defaults.items() if isinstance(text, str)}
        self._compiled: dict[Texts, CompiledLoss] = {}
        self._classes: dict[Texts, Any] = {}

    def base(self, generated: Any) -> Any:
        """The class, with the texts among its options."""
        base = equipped(generated, self.text.function_name, rebuild_imported)
        base.__init__ = self._init(generated, ())
        base._lossc_text = self.compiled.text
        base.__signature__ = self._signature(inspect.signature(generated))
        if self.texts:
            base.__new__ = self._new(base)
        return base

    def function(self, generated: Callable[..., Tensor]) -> Callable[..., Tensor]:
        """The functional form, with the texts among its options."""
        if not self.texts:
            return generated

        def function(*inputs: Tensor, **options: Any) -> Tensor:
            texts, numbers = self._split(options)
            if not texts:
                return generated(*inputs, **numbers)
            other = load_module(self._variant(texts).module)
            value: Tensor = getattr(other, self.text.function_name)(*inputs, **numbers)
            return value

        function.__name__ = function.__qualname__ = generated.__name__
        function.__module__, function.__doc__ = generated.__module__, generated.__doc__
        function.__wrapped__ = generated  # type: ignore[attr-defined]
        function.__signature__ = self._signature(  # type: ignore[attr-defined]
            inspect.signature(generated)
        )
        return function

    def _split(self, options: Mapping[str, Any]) -> tuple[Texts, dict[str, Any]]:
        """The texts that are not the spec's own, and the other options."""
        texts = {name: text for name, text in options.items() if name in self.texts}
        numbers = {name: value for name, value in options.items() if name not in texts}
        chosen = ((name, text) for name, text in texts.items() if text != self.texts[name])
        return tuple(sorted(chosen)), numbers

    def _variant(self, texts: Texts) -> CompiledLoss:
        if texts not in self._compiled:
            self._compiled[texts] = compile_spec(
                self.compiled.text, params=dict(texts), schedule=self.schedule
            )
        return self._compiled[texts]

    def _init(self, generated: Any, texts: Texts) -> Callable[..., None]:
        def __init__(loss: nn.Module, **options: Any) -> None:  # noqa: N807
            _, numbers = self._split(options)
            generated.__init__(loss, **numbers)
            chosen = {"params": dict(texts), "schedule": self.schedule}
            name, text = self.text.class_name, self.compiled.text
            vars(loss)["_lossc"] = (self.module, name, text, chosen, numbers)

        __init__.__wrapped__ = generated.__init__  # type: ignore[attr-defined]
        return __init__

    def _new(self, base: Any) -> Callable[..., nn.Module]:
        def __new__(cls: Any, **options: Any) -> nn.Module:  # noqa: N807
            texts, _ = self._split(options)
            if not texts:
                return _bare(cls)
            if cls is not base:
                names = ", ".join(name for name, _ in texts)
                raise TypeError(f"{names}: texts choose what is compiled, not in a subclass")
            if texts not in self._classes:
                self._classes[texts] = self._class(base, texts)
            return _bare(self._classes[texts])

        return __new__

    def _class(self, base: Any, texts: Texts) -> Any:
        """The class of a variant: a subclass, whose code comes before that of the base."""
        text = self._variant(texts).module
        generated = getattr(load_module(text), text.class_name)
        own = equipped(generated, text.function_name, rebuild_imported)
        members = {"__init__": self._init(generated, texts), "__module__": self.module}
        return type(text.class_name, (own, base), {**members, "__doc__": base.__doc__})

    def _signature(self, signature: inspect.Signature) -> inspect.Signature:
        """A signature with the texts before the other options."""
        texts = [
            Parameter(name, Parameter.KEYWORD_ONLY, default=text, annotation="str")
            for name, text in self.texts.items()
            if name.isidentifier()
        ]
        known = list(signature.parameters.values())
        first = [entry for entry in known if entry.kind is not Parameter.KEYWORD_ONLY]
        last = [entry for entry in known if entry.kind is Parameter.KEYWORD_ONLY]
        return signature.replace(parameters=[*first, *texts, *last])


def _bare(cls: Any) -> nn.Module:
    made: nn.Module = nn.Module.__new__(cls)
    return made

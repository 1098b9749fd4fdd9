"""A generated module in memory: the very text that `lossc compile` writes, executed once."""

from __future__ import annotations

import copy
import functools
import hashlib
import inspect
import linecache
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, NoReturn

from torch import Tensor, nn

from lossc.compiler.choices import OPTIONS
from lossc.compiler.emit.module import ModuleText
from lossc.grammar.errors import NotAMetric

_USUAL = {"seed": 0, "validate": True}
# what a copy does not take along: `shared` holds parameters of the network
_OWN = {*vars(nn.Module()), "_lossc", "_compiled_call_impl", "shared"}


def load_module(text: ModuleText) -> ModuleType:
    """The module that the text defines, importable by name and readable in tracebacks.

    The same text gives the same module object, so a loss that is compiled twice is one class.
    """
    digest = hashlib.sha256(text.source.encode()).hexdigest()[:16]
    name = f"lossc_generated.{text.function_name}_{digest}"
    if name in sys.modules:
        return sys.modules[name]
    module = ModuleType(name)
    file = f"<{name}>"
    module.__file__ = file
    code = compile(text.source, file, "exec")
    # tracebacks, torch.compile and debuggers read the source through linecache
    linecache.cache[file] = (len(text.source), None, text.source.splitlines(keepends=True), file)
    sys.modules[name] = module
    try:
        exec(code, module.__dict__)
    except BaseException:
        del sys.modules[name]
        raise
    return module


@functools.cache
def arguments_of(text: ModuleText) -> tuple[str, ...]:
    """What the generated class takes: params, the surrogate's options, ``validate``."""
    generated = getattr(load_module(text), text.class_name)
    return tuple(
        name for name in inspect.signature(generated.__init__).parameters if name != "self"
    )


@functools.cache
def loss_class(text: ModuleText, rebuild: Callable[..., nn.Module]) -> Any:
    """The generated class with what a loss in memory has more: copies, a repr, refusals.

    Args:
        text: The generated module.
        rebuild: Makes the loss again from its spec text and options; pickles name it.
    """
    generated = getattr(load_module(text), text.class_name)
    return equipped(generated, text.function_name, rebuild)


def equipped(generated: Any, spec: str, rebuild: Callable[..., nn.Module]) -> Any:
    """A generated class with copies, a repr, and refusals.

    Args:
        generated: The class.
        spec: The name of its spec, for messages.
        rebuild: Makes the loss again. It is called with the items of the loss's ``_lossc``, the
            last but one of which are the options of the compiler, and with its state.
    """
    arguments = inspect.signature(generated.__init__).parameters

    def reduce(self: nn.Module) -> tuple[Any, ...]:
        state = {
            "state_dict": copy.deepcopy(self.state_dict()),
            "training": self.training,
            # params and options as they are now, and what the user added
            "attributes": {k: v for k, v in vars(self).items() if k not in _OWN},
        }
        return rebuild, (*vars(self)["_lossc"], state)

    def extra_repr(self: nn.Module) -> str:
        params = vars(self)["_lossc"][-2].get("params") or {}
        shown = [f"{k}={v!r}" for k, v in params.items() if isinstance(v, str)]
        for name in arguments:
            value = getattr(self, name, None)
            value = value.item() if isinstance(value, Tensor) else value
            usual = OPTIONS[name].default if name in OPTIONS else _USUAL.get(name)
            if name != "self" and (value != usual or name == "temperature"):
                shown.append(f"{name}={value!r}")
        return ", ".join(shown)

    members: dict[str, Any] = {
        "__reduce__": reduce,
        "__module__": generated.__module__,
        "__doc__": generated.__doc__,
        "extra_repr": extra_repr,
    }
    if not hasattr(generated, "metric_of_rows"):
        for method in ("metric", "refactored", "comparisons", "evaluate_binaries"):
            members[method] = _refusal(spec, method)
    return type(generated.__name__, (generated,), members)


def _refusal(spec: str, method: str) -> Callable[..., NoReturn]:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise NotAMetric(f"'{spec}' defines a loss, which has no {method}")

    return refuse

"""A declarative metric-to-loss compiler for PyTorch.

>>> import lossc
>>> loss_fn = lossc.loss("average_precision")  # doctest: +SKIP
>>> value = loss_fn(score, relevant)  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

# In a checkout the folders compiler/, grammar/, ... lie beside this one, not inside it.
_root = Path(__file__).resolve().parent.parent
if (_root / "pyproject.toml").is_file() and str(_root) not in __path__:
    __path__.append(str(_root))

if TYPE_CHECKING:
    from lossc import losses as losses
    from lossc import runtime as runtime
    from lossc.api import compile as compile
    from lossc.api import loss as loss
    from lossc.fusing import fuse as fuse
    from lossc.grammar.errors import LosscError as LosscError
    from lossc.grammar.errors import NotAMetric as NotAMetric
    from lossc.grammar.errors import SpecError as SpecError
    from lossc.importer import install_import_hook as install_import_hook
    from lossc.metric import Metric as Metric

__version__ = "0.1.0"
__all__ = [
    "LosscError",
    "NotAMetric",
    "SpecError",
    "__version__",
    "compile",
    "fuse",
    "install_import_hook",
    "loss",
    "losses",
    "runtime",
]
_OPTIONAL = ["Metric"]  # needs torchmetrics, which `from lossc import *` must not

# Where each public name lives. Resolved on first use: `import lossc` loads neither torch nor sympy.
_HOMES = {
    "LosscError": "lossc.grammar.errors",
    "Metric": "lossc.metric",
    "NotAMetric": "lossc.grammar.errors",
    "SpecError": "lossc.grammar.errors",
    "compile": "lossc.api",
    "fuse": "lossc.fusing",
    "install_import_hook": "lossc.importer",
    "loss": "lossc.api",
}


def __getattr__(name: str) -> Any:
    if name in ("losses", "runtime"):
        return import_module(f"lossc.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'lossc' has no attribute '{name}'")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, *_OPTIONAL])

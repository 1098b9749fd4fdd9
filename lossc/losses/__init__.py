"""The bundled losses: a module, a function and a class of each spec, compiled when first used.

>>> from lossc.losses import average_precision, AveragePrecision  # doctest: +SKIP
>>> loss_fn = AveragePrecision(temperature=0.5)  # an nn.Module  # doctest: +SKIP
>>> value = average_precision(score, relevant)  # doctest: +SKIP
"""

from pathlib import Path as _Path

import lossc.specs as _specs
from lossc.importer import install_import_hook as _install_import_hook

_hook = _install_import_hook(__name__, _Path(_specs.__file__).parent)
__getattr__ = _hook.resolve
__dir__ = _hook.names

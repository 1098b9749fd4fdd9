"""A generated module in memory: the very text that `lossc compile` writes, executed once."""

from __future__ import annotations

import hashlib
import linecache
import sys
from types import ModuleType

from lossc.compiler.emit.module import ModuleText


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

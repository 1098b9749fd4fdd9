"""What every command has in common: how it ends."""

from __future__ import annotations

import functools
import os
import signal
import sys
from collections.abc import Callable
from typing import NoReturn, ParamSpec

import typer

P = ParamSpec("P")

INTERRUPTED = 128 + signal.SIGINT
PIPE_CLOSED = 128 + 13  # SIGPIPE, as a shell reports it; the signal has no name on every system


def guarded(command: Callable[P, None]) -> Callable[P, None]:
    """``command``, with the user's errors as text on standard error and exit code 1.

    Our own errors (``InternalError`` and whatever nobody foresaw) keep their stack trace.
    """

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
            sys.stdout.flush()  # here, where a closed pipe is still ours to handle
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            # nobody reads: the interpreter's own last flush must not complain either
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(PIPE_CLOSED) from None
        except Exception as error:
            if not is_the_users(error):
                raise
            fail(str(error))

    return run


def is_the_users(error: BaseException) -> bool:
    """Whether the input is at fault, and not lossc."""
    from lossc.grammar.errors import InternalError, LosscError

    return isinstance(error, LosscError) and not isinstance(error, InternalError)


def complain(message: str) -> None:
    """Print ``message`` on standard error, as it is."""
    print(message, file=sys.stderr)


def fail(message: str) -> NoReturn:
    """Print ``message`` on standard error and end with exit code 1."""
    complain(message)
    raise typer.Exit(1)

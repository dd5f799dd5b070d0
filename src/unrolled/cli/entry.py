"""From the words on the command line to an exit code: every mistake of the user's becomes one line."""

from __future__ import annotations

import errno
import os
import re
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from cyclopts import CycloptsError

from unrolled.cli.app import app
from unrolled.cli.exit_codes import BROKEN_PIPE, INTERRUPTED, MISTAKE
from unrolled.cli.sentences import sentence
from unrolled.cli.signs import one_line
from unrolled.cli.words import spoken
from unrolled.errors import UnrolledError

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: the words after ``unrolled`` (default: those of this process).

    Returns:
        The exit code: 0 done, 2 a mistake of the user's (one line on stderr), 130 interrupted, 141 nobody
        reads the output any more. A bug of ours is not caught, so that its traceback is seen.
    """
    _open_closed_outputs()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            code = _run(sys.argv[1:] if arguments is None else arguments)
    except CycloptsError as error:
        return _mistake(sentence(error))
    except UnrolledError as error:
        return _mistake(str(error))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        _forget_output()
        return BROKEN_PIPE
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
            raise
        _forget_output()
        return _mistake(f"the output cannot be written: {error.strerror}")
    except (MemoryError, RuntimeError) as error:
        wanted = _memory_wanted(error)
        if wanted is None:
            raise
        return _mistake(f"there is not enough memory for this{wanted}: a smaller size, batch or length would do")
    except SystemExit as error:
        if isinstance(error.__context__, BrokenPipeError):  # so rich ends a program whose output nobody reads
            return BROKEN_PIPE
        return _mistake(f"code that is not ours ended the command: SystemExit: {error}")
    return code


def _run(arguments: Sequence[str]) -> int:
    with spoken(arguments):
        code = app(list(arguments), exit_on_error=False, print_error=False, result_action="return_value")
    sys.stdout.flush()
    return code if isinstance(code, int) else 0


def _open_closed_outputs() -> None:
    """What is written to an output that the caller closed (>&-) goes nowhere; Python has None in its place."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115


def _forget_output() -> None:
    """Send what is unwritten nowhere: the interpreter flushes stdout at exit, which would print the error again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _memory_wanted(error: Exception) -> str | None:
    """How much could not be had, in words; None where that is not what happened."""
    if isinstance(error, MemoryError):
        return ""
    found = re.search(r"(?:can't allocate memory: you tried to allocate (\d+) bytes|out of memory)", str(error))
    if found is None:
        return None
    return f" ({int(found[1]) / 2**30:,.1f} GiB at once)" if found[1] else ""


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    print(f"warning: {one_line(message)}", file=sys.stderr)


def _mistake(message: str) -> int:
    print(f"error: {one_line(message)}", file=sys.stderr)
    return MISTAKE

"""What can go wrong, as one tree; every leaf says what was given and what would do.

::

    UnrolledError
    ├── InputError (ValueError)      something given cannot be used
    │   ├── UnknownName              no such cell, task, option …
    │   ├── ShapeError               a tensor of the wrong shape or dtype
    │   ├── SpecError                a spec, a config file or an option's value
    │   ├── TextError                a text file, or a character outside a vocabulary
    │   ├── SourceError              a registered source cannot be had
    │   ├── RecordError              a run that is missing, damaged or foreign
    │   │   └── HeldError            a run that another process is training
    │   ├── UserCodeError            a user's own cell that cannot be loaded or does not keep the protocol
    │   └── FormulaError             a formula that cannot be read
    ├── StorageError (OSError)       nothing can be written there: disk full, read-only, no permission
    └── DivergedError                training left the numbers; the last good checkpoint is kept

The command line prints any of them as one line and exits with code 2.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "DivergedError",
    "FormulaError",
    "HeldError",
    "InputError",
    "RecordError",
    "ShapeError",
    "SourceError",
    "SpecError",
    "StorageError",
    "TextError",
    "UnknownName",
    "UnrolledError",
    "UserCodeError",
]


class UnrolledError(Exception):
    """The root: catch this to catch everything the package raises on purpose."""


class InputError(UnrolledError, ValueError):
    """Something that was given cannot be used."""


class UnknownName(InputError):
    """A name that is in no table, with the nearest that is.

    Args:
        what: the kind of thing, singular (``"cell"``).
        given: the name that was given.
        choices: every name that would do.
    """

    def __init__(self, what: str, given: object, choices: Iterable[str]) -> None:
        names = list(choices)
        near = difflib.get_close_matches(str(given), names, n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        super().__init__(f"no {what} {str(given)!r}{hint} {_plural(what)}: {', '.join(names) or 'none'}")
        self.what = what
        self.given = given
        self.choices = tuple(names)

    def __reduce__(self) -> tuple[type[UnknownName], tuple[str, object, tuple[str, ...]]]:
        return (UnknownName, (self.what, self.given, self.choices))


def _plural(what: str) -> str:
    """Cells, classes, readings of rows; what is plural already, as readings, stays."""
    head, of, rest = what.partition(" of ")
    end = "es" if head.endswith("ss") else "" if head.endswith("s") else "s"
    return f"{head}{end}{of}{rest}"


class ShapeError(InputError):
    """A tensor of the wrong shape or dtype: says which, what it had and what would do."""


class SpecError(InputError):
    """A spec, a config file or an option's value that cannot be used."""


class TextError(InputError):
    """A text that cannot be read, or a character that a vocabulary does not hold."""


class SourceError(InputError):
    """A registered source that cannot be had: offline, refused, or not what its hash says."""


class RecordError(InputError):
    """A run that is missing, damaged or was not written by this package."""


class HeldError(RecordError):
    """A run that another process is training at this moment."""


class UserCodeError(InputError):
    """A user's own cell that cannot be loaded, or does not keep the protocol of a cell."""


class FormulaError(InputError):
    """A formula that cannot be read, or is larger than the checker takes."""


class StorageError(UnrolledError, OSError):
    """Nothing can be written there: a full disk, a read-only file system, no permission."""


class DivergedError(UnrolledError):
    """Training left the numbers (a loss or gradient that is not finite)."""

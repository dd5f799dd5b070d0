"""cyclopts' usage errors in the house's words: what was given, and what would do, on one line."""

from __future__ import annotations

import difflib
from typing import Literal, get_args, get_origin

from cyclopts import (
    App,
    CoercionError,
    CycloptsError,
    MissingArgumentError,
    UnknownCommandError,
    UnknownOptionError,
    UnusedCliTokensError,
)
from cyclopts.exceptions import RepeatArgumentError

from unrolled.errors import UnknownName

__all__ = ["sentence"]

_WORDS = {int: "a whole number", float: "a number", bool: "yes or no"}


def sentence(error: CycloptsError) -> str:
    """One line that says what is wrong with the command and what would do."""
    error.verbose = False
    match error:
        case UnknownOptionError():
            return _unknown_option(error)
        case UnknownCommandError():
            return _unknown_command(error)
        case UnusedCliTokensError():
            words = " ".join(repr(word) for word in error.unused_tokens or [])
            return f"{words} is not expected here; {_see_help(error)}"
        case CoercionError() if error.token is not None and error.target_type is not None:
            return _wrong_value(error)
        case MissingArgumentError() if error.argument is not None:
            given = error.keyword or error.argument.name
            if given.startswith("-") and error.keyword is None:
                return f"{given} is missing; {_see_help(error)}"
            option = given if given.startswith("-") else given.upper()
            return f"{option} needs a value; {_see_help(error)}"
        case RepeatArgumentError():
            return f"{error.token.keyword} is given twice"
    return str(error)


def _unknown_option(error: UnknownOptionError) -> str:
    given = error.token.keyword or error.token.value
    names = [name for argument in error.argument_collection for name in argument.names if argument.show]
    near = difflib.get_close_matches(given, names, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else ";"
    return f"no option {given!r}{hint} {_see_help(error)}"


def _unknown_command(error: UnknownCommandError) -> str:
    given = (error.unused_tokens or ["?"])[0]
    choices = [name for name in _commands(error.app) if not name.startswith("-")]
    what = "task" if error.app is not None and error.app.name[0] == "train" else "command"
    return str(UnknownName(what, given, choices))


def _commands(app: App | None) -> list[str]:
    # The names alone: iterating an App's commands any other way would import every one of them.
    return [] if app is None else list(app._commands)


def _wrong_value(error: CoercionError) -> str:
    assert error.token is not None
    value = error.token.value
    option = error.token.keyword or (error.argument.name.upper() if error.argument is not None else "value")
    if get_origin(error.target_type) is Literal:
        choices = [str(choice) for choice in get_args(error.target_type)]
        near = difflib.get_close_matches(value, choices, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}? " if near else ""
        return f"{option} is {value!r}: {hint}choose from {', '.join(choices)}"
    word = _WORDS.get(error.target_type) if isinstance(error.target_type, type) else None
    return f"{option} is {value!r}: not {word or error.target_type}"


def _see_help(error: CycloptsError) -> str:
    return f"`{' '.join(['unrolled', *(error.command_chain or ())])} --help` lists what there is"

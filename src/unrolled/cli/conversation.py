"""``unrolled generate --interactive``: a beginning a line, and between them how to go on."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import sys
from typing import TYPE_CHECKING, Any, Final

from unrolled.cli.beginnings import require_utf8
from unrolled.cli.signs import one_line
from unrolled.cli.written import announce, open_texts, put, read_first, say
from unrolled.errors import InputError, UnknownName, UnrolledError
from unrolled.generation import Choice, Stream, temperature_of

if TYPE_CHECKING:
    from unrolled.generation import TextModel

__all__ = ["converse"]

_SETTING: Final = re.compile(r":([a-z][a-z-]*) *(.*?) *")
_SETTINGS: Final = ("temperature", "tau", "greedy", "top-k", "top-p", "length", "help")

_HOW: Final = "a beginning, then Enter; Enter alone goes on; :help for what can be changed; Ctrl-D ends"
_HELP: Final = """\
:temperature 0.8  below 1 safer, above 1 bolder      :greedy      the likeliest
:tau 2            the course's, 1/temperature        :top-k 5     of so many; none: of all
:length 500       characters at a time               :top-p 0.9   of those with this share; none: of all"""


def converse(model: TextModel, length: int, options: dict[str, Any]) -> None:
    """A beginning a line; each text is drawn anew, and Ctrl-C ends it, not the program."""
    if sys.stdin is None:
        raise InputError("--interactive asks for beginnings, but standard input is closed: give one with --prompt")
    announce(model, options["choice"], options["seed"])
    asks = sys.stdin.isatty()
    if hasattr(sys.stdin, "reconfigure"):
        sys.stdin.reconfigure(errors="surrogateescape")
    if asks:
        with contextlib.suppress(ImportError):
            import readline  # noqa: F401  input() then lets a line be edited, and remembers the earlier ones
        say(_HOW)
    stream: Stream | None = None
    number = 0
    while (line := _asked(asks)) is not None:
        try:
            if setting := _SETTING.fullmatch(line):
                length = _set(model, options, length, *setting.groups())
                if stream is not None:
                    stream.choice = options["choice"]
                continue
            if line or stream is None:
                stream = open_texts(model, require_utf8(line, "the beginning"), 1, number, options)
                number += 1
                put(stream.starts[0])
            for piece in read_first(stream, length):
                put(stream.texts(piece)[0])
            put("\n")
        except KeyboardInterrupt:
            put("\n")
        except UnrolledError as error:
            say(f"error: {one_line(error)}")


def _asked(asks: bool) -> str | None:
    """The next line, or None at the end. Whoever keeps the output in a file does not find the question in it."""
    if asks and sys.stdout.isatty():
        try:
            return input("> ")
        except EOFError:
            put("\n")
            return None
    if asks:
        print("> ", end="", file=sys.stderr, flush=True)
    line = sys.stdin.readline()
    return line.rstrip("\n") if line else None


def _set(model: TextModel, options: dict[str, Any], length: int, name: str, value: str) -> int:
    """Change how texts are chosen, in place, and say it; the length to go on with comes back."""
    if name not in _SETTINGS:
        raise UnknownName("setting", name, _SETTINGS)
    if name == "help":
        say(_HELP)
        return length
    if name == "length":
        length = int(_number(name, value, int))
        if length < 1:
            raise InputError(f"length is {length}: 1 or more characters")
        say(f"{length} characters at a time")
        return length
    choice: Choice = options["choice"]
    if name == "greedy":
        choice = dataclasses.replace(choice, temperature=None)
    elif name in ("temperature", "tau"):
        given = _number(name, value, float)
        choice = dataclasses.replace(choice, temperature=temperature_of(given) if name == "tau" else given or None)
    else:
        kept = None if value == "none" else _number(name, value, int if name == "top-k" else float)
        change: dict[str, Any] = {name.replace("-", "_"): kept}
        choice = dataclasses.replace(choice, **change)
    options["choice"] = choice
    announce(model, choice, options["seed"])
    return length


def _number(name: str, value: str, kind: type[int] | type[float]) -> float:
    try:
        return kind(value)
    except ValueError:
        word = "whole number" if kind is int else "number"
        raise InputError(f"{name} is {value!r}: not a {word}" if value else f"{name} needs a {word}") from None

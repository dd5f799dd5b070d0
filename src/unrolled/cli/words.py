"""The words of the command that is running, for pages that say how to make them again."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["again", "spoken"]

_WORDS: ContextVar[tuple[str, ...]] = ContextVar("words", default=())


@contextmanager
def spoken(words: Sequence[str]) -> Iterator[None]:
    """Inside, the command of these words is running."""
    token = _WORDS.set(tuple(words))
    try:
        yield
    finally:
        _WORDS.reset(token)


def again() -> str:
    """The running command, as a shell takes it."""
    return shlex.join(["unrolled", *_WORDS.get()])

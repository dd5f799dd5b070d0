"""What `unrolled memory` and `unrolled horizon` are told, read and checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unrolled.errors import InputError, UnknownName

if TYPE_CHECKING:
    from unrolled.experiments.memory_specs import Setting

__all__ = ["cells_of", "settings_of", "sizes_of"]


def cells_of(given: str) -> tuple[str, ...]:
    """The cells of a list such as rnn,lstm, each once.

    Raises:
        UnknownName: one that is no cell and no file.py:Class.
    """
    from unrolled.spec import CELLS, is_user_cell

    cells = tuple(dict.fromkeys(word.strip() for word in given.split(",") if word.strip()))
    for cell in cells:
        if cell not in CELLS and not is_user_cell(cell):
            raise UnknownName("cell", cell, CELLS)
    if not cells:
        raise InputError(f"cell is {given!r}: give at least one, as rnn,lstm")
    return cells


def settings_of(given: str) -> tuple[Setting, ...]:
    """The settings of a list such as healthy,published, each once.

    Raises:
        UnknownName: one that is none of the three.
    """
    from unrolled.experiments.memory_specs import SETTINGS

    known = {name: name for name in SETTINGS}
    found = []
    for word in dict.fromkeys(given.split(",")):
        if word not in known:
            raise UnknownName("setting", word, SETTINGS)
        found.append(known[word])
    return tuple(found)


def sizes_of(given: str, least: int) -> tuple[int, ...]:
    """The sizes of a list or range such as 10,20 or 5:50:5, ascending.

    Raises:
        InputError: one that is no whole number, or too small for the task.
    """
    from unrolled.spec.sweep import choices

    sizes = choices(given.split(","))
    assert isinstance(sizes, list)
    found = set()
    for size in sizes:
        word = str(size)
        if not word.isdecimal() or int(word) < least:
            raise InputError(f"size is {given!r}: whole numbers from {least} on, as 10,20 or 5:50:5")
        found.add(int(word))
    return tuple(sorted(found))

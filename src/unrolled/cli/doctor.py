"""``unrolled doctor FILE.py:NAME --as CELL``: a verdict in plain words, with the evidence."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console

__all__ = ["doctor"]

_CODES = {"sound": 0, "wrong": 1, "unknown": 2}


def doctor(
    module: str,
    /,
    *,
    reference: Annotated[str, Parameter(name="--as")],
    step: str | None = None,
    seconds: float = 60.0,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> int:
    """Name what is wrong with a cell, a layer or a classifier of your own.

    Args:
        module: whose, as path/to/file.py:MyLSTM; a class, a function that makes a module, or a module.
        reference: what it should be: rnn, rnn-relu, gru, gru-reset-before, lstm, peephole, full-peephole, gcn, gat.
        step: a train step (or an evaluation) to examine with it, as path/to/file.py:train_step.
        seconds: how long your code may run.
        as_json: as JSON, for programs.
    """
    from unrolled.cli.diagnosis import print_diagnosis
    from unrolled.doctor import consult

    waiting = Console(stderr=True).status("examining …")

    def announce(files: Collection[Path]) -> None:
        names = " and ".join(map(str, files))
        print(f"this runs the code of {names} in a separate process, for at most {seconds:g} s", file=sys.stderr)
        waiting.start()

    try:
        found = consult(module, reference, step, seconds=seconds, before=announce)
    finally:
        waiting.stop()
    if as_json:
        print(json.dumps(found.plain(), indent=1, ensure_ascii=False))
    else:
        print_diagnosis(found, Console(highlight=False))
    return _CODES[found.verdict]

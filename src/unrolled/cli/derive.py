"""``unrolled derive``: a gradient written on paper, held to autograd."""

from __future__ import annotations

import dataclasses
import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table
from rich.text import Text

from unrolled.cli.exit_codes import FAILED
from unrolled.errors import InputError, TextError, UnknownName

if TYPE_CHECKING:
    from unrolled.derivation import Check, Verdict

__all__ = ["derive"]

MOST_BYTES = 1 << 20


def derive(
    formula: str | None = None,
    /,
    *,
    model: str | None = None,
    of: str | None = None,
    file: Annotated[Path | None, Parameter(allow_leading_hyphen=True)] = None,
    example: str | None = None,
    examples: Annotated[bool, Parameter(negative=())] = False,
    seed: int = 0,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> int:
    """Check a gradient written on paper against autograd, and name what is wrong with it.

    Exit code 0: right; 1: wrong; 2: it could not be read.

    Args:
        formula: lines such as dL/dW_ph = (yhat - y) h[T]^T, or LaTeX; several are separated by ; or a new line.
        model: the network: rnn, lstm, gru, gcn or softmax (default: rnn, or the example's).
        of: left side of a formula that has none, such as dL/dW_hh.
        file: read the formula from this file (-: standard input).
        example: check one of the shipped derivations instead.
        examples: list the shipped derivations.
        seed: draws the numbers that both sides are evaluated on.
        as_json: as JSON, for programs.
    """
    from unrolled.derivation import EXAMPLES, check

    console = Console(highlight=False)
    if examples:
        _list(console)
        return 0
    given = [
        name for name, value in (("FORMULA", formula), ("--file", file), ("--example", example)) if value is not None
    ]
    if len(given) != 1:
        raise InputError(f"{' and '.join(given) or 'no formula'} given: give one of FORMULA, --file or --example")
    if example is not None:
        if example not in EXAMPLES:
            raise UnknownName("example", example, EXAMPLES)
        formula, model = EXAMPLES[example].text, model or EXAMPLES[example].model
    elif file is not None:
        formula = _read(file)
    assert formula is not None
    verdict = check(formula, model or "rnn", of=of, seed=seed)
    if as_json:
        print(json.dumps({"equal": verdict.equal, **_plain(dataclasses.asdict(verdict))}, indent=1, ensure_ascii=False))
    else:
        _show(console, verdict)
    return 0 if verdict.equal else FAILED


def _read(file: Path) -> str:
    try:
        if str(file) == "-":
            return sys.stdin.buffer.read(MOST_BYTES).decode()
        with file.open("rb") as opened:
            return opened.read(MOST_BYTES).decode()
    except OSError as error:
        raise TextError(f"{str(file)!r} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise TextError(f"{str(file)!r} is not UTF-8 text: give formulas, one a line") from None


def _list(console: Console) -> None:
    from unrolled.derivation import EXAMPLES

    for name, example in EXAMPLES.items():
        console.print(Text(f"{name}  ({example.model}; {example.source})", style="bold"))
        for line in example.text.splitlines():
            console.print(Text(f"    {line}"), soft_wrap=True)


def _show(console: Console, verdict: Verdict) -> None:
    console.print(Text(f"the network ({verdict.model}):", style="dim"))
    for equation in verdict.equations:
        console.print(Text(f"  {equation}", style="dim"), soft_wrap=True)
    for check in verdict.checks:
        console.print()
        _show_check(console, check, verdict.instances)


def _show_check(console: Console, check: Check, instances: int) -> None:
    console.print(Text(check.formula, style="bold"), soft_wrap=True)
    where = f" for {check.where}" if check.where else ""
    if check.equal:
        words = (
            f"right: equal to autograd{where} on {instances} drawn networks (relative error {check.relative_error:.0e})"
        )
        console.print(Text(f"  ✓ {words}", style="green"), soft_wrap=True)
        return
    error = "" if math.isinf(check.relative_error) else f" (relative error {check.relative_error:.2g})"
    console.print(Text(f"  ✗ wrong{where}{error}", style="red"), soft_wrap=True)
    for finding in check.findings:
        console.print(Text(f"    • {finding}"), soft_wrap=True)
    if check.terms:
        console.print(_terms(check))
    if check.right is not None:
        console.print(Text(f"  a right form: {check.right}"), soft_wrap=True)


def _terms(check: Check) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 2), header_style="dim")
    for heading, side in (
        ("step", "right"),
        ("‖yours‖", "right"),
        ("‖autograd‖", "right"),
        ("error", "right"),
        ("", "left"),
    ):
        table.add_column(heading, justify=side)  # type: ignore[arg-type]
    for term in check.terms:
        mine = "-" if term.mine is None else f"{term.mine:.4f}"
        style = None if term.state == "equal" else "red"
        table.add_row(str(term.step), mine, f"{term.right:.4f}", f"{term.relative_error:.1e}", term.state, style=style)
    return table


def _plain(value: Any) -> Any:
    """JSON has no infinity: null says that there was nothing to compare."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value

"""From readings to rows: where the verdicts are decided."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from unrolled.experiments.claim import Row, Verdict
from unrolled.experiments.readings import SOLVED_NOTE, is_solved, listed, solved_of, solved_steps
from unrolled.record import Run

__all__ = ["bound_row", "number_row", "solved_row"]


def number_row(
    what: str,
    published: str,
    values: Sequence[float],
    *,
    number: float,
    within: float,
    note: str = "",
    digits: int = 2,
    comparable: bool = True,
) -> Row:
    """Reproduced where the median of the seeds is within a tolerance of the published number.

    Args:
        what: the quantity and its conditions.
        published: the number with who printed it.
        values: of every seed.
        number: the published number.
        within: the tolerance, stated in the row.
        note: further words.
        digits: decimals shown.
        comparable: whether it was measured on what the published number is about; otherwise it is not reached.
    """
    if not values:
        return Row(what, published, "no run finished", "not reached", note)
    if not comparable:
        return Row(what, published, listed(values, digits), "not reached", f"not compared: {note}")
    close = abs(median(values) - number) <= within
    verdict: Verdict = "reproduced" if close else "differs"
    stated = f"within {within:g}".replace("0.", ".") + (f"; {note}" if note else "")
    return Row(what, published, listed(values, digits), verdict, stated)


def solved_row(
    what: str, published: str, runs: Sequence[Run], *, at_least: int, reachable: bool, note: str = ""
) -> Row:
    """Reproduced where enough seeds solved the task.

    Args:
        what: the conditions.
        published: the result with who printed it, or nothing.
        runs: one of every seed.
        at_least: seeds that have to solve it.
        reachable: whether the budget gave it the published number of steps.
        note: further words.
    """
    solved = sum(map(is_solved, runs))
    steps = solved_steps(runs)
    measured = solved_of(runs) + (f" (at step {steps})" if steps else "")
    verdict: Verdict = "measured"
    if published:
        verdict = "reproduced" if solved >= at_least else "differs" if reachable and runs else "not reached"
    return Row(what, published, measured, verdict, note or SOLVED_NOTE)


def bound_row(what: str, published: str, values: Sequence[float], *, below: float, reachable: bool, note: str) -> Row:
    """Reproduced where the median stays below a bound to the end of the published budget.

    A bound that is passed early differs; one that still holds when a shortened budget ends is not reached.
    """
    if not values:
        return Row(what, published, "no run finished", "not reached", note)
    verdict: Verdict = "differs" if median(values) >= below else "reproduced" if reachable else "not reached"
    return Row(what, published, listed(values), verdict, note)

"""The end of a reproduction: every claim's count of verdicts, what differs, and what was left out."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from unrolled.experiments import VERDICTS, ClaimResult
from unrolled.report import verdict_sentence

__all__ = ["print_summary"]


def print_summary(results: Sequence[ClaimResult], console: Console) -> None:
    """One row a claim, the published results that differ, what was shortened, and the verdict."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("claim")
    for verdict in VERDICTS:
        table.add_column(verdict, justify="right")
    for result in results:
        table.add_row(Text(result.claim), *(str(result.count(verdict) or "·") for verdict in VERDICTS))
    console.print()
    console.print(table)
    for result in results:
        _print_differences(result, console)
    for line in [line for result in results for line in (*result.shortened, *result.failed)]:
        console.print(Text(f"  {line}", style="dim"), soft_wrap=True)
    console.print(verdict_sentence(results), soft_wrap=True)


def _print_differences(result: ClaimResult, console: Console) -> None:
    for row in result.rows:
        if row.verdict == "differs":
            note = f" ({row.note})" if row.note else ""
            console.print(Text(f"{result.claim} differs: {row.what}", style="bold"), soft_wrap=True)
            console.print(Text(f"  published  {row.published}"), soft_wrap=True)
            console.print(Text(f"  measured   {row.measured}{note}"), soft_wrap=True)

"""What a reproduction is doing, as it does it: a table in a terminal, a line an event anywhere else."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.text import Text

from unrolled.cli.names import default_name
from unrolled.cli.run_rows import RunRows
from unrolled.errors import UnrolledError
from unrolled.experiments import (
    Claim,
    ClaimFailed,
    ClaimFinished,
    ClaimResult,
    ClaimStarted,
    Event,
    RunFailed,
    RunFinished,
    RunProgressed,
)

__all__ = ["Board"]


class Board:
    """Draws events, and keeps what the claims came to.

    Attributes:
        results: by claim.
        failures: claims that could not be measured, each with why.
    """

    def __init__(self, console: Console) -> None:
        self.results: dict[str, ClaimResult] = {}
        self.failures: list[tuple[Claim, UnrolledError]] = []
        self._console = console
        self._rows = RunRows(console)

    def __enter__(self) -> Board:
        self._rows.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._rows.stop()

    def show(self, event: Event) -> None:
        """Draw one event."""
        match event:
            case ClaimStarted(claim=claim, specs=specs):
                self._rows.expect(specs)
                self._say(f"{claim.name}: {claim.question} ({len(specs)} run{'s' if len(specs) != 1 else ''})")
            case RunProgressed(spec=spec, progress=progress):
                self._rows.draw(spec, progress)
            case RunFinished(run=run, reused=reused, left=left):
                self._rows.end(run.spec, steps=(run.result or {})["steps"])
                if not (self._console.is_terminal or reused):
                    over = self._rows.ended + self._rows.failed
                    self._say(f"  {over}/{over + left}  {default_name(run.spec)}  {run.name}")
            case RunFailed(spec=spec, error=error):
                self._rows.end(spec)
                self._say(f"  {default_name(spec)} failed: {error}", style="red")
            case ClaimFinished(result=result):
                self.results[result.claim] = result
                self._say(f"{result.claim}: {result.answer}", style="bold")
            case ClaimFailed(claim=claim, error=error):
                self.failures.append((claim, error))

    def _say(self, line: str, style: str = "") -> None:
        self._console.print(Text(line, style=style), soft_wrap=True)

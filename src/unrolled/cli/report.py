"""``unrolled report RUN...``: runs drawn into one HTML file."""

from __future__ import annotations

from pathlib import Path

from unrolled.cli.damaged import warn_of_damaged

__all__ = ["report"]


def report(*names: str, out: Path = Path("report.html"), runs: Path = Path("runs")) -> None:
    """Draw runs into one HTML file that needs no network.

    Args:
        names: runs by name or folder, each drawn once (default: every run of the folder).
        out: the file to write.
        runs: folder of runs.
    """
    from unrolled.errors import RecordError
    from unrolled.record import damaged_runs, find_run, list_runs
    from unrolled.report import write_report

    if names:
        chosen = list({run.path.resolve(): run for run in (find_run(name, runs) for name in names)}.values())
        write_report(out, chosen)
    else:
        chosen = list_runs(runs)
        warn_of_damaged(damaged_runs(runs, chosen))
        if not chosen:
            raise RecordError(f"no runs in {str(runs)!r} to report on; make one with: unrolled train palindromes")
        write_report(out, chosen, on_damaged=lambda reason: warn_of_damaged([reason]))
    print(f"{out}  open it in a browser")

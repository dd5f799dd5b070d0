"""A diagnosis in plain words: the verdict, each finding with its evidence, the equations side by side."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from unrolled.doctor import FAULTS, REFERENCES, Diagnosis, Finding

__all__ = ["print_diagnosis"]

_STYLES = {"sound": "bold green", "wrong": "bold red", "unknown": "bold yellow"}


def print_diagnosis(found: Diagnosis, console: Console) -> None:
    """Print it, in colours where there is a terminal."""
    console.print(Text(_verdict(found), style=_STYLES[found.verdict]), soft_wrap=True)
    for number, finding in enumerate(found.findings, 1):
        _print_finding(number, finding, console)
    if found.equation:
        console.print()
        _print_lines("what it computes, recovered from its outputs (' is before the step)", found.equation, console)
        if any(finding.severity == "fault" for finding in found.findings):
            _print_lines(f"the reference, {found.reference}", REFERENCES[found.reference].equation, console)
    if found.checks:
        console.print()
        _print_lines("found in order", found.checks, console, "✓ ")
    if found.notes:
        console.print()
        _print_lines("notes", found.notes, console, "· ")
    console.print(Text(f"{found.seconds:.1f} s", style="dim"))


def _verdict(found: Diagnosis) -> str:
    faults = sum(finding.severity == "fault" for finding in found.findings)
    match found.verdict:
        case "sound":
            return f"sound: {found.subject} is a {found.reference}, as far as was looked"
        case "wrong":
            return f"wrong: {found.subject} as {found.reference}: {faults} fault{'s' if faults != 1 else ''}"
    return f"not judged: {found.subject} as {found.reference}: {found.reason}"


def _print_finding(number: int, finding: Finding, console: Console) -> None:
    fault = FAULTS[finding.fault]
    caution = finding.severity == "caution"
    console.print()
    head = Text(f"{number}. ", style="bold")
    head.append(f"{'caution: ' if caution else ''}{fault.title}", style="bold yellow" if caution else "bold red")
    head.append(f"  {finding.fault}", style="dim")
    console.print(head, soft_wrap=True)
    console.print(Text(f"   {finding.sentence}."), soft_wrap=True)
    for evidence in finding.evidence:
        console.print(Text(f"   evidence: {evidence}", style="cyan"), soft_wrap=True)
    console.print(Text(f"   remedy: {fault.remedy}"), soft_wrap=True)


def _print_lines(title: str, lines: tuple[str, ...], console: Console, mark: str = "") -> None:
    console.print(Text(f"{title}:", style="bold"), soft_wrap=True)
    for line in lines:
        console.print(Text(f"   {mark}{line}"), soft_wrap=True)

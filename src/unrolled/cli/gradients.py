"""``unrolled gradients [RUN...]``: the microscope on a run, or on an untrained network."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from rich.console import Console
from rich.progress import track
from rich.text import Text

from unrolled.cli.json_text import json_text
from unrolled.cli.networks import Looked, Untrained, networks
from unrolled.cli.numbers import require_least
from unrolled.cli.words import again

if TYPE_CHECKING:
    from unrolled.analysis.gradients import LyapunovExponents, PhaseDiagram, StateGradients

__all__ = ["gradients", "print_tables", "settings_of", "write_page"]

_KEPT_STEPS = 200
"""Up to so many steps the Lyapunov exponent of a network is computed too: it takes a Jacobian a step."""


def gradients(
    *names: str,
    options: Annotated[Untrained, Parameter(name="*")] = Untrained(),  # noqa: B008
    length: int | None = None,
    batch: int = 16,
    seed: int = 0,
    phase: Annotated[bool, Parameter(negative=())] = False,
    runs: Path = Path("runs"),
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
    out: Path | None = None,
) -> None:
    """Show how much of the loss at the last step reaches each state, weight and step.

    Args:
        names: runs by name or folder, each looked at as it began and as it is (default: an untrained network);
            what was seen along training (`unrolled train … --look-every 100`) is drawn beside it.
        options: of the untrained network.
        length: T, digits that are read (default: the run's own, or 100).
        batch: sequences averaged over.
        seed: of the sequences, and of an untrained network's weights.
        phase: also draw the map of where gradients vanish, live and explode (half a minute): of untrained networks
            of one layer of at most 64 units, over scales of W_hh and forget biases of its own, on 8 sequences.
        runs: folder of runs.
        as_json: as JSON, for programs.
        out: also write a page with every figure.
    """
    from unrolled.analysis.gradients import state_gradients
    from unrolled.experiments.instruments import gradient_findings

    console = Console(highlight=False, stderr=as_json)
    require_least(length=length)
    looked = networks(names, runs, options, length=length, batch=batch, seed=seed)
    seen, exponents = {}, {}
    for each in track(looked, "looking", console=console, transient=True, disable=not console.is_terminal):
        seen[each.name] = state_gradients(each.model, each.inputs, each.targets, marking=each.marking)
        if len(each.inputs) <= _KEPT_STEPS:
            exponents[each.name] = _exponents(each)
    diagram = _phase(options, looked, length, seed, console) if phase else None
    findings = gradient_findings(
        seen,
        exponents,
        diagram,
        along={each.run.name: each.run.looks() for each in looked if each.run},
        settings=settings_of(looked, seed),
        sources=list(dict.fromkeys(each.run.name for each in looked if each.run)),
    )
    if as_json:
        print(json_text(_mapping(looked, seen, exponents, diagram), indent=1))
    else:
        print_tables(findings, console)
    if out is not None:
        write_page(out, "Gradients through time", "How much of the loss reaches each state, and why?", findings, looked)
        console.print(Text(f"{out}  open it in a browser"), soft_wrap=True)


def _exponents(each: Looked) -> LyapunovExponents:
    """The leading growth rate of the top layer, over the first sequences of the batch."""
    from unrolled.analysis.gradients import lyapunov_exponents
    from unrolled.nn import RecurrentLayer

    layer = each.model.layer
    assert isinstance(layer, RecurrentLayer)
    coded = each.model.coding(each.inputs[:, :2]).detach()
    return lyapunov_exponents(layer, coded, index=layer.num_layers - 1, count=1)


def _phase(options: Untrained, looked: list[Looked], length: int | None, seed: int, console: Console) -> PhaseDiagram:
    from unrolled.analysis.gradients import phase_diagram, phase_points
    from unrolled.analysis.gradients.phase import FORGET_BIASES, SCALES
    from unrolled.spec import ModelSpec

    run = looked[0].run
    if run is not None:
        spec = run.spec.recurrent
    else:
        cell, coding = options.cell or "lstm", options.input or "one-hot"
        spec = ModelSpec(cell=cell, hidden=options.hidden or 64, input=coding, initialisation=options.initialisation)
    spec = dataclasses.replace(spec, hidden=min(spec.hidden, 64), layers=1, bidirectional=False)
    steps = 100 if length is None else length
    points = track(
        phase_points(spec, steps=steps, seed=seed),
        "mapping",
        total=len(SCALES) * len(FORGET_BIASES),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    return phase_diagram(spec, points, steps=steps)


def settings_of(looked: Sequence[Looked], seed: int) -> str:
    """What was read, for the figures."""
    lengths = sorted({len(each.inputs) for each in looked})
    return f"{looked[0].inputs.shape[1]} sequences of T = {' or '.join(map(str, lengths))}, seed {seed}; float64"


def print_tables(findings: Any, console: Console) -> None:
    """The tables and the sentence of what an instrument found."""
    from rich.table import Table

    for table in findings.tables:
        shown = Table(box=None, pad_edge=False, header_style="bold")
        for place, heading in enumerate(table.header):
            shown.add_column(heading, justify="left" if place == 0 else "right")
        for row in table.rows:
            shown.add_row(*map(Text, row))
        console.print(shown)
    for figure in findings.figures:
        if figure.heat is not None:
            _print_map(figure, console)
    console.print(Text(findings.answer), soft_wrap=True)


def _print_map(figure: Any, console: Console) -> None:
    """The phase diagram in signs."""
    signs = [["v" if value < -3 else "x" if value > 3 else "." for value in row] for row in figure.heat.values]
    console.print()
    console.print(f"{figure.y_label}    v vanishes, . lives, x explodes", soft_wrap=True)
    for (_, name), row in zip(figure.y_ticks, signs, strict=True):
        console.print(f"{name:>8}  " + "".join(f"{sign:>6}" for sign in row))
    console.print(
        " " * 10 + "".join(f"{name:>6}" for _, name in figure.x_ticks) + f"  {figure.x_label}", soft_wrap=True
    )
    console.print(figure.caption, soft_wrap=True)


def write_page(out: Path, title: str, question: str, findings: Any, looked: list[Looked]) -> None:
    """What an instrument found as one HTML file."""
    from unrolled.experiments import ClaimResult
    from unrolled.report import write_instrument
    from unrolled.version import __version__

    behind = {each.run.name: each.run for each in looked if each.run}
    result = ClaimResult(
        claim="instrument",
        budget="quick",
        title=title,
        question=question,
        command=again(),
        answer=findings.answer,
        rows=(),
        figures=findings.figures,
        tables=findings.tables,
        runs=tuple(behind),
        version=__version__,
    )
    write_instrument(out, result, list(behind.values()))


def _mapping(
    looked: list[Looked],
    seen: dict[str, StateGradients],
    exponents: dict[str, LyapunovExponents],
    phase: PhaseDiagram | None,
) -> dict[str, Any]:
    networks = {
        name: {
            "steps": each.steps,
            "sequences": each.batch,
            "loss_nats": each.loss_nats,
            "lyapunov_nats_per_step": exponents[name].exponents if name in exponents else None,
            "layers": [
                {
                    "layer": layer.layer,
                    "direction": layer.direction,
                    "norms": layer.norms,
                    "spectra": {key: dataclasses.asdict(size) for key, size in layer.spectra.items()},
                    "contributions": {
                        key: {"norms": part.norms, "total": part.total} for key, part in layer.contributions.items()
                    },
                    "gates": {key: dataclasses.asdict(shares) for key, shares in layer.gates.items()},
                }
                for layer in each.layers
            ],
        }
        for name, each in seen.items()
    }
    found: dict[str, Any] = {"networks": networks}
    along = {each.run.name: looks for each in looked if each.run and (looks := each.run.looks())}
    if along:
        found["along_training"] = along
    if phase is not None:
        found["phase"] = dataclasses.asdict(phase)
    return found

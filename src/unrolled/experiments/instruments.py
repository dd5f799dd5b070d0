"""What the microscope and the measure of reach saw, as figures and tables: for their commands and their claim."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from unrolled.analysis.gradients import LayerGradients, LyapunovExponents, PhaseDiagram, StateGradients
from unrolled.analysis.reach import Reach
from unrolled.experiments.claim import Curve, Figure, Findings, Heat, Table

__all__ = ["along_figures", "gradient_findings", "phase_figure", "phase_sentence", "reach_figure", "reach_findings"]

FLOOR = 1e-60
"""Norms below it are drawn at it: on a logarithmic axis a zero has no place."""

RIGHT_SENTENCE = (
    "Not the values of W_hh decide, as report A has it, but the singular values of diag(1 − h²) W_hh, step after "
    "step: σ_max(W_hh) · max(1 − h²) < 1 makes a gradient vanish, and σ_max > 1 alone does not make it explode. "
    "In an LSTM the forget gate decides."
)


def gradient_findings(
    seen: Mapping[str, StateGradients],
    exponents: Mapping[str, LyapunovExponents],
    phase: PhaseDiagram | None,
    *,
    along: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    settings: str = "",
    sources: Sequence[str] = (),
) -> Findings:
    """Curves of every field, of every weight's gradient by step and of the gates; numbers; the map.

    Args:
        seen: by what a network is called, "untrained" before "trained".
        exponents: the same networks' Lyapunov exponents.
        phase: the map, where it was drawn.
        along: by name of a run, its looks along training.
        settings: how it was computed.
        sources: names of the runs looked at.
    """
    fields = dict.fromkeys(field for each in seen.values() for field in each.norms)
    figures = [
        Figure(
            title=f"How much of the loss reaches {_letter(field)}_t",
            x_label="time step t",
            y_label=f"|∂L/∂{_letter(field)}_t|",
            curves=tuple(
                _curve(_place(name, layer.layer, layer.direction, each), layer.norms[field], tone)
                for tone, (name, each, layer) in enumerate(_layers(seen))
                if field in layer.norms
            ),
            log_y=True,
            caption="Right is the last step, where the loss is.",
            sources=tuple(sources),
            settings=settings,
        )
        for field in fields
    ]
    for run, looks in (along or {}).items():
        figures.extend(along_figures(looks, sources=[run]))
    for name, each in seen.items():
        figures.append(_weights_figure(name, each, sources, settings))
        figures.append(_gates_figure(name, each, sources, settings))
    if phase is not None:
        figures.append(phase_figure(phase))
    return Findings(
        answer=RIGHT_SENTENCE,
        rows=(),
        figures=tuple(figure for figure in figures if figure.curves or figure.heat),
        tables=(_gradient_table(seen, exponents),),
    )


def along_figures(looks: Sequence[Mapping[str, Any]], *, sources: Sequence[str] = ()) -> tuple[Figure, ...]:
    """How much of the loss reaches the top layer's states, against optimiser steps: a figure a field.

    Args:
        looks: lines of a run's ``looks.jsonl``; none give no figure.
        sources: name of the run.
    """
    tops = [_top(look) for look in looks]
    figures = []
    for field in tops[0]["norms"] if tops else ():
        last = len(tops[0]["norms"][field])
        letter = _letter(field)
        curves = [
            Curve(
                f"{'the last step' if t == last else 'the first step' if t == 1 else 'half way'}, t = {t}",
                *_positive([(look["step"], top["norms"][field][t - 1]) for look, top in zip(looks, tops, strict=True)]),
                "line",
                tone,
            )
            for tone, t in enumerate(dict.fromkeys((last, (last + 1) // 2, 1)))
        ]
        figures.append(
            Figure(
                title=f"Along training: how much of the loss reaches {letter}_t",
                x_label="optimiser steps",
                y_label=f"|∂L/∂{letter}_t|",
                curves=tuple(curve for curve in curves if curve.x),
                log_y=True,
                caption="Top layer, forward; the loss is that of the last step.",
                sources=tuple(sources),
                settings=f"{looks[0]['sequences']} sequences of T = {last}, the same at every look; float64",
            )
        )
    return tuple(figure for figure in figures if figure.curves)


def _top(look: Mapping[str, Any]) -> Mapping[str, Any]:
    top: Mapping[str, Any] = [layer for layer in look["layers"] if layer["direction"] == "forward"][-1]
    return top


def _positive(points: Sequence[tuple[int, float | None]]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Points for a logarithmic axis: without those that are zero or no number."""
    there = [(float(x), max(y, FLOOR)) for x, y in points if y]
    return tuple(x for x, _ in there), tuple(y for _, y in there)


def phase_figure(phase: PhaseDiagram) -> Figure:
    """The map: brown where gradients vanish, purple where they explode, white where they live."""
    rows = tuple(
        tuple(max(-10.0, min(10.0, phase.at(scale, other).powers_of_ten)) for scale in phase.scales)
        for other in reversed(phase.others)
    )
    letter = _letter(phase.field)
    return Figure(
        title=f"{phase.cell}: where |∂L/∂{letter}_t| vanishes, lives, explodes",
        x_label="scale s of W_hh, N(0, s²/H)",
        y_label=phase.other,
        heat=Heat(rows, -10.0, 10.0, f"powers of ten over {phase.steps} steps"),
        x_ticks=tuple((float(place), f"{scale:g}") for place, scale in enumerate(phase.scales)),
        y_ticks=tuple((float(place), f"{other:g}") for place, other in enumerate(reversed(phase.others))),
        caption=phase_sentence(phase),
        settings=f"untrained, hidden {phase.hidden}, T = {phase.steps}; beyond ±10 powers of ten drawn as ±10",
    )


def phase_sentence(phase: PhaseDiagram) -> str:
    """How much of the map vanishes, lives and explodes, in numbers."""
    count = {name: sum(point.phase == name for point in phase.points) for name in ("vanishes", "lives", "explodes")}
    return (
        f"Of {len(phase.points)} networks the gradient vanishes in {count['vanishes']}, lives in {count['lives']} and "
        f"explodes in {count['explodes']} (below a thousandth, above a thousandfold over {phase.steps} steps)."
    )


def reach_findings(
    found: Mapping[str, Reach], *, settings: str = "", sources: Sequence[str] = (), share: float = 0.95
) -> Findings:
    """The picture of reach and its numbers.

    Args:
        found: by what a network is called.
        settings: how it was computed.
        sources: names of the runs looked at.
        share: of the horizon.
    """
    rows = tuple(
        (
            name,
            f"{each.mean_distance.value:.2f} ± {each.mean_distance.error:.2f} {each.unit}",
            "–" if each.horizon(share) is None else f"{each.horizon(share)} {each.unit}",
            f"{each.influence[0].value:.2e}",
            f"{each.influence[-1].value:.2e}",
            each.kind,
        )
        for name, each in found.items()
    )
    return Findings(
        answer=_reach_sentence(*next(iter(found.items())), share),
        rows=(),
        figures=(reach_figure(found, settings=settings, sources=sources),),
        tables=(
            Table(
                "Reach in numbers",
                ("Network", "Mean distance", f"Horizon ({100 * share:.0f} %)", "Nearest", "Furthest", "By"),
                rows,
                caption="Nearest and furthest: influence at distance 0 and at the largest. ±: standard error.",
                sources=tuple(sources),
            ),
        ),
    )


def _reach_sentence(name: str, reach: Reach, share: float) -> str:
    horizon = reach.horizon(share)
    if horizon is None:
        return f"{name} hears nothing: no input has any influence on the output."
    return (
        f"{name} hears {reach.mean_distance.value:.1f} {reach.unit} away on average; "
        f"{100 * share:.0f} % of what it hears lies within {horizon}."
    )


def reach_figure(
    found: Mapping[str, Reach], *, title: str = "Who is heard", settings: str = "", sources: Sequence[str] = ()
) -> Figure:
    """The share of influence against distance, one curve a network."""
    units = " or ".join(dict.fromkeys(each.unit for each in found.values()))
    return Figure(
        title=title,
        x_label=f"distance in {units}",
        y_label="share of the influence",
        curves=tuple(
            Curve(
                f"{name}: {each.mean_distance.value:.1f} on average",
                tuple(float(place) for place in range(len(each.shares))),
                tuple(max(part, 1e-30) for part in each.shares),
                "line",
                tone,
            )
            for tone, (name, each) in enumerate(found.items())
        ),
        log_y=True,
        caption="Influence of all inputs at a distance together, over that of all inputs.",
        sources=tuple(sources),
        settings=settings,
    )


def _layers(seen: Mapping[str, StateGradients]) -> list[tuple[str, StateGradients, LayerGradients]]:
    return [(name, each, layer) for name, each in seen.items() for layer in each.layers]


def _letter(field: str) -> str:
    return {"hidden": "h", "memory": "c"}.get(field, field)


def _place(name: str, layer: int, direction: str, each: StateGradients) -> str:
    where = f", layer {layer}" if max(one.layer for one in each.layers) else ""
    return f"{name}{where}{', reverse' if direction == 'reverse' else ''}"


def _curve(label: str, values: Sequence[float], tone: int) -> Curve:
    """Values over t = 1..T on a logarithmic axis."""
    return Curve(label, *_positive(list(enumerate(values, 1))), "line", tone)


def _weights_figure(name: str, each: StateGradients, sources: Sequence[str], settings: str) -> Figure:
    parts = {key: part for key, part in each.top.contributions.items() if not key.startswith("bias")}
    return Figure(
        title=f"{name}: what each step adds to a weight's gradient",
        x_label="time step t",
        y_label="|G_t|, ∂L/∂W = Σ G_t",
        curves=tuple(_curve(key, part.norms, tone) for tone, (key, part) in enumerate(parts.items())),
        log_y=True,
        caption="Top layer, forward. The parts add up to the gradient exactly; those that are zero are left out.",
        sources=tuple(sources),
        settings=settings,
    )


def _gates_figure(name: str, each: StateGradients, sources: Sequence[str], settings: str) -> Figure:
    return Figure(
        title=f"{name}: how far gates and states are saturated",
        x_label="time step t",
        y_label="share of units",
        curves=tuple(
            Curve(
                key.replace("_", " "),
                tuple(float(t) for t in range(1, each.steps + 1)),
                shares.saturated,
                "line",
                tone,
            )
            for tone, (key, shares) in enumerate(each.top.gates.items())
            if key != "memory"
        ),
        y_range=(-0.02, 1.02),
        caption="Gates below .1 or above .9, everything else beyond ±.9; top layer, forward.",
        sources=tuple(sources),
        settings=settings,
    )


def _gradient_table(seen: Mapping[str, StateGradients], exponents: Mapping[str, LyapunovExponents]) -> Table:
    rows = []
    for name, each in seen.items():
        for layer in each.layers:
            largest = max((one.largest_singular_value for one in layer.spectra.values()), default=math.nan)
            radius = max((one.spectral_radius for one in layer.spectra.values()), default=math.nan)
            known = exponents.get(name) if layer is each.top else None
            for field, norms in layer.norms.items():
                rows.append(
                    (
                        _place(name, layer.layer, layer.direction, each),
                        _letter(field),
                        f"{norms[0]:.1e}",
                        f"{norms[-1]:.1e}",
                        "–" if math.isnan(radius) else f"{radius:.2f}",
                        "–" if math.isnan(largest) else f"{largest:.2f}",
                        "–" if known is None else f"{known.largest:+.3f}",
                    )
                )
    return Table(
        "Every layer and field",
        ("Network", "s", "|∂L/∂s_1|", "|∂L/∂s_T|", "spectral radius", "σ_max(W_hh)", "λ_1 per step"),
        tuple(rows),
        caption="Sizes of W_hh: the largest over its blocks. λ_1: growth rate of the product of the Jacobians, nats.",
    )

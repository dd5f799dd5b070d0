"""How much of a gradient reaches a state 100 steps back, and are the reports' formulas for it right?

Later editions of the course ask for |∂L/∂h_t| against t at T = 100 in an untrained RNN and LSTM. Student
reports contradict each other because the answer depends on the scale of W_hh and on the forget bias, and
because h alone misleads for an LSTM, whose gradient travels in c. So every field of the state has its curve,
at three scales of W_hh and three forget biases, untrained and trained, and a map over both scale and bias says where
gradients vanish, live and explode. The two closed-form gradients of the
loss at the last step are held against autograd, and the forms printed in the two reports beside them.

Command: ``unrolled reproduce gradients --budget quick``

Expected: the right forms agree with autograd to rounding, the printed ones do not; the RNN's gradient
vanishes at small scales of W_hh and does not at large ones, while every entry of W_hh is below 1 throughout;
in an LSTM the forget gate decides, and f near 1 keeps.

Time: under a minute on two cores (quick), about two (full); its runs are among those of ``palindromes``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from unrolled.analysis.closed_forms import ClosedForms, closed_forms
from unrolled.analysis.gradients import (
    PhaseDiagram,
    StateGradients,
    phase,
    phase_diagram,
    phase_points,
    scale_recurrent_weights,
    state_gradients,
)
from unrolled.data import Batch, DecimalPalindromes
from unrolled.experiments.claim import Budget, Claim, Curve, Figure, Findings, Row, Table, Verdict
from unrolled.experiments.instruments import phase_figure, phase_sentence
from unrolled.experiments.palindromes import healthy_spec
from unrolled.experiments.readings import cell_name, cell_tones, choose, named_cell
from unrolled.nn import CharacterModel, RecurrentLayer, SequenceClassifier
from unrolled.record import Run, load_model
from unrolled.spec import ModelSpec, PalindromesSpec, RunSpec, build_model

__all__ = ["CLAIM"]

STEPS = 100
BATCH = 64
SEED = 0
CELLS = ("rnn", "lstm")
TRAINED_LENGTH = 10
SCALES = (0.5, 1.0, 2.0)
FORGET_BIASES = (0.0, 1.0, 5.0)
MAPPED = ("lstm", "rnn")
MAP_HIDDEN = 64
MAPS: dict[Budget, tuple[Sequence[float], Sequence[float], Sequence[float]]] = {
    "quick": ((0.5, 1.0, 2.0, 4.0), (-2.0, 0.0, 1.0, 3.0, 5.0), (0.25, 1.0, 4.0)),
    "full": (phase.SCALES, phase.FORGET_BIASES, phase.INPUT_SCALES),
}
"""Scales of W_hh, forget biases of the LSTM, scales of the RNN's W_ih."""

AGREES = 1e-10
FLOOR = 1e-60
"""Norms below it are drawn at it: on a logarithmic axis a zero has no place."""

Model = SequenceClassifier | CharacterModel


def specs(budget: Budget, cells: tuple[str, ...]) -> tuple[RunSpec, ...]:
    """One healthy network of every cell, trained on palindromes of L = 10."""
    return tuple(healthy_spec(cell, TRAINED_LENGTH, SEED, budget) for cell in dict.fromkeys((*CELLS, *cells)))


def measure(runs: Sequence[Run], budget: Budget, cells: tuple[str, ...]) -> Findings:
    """Curves at three scales and three forget biases, untrained beside trained, and the closed forms."""
    task = DecimalPalindromes(length=STEPS + 1)
    batch = task.sample(BATCH, torch.Generator().manual_seed(SEED))
    scaled = {(cell, scale): _Flow.of(_untrained(task, cell, scale=scale), batch) for cell in CELLS for scale in SCALES}
    biased = {bias: _Flow.of(_untrained(task, "lstm", forget_bias=bias), batch) for bias in FORGET_BIASES}
    forms = closed_forms(*_short())
    maps = tuple(phase_map(cell, budget) for cell in MAPPED)
    return Findings(
        answer=_answer(forms, scaled, biased),
        rows=(*_form_rows(forms), _entries_row(scaled), _forget_row(biased), *map(_map_row, maps)),
        figures=(
            _scale_figure("rnn", "hidden", scaled),
            _scale_figure("lstm", "hidden", scaled),
            _scale_figure("lstm", "memory", scaled),
            _bias_figure(biased),
            *map(phase_figure, maps),
            *_trained_figures(task, batch, runs, cells),
        ),
        tables=(_scale_table(scaled), _form_table(forms)),
    )


def phase_map(cell: str, budget: Budget) -> PhaseDiagram:
    """Where the gradient of an untrained network vanishes, lives and explodes, over the places that a budget has."""
    scales, biases, inputs = MAPS[budget]
    spec = ModelSpec(cell=cell, hidden=MAP_HIDDEN)
    others = inputs if cell == "rnn" else biases
    return phase_diagram(spec, phase_points(spec, steps=STEPS, scales=scales, others=others), steps=STEPS)


@dataclass(frozen=True)
class _Flow:
    """The gradients of a network and the size of its recurrent weights.

    Attributes:
        gradients: by field and step.
        largest_entry: of W_hh, in absolute value; None for a user's own cell.
    """

    gradients: StateGradients
    largest_entry: float | None

    @classmethod
    def of(cls, model: Model, batch: Batch) -> _Flow:
        """Of a model on a batch."""
        weights = dict(model.layer.named_parameters()).get("weight_hh_l0")
        largest = None if weights is None else float(weights.detach().abs().max())
        return cls(state_gradients(model, batch.inputs, batch.targets), largest)

    def log_ratio(self, field: str) -> float:
        """log₁₀ of |∂L/∂s_1| over |∂L/∂s_T|: how many powers of ten are lost over the sequence."""
        norms = self.gradients.norms[field]
        return math.log10(max(norms[0], FLOOR)) - math.log10(max(norms[-1], FLOOR))


def _untrained(task: DecimalPalindromes, cell: str, *, scale: float | None = None, forget_bias: float = 1.0) -> Model:
    spec = ModelSpec(cell=cell, initialisation="xavier", forget_bias=forget_bias if cell == "lstm" else None)
    model = build_model(spec, task, torch.Generator().manual_seed(SEED))
    if scale is not None:
        assert isinstance(model.layer, RecurrentLayer)
        scale_recurrent_weights(model.layer, scale, kind="normal", generator=torch.Generator().manual_seed(SEED + 1))
    return model


def _short() -> tuple[SequenceClassifier, torch.Tensor, torch.Tensor]:
    """A small untrained RNN and a short batch, on which the closed forms are evaluated."""
    short = DecimalPalindromes(length=11)
    model = build_model(
        ModelSpec(cell="rnn", hidden=32, initialisation="xavier"), short, torch.Generator().manual_seed(SEED)
    )
    assert isinstance(model, SequenceClassifier)
    batch = short.sample(BATCH, torch.Generator().manual_seed(SEED))
    return model, batch.inputs, batch.targets


# ── rows ────────────────────────────────────────────────────────────────────────────────────────────────────


def _answer(forms: ClosedForms, scaled: dict[tuple[str, float], _Flow], biased: dict[float, _Flow]) -> str:
    right = [form for form in forms.forms if form.source == "closed form"]
    wrong = [form for form in forms.forms if form.source != "closed form" and form.relative_error > AGREES]
    agree = all(form.relative_error < AGREES for form in right)
    small, large = (_power(scaled["rnn", scale].log_ratio("hidden")) for scale in (SCALES[0], SCALES[-1]))
    closed, wide = (_power(biased[bias].log_ratio("memory")) for bias in (FORGET_BIASES[0], FORGET_BIASES[-1]))
    return (
        f"Both corrected closed forms {'agree' if agree else 'do not agree'} with autograd and {len(wrong)} "
        "of the "
        f"{len(forms.forms) - len(right)} forms read off the reports do not; over 100 steps |∂L/∂h| of the "
        "untrained "
        f"RNN changes by {small} at W_hh scale {SCALES[0]:g} and by {large} at {SCALES[-1]:g}, |∂L/∂c| of "
        "the LSTM by "
        f"{closed} at forget bias {FORGET_BIASES[0]:g} and by {wide} at {FORGET_BIASES[-1]:g}."
    )


def _power(log_ratio: float) -> str:
    return f"10^{log_ratio:.0f}"


def _form_rows(forms: ClosedForms) -> tuple[Row, ...]:
    rows = []
    for form in forms.forms:
        is_right = form.source == "closed form"
        agrees = form.relative_error < AGREES
        verdict: Verdict = "reproduced" if agrees else "differs"
        rows.append(
            Row(
                f"∂L_T/∂{form.weight}, " + ("corrected form" if is_right else f"as in {form.source}"),
                form.formula if is_right else f"{form.source}: {form.formula}",
                f"relative error {form.relative_error:.1e} against autograd",
                verdict,
                form.error or f"agrees: below {AGREES:g}, float64",
            )
        )
    return tuple(rows)


def _entries_row(scaled: dict[tuple[str, float], _Flow]) -> Row:
    flows = [scaled["rnn", scale] for scale in SCALES]
    entries = [flow.largest_entry for flow in flows if flow.largest_entry is not None]
    ratios = [flow.log_ratio("hidden") for flow in flows]
    contradicted = max(entries) < 1 and max(ratios) > min(ratios) + 3
    return Row(
        "RNN, T = 100: do the values of W_hh decide?",
        "report A: values below 1 vanish, above 1 explode",
        "; ".join(
            f"scale {scale:g}: {_power(ratio)}, largest entry {entry:.2f}"
            for scale, ratio, entry in zip(SCALES, ratios, entries, strict=True)
        ),
        "differs" if contradicted else "reproduced",
        "|∂L/∂h_1| over |∂L/∂h_T|; singular values of W_hh and 1 − h² decide, not its entries",
    )


def _forget_row(biased: dict[float, _Flow]) -> Row:
    ratios = [biased[bias].log_ratio("memory") for bias in FORGET_BIASES]
    keeps = ratios[-1] > ratios[0]
    return Row(
        "LSTM, T = 100: what does a forget gate near 1 do?",
        "report A: a measure of insignificance",
        "; ".join(f"bias {bias:g}: {_power(ratio)}" for bias, ratio in zip(FORGET_BIASES, ratios, strict=True)),
        "differs" if keeps else "reproduced",
        "|∂L/∂c_1| over |∂L/∂c_T|; f near 1 keeps",
    )


def _map_row(phase: PhaseDiagram) -> Row:
    count = {name: sum(point.phase == name for point in phase.points) for name in ("vanishes", "lives", "explodes")}
    return Row(
        f"{cell_name(phase.cell)}, T = {phase.steps}: the map over the scale of W_hh and the {phase.other}",
        "",
        ", ".join(f"{name} {number}" for name, number in count.items()),
        "measured",
        phase_sentence(phase),
    )


# ── figures ─────────────────────────────────────────────────────────────────────────────────────────────────

_LETTERS = {"hidden": "h", "memory": "c"}


def _curve(label: str, norms: Sequence[float], tone: int, *, dashed: bool = False) -> Curve:
    return Curve(
        label,
        tuple(float(t) for t in range(1, len(norms) + 1)),
        tuple(max(norm, FLOOR) for norm in norms),
        "dashed" if dashed else "line",
        tone,
    )


def _norm(field: str) -> str:
    letter = _LETTERS.get(field, field)
    return f"|∂L/∂{letter}_t|"


def _settings(cell: str, extra: str) -> str:
    return (
        f"model: {{cell: {cell}, hidden: 128, input: one-hot, initialisation: xavier}}, untrained, seed "
        f"{SEED}\n"
        f"{extra}\n"
        f"task: palindromes of L = {STEPS + 1}, {BATCH} sequences of T = {STEPS}, seed {SEED}\n"
        "loss: cross-entropy at the last step, float64; norms: mean over the sequences"
    )


def _scale_figure(cell: str, field: str, scaled: dict[tuple[str, float], _Flow]) -> Figure:
    curves = []
    for tone, scale in enumerate(SCALES):
        flow = scaled[cell, scale].gradients
        radius = f", spectral radius {flow.spectral_radius:.2f}" if flow.spectral_radius is not None else ""
        curves.append(_curve(f"W_hh × {scale:g}{radius}", flow.norms[field], tone))
    return Figure(
        title=f"{cell_name(cell)}, untrained: {_norm(field)}",
        x_label="time step t",
        y_label=_norm(field),
        curves=tuple(curves),
        log_y=True,
        caption="Right is the last step, where the loss is. One draw of W_hh, N(0, 1/H), times the scale.",
        settings=_settings(cell, f"W_hh: N(0, scale²/H), every block, seed {SEED + 1}; scales: {list(SCALES)}"),
    )


def _bias_figure(biased: dict[float, _Flow]) -> Figure:
    return Figure(
        title="LSTM, untrained: the forget bias decides",
        x_label="time step t",
        y_label="norm of the gradient",
        curves=tuple(
            curve
            for tone, bias in enumerate(FORGET_BIASES)
            for curve in (
                _curve(f"c, forget bias {bias:g}", biased[bias].gradients.norms["memory"], tone),
                _curve(f"h, forget bias {bias:g}", biased[bias].gradients.norms["hidden"], tone, dashed=True),
            )
        ),
        log_y=True,
        caption=(
            "Lines |∂L/∂c_t|, dashed |∂L/∂h_t|. The gradient travels in c: a forget gate of σ(bias) keeps "
            "that share of "
            "it at every step."
        ),
        settings=_settings("lstm", f"forget_bias: {list(FORGET_BIASES)}; W_hh: Xavier on each block"),
    )


def _trained_figures(
    task: DecimalPalindromes, batch: Batch, runs: Sequence[Run], cells: tuple[str, ...]
) -> tuple[Figure, ...]:
    joined = tuple(dict.fromkeys((*CELLS, *cells)))
    tones = cell_tones(joined)
    curves: dict[str, list[Curve]] = {}
    behind: list[str] = []
    for cell in joined:
        for run in _trained(runs, cell):
            behind.append(run.name)
            name = cell_name(cell)
            model, _ = load_model(run, cell=named_cell(run, cells))
            torch.manual_seed(SEED)
            before = build_model(run.spec.recurrent, task, torch.Generator().manual_seed(SEED))
            for is_trained, net in ((False, before), (True, model)):
                state = "trained" if is_trained else "untrained"
                for field, norms in _Flow.of(net, batch).gradients.norms.items():
                    curve = _curve(f"{name}, {state}", norms, tones[cell], dashed=not is_trained)
                    curves.setdefault(field, []).append(curve)
    return tuple(
        Figure(
            title=f"Untrained and trained: {_norm(field)}",
            x_label="time step t",
            y_label=_norm(field),
            curves=tuple(lines),
            log_y=True,
            caption=f"Trained on palindromes of L = {TRAINED_LENGTH}; here they read {STEPS} digits.",
            sources=tuple(behind),
            settings=f"task: palindromes of L = {STEPS + 1}, {BATCH} sequences of T = {STEPS}, seed {SEED}",
        )
        for field, lines in curves.items()
    )


def _trained(runs: Sequence[Run], cell: str) -> list[Run]:
    def here(run: Run) -> bool:
        task, model = run.spec.task, run.spec.recurrent
        return (
            isinstance(task, PalindromesSpec)
            and task.length == TRAINED_LENGTH
            and model.cell == cell
            and model.initialisation != "normal"
        )

    return choose(runs, here)[:1]


# ── tables ──────────────────────────────────────────────────────────────────────────────────────────────────


def _scale_table(scaled: dict[tuple[str, float], _Flow]) -> Table:
    rows = []
    for (cell, scale), flow in scaled.items():
        gradients = flow.gradients
        fields = {field: f"{norms[0]:.1e} → {norms[-1]:.1e}" for field, norms in gradients.norms.items()}
        rows.append(
            (
                f"{cell_name(cell)}, W_hh × {scale:g}",
                f"{flow.largest_entry:.2f}" if flow.largest_entry is not None else "–",
                f"{gradients.spectral_radius:.2f}" if gradients.spectral_radius is not None else "–",
                f"{gradients.largest_singular_value:.2f}" if gradients.largest_singular_value is not None else "–",
                fields.get("hidden", "–"),
                fields.get("memory", "–"),
            )
        )
    return Table(
        "The same in numbers: the gradient at t = 1 and at t = 100",
        ("Cell and scale", "Largest entry", "Spectral radius", "Singular value", "|∂L/∂h|", "|∂L/∂c|"),
        tuple(rows),
        caption="Sizes of W_hh: the largest over its blocks.",
    )


def _form_table(forms: ClosedForms) -> Table:
    return Table(
        "Closed forms of the gradient against autograd",
        ("Source", "Gradient", "Form", "What is wrong", "Relative error"),
        tuple(
            (
                form.source,
                f"∂L_T/∂{form.weight}",
                form.formula,
                form.error or "nothing",
                f"{form.relative_error:.1e}",
            )
            for form in forms.forms
        ),
        caption=f"Untrained RNN, hidden 32, {forms.batch} sequences of T = {forms.steps}, float64.",
    )


def shortened(budget: Budget) -> tuple[str, ...]:
    """What the budget leaves out of the maps."""
    places, whole = (
        sum(len(scales) * len(others) for others in (biases, inputs))
        for scales, biases, inputs in (MAPS[budget], MAPS["full"])
    )
    return () if places == whole else (f"{places} instead of {whole} networks on the maps",)


CLAIM = Claim(
    name="gradients",
    title="Gradients through time",
    question=(
        "How much of the gradient of a loss at the last step reaches the states 100 steps earlier, and are "
        "the reports' "
        "closed forms of ∂L/∂W_ph and ∂L/∂W_hh right?"
    ),
    expected="the corrected forms agree with autograd, the printed ones do not; scale and forget bias decide",
    minutes={"quick": 0.3, "full": 2},
    specs=specs,
    measure=measure,
    shortened=shortened,
)

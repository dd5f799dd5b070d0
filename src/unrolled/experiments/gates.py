"""How many parameters has an LSTM, and what do its gates do while it reads a palindrome?

Report A gives 4(nd + n² + n) for the core, + nK + K with the output layer. torch keeps two bias vectors per
gate, so its count is 4(nd + n² + 2n): reports that quote one and mean the other disagree. Both are stated
here, by formula and by counting, for every cell. Then the LSTM that has learnt palindromes of L = 20 reads
one, and its gates are shown.

Command: ``unrolled reproduce gates --budget quick``

Expected: formula and count agree for every cell; the forget gate stays near 1 for the units that carry the
digits.

Time: under 1 minute on two cores; its runs are among those of ``palindromes``.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean

import torch

from unrolled.analysis.gates import GateTrace, gate_trace
from unrolled.analysis.parameters import parameter_table
from unrolled.data import DecimalPalindromes
from unrolled.experiments.claim import Budget, Claim, Curve, Figure, Findings, Heat, Row, Table
from unrolled.experiments.palindromes import healthy_spec
from unrolled.experiments.readings import cell_name, choose, decimal, named_cell
from unrolled.nn import count_parameters
from unrolled.record import Run, load_model
from unrolled.spec import PalindromesSpec, RunSpec

__all__ = ["CLAIM"]

LENGTH = 20
CELL = "lstm"
UNITS, DIGITS = 128, 10
DRAW = 7
GATES = {"input_gate": "input gate", "forget_gate": "forget gate", "output_gate": "output gate"}


def specs(budget: Budget, cells: tuple[str, ...]) -> tuple[RunSpec, ...]:
    """The healthy LSTM at L = 20, and the user's cells in its place."""
    return tuple(healthy_spec(cell, LENGTH, 0, budget) for cell in dict.fromkeys((CELL, *cells)))


def measure(runs: Sequence[Run], budget: Budget, cells: tuple[str, ...]) -> Findings:
    """Counts beside formulas, and the gates over one palindrome."""
    rows = _count_rows()
    traces = [(run, _trace(run, cells)) for cell in dict.fromkeys((CELL, *cells)) for run in _at(runs, cell)]
    agree = all(row.verdict == "reproduced" for row in rows)
    lstm = next((found for run, found in traces if run.spec.network == CELL), None)
    gates = (
        " While it reads a palindrome the trained LSTM keeps "
        f"{decimal(mean(lstm.gates['forget_gate'].mean))} of its "
        f"memory a step on average, and {100 * mean(lstm.gates['forget_gate'].open or (0,)):.0f} % of its "
        "forget gates "
        "stand above .9."
        if lstm is not None
        else " The LSTM was not trained, so its gates are not shown."
    )
    return Findings(
        answer=("Formula and count agree for every cell." if agree else "Formula and count do not agree.") + gates,
        rows=rows,
        figures=tuple(figure for run, found in traces for figure in _figures(run, found)),
        tables=(_count_table(), *_own_counts(traces, cells)),
    )


def _at(runs: Sequence[Run], cell: str) -> list[Run]:
    def here(run: Run) -> bool:
        task, model = run.spec.task, run.spec.recurrent
        return (
            isinstance(task, PalindromesSpec)
            and task.length == LENGTH
            and model.cell == cell
            and model.initialisation != "normal"
        )

    return choose(runs, here)[:1]


def _count_rows() -> tuple[Row, ...]:
    n, d, classes = UNITS, DIGITS, DIGITS
    core = 4 * (n * d + n * n + n)
    both = {row.bias: row for row in parameter_table(n=n, d=d, classes=classes, cells=("lstm",))}
    one, two = both["one"], both["two"]
    torch_core = sum(weight.numel() for weight in torch.nn.LSTM(d, n).parameters())

    def row(what: str, published: str, formula: int, counted: int) -> Row:
        same = formula == counted
        return Row(what, f"{published} = {formula}", str(counted), "reproduced" if same else "differs", "counted")

    where = f"LSTM, n = {n}, d = {d}"
    return (
        row(f"{where}: core, one bias", "report A: 4(nd + n² + n)", core, one.core_counted),
        row(
            f"{where}, K = {classes}: with the output layer",
            "report A: 4(nd + n² + n) + nK + K",
            core + n * classes + classes,
            one.total_counted,
        ),
        row(f"{where}: core, torch's two biases", "torch: 4(nd + n² + 2n)", torch_core, two.core_counted),
    )


def _count_table() -> Table:
    return Table(
        f"Parameters of every cell at n = {UNITS}, d = {DIGITS}, K = {DIGITS}",
        ("Cell", "Biases per gate", "Formula", "Core by formula", "Core counted", "With output layer"),
        tuple(
            (
                cell_name(row.cell),
                row.bias,
                row.formula,
                str(row.core_by_formula),
                str(row.core_counted),
                str(row.total_counted),
            )
            for row in parameter_table(n=UNITS, d=DIGITS, classes=DIGITS)
        ),
    )


def _own_counts(traces: Sequence[tuple[Run, GateTrace]], cells: tuple[str, ...]) -> tuple[Table, ...]:
    rows = []
    for run, _ in traces:
        cell = named_cell(run, cells)
        if cell is not None:
            count = count_parameters(load_model(run, cell=cell)[0])
            rows.append((cell_name(cell), str(count.core), str(count.output), str(count.total)))
    header = ("Cell", "Core counted", "Output layer", "Total")
    return (Table("Your own cells, by counting", header, tuple(rows)),) if rows else ()


def _trace(run: Run, cells: tuple[str, ...]) -> GateTrace:
    model, task = load_model(run, cell=named_cell(run, cells))
    assert isinstance(task, DecimalPalindromes)
    batch = task.sample(1, torch.Generator().manual_seed(DRAW))
    return gate_trace(model, batch.inputs[:, 0])


def _figures(run: Run, trace: GateTrace) -> tuple[Figure, ...]:
    name = cell_name(run.spec.network)
    ticks = tuple((float(place), symbol) for place, symbol in enumerate(trace.symbols))
    settings = f"digits read: {' '.join(trace.symbols)}\ndrawn with seed: {DRAW}\nlayer: {trace.layer}"
    seed = run.spec.training.seed
    middle = (len(trace.symbols) - 1) / 2

    def heat(field: str, title: str, unit: str, low: float, high: float, caption: str) -> Figure:
        values = (trace.gates.get(field) or trace.others[field]).values
        order = values.mean(0).argsort(descending=True)
        return Figure(
            title=f"{name}: {title}",
            x_label="digit read",
            y_label="units, sorted by their mean",
            heat=Heat(tuple(map(tuple, values.T[order].tolist())), low, high, unit),
            x_ticks=ticks,
            caption=caption,
            sources=(run.name,),
            settings=settings,
        )

    curves = tuple(
        Curve(words, tuple(map(float, range(len(trace.symbols)))), trace.gates[field].mean, tone=tone)
        for tone, (field, words) in enumerate(_named(trace))
    )
    figures = []
    if curves:
        figures.append(
            Figure(
                title=f"{name}: mean of each gate over one palindrome",
                x_label="digit read",
                y_label="mean over the units",
                curves=curves,
                levels=(),
                y_range=(0, 1.03),
                x_ticks=ticks,
                caption=(
                    f"A palindrome of L = {LENGTH}: the first {len(trace.symbols)} digits are read, the last "
                    "is asked. "
                    f"It turns at its middle, place {middle + 0.5:g}. Trained with seed {seed}."
                ),
                sources=(run.name,),
                settings=settings,
            )
        )
    if "forget_gate" in trace.gates:
        words = "Near 1 the unit keeps what it holds, near 0 it lets go of it: f marks what is kept."
        figures.append(heat("forget_gate", "forget gate", "f", 0, 1, words))
    if "input_gate" in trace.gates:
        words = "Near 1 the unit takes the candidate in. Units in an order of their own."
        figures.append(heat("input_gate", "input gate", "i", 0, 1, words))
    field = "memory" if "memory" in trace.others else "hidden"
    if field in trace.others:
        values = trace.others[field].values
        reach = max(float(values.abs().quantile(0.98)), 1e-6)
        words = f"What each unit holds after each digit; beyond ± {reach:.1f} in the last colour."
        figures.append(heat(field, field, "c" if field == "memory" else "h", -reach, reach, words))
    return tuple(figures)


def _named(trace: GateTrace) -> list[tuple[str, str]]:
    return [(field, GATES.get(field, field.replace("_", " "))) for field in trace.gates]


CLAIM = Claim(
    name="gates",
    title="Parameter counts and gates",
    question="How many parameters has an LSTM, and what do its gates do while it reads a palindrome?",
    expected="formula and count agree; the forget gate is near 1 where digits are carried",
    minutes={"quick": 0.2, "full": 1},
    specs=specs,
    measure=measure,
)

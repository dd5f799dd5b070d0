"""``unrolled sweep``: many runs from one file or one line, begun where they were left."""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median
from typing import Annotated, Any, Literal, get_args, get_type_hints

from cyclopts import App, Group, Parameter
from rich.console import Console
from rich.table import Table
from rich.text import Text

from unrolled import training
from unrolled.catalogue import ResultRow
from unrolled.cli.data import announce_fetch
from unrolled.cli.engines import ENGINE_OPTIONS, choose_engine
from unrolled.cli.exit_codes import FAILED, INTERRUPTED
from unrolled.cli.names import default_name
from unrolled.cli.options import sections, spec_mapping, spec_parameters
from unrolled.cli.progress import duration
from unrolled.cli.run_rows import RunRows
from unrolled.cli.signs import one_line
from unrolled.errors import InputError, UnknownName
from unrolled.spec import TASKS, ForecastSpec, NodesSpec, RunSpec, Sweep, TextSpec, expand, read_value, read_yaml
from unrolled.training import Engine, Failure, Progress

__all__ = ["app"]


_EXAMPLES = """\
Examples:

  unrolled sweep palindromes --cell rnn,lstm --length 5:50:5 --seed 0:2
      Every combination: 60 runs. A range has both its ends in.
  unrolled sweep sweep.yaml --dry-run
      What a file stands for, and what it would cost.
  unrolled sweep palindromes --cell rnn,lstm --length 10,20 --combine zip
      The first of each, then the second of each.
  unrolled sweep sweep.yaml --engine ray --results kept.parquet
      On a Ray cluster; what comes of it in one small file.

A sweep that is started again, or another one over the same folder, does
nothing twice.
"""

_WITH_COMMAS = ("horizons", "seasons", "trajectory")
"""Options one value of which is a list already, so that several are parted by ;."""

app = App(name="sweep", help_epilogue=_EXAMPLES, help_format="plaintext", group_commands=Group("Tasks"))

_SWEEP = Group("Sweep", sort_key=0)
_SWEEP_OPTIONS: dict[str, tuple[Any, Any, str]] = {
    "runs": (Path, Path("runs"), "folder of runs."),
    **ENGINE_OPTIONS,
    "results": (Path | None, None, "Parquet file of results: its rows count as done, and what ends is added to it."),
    "combine": (Literal["grid", "zip"], "grid", "every combination of the lists, or side by side."),
    "retry": (bool, False, "try again what failed in an earlier sweep."),
    "dry_run": (bool, False, "say what would be trained and what it would cost, and train nothing."),
}


def _from_file(sweep: Path | None = None, /, **options: Any) -> int:
    if sweep is None:
        app.help_print([])
        return 0
    if not sweep.exists() and sweep.suffix not in (".yaml", ".yml"):
        raise UnknownName("task", str(sweep), TASKS)
    return _sweep(expand(read_yaml(sweep)), **_own(options))


def _own(options: dict[str, Any]) -> dict[str, Any]:
    """Those that are the sweep's, taken out of the others; what was not given has its default."""
    return {key: options.pop(key, default) for key, (_, default, _) in _SWEEP_OPTIONS.items() if key != "combine"}


def _parameters(*left_out: str) -> list[inspect.Parameter]:
    return [
        inspect.Parameter(
            key,
            inspect.Parameter.KEYWORD_ONLY,
            default=default,
            annotation=Annotated[kind, Parameter(help=line, group=_SWEEP, negative=())],
        )
        for key, (kind, default, line) in _SWEEP_OPTIONS.items()
        if key not in left_out
    ]


def _command(task: str) -> Callable[..., int]:
    def command(**options: Any) -> int:
        own = _own(options)
        combine = options.pop("combine", "grid")
        given = spec_mapping(task, {key: _words(key, value) for key, value in options.items()})
        return _sweep(expand(_typed({**given, "combine": combine}, task), task=task), **own)

    lists = [_as_list(parameter) for parameter in spec_parameters(task)]
    command.__signature__ = inspect.Signature([*_parameters(), *lists])  # type: ignore[attr-defined]
    several = [parameter.name for parameter in lists if parameter.name in _WITH_COMMAS]
    parted = f"; {' and '.join(several)} take lists of lists, '1,2;3'" if several else ""
    command.__doc__ = (
        f"Many runs of {task}; every option takes a list such as 1,2,3 or, for whole numbers, 5:50:5{parted}."
    )
    return command


def _as_list(parameter: inspect.Parameter) -> inspect.Parameter:
    """The option as text, for it may hold many values; what they are is checked run by run."""
    told: Parameter = parameter.annotation.__metadata__[0]
    annotation = Annotated[str | None, Parameter(help=told.help, group=told.group, show=told.show, negative=())]
    return parameter.replace(default=None, annotation=annotation)


def _words(key: str, value: str | None) -> list[str] | str | None:
    """The values of a list, or the one value."""
    if value is None:
        return None
    between = ";" if key in _WITH_COMMAS else ","
    words = value.split(between)
    there = [word for word in words if word.strip()]
    if len(there) < len(words):
        would_do = f"did you mean {between.join(there)!r}?" if there else "give at least one"
        raise InputError(f"--{key.replace('_', '-')} is {value!r}: there is an empty value in it; {would_do}")
    return words if len(words) > 1 else value


def _typed(mapping: dict[str, Any], task: str) -> dict[str, Any]:
    """What was typed as text, as the YAML file would have it; what was not given is left out."""
    for section, defaults in sections(task).items():
        hints = get_type_hints(type(defaults))
        mapping[section] = {
            key: [_read(word, hints[key]) for word in value] if isinstance(value, list) else _read(value, hints[key])
            for key, value in mapping[section].items()
            if value is not None
        }
    return mapping


def _read(word: str, hint: Any) -> Any:
    """As `train` reads it: none is no value where an option may have none (--clip none), else a word (--bias none)."""
    kinds = get_args(hint) or (hint,)
    if word == "none" and type(None) in kinds:
        return None
    return word if set(kinds) <= {str, type(None)} else read_value(word)


_file = inspect.Parameter("sweep", inspect.Parameter.POSITIONAL_ONLY, default=None, annotation=Path | None)
_from_file.__signature__ = inspect.Signature([_file, *_parameters("combine")])  # type: ignore[attr-defined]
_from_file.__doc__ = """Train many runs: every combination of the options' lists.

Args:
    sweep: YAML file: a spec whose options may be lists, ranges or draws.
"""
app.default(_from_file)
for _position, _task in enumerate(TASKS):
    app.command(_command(_task), name=_task, sort_key=_position)


def _sweep(sweep: Sweep, *, runs: Path, results: Path | None, retry: bool, dry_run: bool, **where: Any) -> int:
    engine = choose_engine(**where)
    console = Console(highlight=False)
    for spec in {spec.task: spec for spec in sweep.specs}.values():
        announce_fetch(spec)
    if dry_run:
        left = training.missing(sweep.specs, results=results, runs=runs, retry=retry)
        return _dry_run(console, sweep, left, engine)
    board = _Board(console, sweep)
    news = training.sweep(sweep.specs, results=results, runs=runs, retry=retry, engine=engine)
    try:
        with board, contextlib.closing(news):
            for spec, told in news:
                board.show(spec, told)
    except KeyboardInterrupt:
        print("stopped; the same command goes on, and does nothing twice", file=sys.stderr)
        return INTERRUPTED
    board.sum_up(sweep)
    return FAILED if board.failed else 0


def _dry_run(console: Console, sweep: Sweep, left: list[RunSpec], engine: Engine) -> int:
    for spec in left[:20]:
        console.print(Text(f"{default_name(spec)}  {_varied(spec, sweep.varied)}"), soft_wrap=True)
    if len(left) > 20:
        console.print(f"… and {len(left) - 20} more")
    there = len(sweep.specs) - len(left)
    if there:
        console.print(f"{there} of {len(sweep.specs)} runs are there already, done or failed", soft_wrap=True)
    if not left:
        return 0
    found = training.estimate(left, engine.workers or 1)
    if engine.workers is None:
        share = "of one CPU like this machine's, to be shared by those of the cluster"
    else:
        share = f"with {engine.workers} workers"
    room = f"{found.bytes / 1e6:,.1f} MB" if found.bytes >= 1e5 else "less than 0.1 MB"
    costs = f"at most {duration(found.seconds)} {share}, {room} on disk"
    console.print(f"{found.runs} run{'s' if found.runs > 1 else ''}: {costs}", soft_wrap=True)
    return 0


def _varied(spec: RunSpec, names: Iterable[str]) -> str:
    mapping = spec.to_mapping()
    pairs = (name.split(".") for name in names)
    return "  ".join(f"{key} {mapping[section][key]}" for section, key in pairs)


def _label(spec: RunSpec, sweep: Sweep) -> str:
    """The run's name with those of its options that differ in the sweep and do not stand in the name."""
    named = {"model.cell", "model.layer", "training.seed", f"task.{TASKS[spec.task_name].size}"}
    told = _varied(spec, (name for name in sweep.varied if name not in named))
    return f"{default_name(spec)}  {told}".rstrip()


class _Board:
    """A sweep as it goes: a table in a terminal, a line a run anywhere else, and what came of it."""

    def __init__(self, console: Console, sweep: Sweep) -> None:
        self.failed: list[tuple[RunSpec, Failure]] = []
        self._console, self._count = console, len(sweep.specs)
        self._ended: dict[str, ResultRow] = {}
        self._rows = RunRows(console, lambda spec: _label(spec, sweep))
        self._rows.expect(sweep.specs)
        self._seen: set[str] = set()
        self._elsewhere: set[str] = set()

    def __enter__(self) -> _Board:
        self._rows.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._rows.stop()

    def show(self, spec: RunSpec, told: Progress | ResultRow | Failure) -> None:
        identity, label = spec.identity(), self._rows.label(spec)
        if isinstance(told, Progress):
            if told.elsewhere and identity not in self._elsewhere:
                self._say(f"{label}: another process trains it")
                self._elsewhere.add(identity)
            self._seen.add(identity)
            self._rows.draw(spec, told)
            return
        if isinstance(told, Failure):
            self.failed.append((spec, told))
            self._rows.end(spec)
            self._say(f"{label} failed: {one_line(told.error)}", style="red")
            return
        self._ended[identity] = told
        self._rows.end(spec, steps=told.steps, accuracy=told.accuracy)
        if not self._console.is_terminal:
            reused = "" if identity in self._seen else "  (was there)"
            self._say(f"{self._rows.ended + self._rows.failed}/{self._count}  {label}  {_outcome(told)}{reused}")

    def _say(self, line: str, style: str = "") -> None:
        self._console.print(Text(line, style=style), soft_wrap=True)

    def sum_up(self, sweep: Sweep) -> None:
        """A line for each setting: the median accuracy; of tasks that can be solved, how many seeds did and when."""
        varied = [name for name in sweep.varied if name != "training.seed"]
        solvable = all(map(_solvable, sweep.specs))
        groups: dict[tuple[str, ...], list[ResultRow]] = {}
        lost: Counter[tuple[str, ...]] = Counter()
        missed = {spec.identity() for spec, _ in self.failed}
        for spec in sweep.specs:
            run = self._ended.get(spec.identity())
            mapping = spec.to_mapping()
            key = tuple(str(mapping[section][key]) for section, key in (name.split(".") for name in varied))
            groups.setdefault(key, [])
            if run is not None:
                groups[key].append(run)
            lost[key] += spec.identity() in missed
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in varied:
            table.add_column(name.partition(".")[2])
        for heading in ("accuracy", *(("solved", "steps to solve") if solvable else ())):
            table.add_column(heading, justify="right")
        for key, runs in groups.items():
            table.add_row(*map(Text, key), _median(runs), *(_solved(runs, lost[key]) if solvable else ()))
        self._console.print(table)
        done = f"{len(self._ended)} of {self._count} runs done"
        failed = f", {len(self.failed)} failed (again with --retry)" if self.failed else ""
        of = "k of n seeds" if "training.seed" in sweep.varied else "runs"
        words = "the median, on fresh samples; " if solvable else "the median, on data that no step saw"
        solved = f"solved: {of} with accuracy .99" if solvable else ""
        self._console.print(Text(f"{done}{failed}; accuracy: {words}{solved}"), soft_wrap=True)


def _solvable(spec: RunSpec) -> bool:
    """Whether an accuracy of .99 is what a task asks for: not of a text, a graph's nodes or a forecast."""
    return not isinstance(spec.task, TextSpec | NodesSpec | ForecastSpec)


def _median(runs: list[ResultRow]) -> str:
    accuracies = [accuracy for accuracy in (run.accuracy for run in runs) if accuracy is not None]
    return f"{median(accuracies):.3f}" if accuracies else "-"


def _solved(runs: list[ResultRow], failed: int) -> tuple[str, str]:
    """How many of them and of those that failed, and the steps it took where training stopped for it."""
    steps = sorted(run.solved_step for run in runs if run.solved_step is not None)
    count = f"{sum(run.solved for run in runs)} of {len(runs) + failed}"
    return f"{count}, {failed} failed" if failed else count, ", ".join(map(str, steps)) or "-"


def _outcome(run: ResultRow) -> str:
    accuracy = run.accuracy
    told: str = run.status
    if _solvable(run.spec) and told == "done":
        told = "solved" if run.solved else "not solved"
    return f"{told} after {run.steps} steps" + ("" if accuracy is None else f", accuracy {accuracy:.3f}")

"""``unrolled train TASK``: one command a task, its options the fields of the task's spec."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import shlex
import sys
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Group, Parameter
from rich.console import Console
from rich.text import Text

from unrolled import training
from unrolled.cli.data import announce_fetch
from unrolled.cli.engines import PLACE_OPTIONS, Place
from unrolled.cli.exit_codes import INTERRUPTED
from unrolled.cli.names import free_name, name_to_resume
from unrolled.cli.options import spec_mapping, spec_parameters
from unrolled.cli.progress import Display
from unrolled.cli.verdict import verdict
from unrolled.data import NextCharacter, shelf
from unrolled.data.sources import STANDARD_INPUT
from unrolled.errors import RecordError, SpecError, TextError, UnknownName, UserCodeError
from unrolled.record import open_run
from unrolled.spec import LAYERS, TASKS, RunSpec, TextSpec, build_task, parse, read_yaml, resolve
from unrolled.training.ledger import run_there
from unrolled.training.processes import is_first_process, process_count

__all__ = ["app"]


_HASHED = {
    "text_sha256": {"source", "vocabulary", "encoding", "keep_bom", "keep_licence"},
    "graph_sha256": {"graph", "nodes", "directed"},
    "files_sha256": {"trajectory", "structure", "test", "test_structure"},
    "readings_sha256": {"readings", "edges", "nearest", "directed", "zeros", "seasons"},
    "cell_sha256": {"cell"},
}
"""Which options a hash in a spec is about."""

_EXAMPLES = """\
Examples:

  unrolled train palindromes --cell rnn --length 10 --steps 600 --name mine
  unrolled train palindromes --name mine --resume
      Go on where it was stopped.
  unrolled train --config runs/mine/spec.yaml --name again
      The same run once more.
  unrolled train palindromes --cell path/to/file.py:MyCell
      A cell of your own.
  unrolled train text --source my-novel.txt --steps 2000
  torchrun --nproc-per-node 2 -m unrolled.cli train text --state carried
      Two processes that share every batch.
  unrolled train text --state carried --engine ray --address auto --processes 8
      Eight of a Ray cluster.
  unrolled train nodes --graph cora --layer gat
  unrolled train protein
  unrolled train sensors --readings chicago-flu
"""

_TEXT_EXAMPLES = """\
What comes of it is how many of the held-out characters are guessed right, and
bits per character: from a zero state, and with the state carried on. The report
sets tables of short contexts and Kneser-Ney beside them.

Examples:

  unrolled train text
      Grimms' tales, as the course has it: windows of 30 characters at random.
  unrolled train text --source my-novel.txt --state carried --name novel
      A text of yours, its state carried on from window to window.
  unrolled generate novel --length 500
      Let it write, also before it is done: from its last checkpoint.
  unrolled train text --source letters/ --state carried --window 64 --batch 32 \\
      --hidden 512 --dropout 0.3 --output-dropout 0.3 --weight-decay 0.01 \\
      --optimiser adamw --learning-rate 3e-3 --schedule cosine --clip 1
      A folder, each file a document; a larger network, less learnt by heart.
  zcat wiki.gz | unrolled train text --source - --vocabulary bytes
      Any bytes, down a pipe.
  torchrun --nproc-per-node 2 -m unrolled.cli train text --state carried
      Two processes that share every batch.
"""

_NODES_EXAMPLES = """\
Defaults shown are those of --layer gcn. The other layers' own:

{papers}

Examples:

  unrolled train nodes --graph cora
  unrolled train nodes --graph karate --labelled 1 --steps 100
  unrolled train nodes --graph edges.csv --nodes nodes.csv --layer sage
  unrolled train nodes --graph planted:200000 --layer sage --batching neighbours
  unrolled train nodes --graph planted:200000 --batching clusters --parts 200
"""

_PROTEIN_EXAMPLES = """\
What comes of it is the error of each atom's forecast, in angstroms (root mean square), at every horizon, beside that of
persistence (nothing moves), linear (each atom goes on along the line through its window) and last-step.

Examples:

  unrolled train protein
      Adenylate kinase opening: learn from two runs of one method, forecast a third run by another.
  unrolled train protein --network node-recurrent --cell lstm
      Without the graph: every atom by itself.
  unrolled train protein --network graph
      Without recurrence: the window laid flat.
  unrolled train protein --trajectory a.dcd,b.dcd --structure protein.psf --test c.dcd
      Runs of your own.
"""

_SENSORS_EXAMPLES = """\
What comes of it is the error of each sensor's forecast at every horizon, over the readings that there are, beside that
of persistence, of the last day, week or year, of what is usual at the hour, and of a line.

Examples:

  unrolled train sensors
      Pedestrians in Auckland's centre, hour by hour.
  unrolled train sensors --readings chicago-flu
  unrolled train sensors --network gconv-gru
  unrolled train sensors --network node-recurrent --cell lstm
      Without the graph: every sensor by itself.
  unrolled train sensors --readings metr-la.h5 --edges adj_mx.pkl --zeros missing --window 12 --horizons 3,6,12
  unrolled train sensors --readings chickenpox.json --seasons 52
"""

app = App(name="train", help_epilogue=_EXAMPLES, help_format="plaintext", group_commands=Group("Tasks"))

_RUN = Group("Run", sort_key=0)
_RUN_OPTIONS = {
    "name": (str | None, None, "what the run is called (default: from task, cell, size and seed)."),
    "runs": (Path, Path("runs"), "folder of runs; this one goes to its own folder there."),
    "resume": (bool, False, "go on with an unfinished run; one that is done or not begun is no mistake."),
    "config": (Path | None, None, "YAML file to take options from; those of the command line win over it."),
    **PLACE_OPTIONS,
}


@app.default
def from_config(
    *words: Annotated[str, Parameter(allow_leading_hyphen=True, show=False)],
    config: Annotated[Path | None, Parameter(help="run the spec of this file; it names the task.")] = None,
) -> int:
    """Train a network on a task; the run is kept and can be resumed."""
    if words and not words[0].startswith("-"):
        raise UnknownName("task", words[0], TASKS)
    if config is None:
        if words:
            raise SpecError(f"no task is given before {words[0]!r}; tasks: {', '.join(TASKS)}")
        app.help_print([])
        return 0
    task = parse(read_yaml(config)).task_name
    words = (task, *words, "--config", str(config))
    return int(app(words, exit_on_error=False, print_error=False, result_action="return_value"))


def _command(task: str) -> Callable[..., int]:
    def command(**options: Any) -> int:
        own = {key: options.pop(key, default) for key, (_, default, _) in _RUN_OPTIONS.items()}
        place = Place(**{key: own.pop(key) for key in PLACE_OPTIONS})
        return _train(task, options, place, **own)

    parameters = [
        inspect.Parameter(
            key,
            inspect.Parameter.KEYWORD_ONLY,
            default=default,
            annotation=Annotated[kind, Parameter(help=line, group=_RUN, negative=())],
        )
        for key, (kind, default, line) in _RUN_OPTIONS.items()
    ]
    command.__signature__ = inspect.Signature([*parameters, *spec_parameters(task)])  # type: ignore[attr-defined]
    command.__doc__ = inspect.getdoc(TASKS[task].spec).partition("\n")[0]  # type: ignore[union-attr]
    return command


def _epilogue(task: str) -> str | None:
    """What the help of a task says at its end."""
    if task == "text":
        return _TEXT_EXAMPLES
    if task == "protein":
        return _PROTEIN_EXAMPLES
    if task == "sensors":
        return _SENSORS_EXAMPLES
    if task != "nodes":
        return None
    papers = {name: {**entry.model, **entry.training} for name, entry in LAYERS.items()}
    lines = [
        f"  {name} ({LAYERS[name].source}): "
        + ", ".join(f"{key.replace('_', '-')} {value}" for key, value in own.items())
        for name, own in papers.items()
        if own
    ]
    return _NODES_EXAMPLES.format(papers="\n".join(lines))


for _position, _task in enumerate(TASKS):
    app.command(_command(_task), name=_task, sort_key=_position, help_epilogue=_epilogue(_task))


def _train(
    task: str,
    given: Mapping[str, Any],
    place: Place,
    *,
    name: str | None,
    runs: Path,
    resume: bool,
    config: Path | None,
) -> int:
    spec = _requested(task, given, config, runs / name if resume and name is not None else None)
    if isinstance(spec.task, TextSpec):
        _require_one_reader(spec.task)
        _take_from_pipe(spec.task)
    announce_fetch(spec)
    learnt = build_task(spec)
    spec = resolve(spec, learnt)
    if name is None:
        name = name_to_resume(spec, runs) if resume else free_name(spec, runs)
    console = Console(highlight=False, quiet=not is_first_process())
    if resume and (runs / name / "result.json").is_file() and run_there(runs / name, spec, resume) is not None:
        console.print(Text(f"{runs / name} was finished already: nothing is left to train"), soft_wrap=True)
    final = _follow(spec, name, place.train(spec, name, runs, resume), Display(console))
    if final is None or final.stopped is None:
        print(_how_to_resume(spec, name, runs, place), file=sys.stderr)
        return INTERRUPTED
    console.print(Text(verdict(final, learnt)), soft_wrap=True)
    console.print(Text(_what_next(spec, runs / name)), soft_wrap=True)
    return 0


def _requested(task: str, given: Mapping[str, Any], config: Path | None, to_resume: Path | None) -> RunSpec:
    """The spec asked for: the command line's options over the file's (or the resumed run's) over defaults."""
    below: dict[str, Any] = {}
    if config is not None:
        below = read_yaml(config)
        parse(below, task=task)
    elif to_resume is not None and (to_resume / "spec.yaml").is_file():
        saved = open_run(to_resume).spec
        below = saved.to_mapping()
        if saved.user_cell is not None and "cell" not in given:
            raise UserCodeError(
                f"run {to_resume.name!r} was made with a cell of your own: give --cell {saved.user_cell} "
                "again, so that no code is run only because a file on disk says so"
            )
        parse(below, task=task)
    merged = {"task": {}, "model": {}, "training": {}} | {key: value for key, value in below.items() if value}
    for section, options in spec_mapping(task, given).items():
        merged[section] = {**_without_stale_hashes(merged[section], options), **options}
    return parse(merged, task=task)


def _require_one_reader(task: TextSpec) -> None:
    """Refuse to share standard input, which has one end, among processes."""
    if task.source == STANDARD_INPUT and task.text_sha256 is None and process_count() > 1:
        raise SpecError("source is '-', but torchrun's processes share no standard input: give a file")


def _take_from_pipe(task: TextSpec) -> None:
    """Where a run's text came down a pipe and is no longer on the shelf, put it back if it comes down the pipe again.

    Raises:
        SpecError: another text comes.
    """
    if task.source != STANDARD_INPUT or task.text_sha256 is None or process_count() > 1:
        return
    if shelf.find(task.text_sha256, as_bytes=task.vocabulary == "bytes", held_out=task.held_out) is not None:
        return
    if sys.stdin is None or sys.stdin.closed or sys.stdin.isatty():
        return
    try:
        piped = TASKS["text"].build(dataclasses.replace(task, text_sha256=None))
    except TextError:  # nothing that could be it: then building the task says what is missing
        return
    assert isinstance(piped, NextCharacter)
    if piped.corpus.sha256 != task.text_sha256:
        raise SpecError(
            f"the text that is piped in has hash {piped.corpus.sha256[:12]}…, this spec was made with "
            f"{task.text_sha256[:12]}…: pipe in the text of that time, or leave out text_sha256"
        )


def _without_stale_hashes(below: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Another text, graph or cell on the command line makes the hash in the file void."""
    changed = {key for key in given if key in below and below[key] != given[key]}
    return {key: value for key, value in below.items() if not changed & _HASHED.get(key, set())}


def _follow(
    spec: RunSpec, name: str, steps: Generator[training.Progress, None, None], display: Display
) -> training.Progress | None:
    """Train and draw; the last progress there was, which has ``stopped`` set unless Ctrl-C came first.

    Wherever Ctrl-C comes, closing the generator makes it write a checkpoint.
    """
    final = None
    with contextlib.suppress(KeyboardInterrupt), contextlib.closing(steps), display.training(name, spec):
        for final in steps:
            display.show(final)
    return final


def _how_to_resume(spec: RunSpec, name: str, runs: Path, place: Place) -> str:
    if not (runs / name / "spec.yaml").is_file():  # a run that is resumed takes its options from there
        return f"stopped before step 0 of {spec.training.steps}: nothing was begun"
    if (runs / name / "result.json").is_file():
        return f"stopped: {runs / name} is finished, and nothing is left to train"
    words = ["unrolled", "train", spec.task_name, "--name", name, "--resume"]
    if runs != Path("runs"):
        words += ["--runs", str(runs)]
    if spec.user_cell is not None:
        words += ["--cell", spec.user_cell]
    words += place.words()
    return f"stopped{_where(runs / name, spec)}; go on with: {shlex.join(words)}"


def _where(run: Path, spec: RunSpec) -> str:
    """The step that an unfinished run goes on from, as its record says; nothing where that is damaged."""
    try:
        return f" at step {open_run(run).weights_of_step()} of {spec.training.steps}"
    except RecordError:
        return ""


def _what_next(spec: RunSpec, run: Path) -> str:
    if isinstance(spec.task, TextSpec):
        words = ["unrolled", "generate", str(run), *(() if spec.user_cell is None else ("--cell", spec.user_cell))]
        return f"{run}  let it write: {shlex.join(words)} --length 500"
    return f"{run}  look at it: {shlex.join(['unrolled', 'report', str(run)])} --out report.html"

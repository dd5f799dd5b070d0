"""Which networks an instrument looks at: a run, trained and as it began, or an untrained one made by options."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Group, Parameter

from unrolled.cli.numbers import require_seed

if TYPE_CHECKING:
    from torch import Tensor

    from unrolled.data import Marking
    from unrolled.nn import CharacterModel, SequenceClassifier
    from unrolled.record import Run

__all__ = ["Looked", "Untrained", "networks"]

_GROUP = Group("Untrained network", sort_key=1)


def _option(text: str) -> Any:
    return Parameter(help=text, group=_GROUP, negative=())


@dataclass(frozen=True)
class Untrained:
    """A network to draw; what is None is the default of `unrolled train palindromes`."""

    cell: Annotated[
        str | None,
        _option(
            "rnn, gru, lstm, peephole, full-peephole, or your own, file.py:MyCell (default: lstm); beside runs made "
            "with your own cell, that cell once more."
        ),
    ] = None
    hidden: Annotated[int | None, _option("units per layer (default: 128).")] = None
    layers: Annotated[int | None, _option("how many are stacked (default: 1).")] = None
    bidirectional: Annotated[bool | None, _option("read both ways.")] = None
    input: Annotated[Literal["one-hot", "embedding", "scalar"] | None, _option("how a digit enters.")] = None
    initialisation: Annotated[
        Literal["torch", "xavier", "kaiming", "orthogonal", "normal"] | None, _option("how weights are drawn.")
    ] = None
    forget_bias: Annotated[float | None, _option("the forget gate's bias.")] = None
    chrono: Annotated[int | None, _option("chrono initialisation up to this many steps.")] = None
    scale: Annotated[float | None, _option("draw W_hh anew as N(0, scale²/H).")] = None


@dataclass(frozen=True)
class Looked:
    """One network and what it reads.

    Attributes:
        name: what it is called in tables.
        model: it.
        inputs: symbols [T,B].
        targets: the right answers.
        marking: how answers are marked.
        run: where it comes from.
    """

    name: str
    model: SequenceClassifier | CharacterModel
    inputs: Tensor
    targets: Tensor
    marking: Marking
    run: Run | None = None


def networks(
    names: Sequence[str], runs: Path, options: Untrained, *, length: int | None, batch: int, seed: int
) -> list[Looked]:
    """The networks of runs, each as it began and as it is now; without runs the one of the options.

    Raises:
        InputError: options of an untrained network beside a run, or numbers that cannot be.
        RecordError: no such run.
        UserCodeError: a run made with a user's own cell, and the cell is not named or another.
    """
    from unrolled.errors import InputError
    from unrolled.record import find_run

    if batch < 1:
        raise InputError(f"batch is {batch}: at least 1 sequence")
    require_seed(seed)
    given = {key: value for key, value in dataclasses.asdict(options).items() if value is not None}
    if not names:
        return [_untrained(given, 100 if length is None else length, batch, seed)]
    cell = given.pop("cell", None)
    _refuse(given, names[0])
    found = [find_run(name, runs) for name in names]
    if cell is not None and all(run.spec.user_cell is None for run in found):
        _refuse({"cell": cell}, names[0])
    return [each for run in found for each in _of_run(run, cell, length, batch, seed, several=len(names) > 1)]


def _refuse(given: dict[str, Any], run: str) -> None:
    from unrolled.errors import InputError

    for key in given:
        option = key.replace("_", "-")
        raise InputError(f"--{option} is for an untrained network, but run {run!r} has its own: leave out one")


def _untrained(given: dict[str, Any], length: int, batch: int, seed: int) -> Looked:
    import torch

    from unrolled.analysis.gradients import scale_recurrent_weights
    from unrolled.data import DecimalPalindromes
    from unrolled.spec import ModelSpec, build_model

    scale = given.pop("scale", None)
    spec = ModelSpec(**given)
    task = DecimalPalindromes(length=length + 1)
    model = build_model(spec, task, torch.Generator().manual_seed(seed))
    if scale is not None:
        draws = torch.Generator().manual_seed(seed + 1)
        scale_recurrent_weights(model.layer, scale, kind="normal", generator=draws)  # type: ignore[arg-type]
    drawn = task.sample(batch, torch.Generator().manual_seed(seed))
    name = spec.cell.rpartition(":")[2]
    return Looked(f"{name}, untrained", model, drawn.inputs, drawn.targets, task.marking)


def _of_run(run: Run, own: str | None, length: int | None, batch: int, seed: int, *, several: bool) -> list[Looked]:
    import torch

    from unrolled.data import DecimalPalindromes
    from unrolled.errors import InputError
    from unrolled.record import load_model
    from unrolled.spec import PalindromesSpec, build_model
    from unrolled.training.streams import stream

    own = None if run.spec.user_cell is None else own
    model, task = load_model(run, cell=own)
    network = run.spec.recurrent if own is None else dataclasses.replace(run.spec.recurrent, cell=own)
    if length is not None:
        if not isinstance(run.spec.task, PalindromesSpec):
            raise InputError(f"--length is for palindromes; run {run.name!r} is of {run.spec.task_name}")
        task = DecimalPalindromes(length=length + 1)
    drawn = task.sample(batch, torch.Generator().manual_seed(seed))
    before = build_model(network, task, stream(run.spec.training.seed, "weights"))
    prefix = f"{run.name}, " if several else ""
    return [
        Looked(f"{prefix}untrained", before, drawn.inputs, drawn.targets, task.marking, run),
        Looked(f"{prefix}trained", model, drawn.inputs, drawn.targets, task.marking, run),
    ]

"""Many specs in one: a spec whose options may be lists, ranges or draws.

::

    task: {name: palindromes, length: 5:50:5}      first:last:step, both ends in
    model: {cell: [rnn, lstm]}
    training:
      seed: 0:2
      learning_rate: {log-uniform: [1e-4, 1e-2]}   random only; uniform likewise, for whole numbers too
    combine: grid                                  every combination; zip: the first of each, the second of each …;
    draws: 20                                      random: so many draws, each option on its own
    seed: 0                                        of the draws
"""

from __future__ import annotations

import itertools
import math
import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from unrolled.errors import SpecError
from unrolled.spec.run import RunSpec, parse

__all__ = ["MOST_RUNS", "Sweep", "choices", "expand"]

MOST_RUNS = 100_000
MOST_VALUES = 1_000_000
"""Of one range: a longer one is a slip, and would not fit into memory."""

_SECTIONS = ("task", "model", "training")
_RANGE = re.compile(r"(-?\d+):(-?\d+)(?::(-?\d+))?")
_DRAWS = ("uniform", "log-uniform")


@dataclass(frozen=True)
class Sweep:
    """What a sweep comes to.

    Attributes:
        specs: every run once, in the order of the options.
        varied: the options that differ between them, as section.option.
    """

    specs: tuple[RunSpec, ...]
    varied: tuple[str, ...]


def expand(mapping: Mapping[str, Any], *, task: str | None = None) -> Sweep:
    """Every spec that a mapping with lists stands for.

    Args:
        mapping: as in the module's example; without lists it stands for one run.
        task: the task's name where the mapping need not say it.

    Raises:
        SpecError: lists that do not fit together, too many runs, a draw without combine: random, what `parse` refuses.
    """
    if not isinstance(mapping, Mapping):
        raise SpecError(f"a sweep is a mapping with the sections task, model and training, not {mapping!r:.60}")
    mapping = dict(mapping)
    combine, draws, seed = mapping.pop("combine", "grid"), mapping.pop("draws", None), mapping.pop("seed", 0)
    options = {
        (section, key): choices(value)
        for section in _SECTIONS
        if isinstance(mapping.get(section), Mapping)
        for key, value in mapping[section].items()
        if _is_many(value)
    }
    rows = _rows(options, combine, draws, seed)
    found: dict[str, RunSpec] = {}
    for row in rows:
        filled = {key: dict(value) if isinstance(value, Mapping) else value for key, value in mapping.items()}
        for (section, key), value in zip(options, row, strict=True):
            filled[section][key] = value
        spec = parse(filled, task=task)
        found.setdefault(spec.identity(), spec)
        if len(found) > MOST_RUNS:
            raise SpecError(
                f"the sweep has more than {MOST_RUNS} runs: give fewer values, or combine: random with draws"
            )
    return Sweep(tuple(found.values()), tuple(f"{section}.{key}" for section, key in options))


def choices(value: Any) -> list[Any] | dict[str, Any]:
    """A list's values, a range's numbers, or a draw as it is.

    Raises:
        SpecError: an empty list or range, a range of too many values, or a draw that cannot be.
    """
    if isinstance(value, Mapping):
        return _checked_draw(value)
    if isinstance(value, str) and (found := _RANGE.fullmatch(value)) is not None:
        first, last, step = int(found[1]), int(found[2]), int(found[3] or 1)
        if step < 1:
            raise SpecError(f"the range {value!r} goes in steps of {step}: a step is 1 or more, from the lower end")
        if last < first:
            raise SpecError(f"the range {value!r} is empty: give first:last or first:last:step, both ends in")
        if (count := (last - first) // step + 1) > MOST_VALUES:
            raise SpecError(f"the range {value!r} has {count} values, at most {MOST_VALUES} would do: a larger step?")
        return list(range(first, last + 1, step))
    if not isinstance(value, list | tuple):
        return [value]
    if not value:
        raise SpecError("an empty list: give at least one value")
    return [one for each in value for one in (choices(each) if isinstance(each, str) else [each])]


def _is_many(value: Any) -> bool:
    return isinstance(value, list | tuple | Mapping) or (isinstance(value, str) and _RANGE.fullmatch(value) is not None)


def _checked_draw(value: Mapping[str, Any]) -> dict[str, Any]:
    kind, bounds = next(iter(value.items()), (None, None))
    numbers = bounds if isinstance(bounds, list | tuple) else ()
    fits = len(value) == 1 and kind in _DRAWS and len(numbers) == 2
    if not fits or not all(isinstance(bound, int | float) and math.isfinite(bound) for bound in numbers):
        raise SpecError(
            f"{dict(value)!r:.60} is no draw: give {{uniform: [low, high]}} or {{log-uniform: [low, high]}}"
        )
    low, high = numbers
    if not low < high or (kind == "log-uniform" and low <= 0):
        raise SpecError(f"{dict(value)!r:.60}: the first bound is below the second, and above 0 for log-uniform")
    return dict(value)


def _rows(
    options: Mapping[tuple[str, str], Any], combine: object, draws: object, seed: object
) -> Iterator[tuple[Any, ...]]:
    drawn = [f"{section}.{key}" for (section, key), values in options.items() if isinstance(values, dict)]
    if combine not in ("grid", "zip", "random"):
        raise SpecError(f"combine is {combine!r}: grid, zip or random")
    if combine != "random":
        if drawn:
            raise SpecError(f"{drawn[0]} is drawn at random: say combine: random, and how many draws")
        if draws is not None:
            raise SpecError(f"draws is {draws!r}, but combine is {combine}: draws go with combine: random")
    if combine == "random":
        if not isinstance(draws, int) or isinstance(draws, bool) or not 1 <= draws <= MOST_RUNS:
            raise SpecError(f"draws is {draws!r}: with combine: random say how many runs are drawn")
        generator = random.Random(f"sweep {seed}")
        return (tuple(_drawn(values, generator) for values in options.values()) for _ in range(draws))
    if combine == "zip":
        lengths = {f"{section}.{key}": len(values) for (section, key), values in options.items()}
        if len(set(lengths.values())) > 1:
            told = ", ".join(f"{name} has {length}" for name, length in lengths.items())
            raise SpecError(f"combine: zip takes lists of one length, but {told}")
        return zip(*options.values(), strict=True) if options else iter([()])
    if math.prod(len(values) for values in options.values()) > MOST_RUNS:
        raise _too_many()
    return itertools.product(*options.values())


def _too_many() -> SpecError:
    return SpecError(f"the sweep has more than {MOST_RUNS} runs: give fewer values, or combine: random with draws")


def _drawn(values: Any, generator: random.Random) -> Any:
    if not isinstance(values, dict):
        return generator.choice(values)
    ((kind, (low, high)),) = values.items()
    if isinstance(low, int) and isinstance(high, int):
        if kind == "uniform":
            return generator.randint(low, high)
        return round(math.exp(generator.uniform(math.log(low), math.log(high))))
    drawn = (
        generator.uniform(low, high)
        if kind == "uniform"
        else math.exp(generator.uniform(math.log(low), math.log(high)))
    )
    return float(f"{drawn:.4g}")

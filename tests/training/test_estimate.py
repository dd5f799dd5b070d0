"""What many runs will cost, before they begin."""

from __future__ import annotations

import time
from collections.abc import Callable

from unrolled.spec import RunSpec
from unrolled.training import cost, estimate, train


def test_cost_grows_with_every_size(tiny: Callable[..., RunSpec]) -> None:
    base = cost(tiny())
    for change in ({"length": 20}, {"hidden": 40}, {"batch": 40}, {"steps": 400}, {"layers": 3}):
        assert cost(tiny(**change)) > base, change


def test_more_work_is_estimated_longer_and_larger(tiny: Callable[..., RunSpec]) -> None:
    short = estimate([tiny(steps=10)], workers=1)
    long = estimate([tiny(steps=10), tiny(steps=5000, hidden=32)], workers=1)
    assert long.seconds > short.seconds > 0 and long.bytes > short.bytes > 0
    assert (short.runs, long.runs) == (1, 2)


def test_the_estimate_is_of_the_right_size(tiny: Callable[..., RunSpec]) -> None:
    """Within a factor of ten on a machine that does other things too: it is there to tell minutes from days."""
    spec = tiny(steps=300, evaluate_every=100)
    began = time.perf_counter()
    for _ in train(spec):
        pass
    taken = time.perf_counter() - began
    assert taken / 10 < estimate([spec], workers=1).seconds < taken * 10

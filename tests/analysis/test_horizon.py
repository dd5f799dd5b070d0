"""The search: on networks whose end is known, with as few sizes as doubling and halving need."""

from __future__ import annotations

import math

import pytest

from unrolled.analysis.horizon import Horizon, Search
from unrolled.analysis.memory import SizeReading


def reading(size: int, solved: int, count: int = 3) -> SizeReading:
    return SizeReading(size, tuple(range(count)), (1.0,) * count, solved, (), ())


def searched(search: Search, end: float) -> Horizon:
    """Search among networks that solve every size up to ``end`` on all seeds and none beyond it."""
    tried: dict[int, SizeReading] = {}
    while (size := search.look(tried).next_size) is not None:
        assert size not in tried
        assert search.least <= size <= search.most
        tried[size] = reading(size, 3 if size <= end else 0)
    return search.look(tried)


@pytest.mark.parametrize("end", [2, 3, 9, 10, 11, 37, 150, 200])
@pytest.mark.parametrize("precision", [0.0, 0.1, 0.5])
def test_it_finds_the_end(end: int, precision: float) -> None:
    search = Search(first=10, least=2, most=200, need=2, precision=precision)
    found = searched(search, end)
    assert found.below is not None
    assert found.below.size <= end
    if found.above is None:
        assert found.below.size == 200 == end
    else:
        assert end < found.above.size
        assert found.above.size - found.below.size <= max(1, precision * found.below.size)
    assert len(found.tried) <= 2 + 2 * math.log2(200)
    assert found.gaps == ()


def test_a_network_that_solves_nothing_has_no_horizon() -> None:
    found = searched(Search(first=10, least=2, most=50, need=1), end=0)
    assert found.below is None
    assert found.above is not None
    assert [each.size for each in found.tried] == [2, 5, 10]


def test_k_seeds_are_needed_and_gaps_are_told() -> None:
    search = Search(first=10, least=2, most=40, need=2)
    tried = {10: reading(10, 1), 5: reading(5, 3), 7: reading(7, 3), 8: reading(8, 1), 9: reading(9, 2)}
    found = search.look(tried)
    assert found.below is not None
    assert found.above is not None
    assert (found.below.size, found.above.size, found.next_size) == (9, 10, None)
    assert found.gaps == (8,)
    assert found.below.interval == pytest.approx((0.208, 0.939), abs=0.001)

"""Wilson's interval: other people's numbers, and its coverage counted exactly."""

from __future__ import annotations

from math import comb

import pytest
from scipy.stats import binomtest

from unrolled.analysis.wilson import wilson
from unrolled.errors import InputError


@pytest.mark.parametrize("trials", [1, 3, 5, 20])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_it_is_scipys(trials: int, confidence: float) -> None:
    for successes in range(trials + 1):
        theirs = binomtest(successes, trials).proportion_ci(confidence, method="wilson")
        assert wilson(successes, trials, confidence) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_three_of_three_is_what_the_docs_say() -> None:
    assert wilson(3, 3) == pytest.approx((0.44, 1.0), abs=0.005)
    assert wilson(5, 5) == pytest.approx((0.57, 1.0), abs=0.005)
    assert wilson(0, 0) == (0.0, 1.0)


def test_it_covers_about_as_often_as_it_says() -> None:
    covered = []
    for rate in (i / 40 for i in range(2, 39)):
        inside = [k for k in range(21) if wilson(k, 20)[0] <= rate <= wilson(k, 20)[1]]
        covered.append(sum(comb(20, k) * rate**k * (1 - rate) ** (20 - k) for k in inside))
    assert 0.94 < sum(covered) / len(covered) < 0.965


def test_what_cannot_be() -> None:
    with pytest.raises(InputError, match="4 of 3 is no count"):
        wilson(4, 3)
    with pytest.raises(InputError, match="confidence is 95"):
        wilson(1, 3, 95)

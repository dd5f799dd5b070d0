"""How sure k successes of n make one of the rate behind them."""

from __future__ import annotations

import math
from statistics import NormalDist

from unrolled.errors import InputError

__all__ = ["wilson"]


def wilson(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """The Wilson interval of a rate.

    ::

        p = k/n
        centre = (p + z²/2n) / (1 + z²/n)
        half   = z √(p(1 − p)/n + z²/4n²) / (1 + z²/n)

    3 of 3 give .44 to 1.00, 5 of 5 .57 to 1.00: seeds that all succeed say little of the last half of the rate. No
    trials say nothing, 0 to 1.

    Source: Wilson 1927, the interval that inverts the score test; unlike k/n ± z√(p(1 − p)/n) it does not close to a
    point at 0 and n of n.

    Args:
        successes: k.
        trials: n.
        confidence: of the interval.

    Raises:
        InputError: numbers that cannot be.
    """
    if not 0 <= successes <= trials:
        raise InputError(f"{successes} of {trials} is no count of successes")
    if not 0 < confidence < 1:
        raise InputError(f"confidence is {confidence!r}: between 0 and 1, such as 0.95")
    if trials == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    p, share = successes / trials, z * z / trials
    centre = (p + share / 2) / (1 + share)
    half = z * math.sqrt(p * (1 - p) / trials + share / (4 * trials)) / (1 + share)
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == trials else centre + half
    return low, high

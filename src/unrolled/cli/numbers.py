"""Options that are numbers, where a command checks them itself: counts and seeds."""

from __future__ import annotations

from unrolled.errors import InputError

__all__ = ["require_least", "require_seed"]


def require_least(**numbers: int | None) -> None:
    """Refuse numbers below 1; None is none given.

    Raises:
        InputError: naming the option.
    """
    for name, number in numbers.items():
        if number is not None and number < 1:
            raise InputError(f"{name} is {number}: at least 1")


def require_seed(seed: int) -> None:
    """Refuse what torch's generators take for no seed.

    Raises:
        InputError: below 0, or 2^63 and more.
    """
    if not 0 <= seed < 2**63:
        raise InputError(f"seed is {seed}: from 0 to below 2^63")

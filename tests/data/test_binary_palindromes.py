"""Against an enumeration in plain Python strings."""

from __future__ import annotations

import itertools
from fractions import Fraction

import pytest
import torch

from unrolled.data import BinaryPalindromes


def by_hand(numbers: tuple[int, ...], reverse: bool, width: int) -> list[int]:
    bits = "".join(bin(n)[2:] for n in numbers)
    if reverse:
        bits = bits[::-1]
    return [{"_": 0, "0": 1, "1": 2}[b] for b in (bits + bits[::-1]).rjust(width, "_")]


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5])
def test_every_draw_is_laid_out_as_by_hand_and_two_thirds_end_in_one(length: int) -> None:
    task = BinaryPalindromes(length=length)
    draws = list(itertools.product(itertools.product(range(9), repeat=task.count), (False, True)))
    batch = task.mirror(
        torch.tensor([numbers for numbers, _ in draws]).T, torch.tensor([reverse for _, reverse in draws])
    )
    whole = torch.cat([batch.inputs, 1 + batch.targets.unsqueeze(0)]).T.tolist()
    assert whole == [by_hand(numbers, reverse, task.steps + 1) for numbers, reverse in draws]
    ones = Fraction(int(batch.targets.sum()), len(draws))
    assert ones == Fraction(2, 3)
    assert task.majority == pytest.approx(float(max(ones, 1 - ones)), abs=1e-15)


@pytest.mark.parametrize(("length", "inputs"), [(10, 41), (20, 81), (2, 9), (1, 9), (9, 41)])
def test_the_width_is_the_courses_for_even_lengths_and_wide_enough_for_odd(length: int, inputs: int) -> None:
    task = BinaryPalindromes(length=length)
    assert task.steps == inputs
    widest = task.mirror(torch.full((task.count, 1), 8), torch.tensor([False]))
    assert (widest.inputs[:, 0] > 0).sum() == 8 * task.count - 1  # every bit is there
    assert widest.inputs[:2, 0].tolist() == [0, 0]


def test_numbers_and_turns_are_drawn_evenly() -> None:
    task = BinaryPalindromes(length=2)
    batch = task.sample(90_000, torch.Generator().manual_seed(4))
    whole = [tuple(row) for row in torch.cat([batch.inputs, 1 + batch.targets.unsqueeze(0)]).T.tolist()]
    draws = [(n, reverse) for n in range(9) for reverse in (False, True)]
    expected: dict[tuple[int, ...], int] = {}
    for n, reverse in draws:
        row = tuple(by_hand((n,), reverse, task.steps + 1))
        expected[row] = expected.get(row, 0) + 90_000 // 18
    assert set(whole) == set(expected)
    for row, due in expected.items():
        assert abs(whole.count(row) - due) < 5 * due**0.5

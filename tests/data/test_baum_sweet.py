from __future__ import annotations

import random
import re

import pytest
import torch

from unrolled.data import BaumSweet
from unrolled.data.baum_sweet import KEEP_ZERO, baum_sweet, count_ones


def by_hand(n: int) -> bool:
    return all(len(block) % 2 == 0 for block in re.findall("0+", f"{n:b}"))


def test_labels_agree_with_the_definition_up_to_20_000() -> None:
    numbers = range(1, 20_001)
    assert baum_sweet(torch.tensor(numbers)).tolist() == [by_hand(n) for n in numbers]


def test_labels_agree_with_the_definition_far_up() -> None:
    draw = random.Random(5)
    tiles = ["".join(draw.choices(("1", "00", "0000", "0"), (6, 6, 2, 0.2), k=24)) for _ in range(2000)]
    numbers = [int("1" + row, 2) for row in tiles if len(row) < 60]
    labels = [by_hand(n) for n in numbers]
    assert len(numbers) > 1000 and 0.1 < sum(labels) / len(labels) < 0.95
    assert max(numbers) > 2**55
    assert baum_sweet(torch.tensor(numbers)).tolist() == labels


def test_counting_visits_no_number_and_agrees_with_visiting_all() -> None:
    seen = 0
    assert count_ones(0) == 0
    for n in range(1, 5000):
        seen += by_hand(n)
        assert count_ones(n) == seen
    assert count_ones(2**60 - 1) == sum(_fibonacci(n) for n in range(1, 61))


def _fibonacci(n: int) -> int:
    a, b = 1, 1
    for _ in range(n - 1):
        a, b = b, a + b
    return a


@pytest.mark.parametrize(("digits", "published"), [(4, 0.83), (5, 0.67), (6, 0.515)])
def test_the_share_of_label_one_is_counted_and_near_the_published_draws(digits: int, published: float) -> None:
    task = BaumSweet(digits=digits)
    if digits < 6:
        ones = sum(by_hand(n) for n in range(10, 10**digits + 1))
        zeros = 10**digits - 9 - ones
        assert task.label_one == pytest.approx(ones / (ones + KEEP_ZERO * zeros), abs=1e-12)
    assert abs(task.label_one - published) < 0.012
    assert task.majority == task.label_one
    assert BaumSweet(digits=7).majority == 1 - BaumSweet(digits=7).label_one > 0.5


def test_numbers_are_kept_as_the_rule_says() -> None:
    task = BaumSweet(digits=2)
    batch = task.sample(60_000, torch.Generator().manual_seed(6))
    bits = (batch.inputs - 1).clamp(min=0)
    numbers = sum(bits[i] << (task.steps - 1 - i) for i in range(task.steps))
    weights = {n: 1.0 if by_hand(n) else KEEP_ZERO for n in range(10, 101)}
    counts = torch.bincount(numbers, minlength=101)
    assert int(counts[:10].sum()) == 0 and len(counts) == 101
    for n, weight in weights.items():
        due = 60_000 * weight / sum(weights.values())
        assert abs(int(counts[n]) - due) < 5 * due**0.5 + 1, n
    assert batch.targets.tolist() == [int(by_hand(n)) for n in numbers.tolist()]


def test_numbers_are_spelt_highest_bit_first_after_the_padding() -> None:
    task = BaumSweet(digits=4)
    batch = task.spell(torch.tensor([10_000, 37]))
    for column, n in enumerate((10_000, 37)):
        spelt = "".join("_01"[symbol] for symbol in batch.inputs[:, column].tolist())
        assert spelt == f"{n:b}".rjust(16, "_")

from __future__ import annotations

import pytest
import torch

from unrolled.data import DecimalPalindromes


@pytest.mark.parametrize("length", [2, 3, 4, 5, 10, 11])
def test_inputs_and_answer_are_a_palindrome_of_the_length(length: int) -> None:
    task = DecimalPalindromes(length=length)
    batch = task.sample(500, torch.Generator().manual_seed(1))
    whole = torch.cat([batch.inputs, batch.targets.unsqueeze(0)])
    assert whole.shape == (length, 500)
    assert torch.equal(whole, whole.flip(0))


@pytest.mark.parametrize("length", [4, 5])
def test_every_first_half_is_equally_likely(length: int) -> None:
    task = DecimalPalindromes(length=length)
    half = (length + 1) // 2
    digits = task.sample(100_000, torch.Generator().manual_seed(2)).inputs[:half]
    numbers = sum(digits[i] * 10**i for i in range(half))
    counts = torch.bincount(numbers, minlength=10**half).float()
    expected = 100_000 / 10**half
    chi_square = float(((counts - expected) ** 2 / expected).sum())
    freedom = 10**half - 1
    assert abs(chi_square - freedom) < 5 * (2 * freedom) ** 0.5

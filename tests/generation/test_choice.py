"""The page of the rule: the distribution it draws, what it keeps, its random numbers."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from unrolled.errors import InputError
from unrolled.generation.choice import GREEDY, Choice, choose, uniform

LOGITS = torch.tensor([0.5, -1.0, 2.0, 0.0, -2.0, 1.0, 0.3, -0.3, 0.8])


def drawn(choice: Choice, count: int = 20_000) -> torch.Tensor:
    symbols, _ = choose(LOGITS.expand(count, -1), choice, [uniform(7, row, 0) for row in range(count)])
    return torch.bincount(symbols, minlength=len(LOGITS))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_the_distribution_is_the_softmax_s(temperature: float) -> None:
    expected = torch.softmax(LOGITS.double() / temperature, 0)
    counts = drawn(Choice(temperature=temperature))
    assert stats.chisquare(counts.numpy(), (expected * counts.sum() / expected.sum()).numpy()).pvalue > 0.01


def test_top_k_and_top_p_keep_the_likeliest() -> None:
    probabilities = torch.softmax(LOGITS.double(), 0)
    order = probabilities.argsort(descending=True)
    assert set(drawn(Choice(top_k=3)).nonzero()[:, 0].tolist()) == set(order[:3].tolist())
    kept = int((probabilities[order].cumsum(0) < 0.7).sum()) + 1
    assert set(drawn(Choice(top_p=0.7)).nonzero()[:, 0].tolist()) == set(order[:kept].tolist())
    share = probabilities[order[:3]] / probabilities[order[:3]].sum()
    within = int((share.cumsum(0) < 0.7).sum()) + 1
    assert int((drawn(Choice(top_k=3, top_p=0.7)) > 0).sum()) == within < kept


def test_likelihoods_are_of_the_model_not_of_the_rule() -> None:
    symbols, likelihoods = choose(LOGITS[None], Choice(temperature=0.1, top_k=1), [0.5])
    assert symbols.tolist() == choose(LOGITS[None], GREEDY, [0.0])[0].tolist() == [2]
    torch.testing.assert_close(likelihoods, torch.log_softmax(LOGITS.double(), 0)[2:3])


@given(seed=st.integers(0, 2**64 - 1), row=st.integers(0, 2**40), place=st.integers(-1, 2**40))
def test_numbers_lie_in_their_interval(seed: int, row: int, place: int) -> None:
    assert 0 <= uniform(seed, row, place) < 1


def test_numbers_are_uniform_and_apart() -> None:
    numbers = [uniform(seed, row, place) for seed in range(20) for row in range(20) for place in range(20)]
    assert len(set(numbers)) == len(numbers)
    assert stats.kstest(numbers, "uniform").pvalue > 0.01
    pairs = torch.tensor(numbers).view(20, 20, 20)
    for axis in range(3):  # neighbours in any of the three say nothing of each other
        one, other = pairs.narrow(axis, 0, 19).flatten(), pairs.narrow(axis, 1, 19).flatten()
        assert abs(float(torch.corrcoef(torch.stack([one, other]))[0, 1])) < 4 / math.sqrt(len(one))


def test_numbers_out_of_range() -> None:
    temperatures, counts, shares = (0.0, math.inf), (0, 2.5), (0.0, 1.5)
    for name, values in {"temperature": temperatures, "top_k": counts, "top_p": shares}.items():
        for value in values:
            with pytest.raises(InputError, match=f"{name} is {value}"):
                Choice(**{name: value})

from __future__ import annotations

import itertools

import torch

from unrolled.data import RandomCombinations


def test_inputs_and_answer_hold_every_number_once() -> None:
    batch = RandomCombinations(size=30).sample(200, torch.Generator().manual_seed(1))
    whole = torch.cat([batch.inputs, batch.targets.unsqueeze(0)])
    assert torch.equal(whole.sort(0).values, torch.arange(30).unsqueeze(1).expand(30, 200))


def test_every_permutation_is_equally_likely() -> None:
    batch = RandomCombinations(size=4).sample(24_000, torch.Generator().manual_seed(2))
    whole = [tuple(row) for row in torch.cat([batch.inputs, batch.targets.unsqueeze(0)]).T.tolist()]
    for permutation in itertools.permutations(range(4)):
        assert abs(whole.count(permutation) - 1000) < 5 * 1000**0.5

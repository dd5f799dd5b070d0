from __future__ import annotations

import numpy as np
import pytest
import torch

from unrolled.data import Adding


@pytest.mark.parametrize("length", [2, 3, 10, 101])
def test_the_target_is_the_sum_of_the_two_marked_numbers(length: int) -> None:
    batch = Adding(length=length).sample(400, torch.Generator().manual_seed(1))
    numbers, marks = batch.inputs.double().numpy().transpose(2, 0, 1)
    np.testing.assert_allclose((numbers * marks).sum(0), batch.targets.double().numpy(), atol=1e-6)
    half = length // 2
    assert (marks[:half].sum(0) == 1).all()
    assert (marks[half:].sum(0) == 1).all()
    assert ((marks == 0) | (marks == 1)).all()
    assert 0 <= numbers.min() <= numbers.max() < 1


def test_every_place_of_either_half_is_marked_alike() -> None:
    marks = Adding(length=9).sample(40_000, torch.Generator().manual_seed(2)).inputs[..., 1]
    for half in (marks[:4], marks[4:]):
        expected = 1 / len(half)
        error = (expected * (1 - expected) / 40_000) ** 0.5
        assert (half.mean(1) - expected).abs().max() < 5 * error


def test_its_baselines_are_those_of_its_own_draws() -> None:
    task = Adding(length=6)
    targets = task.sample(200_000, torch.Generator().manual_seed(3)).targets
    count = len(targets)

    def score(said: torch.Tensor) -> float:
        return int(task.marking.right(said.unsqueeze(-1), targets)) / count

    constants = {c / 20: score(torch.full((count,), c / 20)) for c in range(41)}
    assert max(constants, key=lambda c: constants[c]) == 1.0
    assert abs(constants[1.0] - task.majority) < 5 * (task.majority / count) ** 0.5
    drawn = 2 * torch.rand(count, generator=torch.Generator().manual_seed(4))
    assert abs(score(drawn) - task.chance) < 5 * (task.chance / count) ** 0.5
    square = task.marking.loss_nats(torch.ones(count, 1), targets) / count
    assert square.item() == pytest.approx(1 / 6, abs=0.003)


def test_an_answer_is_right_up_to_the_tolerance() -> None:
    task, targets = Adding(length=2), torch.tensor([1.0, 1.0, 1.0, 0.25])
    said = torch.tensor([[1.079], [0.921], [1.081], [0.25]])
    assert int(task.marking.right(said, targets)) == 3
    assert task.marking.loss_nats(said, targets).item() == pytest.approx(0.079**2 * 2 + 0.081**2, rel=1e-4)

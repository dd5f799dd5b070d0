from __future__ import annotations

import pytest
import torch

from unrolled.data import Copying


@pytest.mark.parametrize("delay", [1, 2, 20, 101])
def test_a_sequence_is_ten_symbols_blanks_the_signal_and_ten_blanks(delay: int) -> None:
    batch = Copying(delay=delay).sample(200, torch.Generator().manual_seed(1))
    symbols, wait, rest = batch.inputs[:10], batch.inputs[10 : 10 + delay - 1], batch.inputs[10 + delay :]
    assert batch.inputs.shape == (delay + 20, 200)
    assert set(symbols.unique().tolist()) == set(range(1, 9))
    assert not wait.any()
    assert (batch.inputs[10 + delay - 1] == 9).all()
    assert rest.shape == (10, 200)
    assert not rest.any()
    assert torch.equal(batch.targets, symbols - 1)


def test_every_place_of_the_answer_is_uniform() -> None:
    targets = Copying(delay=3).sample(40_000, torch.Generator().manual_seed(2)).targets
    for place in targets:
        shares = torch.bincount(place, minlength=8) / 40_000
        assert (shares - 1 / 8).abs().max() < 5 * (1 / 8 * 7 / 8 / 40_000) ** 0.5


def test_who_remembers_scores_one_and_who_does_not_scores_an_eighth() -> None:
    task = Copying(delay=5)
    batch = task.sample(5000, torch.Generator().manual_seed(3))
    remembered = torch.nn.functional.one_hot(batch.inputs[:10] - 1, 8).float().flatten(0, 1)
    assert int(task.marking.right(remembered, batch.targets.flatten())) == 50_000
    guessed = task.marking.right(torch.eye(8)[torch.zeros(50_000, dtype=torch.int64)], batch.targets.flatten())
    assert abs(int(guessed) / 50_000 - task.majority) < 5 * (task.majority * 7 / 8 / 50_000) ** 0.5
    loss = task.marking.loss_nats(torch.zeros(50_000, 8), batch.targets.flatten()) / 50_000
    assert loss.item() == pytest.approx(2.0794, abs=1e-4)

"""From each character to the next."""

from __future__ import annotations

import pytest
import torch

from unrolled import nn
from unrolled.errors import InputError, ShapeError


@pytest.mark.parametrize("batch_first", [False, True])
def test_logits_of_every_step_and_the_state_carries_on(make_layer, fields, assert_same, batch_first):
    model = nn.CharacterModel(make_layer(9, 4, 2, batch_first=batch_first), symbols=9)
    tokens = torch.randint(9, (6, 3))
    logits, state = model(tokens)
    assert logits.shape == (6, 3, 9)
    first, middle = model(tokens[:4])
    rest, end = model(tokens[4:], middle)
    assert_same([torch.cat([first, rest]), *fields(end)], [logits, *fields(state)], 1e-12)
    stepped = None
    for t in range(6):
        one, stepped = model.step(tokens[t], stepped)
        assert_same([one], [logits[t]], 1e-12)
    assert_same(fields(stepped), fields(state), 1e-12)


def test_torchs_layer_steps_too():
    model = nn.CharacterModel(torch.nn.GRU(5, 4), symbols=5)
    tokens = torch.randint(5, (3, 2))
    expected, _ = model(tokens)
    state = None
    for t in range(3):
        logits, state = model.step(tokens[t], state)
        torch.testing.assert_close(logits, expected[t])


def test_what_does_not_fit():
    with pytest.raises(InputError, match="sees the character to predict"):
        nn.CharacterModel(nn.LSTM(5, 4, bidirectional=True), symbols=5)
    model = nn.CharacterModel(nn.LSTM(5, 4), symbols=5)
    with pytest.raises(ShapeError, match=r"tokens must be \[T, B\]"):
        model(torch.zeros(3, dtype=torch.int64))
    with pytest.raises(ShapeError, match=r"token must be \[B\]"):
        model.step(torch.zeros(1, 3, dtype=torch.int64))

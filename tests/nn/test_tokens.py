"""Tokens in place of one-hot rows: a lookup, and the same numbers."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import one_hot

from unrolled import nn
from unrolled.errors import ShapeError

LENGTHS = {"full": None, "ragged": torch.tensor([4, 0, 2])}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["native", "torch"])
@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS)
@pytest.mark.parametrize("batch_first", [False, True])
def test_tokens_are_one_hot_rows(make_layer, fields, assert_same, dtype, lengths, batch_first):
    layer = make_layer(5, 6, 2, bidirectional=True, batch_first=batch_first, dtype=dtype)
    tokens = torch.randint(5, (3, 4) if batch_first else (4, 3))
    results = []
    for x in (tokens, one_hot(tokens, 5).to(dtype)):
        output, state = layer(x, lengths=lengths)
        loss = output.square().sum() + sum(field.sum() for field in fields(state))
        results.append(
            [output, *fields(state), *torch.autograd.grad(loss, list(layer.parameters()), allow_unused=True)]
        )
        results[-1] = [torch.zeros(1, dtype=dtype) if r is None else r for r in results[-1]]
    assert_same(*results, 1e-5 if dtype == torch.float32 else 1e-12)
    seen = layer.observe(tokens, lengths=lengths)
    assert_same([seen.output], [results[0][0]], 1e-5 if dtype == torch.float32 else 1e-12)


def test_a_second_derivative_through_tokens(make_layer, assert_same):
    layer = make_layer(5, 6, dtype=torch.float32)
    tokens, results = torch.randint(5, (4, 3)), []
    for x in (tokens, one_hot(tokens, 5).float().double()):
        layer = layer.to(torch.float32 if x is tokens else torch.float64)
        (first,) = torch.autograd.grad(layer(x)[0].square().sum(), layer.weight_hh_l0, create_graph=True)
        results.append(torch.autograd.grad(first.square().sum(), layer.weight_ih_l0)[0].double())
    assert_same(results[:1], results[1:], 1e-4)


@pytest.mark.parametrize("coding", ["one-hot", "scalar", "embedding"])
def test_a_model_hands_one_hot_symbols_on_as_they_are(make_layer, assert_same, coding):
    layer = make_layer(1 if coding == "scalar" else 5, 6, dtype=torch.float32)
    tokens = torch.randint(5, (4, 3))
    read = []
    layer.register_forward_hook(lambda module, inputs, output: read.append(inputs[0].dtype))
    model = nn.SequenceClassifier(layer, symbols=5, classes=2, coding=coding)
    logits = model(tokens)
    assert read == [torch.int64 if coding == "one-hot" else torch.float32]
    assert_same([logits], [model.readout(layer(model.coding(tokens))[0])], 1e-5)


def test_a_token_outside_is_refused():
    with pytest.raises(ShapeError, match=r"tokens must lie in 0\.\.4, .* but run from -1 to 5"):
        nn.GRU(5, 2)(torch.tensor([[5, -1]]))
    with pytest.raises(ShapeError, match=r"tokens must lie in 0\.\.4"):
        nn.CharacterModel(nn.LSTM(5, 2), symbols=5)(torch.tensor([[5]]))

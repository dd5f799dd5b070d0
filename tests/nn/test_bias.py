"""One bias vector in torch's two."""

from __future__ import annotations

import pytest
import torch

from unrolled import nn
from unrolled.errors import InputError


def test_the_second_bias_is_zero_frozen_and_stays_so(make_layer):
    layer = make_layer(3, 4, 2, bidirectional=True)
    assert nn.bias_vectors(layer) == 2
    assert nn.single_bias(layer) is layer
    assert nn.bias_vectors(layer) == 1
    layer.initialise("normal")
    optimiser = torch.optim.SGD(layer.parameters(), 0.1, momentum=0.9, weight_decay=0.1)
    layer(torch.randn(5, 2, 3, dtype=torch.float64))[0].sum().backward()
    optimiser.step()
    for name, parameter in layer.named_parameters():
        if name.startswith("bias_hh"):
            assert not parameter.any()
            assert not parameter.requires_grad
        else:
            assert parameter.grad is not None
    assert nn.bias_vectors(layer) == 1


def test_a_forget_bias_goes_to_the_one_vector():
    layer = nn.single_bias(nn.LSTM(3, 4))
    layer.initialise("xavier", forget_bias=1)
    assert layer.bias_ih_l0[4:8].tolist() == [1] * 4
    assert not layer.bias_hh_l0.any()


def test_no_bias_at_all():
    layer = nn.LSTM(3, 4, bias=False)
    assert nn.bias_vectors(layer) == 0
    with pytest.raises(InputError, match="has no bias_hh to freeze"):
        nn.single_bias(layer)

"""Swapping torch's layers for ours inside a model."""

from __future__ import annotations

import warnings

import pytest
import torch

from unrolled import nn


class Two(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first = torch.nn.LSTM(3, 4)
        self.again = self.first
        self.rest = torch.nn.ModuleList([torch.nn.GRU(4, 4, bidirectional=True), torch.nn.Linear(4, 2)])

    def forward(self, x):
        x, _ = self.first(x)
        x, _ = self.rest[0](x)
        return self.rest[1](x[..., :4])


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (lambda: torch.nn.RNN(3, 4, 2, nonlinearity="relu", bidirectional=True), nn.RNN),
        (lambda: torch.nn.GRU(3, 4, bias=False, batch_first=True), nn.GRU),
        (lambda: torch.nn.LSTM(3, 4, 2, dropout=0.5), nn.LSTM),
    ],
)
def test_a_layer_itself(theirs, ours):
    layer = theirs().eval()
    x, weight, face, mode = torch.randn(5, 2, 3), layer.weight_ih_l0, repr(layer), layer.mode
    expected, _ = layer(x)
    keys = list(layer.state_dict())
    converted = nn.convert(layer)
    assert converted is layer
    assert type(layer) is ours
    assert layer.weight_ih_l0 is weight
    assert not layer.training
    assert (repr(layer), layer.mode, list(layer.state_dict())) == (face, mode, keys)
    torch.testing.assert_close(layer(x)[0], expected)
    assert layer(x, lengths=[5, 2] if not layer.batch_first else [2, 1, 0, 2, 2])[0].shape == expected.shape
    layer.initialise("xavier")


def test_a_model_with_an_optimiser_shared_layers_and_hooks():
    torch.manual_seed(1)
    model = Two()
    twin = Two()
    twin.load_state_dict(model.state_dict())
    optimiser, other = torch.optim.Adam(model.parameters()), torch.optim.Adam(twin.parameters())
    calls = []
    model.first.register_forward_hook(lambda *_: calls.append("hook"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert nn.convert(model) is model
        nn.convert(model)
    assert type(model.first) is nn.LSTM
    assert model.again is model.first
    assert type(model.rest[0]) is nn.GRU
    x = torch.randn(5, 2, 3)
    for net, optim in ((model, optimiser), (twin, other)):
        for _ in range(3):
            optim.zero_grad()
            net(x).pow(2).sum().backward()
            optim.step()
    assert calls == ["hook"] * 3
    torch.testing.assert_close(model(x), twin(x), rtol=1e-5, atol=1e-6)


def test_what_cannot_be_swapped_is_left_and_named():
    class Mine(torch.nn.GRU):
        pass

    model = torch.nn.ModuleDict({"a": torch.nn.LSTM(3, 4, proj_size=2), "b": Mine(3, 4), "c": torch.nn.LSTM(3, 4)})
    with pytest.warns(UserWarning, match=r"left as torch's: a \(proj_size=2\), b \(a subclass, Mine\)") as caught:
        nn.convert(model)
    assert len(caught) == 1
    assert type(model["a"]) is torch.nn.LSTM
    assert type(model["b"]) is Mine
    assert type(model["c"]) is nn.LSTM
    assert model["a"](torch.randn(5, 2, 3))[0].shape == (5, 2, 2)

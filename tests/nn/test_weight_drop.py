"""Dropout on the recurrent weights and on the output, and a tied output layer."""

from __future__ import annotations

import pytest
import torch

from unrolled import nn
from unrolled.errors import InputError
from unrolled.kernels.dropout import dropout
from unrolled.nn import CELL_LAYERS
from unrolled.nn.weight_drop import call_with_weight_drop, recurrent_weights


@pytest.mark.parametrize("cell", CELL_LAYERS)
def test_a_layer_whose_weights_are_dropped_is_the_layer_with_other_weights(cell: str) -> None:
    layer = CELL_LAYERS[cell](5, 6, num_layers=2)
    tokens = torch.randint(5, (7, 3))
    torch.manual_seed(3)
    out, _ = call_with_weight_drop(layer, 0.5, tokens)
    gradients = torch.autograd.grad(out.square().sum(), list(recurrent_weights(layer).values()))
    torch.manual_seed(3)
    other = CELL_LAYERS[cell](5, 6, num_layers=2)
    other.load_state_dict(layer.state_dict())
    torch.manual_seed(3)
    masks = {name: dropout(torch.ones_like(weight), 0.5) for name, weight in recurrent_weights(layer).items()}
    with torch.no_grad():
        for name, weight in recurrent_weights(other).items():
            weight *= masks[name]
    expected, _ = other(tokens)
    torch.testing.assert_close(out, expected)
    own = torch.autograd.grad(expected.square().sum(), list(recurrent_weights(other).values()))
    for gradient, plain, mask in zip(gradients, own, masks.values(), strict=True):
        torch.testing.assert_close(gradient, plain * mask)


def test_a_users_cell_with_torchs_names_and_one_without() -> None:
    layer = nn.Recurrent([torch.nn.GRUCell(5, 6)])
    model = nn.CharacterModel(layer, symbols=5, recurrent_dropout=0.5)
    tokens = torch.randint(5, (7, 3))
    assert not torch.equal(model(tokens)[0], model(tokens)[0])
    model.eval()
    assert torch.equal(model(tokens)[0], model(tokens)[0])

    class Bare(torch.nn.Module):
        hidden_size = 4

        def __init__(self) -> None:
            super().__init__()
            self.W = torch.nn.Linear(9, 4)

        def forward(self, x: torch.Tensor, h: torch.Tensor) -> torch.Tensor:
            return self.W(torch.cat([x, h], 1)).tanh()

    with pytest.raises(InputError, match="weights called weight_hh"):
        nn.CharacterModel(nn.Recurrent(Bare()), symbols=5, recurrent_dropout=0.1)
    with pytest.raises(InputError, match="output_dropout must be a share"):
        nn.CharacterModel(layer, symbols=5, output_dropout=1.0)


@pytest.mark.parametrize("torch_masks", [True, False])
def test_masks_between_layers_are_torchs_unless_others_are_asked_for(torch_masks: bool) -> None:
    draw = torch.nn.functional.dropout if torch_masks else dropout
    layer = nn.LSTM(5, 6, num_layers=2, dropout=0.5)
    layer.torch_masks = torch_masks
    first, second = nn.LSTM(5, 6), nn.LSTM(6, 6)
    for index, one in enumerate((first, second)):
        one.load_state_dict({f"{name[:-1]}0": w for name, w in layer.state_dict().items() if name.endswith(str(index))})
    x = torch.randn(7, 3, 5)
    torch.manual_seed(5)
    expected, _ = second(draw(first(x)[0], 0.5))
    torch.manual_seed(5)
    torch.testing.assert_close(layer(x)[0], expected)


def test_outputs_are_dropped_while_training_only() -> None:
    model = nn.CharacterModel(nn.LSTM(5, 6), symbols=5, output_dropout=0.999)
    tokens = torch.randint(5, (7, 3))
    with torch.no_grad():
        torch.testing.assert_close(model(tokens)[0], model.output.bias.expand(7, 3, 5))
    model.eval()
    assert not torch.allclose(model(tokens)[0], model.output.bias.expand(7, 3, 5))


def test_a_tied_output_is_the_embedding() -> None:
    model = nn.CharacterModel(nn.GRU(6, 6), symbols=5, coding="embedding", tied=True)
    model.initialise("xavier", generator=torch.Generator().manual_seed(0))
    assert model.output.weight is model.coding.weight
    assert sum(weight.numel() for weight in model.parameters()) == 5 * 6 + 5 + 2 * (3 * 6 * 6 + 3 * 6)
    assert 0.2 < float(model.output.weight.detach().std()) < 0.6  # about 1/√6
    model.load_state_dict(model.state_dict())
    assert model.double().output.weight is model.coding.weight
    with pytest.raises(InputError, match="tied output needs the coding 'embedding'"):
        nn.CharacterModel(nn.GRU(5, 6), symbols=5, tied=True)
    with pytest.raises(InputError, match="as large as the hidden state"):
        nn.CharacterModel(nn.GRU(4, 6), symbols=5, coding="embedding", tied=True)

"""Initialisers act on each gate's own block."""

from __future__ import annotations

import math

import pytest
import torch

from unrolled import nn
from unrolled.errors import InputError, UnknownName

I, H = 40, 60


def blocks(layer, kind, suffix="_l0"):
    return getattr(layer, f"{kind}{suffix}").detach().split(H)


def vectors(layer):
    return [p for name, p in layer.named_parameters() if p.dim() == 1]


def test_xavier_bounds_are_the_blocks_own(make_layer):
    layer = make_layer(I, H, 2, bidirectional=True)
    layer.initialise("xavier")
    for block in blocks(layer, "weight_ih"):
        assert 0.97 < block.abs().max() / math.sqrt(6 / (I + H)) <= 1
    for block in blocks(layer, "weight_hh", "_l1_reverse"):
        assert 0.97 < block.abs().max() / math.sqrt(6 / (H + H)) <= 1
    assert not any(v.any() for v in vectors(layer))


def test_kaiming_normal(make_layer):
    layer = make_layer(I, H)
    layer.initialise("kaiming")
    for block in blocks(layer, "weight_ih"):
        assert block.std().item() == pytest.approx(math.sqrt(2 / I), rel=0.08)
    assert not any(v.any() for v in vectors(layer))


def test_orthogonal_recurrent_blocks(make_layer):
    layer = make_layer(I, H)
    layer.initialise("orthogonal")
    for block in blocks(layer, "weight_hh"):
        torch.testing.assert_close(block @ block.T, torch.eye(H, dtype=torch.float64), atol=1e-6, rtol=0)
    for block in blocks(layer, "weight_ih"):
        assert 0.97 < block.abs().max() / math.sqrt(6 / (I + H)) <= 1


def test_normal_draws_every_weight_and_bias(make_layer):
    layer = make_layer(I, H)
    layer.initialise("normal")
    for parameter in layer.parameters():
        assert parameter.std().item() == pytest.approx(1, abs=0.25)
        assert parameter.abs().max() > 1.5


def test_torch_is_torchs_distribution(make_layer):
    layer = make_layer(I, H)
    layer.initialise("torch")
    for parameter in layer.parameters():
        assert 0.9 < parameter.abs().max() * math.sqrt(H) <= 1


@pytest.mark.parametrize("name", nn.INITIALISERS)
def test_a_generator_makes_it_repeatable_and_leaves_torchs_alone(make_layer, name):
    layer, results = make_layer(I, H, 2), []
    before = torch.get_rng_state()
    for _ in range(2):
        layer.initialise(name, generator=torch.Generator().manual_seed(5))
        results.append([p.detach().clone() for p in layer.parameters()])
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


FORGETTING = [nn.LSTM, nn.PeepholeLSTM, nn.FullPeepholeLSTM]


def sum_of_biases(layer, gate):
    cell, total = layer.cell, torch.zeros(H)
    for kind, names in (("bias_ih", cell.input_blocks), ("bias_hh", cell.recurrent_blocks)):
        if gate in names:
            total += blocks(layer, kind)[names.index(gate)]
    return total


@pytest.mark.parametrize("name", ["xavier", "normal"])
@pytest.mark.parametrize("kind", FORGETTING)
def test_forget_bias_is_the_sum_of_both(kind, name):
    layer = kind(I, H)
    layer.initialise(name, forget_bias=1.5)
    torch.testing.assert_close(sum_of_biases(layer, "forget_gate"), torch.full((H,), 1.5))
    assert sum_of_biases(layer, "input_gate").any() == (name == "normal")


@pytest.mark.parametrize("kind", FORGETTING)
def test_chrono(kind):
    layer = kind(I, H)
    layer.initialise("orthogonal", chrono=100)
    b_f = sum_of_biases(layer, "forget_gate")
    assert ((b_f >= 0) & (b_f <= math.log(99))).all()
    assert b_f.exp().mean().item() == pytest.approx(50, rel=0.3)
    torch.testing.assert_close(sum_of_biases(layer, "input_gate"), -b_f)
    assert not sum_of_biases(layer, "output_gate").any()


@pytest.mark.parametrize("options", [{"forget_bias": 1.0}, {"chrono": 50}])
def test_no_forget_gate_no_bias(options):
    for layer in (nn.RNN(I, H), nn.GRU(I, H), nn.GRU(I, H, reset_before=True)):
        with pytest.raises(InputError, match="needs a forget gate"):
            layer.initialise("xavier", **options)
    with pytest.raises(InputError, match="bias=False"):
        nn.LSTM(I, H, bias=False).initialise("xavier", **options)


def test_other_mistakes():
    with pytest.raises(UnknownName, match="did you mean 'xavier'"):
        nn.LSTM(I, H).initialise("xaviar")
    with pytest.raises(InputError, match="give one of them"):
        nn.LSTM(I, H).initialise("xavier", forget_bias=1.0, chrono=10)
    with pytest.raises(InputError, match="above 2, not 2"):
        nn.LSTM(I, H).initialise("xavier", chrono=2)
    with pytest.raises(InputError, match="Linear cannot be initialised by name"):
        nn.initialise(torch.nn.Linear(2, 3), "xavier")


def test_the_function_is_the_method():
    one, other = nn.LSTM(I, H), nn.LSTM(I, H)
    nn.initialise(one, "orthogonal", forget_bias=1, generator=torch.Generator().manual_seed(1))
    other.initialise("orthogonal", forget_bias=1, generator=torch.Generator().manual_seed(1))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_half_precision_weights():
    layer = nn.LSTM(I, H, dtype=torch.bfloat16)
    layer.initialise("orthogonal", forget_bias=1)
    block = blocks(layer, "weight_hh")[0].float()
    torch.testing.assert_close(block @ block.T, torch.eye(H), atol=0.02, rtol=0)

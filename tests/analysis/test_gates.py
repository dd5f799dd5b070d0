from __future__ import annotations

import pytest
import torch

from unrolled.analysis.gates import gate_trace
from unrolled.errors import InputError
from unrolled.nn import CELL_LAYERS, GRU, LSTM, CharacterModel, SequenceClassifier

DIGITS = torch.tensor([3, 1, 4, 1])


def classifier(layer: torch.nn.Module) -> SequenceClassifier:
    return SequenceClassifier(layer, symbols=10, classes=10)


def test_the_values_are_the_equation_s() -> None:
    model = classifier(LSTM(10, 4)).double()
    trace = gate_trace(model, DIGITS)
    assert trace.symbols == ("3", "1", "4", "1")
    assert set(trace.gates) == {"input_gate", "forget_gate", "output_gate"}
    assert set(trace.others) == {"candidate", "memory", "hidden"}
    layer = model.layer
    h = c = torch.zeros(4, dtype=torch.float64)
    for t, digit in enumerate(DIGITS.tolist()):
        rows = layer.weight_ih_l0[:, digit] + layer.bias_ih_l0 + layer.weight_hh_l0 @ h + layer.bias_hh_l0
        i, f, g, o = rows.chunk(4)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        expected = {"input_gate": i.sigmoid(), "forget_gate": f.sigmoid(), "output_gate": o.sigmoid()}
        for name, value in expected.items():
            assert torch.allclose(trace.gates[name].values[t], value, rtol=1e-12)
            assert trace.gates[name].mean[t] == pytest.approx(value.mean().item())
            assert trace.gates[name].spread[t] == pytest.approx(value.std(correction=0).item())
        assert torch.allclose(trace.others["memory"].values[t], c, rtol=1e-12)
        assert torch.allclose(trace.others["hidden"].values[t], h, rtol=1e-12)
    assert trace.others["memory"].shut is None
    assert trace.others["candidate"].open is None


def test_shares_of_open_and_shut_units() -> None:
    model = classifier(LSTM(10, 4))
    with torch.no_grad():
        for parameter in model.layer.parameters():
            parameter.zero_()
        # i: one unit of four shut; f: three open, one at .88; o: all at one half
        model.layer.bias_ih_l0.copy_(torch.tensor([-9.0, 0, 0, 0, 9, 9, 9, 2, 0, 0, 0, 0, 0, 0, 0, 0]))
    trace = gate_trace(model, DIGITS)
    shares = {name: (gate.shut, gate.open) for name, gate in trace.gates.items()}
    assert shares["input_gate"] == ((0.25,) * 4, (0.0,) * 4)
    assert shares["forget_gate"] == ((0.0,) * 4, (0.75,) * 4)
    assert shares["output_gate"] == ((0.0,) * 4, (0.0,) * 4)


@pytest.mark.parametrize("name", CELL_LAYERS)
def test_every_cell_shows_its_gates(name: str) -> None:
    trace = gate_trace(classifier(CELL_LAYERS[name](10, 4)), DIGITS)
    gates = {"rnn": set(), "gru": {"reset_gate", "update_gate"}}
    assert set(trace.gates) == gates.get(name, {"input_gate", "forget_gate", "output_gate"})
    assert all(gate.values.shape == (4, 4) for gate in trace.gates.values())
    assert "hidden" in trace.others


def test_layers_and_directions_are_chosen() -> None:
    model = classifier(GRU(10, 3, num_layers=2, bidirectional=True))
    seen = model.layer.observe(model.coding(DIGITS[:, None]))
    for layer, direction in ((0, 1), (1, 0), (-1, 1)):
        trace = gate_trace(model, DIGITS, layer=layer, direction=direction)
        assert torch.equal(trace.gates["reset_gate"].values, seen.layers[layer][direction]["reset_gate"][:, 0])
        assert (trace.layer, trace.direction) == (layer % 2, direction)


def test_text_is_labelled_and_dropout_is_off() -> None:
    model = CharacterModel(LSTM(3, 4, num_layers=2, dropout=0.5, batch_first=True), symbols=3)
    one, other = (gate_trace(model, torch.tensor([2, 0, 1, 2]), labels="abc") for _ in range(2))
    assert one.symbols == ("c", "a", "b", "c")
    assert torch.equal(one.others["hidden"].values, other.others["hidden"].values)
    assert not one.others["hidden"].values.requires_grad
    assert all(module.training for module in model.modules())


def test_what_cannot_be_observed() -> None:
    model = classifier(LSTM(10, 4))
    for wrong in (DIGITS[:, None], DIGITS[:0]):
        with pytest.raises(InputError, match="one sequence of symbols"):
            gate_trace(model, wrong)
    with pytest.raises(InputError, match="no layer 1: the model has 1"):
        gate_trace(model, DIGITS, layer=1)
    with pytest.raises(InputError, match="no direction 1"):
        gate_trace(model, DIGITS, direction=1)
    with pytest.raises(InputError, match=r"convert\(model\)"):
        gate_trace(classifier(torch.nn.LSTM(10, 4)), DIGITS)

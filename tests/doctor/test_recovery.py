"""The recovered equation is the module's, and says which weight does what."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch

from unrolled import nn
from unrolled.doctor import REFERENCES, Diagnosis
from unrolled.doctor.building import Sizes
from unrolled.doctor.calling import Call, Subject
from unrolled.doctor.comparison import equation_lines
from unrolled.doctor.examine import examine_object
from unrolled.doctor.recovery import recover


@pytest.fixture(autouse=True)
def _double() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


LAYERS = {
    "rnn": torch.nn.RNN,
    "gru": torch.nn.GRU,
    "lstm": torch.nn.LSTM,
    "peephole": nn.PeepholeLSTM,
    "full-peephole": nn.FullPeepholeLSTM,
}


@pytest.mark.parametrize("name", LAYERS)
def test_torch_and_the_house_are_recovered_gate_by_gate(name: str) -> None:
    sizes = Sizes()
    subject = Subject(LAYERS[name](sizes.I, sizes.H), sizes, Call("layer", "TB", "vector"))
    found = recover(subject, REFERENCES[name])
    assert found is not None
    assert found.exact
    assert found.error < 1e-12
    gates = {term.gate for term in found.structure.terms}
    for term in found.structure.terms:
        if term.block.tensor == "weight_ih_l0":  # torch's order of rows is the reference's order of gates
            order = [t.gate for t in found.structure.terms if t.block.tensor == "weight_ih_l0"]
            assert order == [gate for gate in REFERENCES[name].terms if gate in gates]


def test_the_equation_names_the_users_tensors(examined: Callable[..., Diagnosis]) -> None:
    found = examined("other_cells.py:OldMemoryPeephole", "peephole")
    assert "o = σ(w.weight[4/4] x + u.weight[4/4] h' + p_o⊙c' + w.bias[4/4])" in found.equation


def test_an_unknown_cell_is_not_called_sound() -> None:
    class Odd(torch.nn.Module):
        def __init__(self, input_size: int, hidden_size: int) -> None:
            super().__init__()
            self.x = torch.nn.Linear(input_size, hidden_size)
            self.h = torch.nn.Linear(hidden_size, hidden_size)

        def forward(self, x: torch.Tensor, h: torch.Tensor) -> torch.Tensor:
            return torch.cos(self.x(x)) * torch.tanh(self.h(h)) + 0.1 * h**2

    found = examine_object(Odd, "lstm")
    assert found.verdict == "unknown"
    assert found.reason


@pytest.mark.parametrize(("target", "name"), [(torch.nn.GRU, "lstm"), (torch.nn.LSTM, "gru"), (torch.nn.LSTM, "rnn")])
def test_another_cell_is_never_sound(target: type, name: str) -> None:
    assert examine_object(target, name).verdict != "sound"


def test_examining_leaves_torch_as_it_was() -> None:
    F = torch.nn.functional
    functions = [F.dropout, F.embedding, F.cross_entropy, torch.randn, torch.Tensor.backward]
    state, dtype = torch.get_rng_state(), torch.get_default_dtype()
    examine_object(torch.nn.RNN, "rnn")
    assert functions == [F.dropout, F.embedding, F.cross_entropy, torch.randn, torch.Tensor.backward]
    assert torch.equal(state, torch.get_rng_state())
    assert torch.get_default_dtype() == dtype


def test_lines_of_torchs_gru() -> None:
    sizes = Sizes()
    subject = Subject(torch.nn.GRU(sizes.I, sizes.H), sizes, Call("layer", "TB", "vector"))
    found = recover(subject, REFERENCES["gru"])
    assert found is not None
    assert equation_lines(found)[2:] == (
        "n = tanh(weight_ih_l0[3/3] x + r⊙(weight_hh_l0[3/3] h') + bias_ih_l0[3/3] + r⊙bias_hh_l0[3/3])",
        "h = (1-z)⊙n + z⊙h'",
    )

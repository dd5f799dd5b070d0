"""A user's own cell as a layer."""

from __future__ import annotations

import sys
from itertools import count

import pytest
import torch

from unrolled import nn
from unrolled.errors import InputError, UnknownName, UserCodeError

T, B, I, H = 5, 3, 4, 6


class Leaky(torch.nn.Module):
    """Two states, named, with a gate to look at."""

    state_names = ("hidden", "trace", "clock")

    def __init__(self, input_size=I, hidden_size=H):
        super().__init__()
        self.input_size, self.hidden_size = input_size, hidden_size
        self.read = torch.nn.Linear(input_size + hidden_size, hidden_size)
        self.leak = torch.nn.Parameter(torch.tensor(0.3))

    def forward(self, x_t, state):
        hidden, trace, clock = state
        hidden = torch.tanh(self.read(torch.cat([x_t, trace], -1)))
        return hidden, trace + self.leak * (hidden - trace), clock + 1

    def gates(self, x_t, state):
        return {"leak": self.leak.expand(len(x_t), self.hidden_size)}


class Broken(torch.nn.Module):
    hidden_size = H

    def __init__(self, result):
        super().__init__()
        self.result = result

    def forward(self, x_t, state):
        return self.result(x_t)


@pytest.mark.parametrize(
    ("cell", "layer"),
    [
        (torch.nn.RNNCell, torch.nn.RNN),
        (torch.nn.GRUCell, torch.nn.GRU),
        (torch.nn.LSTMCell, torch.nn.LSTM),
    ],
)
def test_torchs_cells_make_torchs_layers(cell, layer, fields, assert_same):
    torchs = layer(I, H, 2)
    cells = [cell(I, H), cell(H, H)]
    for k, one in enumerate(cells):
        one.load_state_dict({n: getattr(torchs, f"{n}_l{k}") for n in one.state_dict()})
    ours, x = nn.Recurrent(cells), torch.randn(T, B, I)
    (expected, end), (got, final) = torchs(x), ours(x)
    assert_same([got, *fields(final)], [expected, *fields(end)], 1e-5)
    assert type(final) is type(nn.convert(torchs)(x)[1])


def test_the_laws_hold_for_a_users_cell():
    layer = nn.Recurrent([Leaky(), Leaky(H)]).double()
    x = torch.randn(T, B, I, dtype=torch.float64)
    output, final = layer(x)
    assert final._fields == Leaky.state_names
    assert final.clock.tolist() == [[[T] * H] * B] * 2
    state = None
    for t in range(T):
        stepped, state = layer.step(x[t], state)
        torch.testing.assert_close(stepped, output[t])
    torch.testing.assert_close(state.trace, final.trace)
    x[2:, 1] = float("nan")
    ragged, final = layer(x, lengths=[5, 2, 0])
    alone, end = layer(x[:2, 1:2])
    torch.testing.assert_close(ragged[:2, 1:2], alone)
    torch.testing.assert_close(final.trace[:, 1:2], end.trace)
    assert not ragged[2:, 1].any()
    assert final.clock[0, :, 0].tolist() == [5, 2, 0]


def test_observation_shows_states_and_gates():
    layer = nn.Recurrent(Leaky(), batch_first=True)
    x = torch.randn(B, T, I)
    seen = layer.observe(x)
    trace = seen.layers[0][0]
    assert set(trace) == {"leak", "hidden", "trace", "clock"}
    assert torch.equal(seen.output, layer(x)[0])
    assert torch.equal(trace["hidden"].transpose(0, 1), seen.output)
    assert trace["leak"].shape == (T, B, H)


def test_second_derivatives():
    layer = nn.Recurrent(Leaky(2, 2)).double()
    x = torch.randn(3, 2, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda x: layer(x)[0], [x], fast_mode=True)


PROTOCOL = [
    (lambda: nn.Recurrent(Leaky), "must be a torch.nn.Module object .* not the class Leaky"),
    (lambda: nn.Recurrent([]), "the list is empty"),
    (lambda: nn.Recurrent(torch.nn.Linear(2, 3)), "Linear.hidden_size must be an integer above zero, not None"),
    (lambda: nn.Recurrent([Leaky(I, 6), Leaky(6, 7)]), "must share hidden_size"),
]


@pytest.mark.parametrize(("make", "message"), PROTOCOL)
def test_what_is_no_cell_is_refused_at_once(make, message):
    with pytest.raises(UserCodeError, match=message):
        make()


def test_state_names_must_be_names_hidden_first():
    cell = Leaky()
    for names in (("memory", "hidden"), (), ("hidden", "hidden"), ("hidden", "2"), ("hidden", "class")):
        cell.state_names = names
        with pytest.raises(UserCodeError, match='"hidden" first'):
            nn.Recurrent(cell)


RESULTS = [
    (lambda x: None, "must return its state, a tensor .* not NoneType"),
    (lambda x: (x, x), "not tuple of 2"),
    (lambda x: torch.zeros(B, H + 1), r"hidden with shape \[3, 6\] \[B, H\], not \[3, 7\]"),
    (lambda x: 1 / 0, "failed on x_t .*ZeroDivisionError: division by zero"),
    (lambda x: sys.exit(3), "failed on x_t .*SystemExit: 3"),
]


@pytest.mark.parametrize(("result", "message"), RESULTS)
def test_a_cell_that_breaks_the_protocol_is_named(result, message):
    with pytest.raises(UserCodeError, match=f"Broken.forward.*{message}") as caught:
        nn.Recurrent(Broken(result))(torch.zeros(T, B, I))
    assert "\n" not in str(caught.value)


CALLS = count()

GATES = [
    (lambda h: [1], "must return a dict of tensors"),
    (lambda h: {"leak": h > 0}, "of floating point"),
    (lambda h: {"leak": h[:1]}, r"\[B, ·\] = \[3, ·\]"),
    (lambda h: {3: h}, "by name"),
    (lambda h: {"trace": h}, "must not name 'trace', which is of the state"),
    (lambda h: {f"gate{next(CALLS)}": h}, "same names at every step, not gate0 and then gate1"),
]


@pytest.mark.parametrize(("gates", "message"), GATES)
def test_gates_that_are_no_gates(gates, message):
    cell = Leaky()
    cell.gates = lambda x_t, state: gates(state[0])
    with pytest.raises(UserCodeError, match=f"Leaky.gates.*{message}"):
        nn.Recurrent(cell).observe(torch.zeros(T, B, I))


def test_initialise():
    layer = nn.Recurrent([Leaky(), Leaky(H)])
    layer.initialise("normal", generator=torch.Generator().manual_seed(0))
    assert layer.cells[0].read.weight.std() > 0.8
    layer.initialise("xavier")
    assert not layer.cells[1].read.bias.any()
    with pytest.raises(UnknownName):
        layer.initialise("nromal")
    with pytest.raises(InputError, match="Leaky does not say where its forget gate is"):
        layer.initialise("xavier", forget_bias=1.0)
    lstm = nn.Recurrent(torch.nn.LSTMCell(I, H))
    lstm.initialise("orthogonal", forget_bias=2.0)
    assert lstm.cells[0].bias_ih[H : 2 * H].tolist() == [2.0] * H
    block = lstm.cells[0].weight_hh[:H]
    torch.testing.assert_close(block @ block.T, torch.eye(H), atol=1e-5, rtol=0)


def test_a_cell_may_initialise_itself():
    class Own(Leaky):
        def initialise(self, name, *, forget_bias, chrono, generator):
            self.asked = (name, forget_bias, chrono)

    cell = Own()
    nn.Recurrent(cell).initialise("mine", forget_bias=1.0)
    assert cell.asked == ("mine", 1.0, None)

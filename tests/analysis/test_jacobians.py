"""∂s_t/∂s_{t-1} against finite differences and formulas; Lyapunov exponents against eigenvalues and determinants."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from unrolled.analysis.gradients import lyapunov_exponents, scale_recurrent_weights, state_jacobians
from unrolled.errors import InputError
from unrolled.nn import CELL_LAYERS, LSTM, RNN, Recurrent

T, B, I, H = 5, 2, 3, 4


def drawn(name: str, **options: bool) -> torch.nn.Module:
    layer = CELL_LAYERS[name](I, H, num_layers=2, **options).double()
    for index, parameter in enumerate(layer.parameters()):
        torch.nn.init.normal_(parameter, 0, 0.7, generator=torch.Generator().manual_seed(index))
    return layer


def sequences(steps: int = T) -> Tensor:
    return torch.randn(steps, B, I, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("direction", [0, 1])
@pytest.mark.parametrize("name", CELL_LAYERS)
def test_jacobians_are_finite_differences(name: str, direction: int) -> None:
    layer, x = drawn(name, bidirectional=True), sequences()
    found = state_jacobians(layer, x, index=1, direction=direction, steps=[1, 3])
    assert found.fields == layer.state_names
    seen = layer.observe(x).layers
    below = torch.cat([trace["hidden"] for trace in seen[0]], -1).detach()
    equation = layer.equation(1, direction)
    for place, t in enumerate((1, 3)):
        before = [seen[1][direction].steps[t + 1 if direction else t - 1][f].detach() for f in found.fields]
        for column in range(H * len(before)):
            sides = []
            for size in (1e-6, -1e-6):
                moved = [field.clone() for field in before]
                moved[column // H][:, column % H] += size
                named = equation.step(below[t], equation.named_state(tuple(moved)), equation.weights)
                sides.append(torch.cat([named[f] for f in found.fields], 1).detach())
            difference = (sides[0] - sides[1]) / 2e-6
            assert torch.allclose(found.matrices[place, :, :, column], difference, rtol=1e-6, atol=1e-8)


def test_a_vanilla_rnn_s_is_its_formula() -> None:
    layer, x = RNN(I, H).double(), sequences()
    found = state_jacobians(layer, x)
    h = layer(x)[0]
    expected = (1 - h**2)[..., None] * layer.weight_hh_l0
    assert torch.allclose(found.matrices, expected, rtol=1e-12)
    assert torch.allclose(found.singular_values, torch.linalg.svdvals(expected), rtol=1e-12)


def test_a_user_s_cell_has_the_house_s() -> None:
    own, house = torch.nn.LSTMCell(I, H), LSTM(I, H)
    house.load_state_dict({f"{name}_l0": value for name, value in own.state_dict().items()})
    one, other = (state_jacobians(layer, sequences()) for layer in (Recurrent(own), house))
    assert torch.allclose(one.matrices, other.matrices, rtol=1e-5, atol=1e-7)


def test_exponents_add_up_to_the_determinants() -> None:
    layer, x = drawn("gru"), sequences(30)
    found = lyapunov_exponents(layer, x, index=1)
    expected = torch.linalg.slogdet(state_jacobians(layer, x, index=1).matrices).logabsdet.mean()
    assert sum(found.exponents) == pytest.approx(expected.item(), rel=1e-10)
    assert (found.steps, found.sequences, len(found.errors)) == (30, B, H)


@pytest.mark.parametrize("direction", [0, 1])
@pytest.mark.parametrize("name", ["peephole", "full-peephole"])
def test_the_first_is_the_growth_of_one_disturbance(name: str, direction: int) -> None:
    """A full-peephole LSTM feeds only its c back, so a disturbance of h is lost at the next step."""
    layer, x = drawn(name, bidirectional=True), sequences(120)
    found = lyapunov_exponents(layer, x[:, :1], direction=direction, count=1, warm_up=60)
    steps = state_jacobians(layer, x[:, :1], direction=direction).matrices[:, 0]
    moved, grown = torch.ones(2 * H, dtype=torch.float64), 0.0
    for step, jacobian in enumerate(steps.flip(0) if direction else steps):
        moved = jacobian @ moved
        grown += math.log(moved.norm().item()) if step >= 60 else 0
        moved /= moved.norm()
    assert found.exponents[0] == pytest.approx(grown / 60, rel=1e-6, abs=1e-3)


def test_what_a_step_forgets_has_exponents_of_its_own() -> None:
    found = lyapunov_exponents(drawn("full-peephole"), sequences(40))
    assert all(map(math.isfinite, found.exponents[:H] + found.errors))
    assert found.exponents[H:] == (-math.inf,) * H


class Own(torch.nn.Module):
    """A cell with dropout on its state and its recurrent weights in a buffer."""

    def __init__(self, detaches: bool = False) -> None:
        super().__init__()
        self.hidden_size, self._detaches = H, detaches
        self.inner = torch.nn.Linear(I, H)
        self.dropout = torch.nn.Dropout(0.5)
        self.register_buffer("W", torch.randn(H, H, generator=torch.Generator().manual_seed(0)))

    def forward(self, x: Tensor, hidden: Tensor) -> Tensor:
        hidden = hidden.detach() if self._detaches else hidden
        return torch.tanh(self.inner(x) + self.dropout(hidden) @ self.W.T)


def test_dropout_is_off_and_buffers_are_float64() -> None:
    layer, x = Recurrent(Own()), sequences()
    found = state_jacobians(layer, x)
    assert layer.training and layer.cells[0].W.dtype == torch.float32
    h = layer.eval().double()(x)[0]
    assert torch.allclose(found.matrices, (1 - h**2)[..., None] * layer.cells[0].W, rtol=1e-12)


def test_a_step_that_detaches_its_state_has_a_zero_one() -> None:
    layer = Recurrent(Own(detaches=True))
    assert not state_jacobians(layer, sequences()).matrices.any()
    assert lyapunov_exponents(layer, sequences()).exponents == (-math.inf,) * H


def at_rest(scale: float) -> RNN:
    """An RNN that reads zeros and stays at h = 0, where its Jacobian is W_hh."""
    layer = RNN(I, 16, bias=False)
    scale_recurrent_weights(layer, scale, kind="normal", generator=torch.Generator().manual_seed(0))
    return layer


def test_at_rest_they_are_the_eigenvalues() -> None:
    layer = at_rest(0.9)
    sizes = torch.linalg.eigvals(layer.weight_hh_l0.detach().double()).abs().log().sort(descending=True).values
    found = lyapunov_exponents(layer, torch.zeros(600, 1, I), warm_up=300)
    assert found.exponents == pytest.approx(sizes.tolist(), abs=1e-2)
    assert lyapunov_exponents(layer, torch.zeros(50, 1, I), count=3).exponents[0] == pytest.approx(
        sizes[0].item(), abs=0.1
    )


def test_all_of_an_orthogonal_matrix_are_the_logarithm_of_its_scale() -> None:
    layer = RNN(I, H, bias=False).double()
    scale_recurrent_weights(layer, 1.3, generator=torch.Generator().manual_seed(0))
    found = lyapunov_exponents(layer, torch.zeros(10, 1, I))
    assert found.exponents == pytest.approx([math.log(1.3)] * H, rel=1e-12)


def test_what_cannot_be_asked() -> None:
    layer = LSTM(I, H)
    for mistake, message in (
        (lambda: state_jacobians(layer, sequences(), index=1), "no layer 1: the model has 1"),
        (lambda: state_jacobians(layer, sequences(), direction=1), "no direction 1"),
        (lambda: state_jacobians(layer, sequences(), steps=[9]), "no step 9: the sequence has steps 0…4"),
        (lambda: state_jacobians(layer, sequences()[0, 0]), r"\[T, B, I\] would do"),
        (lambda: lyapunov_exponents(layer, sequences(), count=9), "count is 9: the state has 8 numbers"),
        (lambda: lyapunov_exponents(layer, sequences(), warm_up=5), "warm_up is 5"),
    ):
        with pytest.raises(InputError, match=message):
            mistake()

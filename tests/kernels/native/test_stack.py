"""One step of a stack of layers, in every variant: the equation in float64, whatever rows and threads are beside."""

from __future__ import annotations

import pytest
import torch
from tests.kernels.native.trial import CELLS
from torch import Tensor

from unrolled.kernels.native.library import Library
from unrolled.kernels.native.stack import Stack, Stepped, take_step
from unrolled.kernels.operators import CELLS as EQUATIONS
from unrolled.kernels.reference import Weights

BOUND = 3e-6
SHAPES = [(1, 1, 1, 1), (3, 5, 2, 4), (87, 128, 2, 1), (10, 33, 3, 7), (200, 300, 2, 35), (700, 40, 1, 3)]
"""I, H, layers, B: tails of vectors, of rows and of what passes together, and long rows."""


def drawn(cell: str, I: int, H: int, layers: int, bias: bool) -> list[Tensor | None]:
    equation, weights = EQUATIONS[cell], []
    for layer in range(layers):
        rows, recurrent_rows = len(equation.input_blocks) * H, len(equation.recurrent_blocks) * H
        scale = (I if layer == 0 else H) ** -0.5
        weights += [scale * torch.randn(rows, I if layer == 0 else H), H**-0.5 * torch.randn(recurrent_rows, H)]
        weights += [torch.randn(rows), torch.randn(recurrent_rows)] if bias else [None, None]
        weights += [torch.randn(3 * H) if equation.peephole_blocks else None]
    return weights


def by_equation(cell: str, weights: list[Tensor | None], x: Tensor, state: tuple[Tensor, ...]) -> list[Tensor]:
    equation, x, after = EQUATIONS[cell], x.double(), []
    for layer in range(len(state[0])):
        own = Weights(*(None if w is None else w.double() for w in weights[5 * layer : 5 * layer + 5]))  # type: ignore[arg-type]
        step = equation.step(x, equation.state(*(field[layer].double() for field in state)), own)
        x = step.hidden
        after.append([getattr(step, name) for name in equation.state_names])
    return [x, *(torch.stack(fields) for fields in zip(*after, strict=True))]


def taken(library: Library, cell: str, weights: list[Tensor | None], x: Tensor, state: tuple[Tensor, ...]) -> Stepped:
    return take_step(library, Stack(cell, weights, state[0].shape[-1]), x, state)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("cell", CELLS)
def test_equals_the_equation(library: Library, cell: str, shape: tuple[int, ...], bias: bool) -> None:
    I, H, layers, B = shape
    weights, x = drawn(cell, I, H, layers, bias), torch.randn(B, 2 * I)[:, :I]
    state = tuple(torch.randn(layers, B, H) for _ in EQUATIONS[cell].state_names)
    before = [field.clone() for field in (x, *state)]
    output, after = taken(library, cell, weights, x, state)
    for got, want in zip([output, *after], by_equation(cell, weights, x, state), strict=True):
        assert got.shape == want.shape
        assert float((got - want).abs().max()) < BOUND * max(float(want.abs().max()), 0.1)  # one relu may be zero
    assert all(torch.equal(now, then) for now, then in zip((x, *state), before, strict=True))


@pytest.mark.parametrize("cell", CELLS)
def test_a_row_knows_nothing_of_the_others_nor_of_threads(best: Library, cell: str) -> None:
    weights, x = drawn(cell, 87, 130, 2, True), torch.randn(37, 87)
    state = tuple(torch.randn(2, 37, 130) for _ in EQUATIONS[cell].state_names)
    threads = torch.get_num_threads()
    whole = taken(best, cell, weights, x, state)
    try:
        torch.set_num_threads(3 if threads == 1 else 1)
        other = taken(best, cell, weights, x, state)
    finally:
        torch.set_num_threads(threads)
    alone = taken(best, cell, weights, x[5], tuple(field[:, 5].contiguous() for field in state))
    assert torch.equal(whole.output, other.output)
    torch.testing.assert_close(alone.output, whole.output[5], rtol=1e-6, atol=1e-6)
    assert alone.output.shape == (130,)
    assert all(torch.equal(a, b) for a, b in zip(whole.state, other.state, strict=True))

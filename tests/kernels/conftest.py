"""A random problem for any cell: weights, inputs, states and cotangents."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from unrolled.kernels.reference import Cell, State, Weights


class Problem(NamedTuple):
    x: Tensor
    state: State
    weights: Weights

    @property
    def leaves(self) -> list[Tensor]:
        return [t for t in (self.x, *self.state, *self.weights) if t is not None]


@pytest.fixture
def make_problem() -> Callable[..., Problem]:
    def make(
        cell: Cell,
        *,
        T: int = 5,
        B: int = 4,
        I: int = 3,
        H: int = 6,
        bias: bool = True,
        dtype: torch.dtype = torch.float64,
    ) -> Problem:
        def draw(*shape: int) -> Tensor:
            return torch.randn(*shape, dtype=dtype).mul_(0.6).requires_grad_()

        G, G_hh, P = len(cell.input_blocks), len(cell.recurrent_blocks), len(cell.peephole_blocks)
        weights = Weights(
            draw(G * H, I),
            draw(G_hh * H, H),
            draw(G * H) if bias else None,
            draw(G_hh * H) if bias else None,
            draw(P * H) if P else None,
        )
        return Problem(draw(T, B, I), cell.state(*(draw(B, H) for _ in cell.state_names)), weights)

    return make


@pytest.fixture
def assert_same() -> Callable[..., None]:
    """Compare two lists of tensors, each relative to its largest value; None is zero."""

    def compare(got: list[Tensor | None], expected: list[Tensor | None], tolerance: float) -> None:
        assert len(got) == len(expected)
        for index, (g, e) in enumerate(zip(got, expected, strict=True)):
            if g is None and e is None:
                continue
            g = torch.zeros_like(e) if g is None else g
            e = torch.zeros_like(g) if e is None else e
            assert g.shape == e.shape, (index, g.shape, e.shape)
            if g.numel() == 0:
                continue
            scale = e.abs().max().clamp_min(1e-3)
            error = ((g - e).abs().max() / scale).item()
            assert error <= tolerance, f"number {index} differs by {error:.2e}"

    return compare

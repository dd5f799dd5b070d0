"""What the tests of layers share: every layer of the table and its variants, and one measure of sameness."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from unrolled import nn

VARIANTS: dict[str, Callable[..., nn.CellLayer]] = {
    **nn.CELL_LAYERS,
    "rnn-relu": lambda *sizes, **options: nn.RNN(*sizes, nonlinearity="relu", **options),
    "gru-reset-before": lambda *sizes, **options: nn.GRU(*sizes, reset_before=True, **options),
}


@pytest.fixture(params=VARIANTS)
def make_layer(request) -> Callable[..., nn.CellLayer]:
    """Every entry of CELL_LAYERS, and the variants of RNN and GRU; weights in float64 unless it is said."""

    def make(*sizes: int, **options) -> nn.CellLayer:
        layer = VARIANTS[request.param](*sizes, **{"dtype": torch.float64, **options})
        for parameter in layer.parameters():
            torch.nn.init.normal_(parameter, std=0.6)
        return layer

    return make


def state_tensors(state) -> list[torch.Tensor]:
    return list(state) if isinstance(state, tuple) else [state]


@pytest.fixture
def fields() -> Callable[..., list[torch.Tensor]]:
    """The state as a list, of a layer with a memory or without."""
    return state_tensors


@pytest.fixture
def random_state() -> Callable[..., object]:
    """A random initial state for a layer, in its own form."""

    def draw(layer, B: int | None):
        rows = layer.num_layers * (2 if layer.bidirectional else 1)
        shape = (rows, layer.hidden_size) if B is None else (rows, B, layer.hidden_size)
        state = tuple(torch.randn(shape, dtype=layer.weight_dtype, requires_grad=True) for _ in layer.state_names)
        return state if len(state) == 2 else state[0]

    return draw


@pytest.fixture
def assert_same() -> Callable[..., None]:
    """Compare lists of tensors, each relative to its largest value."""

    def compare(got, expected, tolerance: float) -> None:
        assert len(got) == len(expected)
        for index, (g, e) in enumerate(zip(got, expected, strict=True)):
            assert g.shape == e.shape, (index, g.shape, e.shape)
            assert g.dtype == e.dtype
            if g.numel():
                error = ((g - e).abs().max() / e.abs().max().clamp_min(1e-3)).item()
                assert error <= tolerance, f"number {index} differs by {error:.2e}"

    return compare

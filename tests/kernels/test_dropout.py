"""Dropout: the right share at zero, the mean kept, one draw for forward and backward, torch's own where it must be."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from unrolled.kernels import dropout as module
from unrolled.kernels.dropout import dropout


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.875])
def test_a_share_is_zeroed_and_the_rest_grows(p: float, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    x = torch.ones(300, 401, dtype=dtype)
    y = dropout(x, p)
    assert y.dtype == dtype and y.shape == x.shape
    zeros = int((y == 0).sum())
    spread = 5 * (p * (1 - p) * x.numel()) ** 0.5
    assert abs(zeros - p * x.numel()) <= spread
    kept = y[y != 0].double()
    rounding = torch.finfo(dtype).eps + 2.0**-16  # p is a multiple of 2⁻¹⁶, in the factor too
    assert torch.all((kept * (1 - p) - 1).abs() <= rounding / (1 - p))


def test_neighbours_rows_and_calls_are_drawn_each_by_itself() -> None:
    torch.manual_seed(1)
    first, second = (dropout(torch.ones(400, 403), 0.5) == 0 for _ in range(2))
    bound = 5 * (0.25 * 0.75 / first.numel()) ** 0.5  # five standard errors of a share of coincidences about 1/4
    pairs = [(first, second)]
    pairs += [(first.flatten()[lag:], first.flatten()[:-lag]) for lag in (1, 2, 3, 4, 8, 403)]
    for a, b in pairs:
        assert abs(float((a & b).float().mean()) - 0.25) < bound


def test_the_gradient_goes_through_the_same_mask() -> None:
    torch.manual_seed(2)
    x = torch.randn(7, 11, requires_grad=True)
    y = dropout(x, 0.3)
    (gradient,) = torch.autograd.grad(y.sum(), x)
    torch.testing.assert_close(y, x * gradient)
    assert 0 < int((gradient == 0).sum()) < gradient.numel()


def test_the_seed_decides_and_what_is_not_training_draws_nothing() -> None:
    x = torch.randn(5, 9)
    torch.manual_seed(4)
    first = dropout(x, 0.5)
    torch.manual_seed(4)
    assert dropout(x, 0.5, training=False) is x
    assert torch.equal(dropout(x, 0.5), first)
    assert not torch.equal(dropout(x, 0.5), first)


@pytest.mark.parametrize("shape", [(), (1,), (3,), (0, 4), (2, 0), (5, 1, 7)])
def test_any_shape_and_any_order_in_memory(shape: tuple[int, ...]) -> None:
    x = torch.ones(shape).t() if len(shape) == 2 else torch.ones(shape)
    y = dropout(x, 0.5)
    assert y.shape == x.shape
    assert set(y.flatten().tolist()) <= {0.0, 2.0}


def test_all_dropped_and_no_share() -> None:
    assert torch.equal(dropout(torch.ones(4), 1.0), torch.zeros(4))
    for p in (-0.1, 1.5):
        with pytest.raises(ValueError, match="probability"):
            dropout(torch.ones(4), p)


def test_transforms_and_compilation_get_torchs_own(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []

    def own(x: Tensor, p: float, training: bool) -> Tensor:
        asked.append(p)
        return x

    monkeypatch.setattr(module.functional, "dropout", own)
    torch.func.grad(lambda x: dropout(x, 0.25).sum())(torch.ones(3))
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    dropout(torch.ones(3), 0.75)
    assert asked == [0.25, 0.75]

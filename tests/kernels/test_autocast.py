"""A linear layer under autocast, on processors that multiply bfloat16 and on those that do not."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import linear

from unrolled.kernels import autocast


@pytest.fixture
def layer() -> torch.nn.Linear:
    torch.manual_seed(0)
    return torch.nn.Linear(64, 9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_without_products_of_bfloat16_it_is_float32_rounded_once(
    monkeypatch: pytest.MonkeyPatch, layer: torch.nn.Linear, dtype: torch.dtype
) -> None:
    monkeypatch.setattr(autocast, "_multiplies_half", lambda: False)
    x = torch.randn(5, 64).to(dtype).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        y = autocast.linear(layer, x)
    assert y.dtype == torch.bfloat16
    assert torch.equal(y, linear(x.float(), layer.weight, layer.bias).bfloat16())
    grad_x, grad_weight = torch.autograd.grad(y.float().sum(), [x, layer.weight])
    assert grad_x.dtype == dtype and grad_weight.dtype == torch.float32
    torch.testing.assert_close(grad_weight, x.detach().float().sum(0).expand(9, 64))


def test_elsewhere_it_is_the_layer_itself(monkeypatch: pytest.MonkeyPatch, layer: torch.nn.Linear) -> None:
    x = torch.randn(5, 64)
    for multiplies in (True, False):
        monkeypatch.setattr(autocast, "_multiplies_half", lambda multiplies=multiplies: multiplies)
        assert torch.equal(autocast.linear(layer, x), layer(x))
        with torch.autocast("cpu", torch.bfloat16):
            double = autocast.linear(layer.double(), x.double())
            assert double.dtype == layer(x.double()).dtype
        layer.float()
    monkeypatch.setattr(autocast, "_multiplies_half", lambda: True)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(autocast.linear(layer, x), layer(x))

"""Optimisers against their formulas, written out in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args, get_type_hints

import pytest
import torch
from torch import Tensor

from unrolled.spec import TrainingSpec
from unrolled.training.optimisers import OPTIMISERS, build_optimiser, clip_gradient, set_learning_rate

Rule = Callable[[Tensor, list[Tensor], float, float, dict[str, Any]], Tensor]


def sgd(w: Tensor, gradients: list[Tensor], rate: float, decay: float, _: dict[str, Any]) -> Tensor:
    return w - rate * (gradients[-1] + decay * w)


def momentum(w: Tensor, gradients: list[Tensor], rate: float, decay: float, memory: dict[str, Any]) -> Tensor:
    g = gradients[-1] + decay * w
    memory["v"] = 0.8 * memory.get("v", 0) + g
    return w - rate * memory["v"]


def rmsprop(w: Tensor, gradients: list[Tensor], rate: float, decay: float, memory: dict[str, Any]) -> Tensor:
    g = gradients[-1] + decay * w
    memory["s"] = 0.99 * memory.get("s", 0) + 0.01 * g * g
    return w - rate * g / (memory["s"].sqrt() + 1e-8)


def _adam(w: Tensor, g: Tensor, t: int, rate: float, memory: dict[str, Any]) -> Tensor:
    memory["m"] = 0.9 * memory.get("m", 0) + 0.1 * g
    memory["s"] = 0.999 * memory.get("s", 0) + 0.001 * g * g
    m, s = memory["m"] / (1 - 0.9**t), memory["s"] / (1 - 0.999**t)
    return w - rate * m / (s.sqrt() + 1e-8)


def adam(w: Tensor, gradients: list[Tensor], rate: float, decay: float, memory: dict[str, Any]) -> Tensor:
    return _adam(w, gradients[-1] + decay * w, len(gradients), rate, memory)


def adamw(w: Tensor, gradients: list[Tensor], rate: float, decay: float, memory: dict[str, Any]) -> Tensor:
    return _adam(w * (1 - rate * decay), gradients[-1], len(gradients), rate, memory)


RULES: dict[str, Rule] = {"sgd": sgd, "momentum": momentum, "rmsprop": rmsprop, "adam": adam, "adamw": adamw}


@pytest.mark.parametrize("decay", [0.0, 0.05])
@pytest.mark.parametrize("name", RULES)
def test_formula(name: str, decay: float) -> None:
    spec = TrainingSpec(optimiser=name, learning_rate=0.9, momentum=0.8, weight_decay=decay)  # type: ignore[arg-type]
    w = torch.nn.Parameter(torch.randn(7, 5, dtype=torch.float64))
    frozen = torch.nn.Parameter(torch.ones(3), requires_grad=False)
    optimiser = build_optimiser([w, frozen], spec)
    expected, gradients, memory = w.detach().clone(), [], {}
    for step in range(6):
        w.grad = torch.randn_like(w)
        gradients.append(w.grad.clone())
        rate = 0.05 / (step + 1)
        set_learning_rate(optimiser, rate)
        optimiser.step()
        expected = RULES[name](expected, gradients, rate, decay, memory)
        torch.testing.assert_close(w.detach(), expected, rtol=1e-10, atol=1e-12)
    assert torch.equal(frozen, torch.ones(3))


@pytest.mark.parametrize("name", ["sgd", "momentum", "adam", "adamw"])
def test_fused_where_torch_has_it(name: str) -> None:
    optimiser = build_optimiser([torch.nn.Parameter(torch.ones(2))], TrainingSpec(optimiser=name))  # type: ignore[arg-type]
    assert optimiser.param_groups[0]["fused"] is True


def test_the_table_is_what_specs_may_say() -> None:
    assert set(OPTIMISERS) == set(get_args(get_type_hints(TrainingSpec)["optimiser"])) == set(RULES)


@pytest.mark.parametrize("limit", [None, 0.5, 100.0])
def test_clipping(limit: float | None) -> None:
    weights = [
        torch.nn.Parameter(torch.zeros(3, 2)),
        torch.nn.Parameter(torch.zeros(4)),
        torch.nn.Parameter(torch.zeros(1)),
    ]
    for weight in weights[:2]:  # the third is not reached by the loss
        weight.grad = torch.randn_like(weight)
    before = torch.cat([weight.grad.flatten() for weight in weights[:2] if weight.grad is not None])
    norm = clip_gradient(weights, limit)
    after = torch.cat([weight.grad.flatten() for weight in weights[:2] if weight.grad is not None])
    torch.testing.assert_close(norm, before.norm())
    expected = before * 0.5 / before.norm() if limit == 0.5 else before
    torch.testing.assert_close(after, expected, rtol=1e-5, atol=1e-7)

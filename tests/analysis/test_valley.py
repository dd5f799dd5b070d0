from __future__ import annotations

import math

import pytest
import torch

from unrolled.analysis.valley import (
    MINIMUM,
    OPTIMISERS,
    START,
    best_descent,
    descend,
    gradient,
    height,
)
from unrolled.errors import InputError, UnknownName


def test_the_minimum_is_flat_and_zero() -> None:
    assert height(*MINIMUM) == 0
    assert gradient(*MINIMUM) == (0, 0)


@pytest.mark.parametrize("point", [START, (0.3, -0.7), (1.2, 1.5)])
def test_the_gradient_is_that_of_the_height(point: tuple[float, float]) -> None:
    u, v = (torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in point)
    expected = torch.autograd.grad((1 - u) ** 2 + 100 * (v - u**2) ** 2, [u, v])
    assert gradient(*point) == pytest.approx([part.item() for part in expected], rel=1e-14)
    assert height(*point) == pytest.approx(((1 - u) ** 2 + 100 * (v - u**2) ** 2).item(), rel=1e-14)


def test_the_valley_is_as_narrow_as_its_page_says() -> None:
    hessian = torch.autograd.functional.hessian(
        lambda p: (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2, torch.tensor(MINIMUM, dtype=torch.float64)
    )
    along, across = torch.linalg.eigvalsh(hessian).tolist()
    assert round(across / along) == 2508


def test_one_step_of_each_rule_by_hand() -> None:
    du, dv = gradient(*START)
    slope = math.hypot(du, dv)
    rate = 1e-3
    first = {
        ("sgd", None): (START[0] - rate * du, START[1] - rate * dv),
        ("momentum", None): (START[0] - rate * du, START[1] - rate * dv),
        ("sgd", 2.0): (START[0] - rate * 2 * du / slope, START[1] - rate * 2 * dv / slope),
        # both divide by the size of the gradient itself: RMSprop's mean begins at 0 with weight .99
        ("rmsprop", None): (
            START[0] - rate * 10 * math.copysign(1, du),
            START[1] - rate * 10 * math.copysign(1, dv),
        ),
        ("adam", None): (START[0] - rate * math.copysign(1, du), START[1] - rate * math.copysign(1, dv)),
    }
    for (optimiser, clip), expected in first.items():
        path = descend(optimiser, learning_rate=rate, clip=clip, steps=1)
        assert path.points[1] == pytest.approx(expected, rel=1e-6), (optimiser, clip)


def test_clipping_is_torch_s() -> None:
    point = torch.tensor(START, dtype=torch.float64, requires_grad=True)
    point.grad = torch.tensor(gradient(*START), dtype=torch.float64)
    torch.nn.utils.clip_grad_norm_([point], 2.0)
    torch.optim.SGD([point], lr=0.01).step()
    path = descend("sgd", learning_rate=0.01, clip=2.0, steps=1)
    assert path.points[1] == pytest.approx(point.tolist(), rel=1e-6)
    assert path.clipped_share == 1
    assert (
        descend("sgd", learning_rate=1e-4, clip=1e9, steps=3).points
        == descend("sgd", learning_rate=1e-4, steps=3).points
    )


def test_momentum_remembers_the_first_step_at_the_second() -> None:
    rate = 1e-4
    path = descend("momentum", learning_rate=rate, steps=2)
    expected = [
        at - rate * (g + 0.9 * g_before)
        for at, g, g_before in zip(path.points[1], gradient(*path.points[1]), gradient(*START), strict=True)
    ]
    assert path.points[2] == pytest.approx(expected, rel=1e-12)


def test_clipping_saves_momentum_from_the_cliff() -> None:
    without = descend("momentum", learning_rate=3e-3, steps=500)
    clipped = descend("momentum", learning_rate=3e-3, clip=1.0, steps=500)
    assert without.diverged
    assert without.steps_to_tolerance is None
    assert len(without.points) < 20
    assert all(math.isfinite(value) for point in without.points for value in point)
    assert not clipped.diverged
    assert clipped.steps_to_tolerance == 340
    assert 0 < clipped.clipped_share < 1


def test_paths_are_the_same_each_time_and_end_where_they_were_asked_to() -> None:
    one, other = (descend("adam", learning_rate=0.03, clip=1.0, steps=50) for _ in range(2))
    assert one == other
    assert len(one.points) == len(one.heights) == 51
    assert one.heights == tuple(height(*point) for point in one.points)
    assert descend("sgd", learning_rate=1e-3, steps=0).points == (START,)


def test_arriving_means_staying() -> None:
    path = descend("momentum", learning_rate=3e-2, clip=1.0, steps=200)
    assert min(path.heights) < path.tolerance < path.heights[-1]
    assert path.steps_to_tolerance is None
    thrown_out = descend("sgd", learning_rate=1e9, start=(1.001, 1.0))
    assert thrown_out.diverged
    assert thrown_out.heights[0] < thrown_out.tolerance
    assert thrown_out.steps_to_tolerance is None
    settled = descend("sgd", learning_rate=1e-3, steps=5, start=(1.0, 1.0))
    assert settled.steps_to_tolerance == 0


def test_the_best_rate_is_the_soonest_to_arrive() -> None:
    best = best_descent("momentum", clip=1.0, steps=400, rates=(3e-4, 3e-3, 1e-1))
    assert best.learning_rate == 3e-3
    lowest = best_descent("sgd", steps=100, rates=(1e-5, 1e-3, 3e-3))
    assert lowest.learning_rate == 1e-3
    assert lowest.steps_to_tolerance is None


def test_what_cannot_be_descended() -> None:
    with pytest.raises(UnknownName, match="no optimiser 'adm'; did you mean 'adam'"):
        descend("adm", learning_rate=1.0)
    for wrong in (
        {"learning_rate": 0.0},
        {"learning_rate": 1.0, "clip": 0.0},
        {"learning_rate": 1.0, "steps": -1},
    ):
        with pytest.raises(InputError):
            descend(next(iter(OPTIMISERS)), **wrong)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="no learning rates"):
        best_descent("sgd", rates=())

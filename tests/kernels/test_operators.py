"""The operators that tracers see: torch's own checks of them, and the numbers they refuse."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from unrolled.errors import ShapeError
from unrolled.kernels import operators, recurrent
from unrolled.kernels.native.memory import Memory
from unrolled.kernels.operators import CELLS
from unrolled.kernels.reference import Weights

T, B, I, H = 5, 4, 3, 6
OPTIONS = [
    {},
    {"lengths": True, "reverse": True},
    {"tokens": True},
    {"state": False, "bias": False, "lengths": True},
    {"dtype": torch.float64},
    {"dtype": torch.float64, "lengths": True, "reverse": True, "tokens": True},
]


QUICK = {("lstm", 1), ("gru", 5)}


def arguments(
    cell: str,
    *,
    lengths: bool = False,
    reverse: bool = False,
    tokens: bool = False,
    state: bool = True,
    bias: bool = True,
    dtype: torch.dtype = torch.float32,
    keep: bool = True,
):
    kind = CELLS[cell]

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, dtype=dtype).mul_(0.6).requires_grad_()

    blocks, recurrent_blocks = len(kind.input_blocks), len(kind.recurrent_blocks)
    memory = len(kind.state_names) == 2
    return (
        cell,
        torch.randint(I, (T, B)) if tokens else draw(T, B, I),
        draw(B, H) if state else None,
        draw(B, H) if state and memory else None,
        draw(blocks * H, I),
        draw(recurrent_blocks * H, H),
        draw(blocks * H) if bias else None,
        draw(recurrent_blocks * H) if bias else None,
        draw(len(kind.peephole_blocks) * H) if kind.peephole_blocks else None,
        torch.tensor([5, 0, 2, 3]) if lengths else None,
        reverse,
        keep,
    )


def backward_arguments(given):
    *given, keep = given
    given = [t.detach() if isinstance(t, Tensor) else t for t in given]
    output, _, memory, saved = torch.ops.unrolled.recurrent(*given, keep)
    grads = (torch.randn_like(output), None, torch.randn_like(memory) if memory.numel() else None)
    return (*given, output, saved, *grads, given[1].is_floating_point())


@pytest.fixture
def _cleared(monkeypatch):
    """What forward keeps has gaps that nobody writes or reads; torch's check compares them too."""
    floats = Memory.floats
    monkeypatch.setattr(Memory, "floats", lambda memory, count: floats(memory, count).zero_())


@pytest.mark.usefixtures("_cleared")
@pytest.mark.parametrize(
    ("cell", "options"),
    [
        pytest.param(cell, o, marks=() if (cell, k) in QUICK else pytest.mark.conformance)
        for cell in CELLS
        for k, o in enumerate(OPTIONS)
        if cell == "lstm" or k in (1, 5)
    ],
)
def test_torch_s_own_checks_pass(cell, options):
    given = arguments(cell, **options)
    torch.library.opcheck(torch.ops.unrolled.recurrent.default, given)
    torch.library.opcheck(torch.ops.unrolled.recurrent_backward.default, backward_arguments(given))


@pytest.mark.parametrize("path", ["native", "torch", "reference", "torch's functions"])
@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("cell", CELLS)
def test_equals_the_eager_path(cell, keep, path, monkeypatch, assert_same):
    """On every path; where nothing was kept, or another path runs, the backward pass runs the layer again."""
    monkeypatch.setenv("UNROLLED_KERNELS", path if path in ("native", "reference") else "torch")
    if path == "torch's functions":  # what runs on CUDA
        monkeypatch.setattr("unrolled.kernels.vendor.implementation", _torch_functions)
    given = arguments(cell, lengths=path != "torch's functions", keep=keep)
    _, x, h0, c0, *weights, lengths, reverse, _ = given
    state = CELLS[cell].state(*(s for s in (h0, c0) if s is not None))
    output, final = recurrent.unroll(CELLS[cell], x, state, Weights(*weights), lengths=lengths, reverse=reverse)
    expected = [output, *final]
    got = [t for t in torch.ops.unrolled.recurrent(*given)[:3] if t.numel()]
    assert_same(got, expected, 1e-6)
    leaves = [t for t in given if isinstance(t, Tensor) and t.requires_grad]
    cotangents = [torch.randn_like(t) for t in expected]
    want = torch.autograd.grad(expected, leaves, cotangents, allow_unused=True)
    assert_same(list(torch.autograd.grad(got, leaves, cotangents)), list(want), 2e-6)


def _torch_functions(cell, inputs):
    from unrolled.kernels.vendor import TORCH

    return TORCH.get(cell.name)


@pytest.mark.parametrize("cell", CELLS)
def test_second_derivatives(cell):
    name, *tensors, _, _, _ = arguments(cell, dtype=torch.float64)
    lengths = torch.tensor([5, 0, 2, 3])
    given = [t for t in tensors if t is not None]

    def function(*leaves: Tensor) -> tuple[Tensor, ...]:
        rest = iter(leaves)
        full = [None if t is None else next(rest) for t in tensors]
        return tuple(t for t in torch.ops.unrolled.recurrent(name, *full, lengths, False, True)[:3] if t.numel())

    assert torch.autograd.gradcheck(function, given, fast_mode=True)
    assert torch.autograd.gradgradcheck(function, given, fast_mode=True)


PLACES = {"state": (2, (B, H + 1)), "W_hh": (5, (4 * H, H - 1)), "b_ih": (6, (4 * H - 1,)), "lengths": (9, (B - 1,))}


@pytest.mark.parametrize("wrong", PLACES)
def test_shapes_that_do_not_fit_are_refused_before_the_kernels_read_them(wrong):
    given = list(arguments("lstm", lengths=True))
    place, shape = PLACES[wrong]
    given[place] = torch.ones(shape, dtype=given[place].dtype)
    with pytest.raises(ShapeError, match="must have shape"):
        operators.compute(*given)


@pytest.mark.parametrize("lengths", [[-1, 1, 1, 1], [1, 1, 6, 1]])
def test_lengths_out_of_range_are_refused_before_the_kernels_read_them(lengths):
    *given, _, reverse, keep = arguments("lstm")
    with pytest.raises(ShapeError, match=r"lengths must lie in 0\.\.5, but run from"):
        operators.compute(*given, torch.tensor(lengths), reverse, keep)


@pytest.mark.parametrize("token", [-1, I])
def test_tokens_out_of_range_are_refused_before_the_kernels_read_them(token):
    name, x, *rest = arguments("gru", tokens=True)
    x[2, 1] = token
    with pytest.raises(ShapeError, match=r"tokens must lie in 0\.\.2, but run from"):
        operators.compute(name, x, *rest)

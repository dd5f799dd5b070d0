"""What the kernels show of the inside, beside the reference equations: values, and gradients that come in by a gate."""

from __future__ import annotations

import pytest
import torch
from tests.kernels.native.trial import CELLS

from unrolled.kernels import recurrent, reference
from unrolled.kernels.native.library import OBSERVED, Library
from unrolled.kernels.reference import Cell, Weights
from unrolled.kernels.reference.unroll import blank_padding


def problem(cell: Cell, H: int, seed: int = 0) -> tuple[torch.Tensor, tuple[torch.Tensor, ...], Weights]:
    draw = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> torch.Tensor:
        return (torch.randn(*shape, generator=draw) * 0.3).requires_grad_()

    blocks, recurrent_blocks = len(cell.input_blocks), len(cell.recurrent_blocks)
    weights = Weights(
        normal(blocks * H, 5),
        normal(recurrent_blocks * H, H),
        normal(blocks * H),
        normal(recurrent_blocks * H),
        normal(len(cell.peephole_blocks) * H) if cell.peephole_blocks else None,
    )
    return normal(6, 7, 5), tuple(normal(7, H) for _ in cell.state_names), weights


@pytest.mark.parametrize(("lengths", "reverse"), [(None, False), ((6, 0, 3, 5, 1, 6, 2), True)])
@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_shows_what_the_equation_computes(
    library: Library, monkeypatch: pytest.MonkeyPatch, cell: Cell, lengths: tuple[int, ...] | None, reverse: bool
) -> None:
    monkeypatch.setenv("UNROLLED_KERNELS", f"native-{library.file.stem.rpartition('-')[2]}")
    ends = None if lengths is None else torch.tensor(lengths)
    x, state, weights = problem(cell, 37)
    there = reference.unroll(cell, x, cell.state(*state), weights, lengths=ends, reverse=reverse)
    expected = {name: blank_padding(torch.stack([s[name] for s in there.steps]), ends) for name in there.steps[0]}
    for grad in (True, False):
        with torch.set_grad_enabled(grad):
            here = recurrent.observe(cell, x, cell.state(*state), weights, lengths=ends, reverse=reverse)
        assert here is not None
        assert here.values.keys() == expected.keys() == {*OBSERVED[cell.name], "hidden"}
        for name, value in here.values.items():
            torch.testing.assert_close(value, expected[name], atol=1e-6, rtol=1e-5)
        torch.testing.assert_close(here.output, there.output, atol=1e-6, rtol=1e-5)
        for got, want in zip(here.state, there.state, strict=True):
            torch.testing.assert_close(got, want, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("through", ["output", "gates"])
@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_gradients_flow_into_what_is_shown(best: Library, cell: Cell, through: str) -> None:
    x, state, weights = problem(cell, 20)
    leaves = [t for t in (x, *state, *weights) if t is not None]
    ends = torch.tensor([6, 0, 3, 5, 1, 6, 2])
    here = recurrent.observe(cell, x, cell.state(*state), weights, lengths=ends)
    assert here is not None
    there = reference.unroll(cell, x, cell.state(*state), weights, lengths=ends)
    values = {name: blank_padding(torch.stack([s[name] for s in there.steps]), ends) for name in there.steps[0]}
    names = sorted(values) if through == "gates" else ["hidden"]
    loss = sum((here.values[name].square().sum() for name in names), here.state[-1].sum())
    wanted = sum((values[name].square().sum() for name in names), there.state[-1].sum())
    assert isinstance(loss, torch.Tensor) and isinstance(wanted, torch.Tensor)
    expected = torch.autograd.grad(wanted, leaves, create_graph=True)
    for create_graph in (False, True):
        got = torch.autograd.grad(loss, leaves, create_graph=create_graph, retain_graph=True)
        for mine, other in zip(got, expected, strict=True):
            torch.testing.assert_close(mine, other, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("lengths", "reverse"), [(None, False), ((6, 0, 3, 5, 1, 6, 2), False), ((6, 0, 3, 5, 1, 6, 2), True)]
)
@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_shows_the_steps_of_backward(
    library: Library, monkeypatch: pytest.MonkeyPatch, cell: Cell, lengths: tuple[int, ...] | None, reverse: bool
) -> None:
    monkeypatch.setenv("UNROLLED_KERNELS", f"native-{library.file.stem.rpartition('-')[2]}")
    ends = None if lengths is None else torch.tensor(lengths)
    x, state, weights = problem(cell, 37)
    there = reference.unroll(cell, x, cell.state(*state), weights, lengths=ends, reverse=reverse)
    given = torch.randn(there.output.shape), tuple(torch.randn(7, 37) for _ in state)
    here = recurrent.dissect(cell, x, cell.state(*state), weights, lengths=ends, reverse=reverse)
    assert here is not None
    assert list(here.values) == list(there.steps[0])
    steps = here.back(*given, True)
    leaves = [x, *state, weights.b_ih, weights.W_ih]
    expected = torch.autograd.grad([there.output, *there.state], leaves, [given[0], *given[1]], materialize_grads=True)
    gates = steps.gates[..., : weights.W_ih.shape[0]]
    got = [steps.x, *steps.state, gates.sum((0, 1)), gates.flatten(0, 1).T @ blank_padding(x, ends).flatten(0, 1)]
    for mine, other in zip(got, expected, strict=True):
        torch.testing.assert_close(mine, other, atol=2e-5, rtol=1e-4)
    if ends is not None:
        assert all(
            not blank.any()
            for blank in (
                tensor[t, row]
                for tensor in (steps.gates, *steps.states)
                for row, end in enumerate(lengths or ())
                for t in range(end, 6)
            )
        )


def test_a_path_that_shows_no_steps_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    x, state, weights = problem(reference.LSTM, 8)
    monkeypatch.setenv("UNROLLED_KERNELS", "torch")
    assert recurrent.dissect(reference.LSTM, x, reference.LSTM.state(*state), weights) is None

"""The equations, against the same equations written by hand in numpy and against torch's cells."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from unrolled.kernels import reference
from unrolled.kernels.reference import HiddenMemory, Weights

T, B, I, H = 6, 3, 4, 5


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def arrays(*tensors):
    return [t.detach().numpy() for t in tensors]


def test_full_peephole_is_spec_md_in_numpy(make_problem):
    problem = make_problem(reference.FULL_PEEPHOLE, T=T, B=B, I=I, H=H)
    x, h, c, W_x, W_c, b_x, b_c = arrays(*problem.leaves)
    W_ix, W_fx, W_cx, W_ox = np.split(W_x, 4)
    W_ih, W_fh, W_oh = np.split(W_c, 3)
    b_c = np.concatenate([b_c[: 2 * H], np.zeros(H), b_c[2 * H :]])
    b_i, b_f, b_g, b_o = np.split(b_x + b_c, 4)
    outputs = []
    for x_t in x:
        f = sigmoid(x_t @ W_fx.T + c @ W_fh.T + b_f)
        i = sigmoid(x_t @ W_ix.T + c @ W_ih.T + b_i)
        o = sigmoid(x_t @ W_ox.T + c @ W_oh.T + b_o)
        c = sigmoid(x_t @ W_cx.T + b_g) * i + c * f
        h = np.tanh(c) * o
        outputs.append(h)
    got = reference.unroll(reference.FULL_PEEPHOLE, *problem)
    np.testing.assert_allclose(got.output.detach().numpy(), np.stack(outputs), rtol=1e-12)
    np.testing.assert_allclose(got.state.memory.detach().numpy(), c, rtol=1e-12)


def test_the_courses_gru_is_spec_md_in_numpy(make_problem):
    problem = make_problem(reference.RESET_BEFORE, T=T, B=B, I=I, H=H, bias=False)
    x, h, W_x, W_h = arrays(*problem.leaves)
    W_r, W_z, W = (np.concatenate([wh, wx], 1) for wh, wx in zip(np.split(W_h, 3), np.split(W_x, 3), strict=True))
    outputs = []
    for x_t in x:
        z = sigmoid(np.concatenate([h, x_t], 1) @ W_z.T)
        r = sigmoid(np.concatenate([h, x_t], 1) @ W_r.T)
        candidate = np.tanh(np.concatenate([r * h, x_t], 1) @ W.T)
        h = (1 - z) * h + z * candidate
        outputs.append(h)
    got = reference.unroll(reference.RESET_BEFORE, *problem)
    np.testing.assert_allclose(got.output.detach().numpy(), np.stack(outputs), rtol=1e-12)


@pytest.mark.parametrize(
    ("cell", "torchs"),
    [
        (reference.TANH, torch.rnn_tanh_cell),
        (reference.RELU, torch.rnn_relu_cell),
        (reference.RESET_AFTER, torch.gru_cell),
        (reference.LSTM, torch.lstm_cell),
    ],
    ids=["rnn-tanh", "rnn-relu", "gru", "lstm"],
)
def test_standard_steps_are_torchs(cell, torchs, make_problem, assert_same):
    problem = make_problem(cell)
    x, state, weights = problem
    expected = torchs(x[0], state if len(state) == 2 else state[0], *weights[:4])
    expected = expected if isinstance(expected, tuple) else (expected,)
    step = cell.step(x[0], state, weights)
    assert_same([getattr(step, name) for name in cell.state_names], list(expected), 1e-13)


def test_without_peepholes_the_peephole_lstm_is_the_lstm(make_problem, assert_same):
    problem = make_problem(reference.PEEPHOLE)
    x, state, weights = problem
    plain = reference.unroll(reference.LSTM, x, state, weights)
    none = reference.unroll(reference.PEEPHOLE, x, state, weights._replace(p=torch.zeros_like(weights.p)))
    some = reference.unroll(reference.PEEPHOLE, x, state, weights)
    assert_same([none.output, *none.state], [plain.output, *plain.state], 1e-15)
    assert not torch.allclose(some.output, plain.output)


def test_the_output_gates_peephole_sees_the_new_memory():
    """With W = 0, b = 0 and p_o = 1 alone: o = σ(c), c the memory after the step."""
    state = HiddenMemory(torch.zeros(1, 1), torch.full((1, 1), 3.0))
    p = torch.tensor([0.0, 0.0, 1.0])
    step = reference.PEEPHOLE.step(torch.zeros(1, 1), state, Weights(torch.zeros(4, 1), torch.zeros(4, 1), p=p))
    assert step.memory.item() == pytest.approx(1.5)
    assert step.output_gate.item() == pytest.approx(torch.sigmoid(torch.tensor(1.5)).item())


def test_negating_the_rows_of_z_swaps_its_two_meanings(make_problem, assert_same):
    """With r = 1 and b_hn = 0, torch's GRU with the z rows negated is the course's."""
    x, state, weights = make_problem(reference.RESET_AFTER)
    W_ih, W_hh, b_ih, b_hh, _ = (None if w is None else w.detach().clone() for w in weights)
    for matrix in (W_ih, W_hh):
        matrix[:6] = 0
    b_ih[:6], b_hh[12:] = 1e3, 0
    swap = torch.ones(18, dtype=torch.float64)
    swap[6:12] = -1
    after = reference.unroll(reference.RESET_AFTER, x, state, Weights(W_ih, W_hh, b_ih, b_hh))
    course = Weights(W_ih * swap[:, None], W_hh * swap[:, None], b_ih * swap, b_hh * swap)
    before = reference.unroll(reference.RESET_BEFORE, x, state, course)
    assert_same([before.output], [after.output], 1e-13)


@pytest.mark.parametrize("reverse", [False, True])
def test_a_ragged_row_is_that_row_alone(reverse, make_problem, assert_same):
    x, state, weights = make_problem(reference.PEEPHOLE)
    lengths = torch.tensor([3, 0, 5, 1])
    ragged = reference.unroll(reference.PEEPHOLE, x, state, weights, lengths=lengths, reverse=reverse)
    for row, length in enumerate(lengths.tolist()):
        own = HiddenMemory(*(s[row : row + 1] for s in state))
        final = HiddenMemory(*(s[row : row + 1] for s in ragged.state))
        assert not ragged.output[length:, row].any()
        if length == 0:
            assert_same(list(final), list(own), 0.0)
            continue
        alone = reference.unroll(reference.PEEPHOLE, x[:length, row : row + 1], own, weights, reverse=reverse)
        assert_same([ragged.output[:length, row : row + 1], *final], [alone.output, *alone.state], 1e-14)


def test_steps_are_the_nodes_that_later_steps_read(make_problem, assert_same):
    """∂L/∂h_t through the later steps, against the product of the Jacobians of an RNN."""
    x, state, weights = make_problem(reference.TANH, B=1)
    got = reference.unroll(reference.TANH, x, state, weights)
    loss = got.output[-1].sum()
    grads = torch.autograd.grad(loss, [step["hidden"] for step in got.steps])
    delta = torch.ones(6, dtype=torch.float64)
    for t in reversed(range(5)):
        assert_same([grads[t][0]], [delta], 1e-12)
        h = got.output[t, 0]
        delta = weights.W_hh.T @ ((1 - h**2) * delta)

"""What is true of every cell in the table."""

from __future__ import annotations

import pytest
import torch

from unrolled import nn
from unrolled.errors import InputError, ShapeError

T, B, I, H = 6, 4, 3, 5
LENGTHS = [4, 0, 6, 1]


def test_the_table_holds_the_five_layers():
    assert list(nn.CELL_LAYERS) == ["rnn", "gru", "lstm", "peephole", "full-peephole"]


def test_the_future_does_not_reach_the_past(make_layer):
    layer = make_layer(I, H, 2)
    x = torch.randn(T, B, I, dtype=torch.float64, requires_grad=True)
    output, _ = layer(x)
    for t in range(T):
        (gradient,) = torch.autograd.grad(output[t].sum(), x, retain_graph=True)
        assert not gradient[t + 1 :].any()
        assert gradient[: t + 1].abs().sum((1, 2)).all()


def test_the_reverse_direction_sees_the_future_alone(make_layer):
    layer = make_layer(I, H, bidirectional=True)
    x = torch.randn(T, B, I, dtype=torch.float64, requires_grad=True)
    output, _ = layer(x)
    (gradient,) = torch.autograd.grad(output[3, :, H:].sum(), x)
    assert not gradient[:3].any()
    assert gradient[3:].abs().sum((1, 2)).all()


@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_rows_of_a_batch_do_not_meet(make_layer, lengths):
    layer = make_layer(I, H, 2, bidirectional=True)
    x = torch.randn(T, B, I, dtype=torch.float64, requires_grad=True)
    output, state = layer(x, lengths=lengths)
    first = state if isinstance(state, torch.Tensor) else state.hidden
    (gradient,) = torch.autograd.grad(output[:, 2].sum() + first[:, 2].sum(), x)
    assert gradient[:, 2].any()
    assert not gradient[:, [0, 1, 3]].any()


def test_the_whole_sequence_is_step_by_step(make_layer, random_state, fields, assert_same):
    layer = make_layer(I, H, 2)
    x, start = torch.randn(T, B, I, dtype=torch.float64), random_state(layer, B)
    whole, final = layer(x, start)
    state, outputs = start, []
    for x_t in x:
        output, state = layer.step(x_t, state)
        outputs.append(output)
    assert_same([torch.stack(outputs), *fields(state)], [whole, *fields(final)], 1e-12)
    assert type(state) is type(final)


@torch.no_grad()
@pytest.mark.parametrize("B", [None, 1, 5])
def test_steps_without_gradients_are_the_whole_sequence(make_layer, random_state, fields, assert_same, B):
    """Where a kernel takes the whole stack at once, on weights that change from one step to the next."""
    layer = make_layer(I, 21, 3, dtype=torch.float32).requires_grad_(False)
    x, state = torch.randn(T, *([] if B is None else [B]), I), random_state(layer, B)
    for x_t in x:
        want, final = layer(x_t.unsqueeze(0), state)
        output, state = layer.step(x_t, state)
        assert_same([output, *fields(state)], [want[0], *fields(final)], 3e-6)
        assert type(state) is type(final)
        layer.weight_hh_l1.data.mul_(-0.9)  # which no version counter sees


def test_a_step_that_does_not_fit_is_refused_without_gradients_too(make_layer):
    layer = make_layer(I, H, dtype=torch.float32)
    with torch.no_grad():
        for x_t, state in (
            (torch.randn(B, I + 1), None),
            (torch.randn(B, I).double(), None),
            (torch.randn(B, I), torch.zeros(1, B, H + 1)),
            (torch.randn(B, I), 3),
        ):
            with pytest.raises((InputError, ShapeError)):
                layer.step(x_t, state)


def test_dropout_between_layers_acts_on_steps_while_training(make_layer):
    layer = make_layer(I, H, 2, dtype=torch.float32, dropout=1.0)
    with torch.no_grad():
        layer.weight_hh_l1.zero_()
        x = torch.randn(2, B, I)
        outputs = layer.step(x[0])[0], layer.step(x[1])[0]
        assert torch.equal(*outputs)  # nothing of x comes through
        assert not torch.equal(layer.eval().step(x[0])[0], layer.step(x[1])[0])


def test_a_step_without_a_state_starts_at_zero(make_layer, assert_same):
    layer = make_layer(I, H, batch_first=True)
    x = torch.randn(B, T, I, dtype=torch.float64)
    assert_same([layer.step(x[:, 0])[0]], [layer(x)[0][:, 0]], 1e-12)
    assert_same([layer.step(x[0, 0])[0]], [layer(x)[0][0, 0]], 1e-12)


def test_steps_are_differentiable(make_layer, assert_same):
    layer = make_layer(I, H)
    x = torch.randn(T, B, I, dtype=torch.float64)
    state = None
    for x_t in x:
        output, state = layer.step(x_t, state)
    got = torch.autograd.grad(output.sum(), layer.weight_ih_l0)
    assert_same(got, torch.autograd.grad(layer(x)[0][-1].sum(), layer.weight_ih_l0), 1e-11)


def test_a_bidirectional_layer_refuses_to_step(make_layer):
    with pytest.raises(InputError, match="bidirectional layer cannot go step by step"):
        make_layer(I, H, bidirectional=True).step(torch.randn(B, I, dtype=torch.float64))


@pytest.mark.parametrize("path", ["torch", "reference"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_padding_changes_nothing(make_layer, bidirectional, path, random_state, fields, assert_same, monkeypatch):
    """Each ragged row equals that row alone, in outputs, states and gradients, whatever stands in the padding."""
    monkeypatch.setenv("UNROLLED_KERNELS", path)
    layer = make_layer(I, H, 2, bidirectional=bidirectional)
    x, start = torch.randn(T, B, I, dtype=torch.float64), random_state(layer, B)
    for row, length in enumerate(LENGTHS):
        x[length:, row] = float("nan")
    weights = list(layer.parameters())
    output, final = layer(x, start, lengths=torch.tensor(LENGTHS))
    cotangent = torch.randn_like(output)
    ragged = torch.autograd.grad(output, weights, cotangent, allow_unused=True, retain_graph=True)
    total = [torch.zeros_like(w) for w in weights]
    for row, length in enumerate(LENGTHS):
        assert not output[length:, row].any()
        own = [s[:, row : row + 1] for s in fields(start)]
        ends = [s[:, row : row + 1] for s in fields(final)]
        if length == 0:
            assert_same(ends, own, 0.0)
            continue
        alone, end = layer(x[:length, row : row + 1], tuple(own) if len(own) == 2 else own[0])
        assert_same([output[:length, row : row + 1], *ends], [alone, *fields(end)], 1e-12)
        for sum_, gradient in zip(
            total,
            torch.autograd.grad(alone, weights, cotangent[:length, row : row + 1], allow_unused=True),
            strict=True,
        ):
            sum_ += 0 if gradient is None else gradient
    assert_same([g if g is not None else torch.zeros(()) for g in ragged], total, 1e-10)


@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_what_is_observed_is_what_is_computed(make_layer, lengths, random_state, fields, assert_same):
    layer = make_layer(I, H, 2, bidirectional=True)
    x, start = torch.randn(T, B, I, dtype=torch.float64), random_state(layer, B)
    output, final = layer(x, start, lengths=lengths)
    seen = layer.observe(x, start, lengths=lengths)
    assert_same([seen.output, *fields(seen.state)], [output, *fields(final)], 1e-12)
    top = torch.cat([trace["hidden"] for trace in seen.layers[-1]], -1)
    assert torch.equal(top, seen.output)
    assert (len(seen.layers), len(seen.layers[0])) == (2, 2)
    for traces in seen.layers:
        for trace in traces:
            assert set(trace) == {*layer.cell.input_blocks, *layer.state_names}
            for value in trace.values():
                assert value.shape == (T, B, H)
                for row, length in enumerate(lengths or []):
                    assert not value[length:, row].any()


def test_observed_gates_satisfy_the_equation(make_layer):
    layer = make_layer(I, H)
    trace = layer.observe(torch.randn(T, B, I, dtype=torch.float64)).layers[0][0]
    before = torch.cat([torch.zeros(1, B, H, dtype=torch.float64), trace["hidden"][:-1]])
    if "memory" in trace:
        memory = torch.cat([torch.zeros(1, B, H, dtype=torch.float64), trace["memory"][:-1]])
        c = trace["candidate"] * trace["input_gate"] + memory * trace["forget_gate"]
        torch.testing.assert_close(trace["memory"], c)
        torch.testing.assert_close(trace["hidden"], torch.tanh(c) * trace["output_gate"])
    elif "update_gate" in trace:
        z = trace["update_gate"] if layer.reset_before else 1 - trace["update_gate"]
        torch.testing.assert_close(trace["hidden"], (1 - z) * before + z * trace["candidate"])
    for name, value in trace.items():
        if name.endswith("gate"):
            assert ((value > 0) & (value < 1)).all()


def test_observation_is_differentiable(make_layer, assert_same):
    layer = make_layer(I, H)
    x = torch.randn(T, B, I, dtype=torch.float64)
    got = torch.autograd.grad(layer.observe(x).layers[0][0]["hidden"][-1].sum(), layer.weight_ih_l0)
    assert_same(got, torch.autograd.grad(layer(x)[0][-1].sum(), layer.weight_ih_l0), 1e-11)


@pytest.mark.parametrize("training", [True, False])
def test_gradients_of_gradients_in_both_modes(make_layer, training):
    """backward in eval mode, and a second derivative through a stacked bidirectional layer."""
    layer = make_layer(2, 2, 2, bidirectional=True).train(training)
    x = torch.randn(3, 2, 2, dtype=torch.float64, requires_grad=True)
    lengths = torch.tensor([3, 1])

    def function(x):
        output, state = layer(x, lengths=lengths)
        return output, *(state if isinstance(state, tuple) else [state])

    assert torch.autograd.gradcheck(function, [x], fast_mode=True)
    assert torch.autograd.gradgradcheck(function, [x], fast_mode=True)


def test_bfloat16_runs_and_stays_close(make_layer):
    exact = make_layer(I, H, 2, bidirectional=True, dtype=torch.float32)
    layer = make_layer(I, H, 2, bidirectional=True, dtype=torch.bfloat16)
    layer.load_state_dict(exact.state_dict())
    x = torch.randn(T, B, I)
    output, _ = layer(x.bfloat16())
    assert output.dtype == torch.bfloat16
    expected = exact(x)[0]
    assert (output.float() - expected).abs().max() < 0.06 * expected.abs().max()
    output.sum().backward()
    assert torch.isfinite(layer.weight_ih_l0.grad).all()

"""Inputs in every form, and what is said of the ones that do not fit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from unrolled import nn
from unrolled.errors import InputError, ShapeError

T, B, I, H = 5, 3, 4, 6


def test_batch_first_is_a_transpose(make_layer, fields, assert_same):
    layer, first = make_layer(I, H, 2), make_layer(I, H, 2, batch_first=True)
    first.load_state_dict(layer.state_dict())
    x = torch.randn(T, B, I, dtype=torch.float64)
    expected, end = layer(x, lengths=[5, 0, 2])
    got, final = first(x.transpose(0, 1), lengths=[5, 0, 2])
    assert_same([got.transpose(0, 1), *fields(final)], [expected, *fields(end)], 0.0)
    seen = first.observe(x.transpose(0, 1), lengths=[5, 0, 2])
    assert seen.output.shape == (B, T, H)
    assert seen.layers[0][0]["hidden"].shape == (T, B, H)


def test_unbatched_is_a_batch_of_one(make_layer, fields, random_state, assert_same):
    layer = make_layer(I, H, 2, bidirectional=True)
    x, state = torch.randn(T, I, dtype=torch.float64), random_state(layer, None)
    as_batch = [s.unsqueeze(1) for s in fields(state)]
    expected, end = layer(x.unsqueeze(1), tuple(as_batch) if len(as_batch) == 2 else as_batch[0])
    output, final = layer(x, state)
    assert_same([output, *fields(final)], [expected.squeeze(1), *(e.squeeze(1) for e in fields(end))], 0.0)
    seen = layer.observe(x, state)
    assert seen.output.shape == (T, 2 * H)
    assert seen.layers[1][1]["hidden"].shape == (T, H)


@pytest.mark.parametrize("sorted_", [True, False])
def test_packed_is_ragged(make_layer, fields, random_state, assert_same, sorted_):
    layer = make_layer(I, H, 2, bidirectional=True)
    x, state = torch.randn(T, B, I, dtype=torch.float64), random_state(layer, B)
    lengths = [5, 4, 1] if sorted_ else [1, 5, 4]
    packed = pack_padded_sequence(x, lengths, enforce_sorted=sorted_)
    expected, end = layer(x, state, lengths=lengths)
    output, final = layer(packed, state)
    seen = layer.observe(packed, state)
    for got in (output, seen.output):
        assert_same([pad_packed_sequence(got)[0]], [expected], 1e-12)
        assert torch.equal(got.batch_sizes, packed.batch_sizes)
    assert_same(fields(final), fields(end), 1e-12)
    assert_same(fields(seen.state), fields(end), 1e-12)


@pytest.mark.parametrize(
    "lengths",
    [[3, 0, 5], (3, 0, 5), torch.tensor([3, 0, 5]), torch.tensor([3, 0, 5], dtype=torch.int32), np.array([3, 0, 5])],
    ids=["list", "tuple", "int64", "int32", "numpy"],
)
def test_lengths_of_any_kind(lengths):
    output, _ = nn.LSTM(I, H)(torch.randn(T, B, I), lengths=lengths)
    assert not output[3:, 0].any()
    assert output[2, 0].any()
    assert not output[:, 1].any()


WRONG = [
    (lambda: [[1.0]], None, None, InputError, "must be a tensor or a PackedSequence, not list"),
    (lambda: torch.zeros(4), None, None, ShapeError, r"\[T, B, I\], or unbatched \[T, I\], but has shape \[4\]"),
    (lambda: torch.zeros(T, B, I + 1), None, None, ShapeError, "must have 4 features, its last axis has 5"),
    (lambda: torch.zeros(0, B, I), None, None, ShapeError, r"one step or more, but the input has shape \[0, 3, 4\]"),
    (lambda: torch.zeros(T, B, I).double(), None, None, ShapeError, r"torch.float64 but the weights are torch.float32"),
    (
        lambda: torch.zeros(T, B, I),
        torch.zeros(1, B, H),
        None,
        InputError,
        "a tuple of 2 tensors .hidden, memory., not Tensor",
    ),
    (lambda: torch.zeros(T, B, I), (torch.zeros(1, B, H),), None, InputError, "not tuple of 1"),
    (
        lambda: torch.zeros(T, B, I),
        (torch.zeros(1, B, H), torch.zeros(1, B, H + 1)),
        None,
        ShapeError,
        r"initial memory must have shape \[1, 3, 6\], but has \[1, 3, 7\]",
    ),
    (
        lambda: torch.zeros(T, B, I),
        (torch.zeros(1, B, H).double(),) * 2,
        None,
        ShapeError,
        "initial hidden is torch.float64 but the input is torch.float32",
    ),
    (lambda: torch.zeros(T, B, I), None, [1, 2], ShapeError, r"one entry per row, shape \[3\], but has \[2\]"),
    (lambda: torch.zeros(T, B, I), None, [1, 2, 6], ShapeError, r"lie in 0..5, the input's steps, but run from 1 to 6"),
    (lambda: torch.zeros(T, B, I), None, [1, -2, 5], ShapeError, "run from -2 to 5"),
    (lambda: torch.zeros(T, B, I), None, [1.0, 2.0, 3.0], ShapeError, "must be integers, but are torch.float32"),
    (lambda: torch.zeros(T, B, I), None, "abc", InputError, "lengths must be integers, one per row, not 'abc'"),
    (lambda: torch.zeros(T, I), None, [1], InputError, "is one sequence"),
    (
        lambda: pack_padded_sequence(torch.zeros(T, B, I), [5, 4, 1]),
        None,
        [5, 4, 1],
        InputError,
        "a PackedSequence has its lengths",
    ),
    (
        lambda: pack_padded_sequence(torch.zeros(T, B, 2, I), [5, 4, 1]),
        None,
        None,
        ShapeError,
        r"data must be \[steps of all rows, I\], but has shape \[10, 2, 4\]",
    ),
    (lambda: torch.zeros(T, B, I, device="meta"), None, None, InputError, "is on meta, but the weights are on cpu"),
    (
        lambda: torch.zeros(T, B, I),
        (torch.zeros(1, B, H, device="meta"),) * 2,
        None,
        InputError,
        r"is on cpu, but the initial hidden is on meta; use .to\('cpu'\)",
    ),
]


@pytest.mark.parametrize(("make", "state", "lengths", "error", "message"), WRONG)
def test_what_does_not_fit_is_said(make, state, lengths, error, message):
    layer = nn.LSTM(I, H)
    for call in (layer, layer.observe):
        with pytest.raises(error, match=message) as caught:
            call(make(), state, lengths=lengths)
        assert str(caught.value).startswith("LSTM: ")


@pytest.mark.parametrize("x", [torch.zeros(1, B, I), torch.zeros(()), "a"])
def test_a_step_takes_one_step(x):
    with pytest.raises(ShapeError, match=r"a step's input must be \[B, I\] or \[I\]"):
        nn.LSTM(I, H).step(x)


def test_a_step_of_integers_is_none():
    with pytest.raises(ShapeError, match=r"a step's input must be torch.float32, not torch.int64"):
        nn.GRU(I, H).step(torch.zeros(I, dtype=torch.int64))


def test_lengths_that_change_before_backward_change_nothing():
    layer, x = nn.LSTM(I, H), torch.randn(T, B, I, requires_grad=True)
    given = np.array([3, 0, 5])
    (expected,) = torch.autograd.grad(layer(x, lengths=given)[0].sum(), x)
    output, _ = layer(x, lengths=given)
    given[:] = 10**6
    (got,) = torch.autograd.grad(output.sum(), x)
    assert torch.equal(got, expected)


WEIGHTS = ["weight_ih_l1", "weight_hh_l1", "bias_ih_l0", "bias_hh_l0"]


@pytest.mark.parametrize("name", WEIGHTS)
def test_a_weight_of_another_shape_is_named(make_layer, name):
    layer = make_layer(I, H, 2)
    if name not in dict(layer.named_parameters()):
        pytest.skip(f"it has no {name}")
    weight = getattr(layer, name)
    weight.data = torch.zeros(*weight.shape[:-1], weight.shape[-1] - 1, dtype=torch.float64)
    x = torch.zeros(T, B, I, dtype=torch.float64)
    for call in (layer, layer.observe, lambda x: layer.step(x[0])):
        with pytest.raises(ShapeError, match=rf"{name} must have shape \[.*\], but has "):
            call(x)
        with torch.no_grad(), pytest.raises(ShapeError, match=f"{name} must have shape"):
            call(x)


def test_a_weight_of_another_shape_is_named_in_a_step_of_the_kernels():
    layer = nn.LSTM(I, H)
    layer.bias_hh_l0.data = torch.zeros(3)
    with torch.no_grad(), pytest.raises(ShapeError, match=r"bias_hh_l0 must have shape \[24\], but has \[3\]"):
        layer.step(torch.zeros(I))


def test_smaller_weights_that_fit_each_other_do_not_fit_the_layer():
    layer, smaller = nn.GRU(I, H), nn.GRU(I, H - 2)
    for mine, other in zip(layer.parameters(), smaller.parameters(), strict=True):
        mine.data = other.data
    with pytest.raises(ShapeError, match=r"weight_ih_l0 must have shape \[18, 4\], but has \[12, 4\]"):
        layer(torch.zeros(T, B, I))

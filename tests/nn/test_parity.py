"""RNN, GRU and LSTM against torch.nn over drawn shapes and options: outputs, states and every gradient."""

from __future__ import annotations

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from unrolled import nn

OPTIONS = {
    "num_layers": st.integers(1, 3),
    "bias": st.booleans(),
    "batch_first": st.booleans(),
    "bidirectional": st.booleans(),
    "dropout": st.sampled_from([0.0, 0.0, 0.4, 1.0]),
}
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}
KINDS = ["RNN-tanh", "RNN-relu", "GRU", "LSTM"]


def run(layer, x, state, seed):
    torch.manual_seed(seed)
    output, final = layer(x, state)
    data = output.data if isinstance(output, PackedSequence) else output
    return [data, *(final if isinstance(final, tuple) else [final])], output


@pytest.mark.parametrize("path", ["native", "torch", "reference"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("ignore:dropout option adds", "ignore:no native kernels")
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(data=st.data())
def test_equal_to_torch(kind, path, data, assert_same, monkeypatch):
    monkeypatch.setenv("UNROLLED_KERNELS", path)
    name, _, nonlinearity = kind.partition("-")
    T, B = data.draw(st.integers(1, 9), "T"), data.draw(st.integers(1, 5), "B")
    I, H = data.draw(st.integers(1, 6), "I"), data.draw(st.integers(1, 9), "H")
    options = {key: data.draw(strategy, key) for key, strategy in OPTIONS.items()}
    dtype = data.draw(st.sampled_from([torch.float32, torch.float64]), "dtype")
    form = data.draw(st.sampled_from(["batch", "unbatched", "packed"]), "form")
    training = data.draw(st.booleans(), "training")
    if form == "packed" and training:  # torch draws its masks in the packed order, we in the padded one
        options["dropout"] = float(options["dropout"] == 1)
    with_state = data.draw(st.booleans(), "initial state")
    torch.manual_seed(data.draw(st.integers(0, 999), "seed"))

    more = {"nonlinearity": nonlinearity} if nonlinearity else {}
    theirs = getattr(torch.nn, name)(I, H, dtype=dtype, **more, **options).train(training)
    ours = getattr(nn, name)(I, H, dtype=dtype, **more, **options).train(training)
    ours.load_state_dict(theirs.state_dict(), strict=True)

    x = torch.randn(T, B, I, dtype=dtype)
    rows = options["num_layers"] * (2 if options["bidirectional"] else 1)
    state = tuple(torch.randn(rows, B, H, dtype=dtype) for _ in range(2 if name == "LSTM" else 1))
    if form == "unbatched":
        x, state = x[:, 0], tuple(s[:, 0].contiguous() for s in state)
    elif options["batch_first"]:
        x = x.transpose(0, 1).contiguous()
    lengths = [data.draw(st.integers(1, T), "length") for _ in range(B)] if form == "packed" else None

    def prepare():
        leaf = x.clone().requires_grad_()
        leaves = [s.clone().requires_grad_() for s in state]
        given = leaf
        if lengths is not None:
            given = pack_padded_sequence(leaf, lengths, batch_first=options["batch_first"], enforce_sorted=False)
        hx = (tuple(leaves) if len(leaves) == 2 else leaves[0]) if with_state else None
        return given, hx, [leaf, *(leaves if with_state else [])]

    results = []
    for layer in (theirs, ours):
        given, hx, leaves = prepare()
        values, output = run(layer, given, hx, seed=7)
        results.append((values, [*leaves, *layer.parameters()], output))
    (expected, their_leaves, their_output), (got, our_leaves, our_output) = results
    assert_same(got, expected, TOLERANCE[dtype])
    if form == "packed":
        for one, other in zip(our_output[1:], their_output[1:], strict=True):
            assert (one is None and other is None) or torch.equal(one, other)
    cotangents = [torch.randn_like(value) for value in expected]
    assert_same(
        torch.autograd.grad(got, our_leaves, cotangents),
        torch.autograd.grad(expected, their_leaves, cotangents),
        TOLERANCE[dtype],
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", KINDS)
def test_equal_at_the_size_of_real_work(kind, dtype, assert_same):
    name, _, nonlinearity = kind.partition("-")
    more = {"nonlinearity": nonlinearity} if nonlinearity else {}
    theirs = getattr(torch.nn, name)(10, 64, 2, dtype=dtype, **more)
    ours = getattr(nn, name)(10, 64, 2, dtype=dtype, **more)
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(30, 16, 10, dtype=dtype)
    expected, _ = run(theirs, x, None, 0)
    got, _ = run(ours, x, None, 0)
    assert_same(got, expected, TOLERANCE[dtype])
    cotangents = [torch.randn_like(value) for value in expected]
    assert_same(
        torch.autograd.grad(got, list(ours.parameters()), cotangents),
        torch.autograd.grad(expected, list(theirs.parameters()), cotangents),
        TOLERANCE[dtype],
    )


@pytest.mark.parametrize("name", ["RNN", "GRU", "LSTM"])
def test_a_batch_of_none_and_no_steps(name):
    ours, theirs = getattr(nn, name)(3, 4), getattr(torch.nn, name)(3, 4)
    for layer in (ours, theirs):
        output, _ = layer(torch.zeros(5, 0, 3))
        assert output.shape == (5, 0, 4)
        with pytest.raises((ValueError, RuntimeError), match=r"one step|larger than 0"):
            layer(torch.zeros(0, 2, 3))

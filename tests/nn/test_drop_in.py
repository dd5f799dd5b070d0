"""The small things of torch.nn that people's code leans on."""

from __future__ import annotations

import copy
import gc
import inspect
import io
import pickle
import warnings
import weakref

import numpy as np
import pytest
import torch
from torch.nn.utils import parametrizations

from unrolled import nn
from unrolled.errors import InputError

PAIRS = [(nn.RNN, torch.nn.RNN), (nn.GRU, torch.nn.GRU), (nn.LSTM, torch.nn.LSTM)]
CASES = [
    {},
    {"num_layers": 2, "bias": False},
    {"batch_first": True, "bidirectional": True},
    {"num_layers": 2, "dropout": 0.5},
]


@pytest.mark.parametrize("options", CASES)
@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_weights_move_both_ways_and_one_seed_gives_the_same(ours, theirs, options):
    torch.manual_seed(3)
    one = ours(4, 5, **options)
    torch.manual_seed(3)
    other = theirs(4, 5, **options)
    assert list(one.state_dict()) == list(other.state_dict())
    assert [name for name, _ in one.named_parameters()] == [name for name, _ in other.named_parameters()]
    for mine, his in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.equal(mine, his)
    one.load_state_dict(other.state_dict(), strict=True)
    other.load_state_dict(one.state_dict(), strict=True)


@pytest.mark.parametrize("options", CASES)
@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_same_face(ours, theirs, options):
    one, other = ours(4, 5, **options), theirs(4, 5, **options)
    assert repr(one) == repr(other)
    for name in [
        "input_size",
        "hidden_size",
        "num_layers",
        "bias",
        "batch_first",
        "dropout",
        "bidirectional",
        "proj_size",
        "mode",
    ]:
        assert getattr(one, name) == getattr(other, name), name
    assert [[w.shape for w in ws] for ws in one.all_weights] == [[w.shape for w in ws] for ws in other.all_weights]
    assert one.all_weights[0][0] is one.weight_ih_l0
    assert one.flatten_parameters() is None
    before = one.weight_hh_l0.clone()
    one.reset_parameters()
    assert not torch.equal(before, one.weight_hh_l0)
    assert one.weight_hh_l0.abs().max() <= 5**-0.5


def test_the_constructor_takes_torchs_arguments_in_torchs_order():
    for layer in (nn.LSTM, nn.PeepholeLSTM, nn.FullPeepholeLSTM):
        assert list(inspect.signature(layer).parameters) == [
            "input_size",
            "hidden_size",
            "num_layers",
            "bias",
            "batch_first",
            "dropout",
            "bidirectional",
            "proj_size",
            "device",
            "dtype",
        ]
    assert nn.RNN(3, 4, 2, "relu", False, True).batch_first
    assert torch.nn.RNN(3, 4, 2, "relu", False, True).batch_first
    assert nn.GRU(3, 4, 2, False, True, 0.5, True).bidirectional


def test_keys_of_the_peephole_layers():
    keys = list(nn.PeepholeLSTM(3, 4, bidirectional=True).state_dict())
    assert keys == [
        *("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0", "peephole_l0"),
        *("weight_ih_l0_reverse", "weight_hh_l0_reverse", "bias_ih_l0_reverse", "bias_hh_l0_reverse"),
        "peephole_l0_reverse",
    ]
    assert nn.PeepholeLSTM(3, 4).peephole_l0.shape == (12,)
    full = nn.FullPeepholeLSTM(3, 4)
    assert {name: tuple(p.shape) for name, p in full.named_parameters()} == {
        "weight_ih_l0": (16, 3),
        "weight_hh_l0": (12, 4),
        "bias_ih_l0": (16,),
        "bias_hh_l0": (12,),
    }


def test_without_peepholes_the_peephole_layer_is_the_lstm(assert_same):
    lstm, peephole = nn.LSTM(3, 4, 2), nn.PeepholeLSTM(3, 4, 2)
    missing, unexpected = peephole.load_state_dict(lstm.state_dict(), strict=False)
    assert (missing, unexpected) == (["peephole_l0", "peephole_l1"], [])
    with torch.no_grad():
        peephole.peephole_l0.zero_()
        peephole.peephole_l1.zero_()
    x = torch.randn(5, 2, 3)
    (expected, (h, c)), (got, (h_, c_)) = lstm(x), peephole(x)
    assert_same([got, h_, c_], [expected, h, c], 1e-6)


def test_copies_and_pickles(make_layer):
    layer = make_layer(3, 4, 2, bidirectional=True)
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    expected, _ = layer(x)
    file = io.BytesIO()
    torch.save(layer, file)
    file.seek(0)
    for twin in (
        copy.deepcopy(layer),
        pickle.loads(pickle.dumps(layer)),
        torch.load(file, weights_only=False),
    ):
        assert torch.equal(twin(x)[0], expected)
        assert twin.weight_ih_l0 is not layer.weight_ih_l0
        assert repr(twin) == repr(layer)


def test_the_state_has_names_and_unpacks():
    output, state = nn.LSTM(3, 4)(torch.randn(5, 2, 3))
    h, c = state
    assert state.hidden is h
    assert state.memory is c
    assert torch.equal(output[-1], h[0])
    assert isinstance(nn.GRU(3, 4)(torch.randn(5, 2, 3))[1], torch.Tensor)


@pytest.mark.filterwarnings("ignore:.*weight_norm.*is deprecated")
@pytest.mark.parametrize("old", [True, False], ids=["hook", "parametrisation"])
@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_weight_norm(ours, theirs, old, assert_same):
    apply = torch.nn.utils.weight_norm if old else parametrizations.weight_norm
    one, other = ours(3, 4, dtype=torch.float64), theirs(3, 4, dtype=torch.float64)
    one.load_state_dict(other.state_dict())
    for layer in (one, other):
        apply(layer, "weight_hh_l0")
    assert list(one.state_dict()) == list(other.state_dict())
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    for _ in range(2):  # the second time after a step of an optimiser
        got, expected = one(x)[0], other(x)[0]
        assert_same([got], [expected], 1e-12)
        for layer, output in ((one, got), (other, expected)):
            layer.zero_grad()
            output.pow(2).sum().backward()
        gradients = [p.grad for p in one.parameters()]
        assert_same(gradients, [p.grad for p in other.parameters()], 1e-10)
        for layer in (one, other):
            torch.optim.SGD(layer.parameters(), 0.1).step()
        seen = one.observe(x)  # before the call, whose hook would renew the weights
        after = one.step(x[0], seen.state)[0]
        assert_same([seen.output, after], [one(x)[0], one(x[:1], seen.state)[0][0]], 1e-12)
    with pytest.raises(InputError, match="weight_hh_l0 is computed from other parameters"):
        one.initialise("xavier")


def test_dropout_warns_and_is_off_outside_training():
    with pytest.warns(UserWarning, match="num_layers greater than 1"):
        nn.LSTM(3, 4, dropout=0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        layer = nn.LSTM(3, 4, 2, dropout=0.5)
    x = torch.randn(5, 2, 3)
    assert not torch.equal(layer(x)[0], layer(x)[0])
    layer.eval()
    assert torch.equal(layer(x)[0], layer(x)[0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"proj_size": 2}, "proj_size=2 is not supported"),
        ({"dropout": 1.5}, "probability"),
        ({"dropout": True}, "probability"),
        ({"num_layers": 0}, "num_layers must be an integer above zero"),
        ({"hidden_size": 2.5}, "hidden_size must be an integer above zero, not 2.5"),
        ({"input_size": 0}, "input_size must be an integer above zero"),
        ({"bias": 1}, "bias must be True or False"),
        ({"batch_first": None}, "batch_first must be True or False"),
    ],
)
def test_constructor_refuses(options, message):
    with pytest.raises(InputError, match=message):
        nn.LSTM(**{"input_size": 3, "hidden_size": 4, **options})


def test_an_unknown_nonlinearity_is_named():
    with pytest.raises(InputError, match="did you mean 'tanh'"):
        nn.RNN(3, 4, nonlinearity="tan")


def test_device_and_dtype():
    layer = nn.PeepholeLSTM(3, 4, device="meta", dtype=torch.float64)
    assert layer.peephole_l0.device.type == "meta"
    assert layer.weight_dtype == torch.float64
    assert nn.GRU(3, 4).double().weight_hh_l0.dtype == torch.float64


def test_training_keeps_nothing_alive(make_layer):
    """Fifty steps with the cycle collector off: every step's graph goes when its loss goes."""
    layer = make_layer(3, 4, 2, dtype=torch.float32)
    optimiser = torch.optim.SGD(layer.parameters(), 0.01)
    x = torch.randn(5, 2, 3)

    def garbage():
        gc.collect()
        gc.disable()
        try:
            alive = []
            for _ in range(50):
                output, _ = layer(x, lengths=torch.tensor([5, 3]))
                alive.append(weakref.ref(output))
                optimiser.zero_grad()
                output.sum().backward()
                optimiser.step()
                del output
            assert sum(ref() is not None for ref in alive) == 0
            return gc.collect()
        finally:
            gc.enable()

    assert min(garbage(), garbage()) < 50  # what other threads leave, or a first call, is not in both


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_torchs_default_dtype_changes_nothing(dtype):
    H = 24
    for ours in (nn.RNN, nn.GRU, nn.LSTM, nn.PeepholeLSTM, nn.FullPeepholeLSTM):
        layer, x = ours(4, H, 2), torch.randn(5, 33, 4)
        _, start = layer(x)
        start = [f.detach() for f in (start if isinstance(start, tuple) else (start,))]

        def gradients(layer=layer, x=x, start=start):
            leaves = [x.clone().requires_grad_(), *(f.clone().requires_grad_() for f in start)]
            output, _ = layer(leaves[0], leaves[1] if len(start) == 1 else tuple(leaves[1:]))
            wanted = [*leaves, *layer.parameters()]
            return [output, *torch.autograd.grad(output.sum(), wanted, materialize_grads=True)]

        expected = gradients()
        torch.set_default_dtype(dtype)
        try:
            got = gradients()
        finally:
            torch.set_default_dtype(torch.float32)
        assert all(map(torch.equal, got, expected))


@pytest.mark.parametrize("ours", [nn.RNN, nn.GRU, nn.LSTM])
def test_torchs_default_device_changes_nothing(ours):
    layer, x = ours(3, 64), torch.randn(5, 8, 3)
    expected = layer(x)[0]
    with torch.device("meta"):
        got = layer(x)[0]
        stepped, _ = layer.step(x[0])
        got.sum().backward()
    assert torch.equal(got, expected) and torch.allclose(stepped, expected[0], atol=1e-6)


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_lazily_negative_numbers_are_negative(ours, theirs, assert_same):
    layer, other = ours(1, 4), theirs(1, 4)
    layer.load_state_dict(other.state_dict())
    x = torch.fft.rfft(torch.randn(9, 2), dim=0).conj().imag.unsqueeze(-1)
    cotangent = torch.fft.fft(torch.randn(5, 2, 4), dim=0).conj().imag
    assert x.is_neg() and cotangent.is_neg()
    expected, got = other(x)[0], layer(x)[0]
    assert_same([got, layer.observe(x).output], [expected] * 2, 1e-6)
    with torch.no_grad():
        assert_same([layer.step(x[0])[0]], [expected[0]], 1e-6)
    assert_same(
        list(torch.autograd.grad(got, list(layer.parameters()), cotangent)),
        list(torch.autograd.grad(expected, list(other.parameters()), cotangent)),
        1e-5,
    )


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning", "ignore:.*jit.*:DeprecationWarning")
@pytest.mark.parametrize("trained", [False, True])
def test_traced_it_runs_at_other_lengths(make_layer, trained, tmp_path, assert_same):
    layer = make_layer(3, 4, 2, bidirectional=True, dtype=torch.float32).requires_grad_(trained)
    traced = torch.jit.trace(layer, (torch.randn(5, 2, 3),))
    torch.jit.save(traced, tmp_path / "traced.pt")
    again = torch.jit.load(tmp_path / "traced.pt")
    x = torch.randn(8, 3, 3, requires_grad=trained)
    expected = layer(x)[0]
    for module in (traced, again):
        assert_same([module(x)[0]], [expected], 1e-6)
        if trained:
            assert_same(
                list(torch.autograd.grad(module(x)[0].sum(), x)), list(torch.autograd.grad(layer(x)[0].sum(), x)), 1e-5
            )


def test_for_torch_fx_a_layer_is_one_node(assert_same):
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.head = nn.LSTM(3, 4), torch.nn.Linear(4, 2)

        def forward(self, x, start):
            output, (h, c) = self.inner(x, (start, start))
            return self.head(output) + self.head(h - c)

    net, x, start = Net(), torch.randn(5, 2, 3), torch.randn(1, 2, 4)
    graph = torch.fx.symbolic_trace(net)
    assert [node.target for node in graph.graph.nodes if node.op == "call_module"] == ["inner", "head", "head"]
    assert torch.equal(graph(x, start), net(x, start))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_many_gradients_at_once(make_layer, dtype, assert_same):
    layer, x = make_layer(3, 4, 2, dtype=dtype), torch.randn(5, 2, 3, dtype=dtype)

    def jacobian(vectorize):
        return torch.autograd.functional.jacobian(lambda x: layer(x, lengths=[5, 3])[0], x, vectorize=vectorize)

    assert_same([jacobian(True)], [jacobian(False)], 1e-5)


@pytest.mark.parametrize("ours", [nn.RNN, nn.GRU, nn.LSTM])
def test_a_state_is_detached_in_place(ours):
    _, state = ours(3, 4)(torch.randn(5, 2, 3))
    for field in state if isinstance(state, tuple) else (state,):
        assert not field.detach_().requires_grad


def test_results_are_saved_and_loaded(tmp_path):
    result = nn.LSTM(3, 4)(torch.randn(5, 2, 3))
    torch.save(result, tmp_path / "result.pt")
    output, (h, c) = torch.load(tmp_path / "result.pt", weights_only=True)
    assert torch.equal(output, result[0]) and torch.equal(h, result[1].hidden) and torch.equal(c, result[1].memory)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_packed_rows_have_torchs_masks_too(ours, theirs, bidirectional, assert_same):
    options = {"num_layers": 3, "dropout": 0.5, "bidirectional": bidirectional}
    layer, other = ours(3, 4, **options), theirs(3, 4, **options)
    layer.load_state_dict(other.state_dict())
    packed = torch.nn.utils.rnn.pack_padded_sequence(torch.randn(5, 3, 3), [5, 2, 4], enforce_sorted=False)
    results = []
    for module in (layer, other):
        torch.manual_seed(1)
        results.append(module(packed)[0].data)
    assert_same(results[:1], results[1:], 1e-6)


@pytest.mark.parametrize("kind", ["prune", "spectral_norm"])
def test_a_look_sees_the_weights_of_the_next_call(make_layer, kind, assert_same):
    layer, x = make_layer(3, 4), torch.randn(5, 2, 3, dtype=torch.float64)
    if kind == "prune":
        torch.nn.utils.prune.l1_unstructured(layer, "weight_hh_l0", 0.5)
    else:
        torch.nn.utils.spectral_norm(layer, "weight_hh_l0")
    layer(x)
    layer.eval()  # spectral_norm takes a step at every call while training
    with torch.no_grad():
        layer.weight_hh_l0_orig.mul_(-3)
    seen, (stepped, _) = layer.observe(x).output, layer.step(x[0])
    expected = layer(x)[0]
    assert_same([seen, stepped], [expected, expected[0]], 1e-12)
    for _ in range(2):  # the weights are made anew for each, else the second would go back through what the first freed
        layer.step(x[0])[0].sum().backward()


def test_numbers_of_numpy_are_numbers():
    layer = nn.LSTM(np.int64(3), np.int32(4), num_layers=np.int64(2), dropout=np.float32(0.5))
    assert repr(layer) == "LSTM(3, 4, num_layers=2, dropout=0.5)"

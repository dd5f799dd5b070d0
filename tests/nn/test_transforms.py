"""Layers under torch.func: ensembles, per-sample gradients, forward mode and second derivatives, as a loop has them."""

from __future__ import annotations

import pytest
import torch
from torch.func import functional_call, grad, hessian, jacrev, jvp, stack_module_state, vmap

from unrolled import nn

T, B, I, H = 6, 4, 3, 5
LENGTHS = [6, 0, 3, 2]
NATIVE = {"dtype": torch.float32}


def score(layer, parameters, x, hx=None, lengths=None):
    """A number that depends on every output."""
    output, state = functional_call(layer, parameters, (x, hx), {"lengths": lengths})
    fields = state if isinstance(state, tuple) else (state,)
    return output.square().sum() + sum(field.sin().sum() for field in fields)


def detached(layer):
    return {name: parameter.detach() for name, parameter in layer.named_parameters()}


@pytest.mark.parametrize("options", [NATIVE, {}], ids=["native", "float64"])
@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["full", "ragged"])
def test_an_ensemble_is_a_loop_over_its_members(make_layer, options, lengths, assert_same):
    members = [make_layer(I, H, 2, bidirectional=True, **options) for _ in range(3)]
    parameters, _ = stack_module_state(members)
    x = torch.randn(T, B, I, dtype=members[0].weight_dtype)
    values = vmap(lambda p: score(members[0], p, x, lengths=lengths))(parameters)
    gradients = vmap(grad(lambda p: score(members[0], p, x, lengths=lengths)))(parameters)
    with torch.no_grad():
        without = vmap(lambda p: score(members[0], p, x, lengths=lengths))(parameters)
    tolerance = 1e-5 if options else 1e-12
    for index, member in enumerate(members):
        own = dict(member.named_parameters())
        value = score(member, own, x, lengths=lengths)
        assert_same([values[index], without[index]], [value, value], tolerance)
        expected = torch.autograd.grad(value, list(own.values()))
        assert_same([gradients[name][index] for name in own], list(expected), tolerance)


def test_an_ensemble_trains_by_backward(make_layer, assert_same):
    """vmap inside, plain autograd outside."""
    members = [make_layer(I, H, **NATIVE) for _ in range(3)]
    parameters, _ = stack_module_state(members)
    x = torch.randn(T, B, I)
    vmap(lambda p: score(members[0], p, x))(parameters).sum().backward()
    for index, member in enumerate(members):
        score(member, dict(member.named_parameters()), x).backward()
        assert_same([parameters[n].grad[index] for n, _ in member.named_parameters()], list(_grads(member)), 1e-5)


def _grads(layer):
    return (parameter.grad for parameter in layer.parameters())


def test_gradients_per_sample(make_layer, random_state, fields, assert_same):
    layer = make_layer(I, H, 2, **NATIVE)
    parameters, x, lengths = detached(layer), torch.randn(T, B, I), torch.tensor(LENGTHS)
    start = torch.stack(fields(random_state(layer, B))).detach()

    def one(p, x, start, length):
        hx = tuple(start.unsqueeze(2))
        return score(layer, p, x.unsqueeze(1), hx if len(hx) == 2 else hx[0], length.unsqueeze(0))

    together = vmap(grad(one), (None, 1, 2, 0))(parameters, x, start, lengths)
    for row in range(B):
        alone = grad(one)(parameters, x[:, row], start[:, :, row], lengths[row])
        assert_same([together[name][row] for name in alone], list(alone.values()), 1e-5)


def test_tokens_of_each_member(assert_same):
    layer = nn.GRU(I, H)
    parameters, tokens = detached(layer), torch.randint(I, (3, T, B))
    got = vmap(lambda t: score(layer, parameters, t))(tokens)
    assert_same(list(got), [score(layer, parameters, t) for t in tokens], 1e-6)


@pytest.mark.parametrize("options", [NATIVE, {}], ids=["native", "float64"])
def test_forward_mode_is_reverse_mode(make_layer, options, assert_same):
    layer = make_layer(I, H, 2, **options)
    parameters, x = detached(layer), torch.randn(T, B, I, dtype=layer.weight_dtype)
    direction = torch.randn_like(x)
    _, forward = jvp(lambda x: score(layer, parameters, x, lengths=LENGTHS), (x,), (direction,))
    reverse = grad(lambda x: score(layer, parameters, x, lengths=LENGTHS))(x)
    assert_same([forward], [(reverse * direction).sum()], 1e-4 if options else 1e-11)
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(x, direction)
        plain = torch.autograd.forward_ad.unpack_dual(score(layer, parameters, dual, lengths=LENGTHS)).tangent
    assert_same([plain], [forward], 1e-5 if options else 1e-12)


def test_second_derivatives_in_every_way(make_layer, assert_same):
    layer = make_layer(2, 2)
    parameters, x = detached(layer), torch.randn(3, 2, 2, dtype=torch.float64)

    def function(x):
        return score(layer, parameters, x)

    expected = torch.autograd.functional.hessian(function, x)
    assert_same([hessian(function)(x), jacrev(jacrev(function))(x)], [expected, expected], 1e-10)


def test_autograd_through_a_gradient_of_torch_func(make_layer, assert_same):
    """A penalty on a gradient: torch.func inside, backward outside."""
    layer = make_layer(I, H)
    own, x = dict(layer.named_parameters()), torch.randn(T, B, I, dtype=torch.float64)
    got = torch.autograd.grad(grad(lambda x: score(layer, own, x))(x).square().sum(), list(own.values()))
    leaf = x.clone().requires_grad_()
    (first,) = torch.autograd.grad(score(layer, own, leaf), leaf, create_graph=True)
    assert_same(list(got), list(torch.autograd.grad(first.square().sum(), list(own.values()))), 1e-10)

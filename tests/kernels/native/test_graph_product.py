"""The native sparse product against a dense one, on every variant that runs here, and where it is chosen."""

from __future__ import annotations

import pytest
import torch

from unrolled.kernels import native, sparse
from unrolled.kernels.native import graph_product
from unrolled.kernels.sparse import Operator, Pattern, multiply, native_is_faster


def random_pattern(rows: int, columns: int, entries: int, seed: int = 0) -> Pattern:
    generator = torch.Generator().manual_seed(seed)
    row = (torch.rand(entries, generator=generator).pow(3) * rows).long()  # some hubs, some empty rows
    return Pattern.from_edges(row, torch.randint(columns, (entries,), generator=generator), rows, columns)


@pytest.mark.parametrize("batch", [(), (3,)], ids=["one", "batch"])
@pytest.mark.parametrize("features", [1, 3, 16, 17, 64, 129, 300])
@pytest.mark.parametrize("shape", [(40, 30, 300), (5, 7, 900), (6, 4, 0)], ids=str)
def test_equals_a_dense_product(library, shape, features, batch):
    pattern = random_pattern(*shape)
    values, x = torch.randn(pattern.entries), torch.randn(*batch, pattern.columns, features)
    dense = Operator(pattern, values.double()).to_dense()
    found = graph_product.product(library, pattern, values, x)
    fullest = int(pattern.pointer.diff().max())  # a float32 sum may lose a rounding for each of its terms
    torch.testing.assert_close(found.double(), dense @ x.double(), rtol=1e-6, atol=6e-8 * (10 + fullest))
    half = graph_product.product(library, pattern, values, x.bfloat16())
    assert half.dtype == torch.bfloat16
    exact = dense @ x.bfloat16().double()
    torch.testing.assert_close(half.double(), exact, rtol=2**-8, atol=1e-5 * float(exact.abs().max() + 1))


def test_features_in_any_stride(library):
    pattern = random_pattern(20, 30, 200)
    values, wide = torch.randn(200), torch.randn(30, 4, 40)
    for x in (wide[:, 1], wide[:, 1, ::2], wide.movedim(1, 0), torch.randn(17, 30).T):
        torch.testing.assert_close(
            graph_product.product(library, pattern, values, x),
            graph_product.product(library, pattern, values, x.clone()),
        )


def test_threads_do_not_change_a_bit(library):
    pattern = random_pattern(5000, 5000, 60_000)
    values, x = torch.randn(60_000), torch.randn(5000, 24)
    found, before = [], torch.get_num_threads()
    for threads in (1, 2, 7):
        torch.set_num_threads(threads)
        found.append(graph_product.product(library, pattern, values, x))
    torch.set_num_threads(before)
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


def test_the_choice_is_what_it_says(monkeypatch):
    pattern, values = random_pattern(9, 9, 40), torch.randn(40)
    assert not native_is_faster(torch.ones(9, 15))
    assert native_is_faster(torch.ones(9, 16))
    assert native_is_faster(torch.ones(9, 1, dtype=torch.bfloat16))
    if native.loaded() is None:
        pytest.skip("no native kernels")
    calls = []
    monkeypatch.setattr(sparse.graph_product, "product", lambda *given: calls.append(given) or torch.zeros(9, 16))
    multiply(pattern, values, torch.ones(9, 15))
    multiply(pattern, values.double(), torch.ones(9, 16, dtype=torch.float64))
    assert not calls
    multiply(pattern, values, torch.ones(9, 16))
    assert len(calls) == 1
    monkeypatch.setenv("UNROLLED_KERNELS", "torch")
    multiply(pattern, values, torch.ones(9, 16))
    assert len(calls) == 1


@pytest.mark.parametrize("features", [3, 16])
def test_gradients_of_a_batch_on_one_matrix(features):
    pattern = random_pattern(12, 12, 50)
    values, x = torch.randn(50, requires_grad=True), torch.randn(2, 12, features, requires_grad=True)
    cotangent = torch.randn(2, 12, features)
    found = torch.autograd.grad(Operator(pattern, values) @ x, [values, x], cotangent)
    exact = [values.detach().double().requires_grad_(), x.detach().double().requires_grad_()]
    wanted = torch.autograd.grad(Operator(pattern, exact[0]).to_dense() @ exact[1], exact, cotangent.double())
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(a.double(), b, rtol=1e-4, atol=1e-5)


def test_a_scaled_product_added_to_another_lands_in_its_part_of_a_buffer(library):
    generator = torch.Generator().manual_seed(0)
    ends = torch.randint(40, (2, 300), generator=generator)
    pattern = sparse.Pattern.from_edges(ends[0], ends[1], 40, 40)
    values, room = torch.randn(300, generator=generator), torch.randn(2, 40, 3, 20, generator=generator)
    given = room.clone()
    expected = 2 * sparse.multiply(pattern, values, room[:, :, 1].double().float()) - room[:, :, 0]
    graph_product.product_into(library, room[:, :, 2], pattern, values, room[:, :, 1], 2.0, room[:, :, 0], -1.0)
    torch.testing.assert_close(room[:, :, 2], expected, rtol=1e-5, atol=1e-5)
    assert torch.equal(room[:, :, :2], given[:, :, :2])
    again = sparse.multiply(pattern, values, given[:, :, 1]) + given[:, :, 2]
    graph_product.product_into(library, given[:, :, 2], pattern, values, given[:, :, 1], 1.0, given[:, :, 2], 1.0)
    torch.testing.assert_close(given[:, :, 2], again, rtol=1e-5, atol=1e-5)

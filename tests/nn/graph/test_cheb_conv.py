"""ChebConv and SpectralConv against dense Laplacians, their eigenvectors, and by law."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from unrolled.errors import InputError, ShapeError, UnknownName
from unrolled.graph import Graph, batch
from unrolled.kernels.reference.cheb import cheb, dense_laplacian
from unrolled.nn.cheb_conv import ChebConv
from unrolled.nn.spectral_conv import SpectralConv

NAMES = {None: "none", "sym": "symmetric", "rw": "random-walk"}


def laplacian(a: np.ndarray, normalization: str | None) -> np.ndarray:
    a = a - np.diag(np.diag(a))
    sent = a.sum(0)
    with np.errstate(divide="ignore"):
        if normalization is None:
            return np.diag(sent) - a
        if normalization == "rw":
            return np.eye(len(a)) - a @ np.diag(np.where(sent > 0, 1 / sent, 0))
        s = np.diag(np.where(sent > 0, sent**-0.5, 0))
    return np.eye(len(a)) - s @ a @ s


@pytest.mark.parametrize("normalization", NAMES)
@pytest.mark.parametrize("K", [1, 2, 4])
def test_equals_a_dense_formula(nasty, dense, normalization, K):
    layer = ChebConv(3, 2, K, normalization).double()
    torch.nn.init.normal_(layer.bias)
    x = torch.randn(nasty.num_nodes, 3, dtype=torch.float64)
    matrix = laplacian(dense(nasty), normalization)
    greatest = 2 * matrix.max() or np.inf
    scaled = 2 * matrix / greatest - np.eye(len(matrix))
    z = [x.numpy(), scaled @ x.numpy()]
    while len(z) < K:
        z.append(2 * scaled @ z[-1] - z[-2])
    expected = sum(a @ lin.weight.detach().numpy().T for a, lin in zip(z, layer.lins, strict=False))
    expected = expected + layer.bias.detach().numpy()
    np.testing.assert_allclose(layer(x, nasty).detach().numpy(), expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize("normalization", NAMES)
def test_value_and_gradients_equal_the_reference(nasty, dense, normalization):
    layer = ChebConv(3, 2, 3, normalization).double()
    x = torch.randn(nasty.num_nodes, 3, dtype=torch.float64, requires_grad=True)
    matrix = dense_laplacian(torch.from_numpy(dense(nasty)), NAMES[normalization])
    weights = [lin.weight for lin in layer.lins]
    expected = cheb(x, matrix, 1.7, weights, layer.bias)
    found = layer(x, nasty, lambda_max=1.7)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-11)
    cotangent = torch.randn_like(found)
    wanted = [x, *weights, layer.bias]
    torch.testing.assert_close(
        torch.autograd.grad(found, wanted, cotangent),
        torch.autograd.grad(expected, wanted, cotangent),
        rtol=0,
        atol=1e-11,
    )


@pytest.mark.parametrize("normalization", NAMES)
def test_gradients_of_first_and_second_order(normalization):
    graph = Graph.from_edge_index([[0, 1, 1, 2, 2, 0], [1, 1, 2, 0, 0, 0]], num_nodes=4)
    layer = ChebConv(2, 2, 3, normalization).double()
    x = torch.randn(4, 2, dtype=torch.float64, requires_grad=True)
    weights = (torch.rand(6, dtype=torch.float64) + 0.5).requires_grad_()

    def call(x, weights):
        return layer(x, graph, weights, lambda_max=2.0)

    assert torch.autograd.gradcheck(call, (x, weights))
    assert torch.autograd.gradgradcheck(call, (x, weights))


def test_a_batch_of_graphs_has_an_eigenvalue_each():
    graphs = [Graph.from_text(text) for text in ("A-B B-C", "A-B")]
    layer = ChebConv(3, 2, 3, None).double()
    x = [torch.randn(graph.num_nodes, 3, dtype=torch.float64) for graph in graphs]
    greatest = torch.tensor([3.0, 2.0], dtype=torch.float64)
    together = layer(torch.cat(x), batch(graphs), lambda_max=greatest)
    alone = [layer(a, g, lambda_max=m) for a, g, m in zip(x, graphs, greatest, strict=True)]
    torch.testing.assert_close(together, torch.cat(alone))
    with pytest.raises(InputError, match="no batch says"):
        layer(x[0], graphs[0], lambda_max=greatest)


def test_no_such_normalisation():
    with pytest.raises(UnknownName, match="no normalization 'symm'; did you mean 'sym'"):
        ChebConv(2, 2, 2, "symm")


def test_the_spectral_layer_is_a_filter_in_the_eigenbasis():
    graph = Graph.from_text("A-B B-C:2 C-D:3 D-E:1.5 E-F A-C:0.5")  # no frequency comes twice
    layer = SpectralConv(2, 3, 4).double()
    torch.nn.init.normal_(layer.bias)
    x = torch.randn(5, 6, 2, dtype=torch.float64)
    a = graph.to_torch_sparse().to_dense().double().numpy()
    s = np.diag(a.sum(0) ** -0.5)
    values, vectors = np.linalg.eigh(np.eye(6) - s @ a @ s)
    assert values[0] == pytest.approx(0, abs=1e-12)
    basis, theta = vectors[:, :4], layer.theta.detach().numpy()
    expected = np.stack(
        [
            sum(np.outer(basis[:, m], (basis[:, m] @ one) @ theta[m]) for m in range(4)) + layer.bias.detach().numpy()
            for one in x.numpy()
        ]
    )
    np.testing.assert_allclose(layer(x, graph).detach().numpy(), expected, rtol=0, atol=1e-12)


def test_all_frequencies_at_one_are_the_identity_and_every_node_hears_every_other():
    graph = Graph.from_text("A-B B-C C-D D-E")
    layer = SpectralConv(2, 2, 5, bias=False).double()
    x = torch.randn(5, 2, dtype=torch.float64)
    reach = torch.autograd.functional.jacobian(lambda x: layer(x, graph), x).abs().amax((1, 3))
    assert (reach > 0).all()
    with torch.no_grad():
        layer.theta.copy_(torch.eye(2).expand(5, 2, 2))
    torch.testing.assert_close(layer(x, graph), x)


def test_a_spectral_layer_refuses_other_graphs():
    layer = SpectralConv(1, 1, 3)
    with pytest.raises(InputError, match="directed graph has no orthogonal"):
        layer(torch.ones(3, 1), Graph.from_text("A->B B->C"))
    with pytest.raises(ShapeError, match="3 frequencies of a graph of 2 nodes"):
        layer(torch.ones(2, 1), Graph.from_text("A-B"))
    with pytest.raises(InputError, match="up to 5000 nodes are exact"):
        layer(torch.ones(6000, 1), Graph.from_edge_index([[0, 1], [1, 0]], num_nodes=6000))

"""The sparse product and its sample: values, every order of gradient, every dtype, many heads."""

from __future__ import annotations

import pytest
import torch

from unrolled.kernels.sparse import Operator, Pattern, product, sample


def pattern_of(entries: list[tuple[int, int]], rows: int, columns: int) -> Pattern:
    ends = torch.tensor(entries, dtype=torch.long).reshape(-1, 2)
    return Pattern.from_edges(ends[:, 0], ends[:, 1], rows, columns)


def dense(pattern: Pattern, values: torch.Tensor) -> torch.Tensor:
    made = torch.zeros(pattern.rows, pattern.columns, dtype=values.dtype)
    for row, column, value in zip(pattern.row.tolist(), pattern.index.tolist(), values.tolist(), strict=True):
        made[row, column] += value
    return made


PATTERNS = {
    "square": pattern_of([(0, 1), (2, 0), (1, 1), (2, 2), (0, 2)], 3, 3),
    "wide": pattern_of([(0, 4), (1, 0), (0, 2), (1, 3)], 2, 5),
    "several at one place": pattern_of([(0, 1), (0, 1), (1, 0), (0, 0), (1, 0)], 2, 2),
    "more entries than places": pattern_of([(0, 0)] * 7 + [(1, 1)] * 3, 2, 2),
    "no entry": pattern_of([], 3, 2),
    "one": pattern_of([(0, 0)], 1, 1),
}


@pytest.fixture(params=PATTERNS)
def pattern(request: pytest.FixtureRequest) -> Pattern:
    return PATTERNS[request.param]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_values(pattern, dtype):
    v, x, g = torch.randn(pattern.entries), torch.randn(pattern.columns, 3), torch.randn(pattern.rows, 3)
    v, x, g = v.to(dtype), x.to(dtype), g.to(dtype)
    close = {torch.float64: 1e-14, torch.float32: 1e-6}.get(dtype, 5e-2)
    torch.testing.assert_close(
        product(pattern, v, x).double(), dense(pattern, v.double()) @ x.double(), rtol=close, atol=close
    )
    sampled = (g.double() @ x.double().T)[pattern.row.long(), pattern.index.long()]
    torch.testing.assert_close(sample(pattern, g, x).double(), sampled, rtol=close, atol=close)
    assert product(pattern, v, x).dtype == sample(pattern, g, x).dtype == dtype


def test_heads_are_each_alone(pattern):
    v = torch.randn(4, pattern.entries, dtype=torch.float64)
    x = torch.randn(4, pattern.columns, 2, dtype=torch.float64)
    torch.testing.assert_close(
        product(pattern, v, x), torch.stack([product(pattern, a, b) for a, b in zip(v, x, strict=True)])
    )
    g = torch.randn(4, pattern.rows, 2, dtype=torch.float64)
    torch.testing.assert_close(
        sample(pattern, g, x), torch.stack([sample(pattern, a, b) for a, b in zip(g, x, strict=True)])
    )


@pytest.mark.parametrize("heads", [(), (2,)])
def test_gradients_of_first_and_second_order(pattern, heads):
    v = torch.randn(*heads, pattern.entries, dtype=torch.float64, requires_grad=True)
    x = torch.randn(*heads, pattern.columns, 2, dtype=torch.float64, requires_grad=True)
    g = torch.randn(*heads, pattern.rows, 2, dtype=torch.float64, requires_grad=True)
    for call, given in ((product, (v, x)), (sample, (g, x))):
        assert torch.autograd.gradcheck(lambda a, b, call=call: call(pattern, a, b), given)
        assert torch.autograd.gradgradcheck(lambda a, b, call=call: call(pattern, a, b), given)


def test_an_operator_differentiates_through_its_kept_transpose(pattern):
    operator = Operator(pattern, torch.randn(pattern.entries, dtype=torch.float64))
    x = torch.randn(2, pattern.columns, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: operator @ x, (x,))
    assert torch.autograd.gradgradcheck(lambda x: (operator @ x).pow(2), (x,))
    torch.testing.assert_close(operator @ x, dense(pattern, operator.values) @ x)
    torch.testing.assert_close(operator.to_dense(), dense(pattern, operator.values))
    torch.testing.assert_close(operator.row_sums, dense(pattern, operator.values).sum(1))


def test_turning_twice_is_the_same_matrix(pattern):
    values = torch.randn(pattern.entries)
    turned = pattern.transposed
    there = values[turned.order.long()]
    torch.testing.assert_close(dense(turned, there), dense(pattern, values).T)
    back = there[turned.transposed.order.long()]
    torch.testing.assert_close(dense(turned.transposed, back), dense(pattern, values))


def test_entries_of_a_row_stay_in_order():
    row, column = torch.randint(50, (1000,)), torch.randint(40, (1000,))
    pattern = Pattern.from_edges(row, column, 50, 40)
    assert torch.equal(pattern.order.long(), torch.argsort(row, stable=True))
    assert torch.equal(pattern.index.long(), column[pattern.order.long()])
    assert torch.equal(pattern.row.long(), row.sort(stable=True)[0])


def test_a_graph_of_noncontiguous_features():
    operator = Operator(PATTERNS["square"], torch.randn(5))
    x = torch.randn(4, 3).T
    torch.testing.assert_close(operator @ x, operator @ x.contiguous())

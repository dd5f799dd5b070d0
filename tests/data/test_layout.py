from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unrolled.data import IGNORED, Layout

TEXT = torch.arange(13)


def shown(layout: Layout, index: int) -> list[tuple[list[int], list[int], bool]]:
    """The rows of a column: inputs, targets, fresh."""
    batch = layout.column(index)
    assert batch.fresh is not None
    return [
        (batch.inputs[:, b].tolist(), batch.targets[:, b].tolist(), bool(batch.fresh[b])) for b in range(layout.rows)
    ]


def test_the_drawing_in_the_docstring() -> None:
    layout = Layout.of(TEXT, (0, 5), begin=0, end=12, window=4, rows=2)
    assert layout.columns == 2
    assert shown(layout, 0) == [([0, 1, 2, 3], [1, 2, 3, 4], True), ([5, 6, 7, 8], [6, 7, 8, 9], True)]
    no = IGNORED
    assert shown(layout, 1) == [([4, 0, 0, 0], [5, no, no, no], False), ([9, 10, 11, 0], [10, 11, 12, no], False)]


@settings(max_examples=60, deadline=None)
@given(
    st.integers(2, 120),
    st.sets(st.integers(1, 119), max_size=6),
    st.integers(1, 9),
    st.integers(1, 12),
    st.data(),
)
def test_every_symbol_is_read_once_in_order_and_no_state_crosses_a_document(
    length: int, starts: set[int], window: int, rows: int, data: st.DataObject
) -> None:
    documents = (0, *sorted(start for start in starts if start < length))
    first = data.draw(st.integers(1, window))
    layout = Layout.of(torch.arange(length), documents, begin=0, end=length - 1, window=window, rows=rows, first=first)
    read: list[list[int]] = [[] for _ in range(rows)]
    for index in range(layout.columns):
        batch = layout.column(index)
        assert batch.fresh is not None
        for b in range(rows):
            asked = batch.targets[:, b] != IGNORED
            inputs = batch.inputs[asked, b].tolist()
            assert torch.equal(batch.targets[asked, b], batch.inputs[asked, b] + 1)
            if not inputs:
                continue
            assert bool(asked[: len(inputs)].all())  # padding comes last
            if bool(batch.fresh[b]):
                assert inputs[0] in documents or index == 0
            else:
                assert inputs[0] == read[b][-1] + 1
                assert inputs[0] not in documents
            assert not set(inputs[1:]) & set(documents)
            read[b] += inputs
    assert [symbol for row in read for symbol in row] == list(range(length - 1))


def test_what_is_kept_does_not_grow_with_the_text() -> None:
    codes = torch.zeros(1, dtype=torch.uint8).expand(10**12)
    layout = Layout.of(codes, (0, 10**11), begin=0, end=10**12 - 1, window=30, rows=64, first=7)
    assert len(layout.bounds) + len(layout.until) == 5
    row, column = divmod(int(layout.until[-1]) - 1, layout.columns)
    last = layout.column(column).targets[:, row]
    assert last.ne(IGNORED).sum() == (10**12 - 1 - 10**11 - 7) % 30
    assert 0 <= 64 * layout.columns - int(layout.until[-1]) < 64


def test_what_is_read_to_warm_up_comes_just_before_and_is_not_asked() -> None:
    layout = Layout.of(torch.arange(41), (0,), begin=0, end=40, window=4, rows=2)
    warm = layout.column(-2, warm=2)
    assert warm.fresh is not None
    assert warm.fresh.tolist() == [True, True]
    assert warm.inputs[:, 1].tolist() == [12, 13, 14, 15]
    assert layout.column(-1, warm=2).inputs[:, 1].tolist() == [16, 17, 18, 19]
    assert bool((warm.targets == IGNORED).all())
    first = layout.column(0, warm=2)
    assert first.fresh is not None
    assert first.fresh.tolist() == [True, False]
    assert first.inputs[:, 1].tolist() == [20, 21, 22, 23]


@pytest.mark.parametrize("rows", [slice(0, 1), slice(1, 3)])
def test_some_rows_of_a_batch(rows: slice) -> None:
    batch = Layout.of(torch.arange(41), (0,), begin=0, end=40, window=4, rows=3).column(0)
    some = batch.rows(rows)
    assert torch.equal(some.inputs, batch.inputs[:, rows])
    assert torch.equal(some.targets, batch.targets[:, rows])
    assert some.fresh is not None
    assert batch.fresh is not None
    assert torch.equal(some.fresh, batch.fresh[rows])

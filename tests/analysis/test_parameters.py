from __future__ import annotations

import pytest
import torch

from unrolled.analysis.parameters import parameter_table
from unrolled.errors import UnknownName
from unrolled.nn import CELL_LAYERS


def test_counted_equals_formula_for_every_cell() -> None:
    rows = parameter_table(n=7, d=5, classes=3)
    assert [row.cell for row in rows] == [cell for cell in CELL_LAYERS for _ in range(2)]
    for row in rows:
        assert row.core_counted == row.core_by_formula
        assert row.total_counted == row.core_counted + 7 * 3 + 3


def test_the_lstm_has_report_a_s_number_and_torch_s() -> None:
    n, d, K = 128, 10, 10
    one, two = parameter_table(n=n, d=d, classes=K, cells=["lstm"])
    assert (one.bias, two.bias) == ("one", "two")
    assert one.core_counted == 4 * (n * d + n * n + n) == 71_168
    assert one.total_counted == 71_168 + n * K + K == 72_458
    assert two.core_counted == sum(p.numel() for p in torch.nn.LSTM(d, n).parameters()) == 71_680
    assert one.formula == "4(nd + n² + n) + nK + K"


def test_an_unknown_cell() -> None:
    with pytest.raises(UnknownName, match="did you mean 'lstm'"):
        parameter_table(cells=["lstn"])

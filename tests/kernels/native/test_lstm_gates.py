"""The gates of an LSTM step in C against torch's functions in float64, at widths that fill no vector too."""

from __future__ import annotations

import pytest
import torch

from unrolled.kernels import graph_gates
from unrolled.kernels.native import lstm_gates


@pytest.mark.parametrize("peepholes", [True, False])
@pytest.mark.parametrize(("rows", "H"), [(1, 1), (7, 5), (3, 16), (300, 67)])
def test_equals_torchs_functions(library, rows, H, peepholes):
    drawn = [torch.randn(1, rows, n * H) * 3 for n in (4, 1, 1, 1)]
    p = torch.randn(3 * H) if peepholes else None
    wide_p = None if p is None else p.double()
    gates, before, d_h, d_c = drawn
    wide = [t.double() for t in drawn]
    after, h, d_gates = torch.empty_like(before), torch.empty_like(before), torch.empty_like(gates)
    wide_after, wide_h, wide_d = after.double(), h.double(), d_gates.double()
    graph_gates.lstm(wide[0], wide[1], wide_after, wide_h, wide_p)
    lstm_gates.forward(library, gates, before, after, h, p)
    for found, expected in ((gates, wide[0]), (after, wide_after), (h, wide_h)):
        torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-6)
    graph_gates.lstm_d(wide[0], wide[1], wide_after, wide_p, wide[2], wide[3], wide_d)
    lstm_gates.backward(library, gates, before, after, p, d_h, d_c, d_gates)
    for found, expected in ((d_c, wide[3]), (d_gates, wide_d)):
        torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=1e-5)


def test_what_it_does_not_take():
    dense = torch.zeros(2, 3, 4)
    assert lstm_gates.takes(dense, None)
    assert not lstm_gates.takes(dense.double())
    assert not lstm_gates.takes(dense.transpose(0, 1))

"""Parameters by counting and by formula."""

from __future__ import annotations

import pytest
import torch

from unrolled import nn


def test_report_as_formula():
    """4(nd + n² + n) + nK + K for one LSTM layer with one bias vector."""
    n, d, K = 128, 1, 10
    model = nn.SequenceClassifier(nn.single_bias(nn.LSTM(d, n)), symbols=10, classes=K, coding="scalar")
    count = nn.count_parameters(model)
    assert count.core == count.formula_core == 4 * (n * d + n * n + n) == 66560
    assert count.output == n * K + K
    assert count.total == count.core + count.output
    assert count.formula == "4(nd + n² + n) + nK + K"
    assert nn.count_parameters(nn.LSTM(d, n)).core == 4 * (n * d + n * n + 2 * n)


@pytest.mark.parametrize("bias", ["two", "one", "none"])
@pytest.mark.parametrize("options", [{}, {"num_layers": 3, "bidirectional": True}])
def test_formula_equals_counting(make_layer, bias, options):
    layer = make_layer(3, 5, bias=bias != "none", **options)
    if bias == "one":
        nn.single_bias(layer)
    count = nn.count_parameters(layer)
    assert count.core == count.formula_core
    assert count.output == count.embedding == 0


@pytest.mark.parametrize(
    ("layer", "formula"),
    [
        (nn.RNN(3, 4), "nd + n² + 2n"),
        (nn.GRU(3, 4, bias=False), "3(nd + n²)"),
        (nn.PeepholeLSTM(3, 4), "4(nd + n² + 2n) + 3n"),
        (nn.FullPeepholeLSTM(3, 4), "4nd + 3n² + 7n"),
        (nn.LSTM(3, 4, 2), "Σ_2 [4(nd + n² + 2n)]"),
    ],
)
def test_formulas_in_letters(layer, formula):
    assert nn.count_parameters(layer).formula == formula


def test_an_embedding_is_counted_apart():
    count = nn.count_parameters(nn.CharacterModel(nn.GRU(6, 5), symbols=11, coding="embedding"))
    assert count.embedding == 66
    assert count.total == count.core + count.output + 66


def test_a_users_cell_has_no_formula():
    count = nn.count_parameters(nn.Recurrent(torch.nn.GRUCell(3, 4)))
    assert (count.core, count.formula) == (3 * (12 + 16 + 8), None)

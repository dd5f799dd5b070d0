"""Reach over time against finite differences, closed forms and its own exact value."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from scipy import stats
from torch import Tensor

from unrolled.analysis.reach import Estimate, model_reach, sequence_reach, sequence_replacement
from unrolled.analysis.reach.influence import Sample, draw_probes, summarise
from unrolled.analysis.reach.values import Reach, student
from unrolled.errors import InputError, UnknownName
from unrolled.nn import CELL_LAYERS, LSTM, CharacterModel, Recurrent, SequenceClassifier

T, B, I, H = 6, 3, 2, 4
TRIALS = 300


def sequences(batch: int = B, steps: int = T) -> Tensor:
    return torch.randn(steps, batch, I, dtype=torch.float64, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("name", CELL_LAYERS)
def test_influence_is_that_of_finite_differences(name: str) -> None:
    layer, x = CELL_LAYERS[name](I, H).double(), sequences()
    found = sequence_reach(lambda x: layer(x)[0], x)
    expected = torch.zeros(B, T, dtype=torch.float64)
    with torch.no_grad():
        for t in range(T):
            for feature in range(I):
                up, down = x.clone(), x.clone()
                up[t, :, feature] += 1e-6
                down[t, :, feature] -= 1e-6
                expected[:, T - 1 - t] += ((layer(up)[0][-1] - layer(down)[0][-1]) / 2e-6).abs().sum(1)
    assert [each.value for each in found.influence] == pytest.approx(expected.mean(0).tolist(), rel=1e-6, abs=1e-9)
    assert [each.error for each in found.influence] == pytest.approx(
        (expected.std(0) / B**0.5).tolist(), rel=1e-5, abs=1e-9
    )
    distance = torch.arange(T, dtype=torch.float64)
    assert found.each == pytest.approx(((expected * distance).sum(1) / expected.sum(1)).tolist(), rel=1e-6)
    assert found.mean_distance.value == pytest.approx(sum(found.each) / B)


class Decay(torch.nn.Module):
    """y_t = Σ_k a^k x_{t-k}: every influence is known."""

    def forward(self, x: Tensor) -> Tensor:
        weights = 0.5 ** torch.arange(x.shape[0] - 1, -1, -1, dtype=x.dtype)
        return torch.einsum("t,tbi->bi", weights, x)


def test_a_geometric_memory() -> None:
    found = sequence_reach(Decay(), sequences(steps=40))
    assert [each.value for each in found.influence] == pytest.approx([2 * 0.5**k for k in range(40)])
    assert found.mean_distance.value == pytest.approx(1, rel=1e-6)
    assert found.range_total.value == pytest.approx(4, rel=1e-6)
    assert found.mean_distance.error == pytest.approx(0, abs=1e-12)
    assert found.horizon(0.95) == 4  # 1 - .5^5 = .969
    assert found.shares[:2] == pytest.approx([0.5, 0.25])


def test_an_earlier_output_hears_nothing_of_what_comes_after_it() -> None:
    layer = LSTM(I, H).double()
    found = sequence_reach(lambda x: layer(x)[0], sequences(), at=2)
    assert len(found.influence) == 3
    assert found.unreached == 0
    both = LSTM(I, H, bidirectional=True).double()
    assert sequence_reach(lambda x: both(x)[0], sequences(), at=2).unreached > 0


def test_batch_first_and_anybody_s_module() -> None:
    theirs = torch.nn.GRU(I, H, batch_first=True).double()
    first = sequence_reach(theirs, sequences().transpose(0, 1), batch_first=True)
    theirs.batch_first = False
    assert sequence_reach(theirs, sequences()) == first
    own = Recurrent(torch.nn.GRUCell(I, H)).double()
    own.cells[0].load_state_dict({name.removesuffix("_l0"): value for name, value in theirs.state_dict().items()})
    ours = sequence_reach(own, sequences())
    assert [e.value for e in ours.influence] == pytest.approx([e.value for e in first.influence], rel=1e-10)


@pytest.mark.parametrize("coding", ["one-hot", "embedding", "scalar"])
def test_a_model_of_symbols_is_asked_through_its_coding(coding: str) -> None:
    size = {"one-hot": 10, "embedding": 5, "scalar": 1}[coding]
    options = {"embedding_size": 5} if coding == "embedding" else {}
    model = SequenceClassifier(LSTM(size, H, batch_first=True), symbols=10, classes=3, coding=coding, **options)
    tokens = torch.randint(10, (T, B))
    found = model_reach(model, tokens)
    exact = model.double()
    x = exact.coding(tokens).detach().requires_grad_()
    total = torch.zeros(T, B, dtype=torch.float64)
    for k in range(3):
        logits = exact.output(exact.layer(x.transpose(0, 1))[0][:, -1])
        total += torch.autograd.grad(logits[:, k].sum(), x)[0].abs().sum(-1)
    assert [each.value for each in found.influence] == pytest.approx(total.flip(0).mean(1).tolist(), rel=1e-10)
    characters = model_reach(CharacterModel(LSTM(4, H), symbols=4), torch.randint(4, (T, B)))
    assert len(characters.influence) == T


@pytest.mark.parametrize(("norm", "probes"), [("entries", 8), ("entries", 24), ("columns", 24)])
def test_estimates_cover_the_exact_value_at_their_confidence(norm: str, probes: int) -> None:
    """At 95 %, every one: the least of 24 shares of 300 trials is .91 or more, 3.2 standard errors below .95."""
    weights = torch.randn(40, T, I, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    x = sequences(batch=1)

    def layer(x: Tensor) -> Tensor:
        return torch.einsum("dti,tbi->bd", weights, x)

    def measured(generator: torch.Generator) -> Reach:
        """What `sequence_reach` measures of this layer, without a backward pass for every probe."""
        vectors, population = draw_probes(40, probes, norm, generator)
        heard = torch.einsum("kd,dti->kti", vectors, weights).abs().sum(-1).flip(1)
        return summarise(Sample(heard[None], torch.zeros(1), (0,), None, population), "steps", "jacobian")

    once, again = torch.Generator().manual_seed(3), torch.Generator().manual_seed(3)
    found = sequence_reach(layer, x, probes=probes, norm=norm, generator=once)
    assert measured(again).mean_distance.value == pytest.approx(found.mean_distance.value)
    assert not found.exact

    size = weights.abs().sum(0) if norm == "entries" else weights.norm(dim=0)
    exact = size.sum(1).flip(0)
    truth = (exact * torch.arange(T)).sum().item()
    hits = [0] * (T + 2)
    totals = torch.zeros(T, dtype=torch.float64)
    for _ in range(TRIALS):
        estimate = measured(once)
        totals += torch.tensor([each.value for each in estimate.influence])
        pairs = [*zip(estimate.influence, exact.tolist(), strict=True), (estimate.range_total, truth)]
        pairs.append((estimate.mean_distance, truth / exact.sum().item()))
        for place, (each, value) in enumerate(pairs):
            low, high = each.interval(0.95)
            hits[place] += low <= value <= high
    assert torch.allclose(totals / TRIALS, exact, rtol=0.04)
    assert min(hits) >= 0.91 * TRIALS, hits


@pytest.mark.parametrize("chance", [0.6, 0.9, 0.975, 0.995, 0.9995])
@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 7, 30, 99, 100, 1000])
def test_student_s_quantiles_are_scipy_s(chance: float, freedom: int) -> None:
    assert student(chance, freedom) == pytest.approx(stats.t.ppf(chance, freedom), rel=1e-4)


def test_an_interval_is_longer_upwards_and_never_below_nothing() -> None:
    low, high = Estimate(2.0, 0.5, 8).interval(0.95)
    assert low == pytest.approx(2 - 2.306 * 0.5, rel=1e-3)
    assert high == pytest.approx(2 * math.exp(2.306 * 0.25), rel=1e-3)
    assert Estimate(2.0, 0.0).interval() == (2.0, 2.0)
    assert Estimate(1e-9, 1.0, 1).interval() == (0.0, math.inf)


def test_all_features_are_the_exact_value() -> None:
    layer, x = LSTM(I, H).double(), sequences()
    exact = sequence_reach(layer, x)
    assert sequence_reach(layer, x, probes=H) == exact
    assert sequence_reach(layer, sequences(batch=1)).mean_distance.error == 0


def test_replacement_in_a_linear_network_is_the_jacobian_times_the_change() -> None:
    x = sequences(steps=5)
    found = sequence_replacement(Decay(), x, generator=torch.Generator().manual_seed(0))
    turns = torch.Generator().manual_seed(0)
    for t in range(5):
        change = x[t].roll(int(torch.randint(1, B, (), generator=turns)), 0) - x[t]
        expected = 0.5 ** (4 - t) * change.abs().sum(1).mean()
        assert found.influence[4 - t].value == pytest.approx(expected.item(), rel=1e-10)
    assert found.kind == "replacement"


def test_replacement_takes_symbols() -> None:
    model = SequenceClassifier(LSTM(10, H), symbols=10, classes=3)
    found = sequence_replacement(model, torch.randint(10, (T, B)))
    assert len(found.influence) == T
    assert found.influence[0].value > 0


WEIGHT = torch.ones((), requires_grad=True)


def no_grad(x: Tensor) -> Tensor:
    with torch.no_grad():
        return x.sum(0)


@pytest.mark.parametrize(
    ("function", "options", "message"),
    [
        (lambda x: x.sum(), {}, r"the output is \[\]: \[B, d\] = \[3, d\] would do"),
        (no_grad, {}, "does not depend on x"),
        (lambda x: WEIGHT.expand(3, 2), {}, "does not depend on x, only on weights"),
        (
            lambda x: Decay()(x) * torch.tensor([1, torch.inf, 1])[:, None],
            {},
            "output of sequence 1 is inf or no",
        ),
        (Decay(), {"at": 9}, "no step 9: the sequence has steps 0…5"),
        (Decay(), {"probes": 1}, "probes is 1: at least 2"),
        (Decay(), {"norm": "columns"}, "norm 'columns' is estimated"),
    ],
)
def test_bad_input_costs_a_line(function: Callable[[Tensor], Tensor], options: dict[str, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        sequence_reach(function, sequences(), **options)


def test_more_bad_input() -> None:
    with pytest.raises(UnknownName, match="no norm 'colums'; did you mean 'columns'"):
        sequence_reach(Decay(), sequences(), norm="colums")
    with pytest.raises(InputError, match="floating point"):
        sequence_reach(Decay(), torch.zeros(2, 3, 1, dtype=torch.int64))
    with pytest.raises(InputError, match="symbols"):
        model_reach(SequenceClassifier(LSTM(10, 2), symbols=10, classes=2), torch.zeros(3, dtype=torch.int64))
    with pytest.raises(InputError, match="the output of sequence 0 is inf or no number"):
        sequence_replacement(lambda x: x[-1] / 0, sequences())
    with pytest.raises(InputError, match="B ≥ 2"):
        sequence_replacement(Decay(), sequences(batch=1))

"""Reach over time against finite differences, closed forms and its own exact value."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from unrolled.analysis.reach import model_reach, sequence_reach, sequence_replacement
from unrolled.errors import InputError, UnknownName
from unrolled.nn import CELL_LAYERS, LSTM, CharacterModel, Recurrent, SequenceClassifier

T, B, I, H = 6, 3, 2, 4


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


@pytest.mark.parametrize("norm", ["entries", "columns"])
def test_estimates_cover_the_exact_value_at_their_confidence(norm: str) -> None:
    weights = torch.randn(40, T, I, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    x = sequences(batch=1)

    def layer(x: Tensor) -> Tensor:
        return torch.einsum("dti,tbi->bd", weights, x)

    size = weights.abs().sum(0) if norm == "entries" else weights.norm(dim=0)
    exact = size.sum(1).flip(0)
    truth = (exact * torch.arange(T)).sum().item()
    hits = {0.95: [0] * (T + 2), 0.99: [0] * (T + 2)}
    generator = torch.Generator().manual_seed(0)
    totals = torch.zeros(T, dtype=torch.float64)
    for _ in range(100):
        estimate = sequence_reach(layer, x, probes=24, norm=norm, generator=generator)
        assert not estimate.exact
        totals += torch.tensor([each.value for each in estimate.influence])
        pairs = [*zip(estimate.influence, exact.tolist(), strict=True), (estimate.range_total, truth)]
        pairs.append((estimate.mean_distance, truth / exact.sum().item()))
        for confidence, counts in hits.items():
            for place, (each, value) in enumerate(pairs):
                low, high = each.interval(confidence)
                counts[place] += low <= value <= high
    assert torch.allclose(totals / 100, exact, rtol=0.03)
    assert min(hits[0.99]) >= 95
    assert sum(hits[0.95]) >= 0.93 * 100 * (T + 2)


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


def no_grad(x: Tensor) -> Tensor:
    with torch.no_grad():
        return x.sum(0)


@pytest.mark.parametrize(
    ("function", "options", "message"),
    [
        (lambda x: x.sum(), {}, r"the output is \[\]: \[B, d\] = \[3, d\] would do"),
        (no_grad, {}, "does not depend on x"),
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
    with pytest.raises(InputError, match="B ≥ 2"):
        sequence_replacement(Decay(), sequences(batch=1))

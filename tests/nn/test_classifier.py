"""From sequences to classes."""

from __future__ import annotations

import pytest
import torch

from unrolled import nn
from unrolled.errors import InputError, ShapeError, UnknownName


def test_one_way_reads_the_last_step(make_layer):
    model = nn.SequenceClassifier(make_layer(10, 4), symbols=10, classes=7)
    tokens = torch.randint(10, (5, 3))
    x = torch.nn.functional.one_hot(tokens, 10).double()
    output, _ = model.layer(x)
    torch.testing.assert_close(model(tokens), model.output(output[-1]))
    assert model(tokens).shape == (3, 7)


def test_both_ways_read_the_end_of_each(make_layer):
    model = nn.SequenceClassifier(make_layer(10, 4, bidirectional=True), symbols=10, classes=7)
    tokens = torch.randint(10, (5, 3))
    output, _ = model.layer(model.coding(tokens))
    expected = model.output(torch.cat([output[-1, :, :4], output[0, :, 4:]], -1))
    torch.testing.assert_close(model(tokens), expected)
    assert model.output.in_features == 8


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_ragged_rows_are_read_at_their_own_end(make_layer, bidirectional, batch_first):
    layer = make_layer(10, 4, bidirectional=bidirectional, batch_first=batch_first)
    model = nn.SequenceClassifier(layer, symbols=10, classes=7)
    tokens = torch.randint(10, (5, 3))
    logits = model(tokens, lengths=torch.tensor([2, 5, 1]))
    for row, length in enumerate([2, 5, 1]):
        torch.testing.assert_close(logits[row], model(tokens[:length, row : row + 1])[0])


@pytest.mark.parametrize("bidirectional", [False, True])
def test_several_answers_are_read_at_the_last_steps(make_layer, bidirectional):
    model = nn.SequenceClassifier(make_layer(10, 4, bidirectional=bidirectional), symbols=10, classes=7, answers=3)
    tokens = torch.randint(10, (6, 2))
    output, _ = model.layer(model.coding(tokens))
    logits = model(tokens)
    assert logits.shape == (3, 2, 7)
    torch.testing.assert_close(logits, model.output(output[3:]))
    ragged = model(tokens, lengths=torch.tensor([4, 6]))
    torch.testing.assert_close(ragged[:, 0], model(tokens[:4, :1])[:, 0])
    torch.testing.assert_close(ragged[:, 1], logits[:, 1])
    with pytest.raises(ShapeError, match="3 answers are read at the last 3 steps, but a sequence has 2"):
        model(tokens, lengths=torch.tensor([2, 6]))
    with pytest.raises(ShapeError, match="a sequence has 2"):
        model(tokens[:2])


def test_numbers_enter_as_they_are(make_layer):
    model = nn.SequenceClassifier(make_layer(2, 4), symbols=0, numbers=2, classes=1, coding="scalar")
    numbers = torch.rand(5, 3, 2)
    output, _ = model.layer(numbers.double())
    torch.testing.assert_close(model(numbers), model.output(output[-1]))
    assert model(numbers).shape == (3, 1)
    with pytest.raises(ShapeError, match=r"numbers must be \[T, B, 2\], but have shape \[5, 3\]"):
        model(torch.zeros(5, 3))
    with pytest.raises(InputError, match="the coding is 'scalar', not 'one-hot'"):
        nn.SequenceClassifier(nn.RNN(2, 4), symbols=0, numbers=2, classes=1)
    with pytest.raises(ShapeError, match="'scalar' of 3 numbers has size 3, the layer's input 2"):
        nn.SequenceClassifier(nn.RNN(2, 4), symbols=0, numbers=3, classes=1, coding="scalar")
    with pytest.raises(InputError, match="answers must be above zero"):
        nn.SequenceClassifier(nn.RNN(2, 4), symbols=2, classes=1, answers=0)


def test_codings():
    tokens = torch.tensor([[1, 0], [2, 2]])
    scalar = nn.SequenceClassifier(nn.RNN(1, 4), symbols=3, classes=2, coding="scalar")
    assert scalar.coding(tokens).tolist() == [[[1.0], [0.0]], [[2.0], [2.0]]]
    one_hot = nn.SequenceClassifier(nn.RNN(3, 4), symbols=3, classes=2)
    assert one_hot.coding(tokens)[1, 0].tolist() == [0, 0, 1]
    assert "coding.identity" not in one_hot.state_dict()
    learnt = nn.SequenceClassifier(nn.RNN(5, 4), symbols=3, classes=2, coding="embedding")
    assert learnt.coding(tokens).shape == (2, 2, 5)
    assert nn.SequenceClassifier(nn.RNN(3, 4).double(), symbols=3, classes=2)(tokens).dtype == torch.float64


def test_what_does_not_fit():
    layer = nn.RNN(3, 4)
    with pytest.raises(UnknownName, match="did you mean 'one-hot'"):
        nn.SequenceClassifier(layer, symbols=3, classes=2, coding="onehot")
    with pytest.raises(ShapeError, match="'one-hot' of 5 symbols has size 5, the layer's input 3"):
        nn.SequenceClassifier(layer, symbols=5, classes=2)
    with pytest.raises(InputError, match="embedding_size=4 is for the coding 'embedding'"):
        nn.SequenceClassifier(layer, symbols=3, classes=2, embedding_size=4)
    with pytest.raises(InputError, match="the number of outputs must be an integer above zero"):
        nn.SequenceClassifier(layer, symbols=3, classes=0)
    with pytest.raises(InputError, match="Linear must say its hidden_size"):
        nn.SequenceClassifier(torch.nn.Linear(3, 4), symbols=3, classes=2)
    with pytest.raises(ShapeError, match=r"tokens must be \[T, B\]"):
        nn.SequenceClassifier(layer, symbols=3, classes=2)(torch.zeros(3, dtype=torch.int64))


def test_torchs_own_layer_and_a_users_cell_serve():
    tokens = torch.randint(3, (5, 2))
    torchs = nn.SequenceClassifier(torch.nn.LSTM(3, 4, bidirectional=True), symbols=3, classes=2)
    assert torchs(tokens).shape == (2, 2)
    with pytest.raises(InputError, match=r"has no initialise\(name"):
        torchs.initialise("xavier")
    users = nn.SequenceClassifier(nn.Recurrent(torch.nn.GRUCell(3, 4)), symbols=3, classes=2)
    assert users(tokens, lengths=[5, 1]).shape == (2, 2)
    users.initialise("xavier")


@pytest.mark.parametrize("name", nn.INITIALISERS)
def test_initialise_draws_the_output_layer_too(name):
    model = nn.SequenceClassifier(nn.LSTM(20, 30), symbols=25, classes=40, coding="embedding", embedding_size=20)
    for results in (first := [], second := []):
        model.initialise(name, forget_bias=1.0, generator=torch.Generator().manual_seed(3))
        results.extend(p.detach().clone() for p in model.parameters())
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert bool(model.output.bias.any()) == (name in ("normal", "torch"))
    assert model.coding.weight.std().item() == pytest.approx(1, abs=0.15)
    if name == "normal":
        assert model.output.weight.std().item() == pytest.approx(1, abs=0.1)
    if name == "orthogonal":
        W = model.output.weight.detach()
        torch.testing.assert_close(W.T @ W, torch.eye(30), atol=1e-5, rtol=0)
    if name == "xavier":
        assert 0.95 < model.output.weight.abs().max() / (6 / 70) ** 0.5 <= 1


def test_it_learns_the_first_symbol():
    torch.manual_seed(0)
    model = nn.SequenceClassifier(nn.LSTM(4, 16), symbols=4, classes=4)
    model.initialise("xavier", forget_bias=1.0)
    optimiser = torch.optim.Adam(model.parameters(), 0.02)
    for _ in range(60):
        tokens = torch.randint(4, (6, 64))
        loss = torch.nn.functional.cross_entropy(model(tokens), tokens[0])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss < 0.3

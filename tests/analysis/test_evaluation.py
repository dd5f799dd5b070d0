"""Evaluation against counting by hand."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import log_softmax

from unrolled import nn
from unrolled.analysis import evaluation as evaluation_module
from unrolled.analysis.evaluation import Evaluation, answers, evaluate
from unrolled.data import BinaryPalindromes, Corpus, DecimalPalindromes, NextCharacter

TEXT = "the quick brown fox jumps over the lazy dog and sleeps. " * 40


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Oracle(torch.nn.Module):
    """Knows that a palindrome ends as it begins, and is sure of it by so many nats."""

    def __init__(self, sureness: float) -> None:
        super().__init__()
        self.sureness = torch.nn.Parameter(torch.tensor(sureness))

    def forward(self, tokens: Tensor, lengths: Any = None) -> Tensor:
        return torch.nn.functional.one_hot(tokens[0], 10) * self.sureness


def test_an_oracle_solves_its_task() -> None:
    evaluation = evaluate(Oracle(5.0), DecimalPalindromes(length=7), generator())
    assert (evaluation.accuracy, evaluation.count, evaluation.solved) == (1.0, 2000, True)
    expected = math.log(math.exp(5.0) + 9) - 5.0
    assert evaluation.loss_nats == pytest.approx(expected, rel=1e-5)
    assert evaluation.bits == pytest.approx(expected / math.log(2), rel=1e-5)


def test_a_contrarian_does_not() -> None:
    evaluation = evaluate(Oracle(-5.0), DecimalPalindromes(length=7), generator())
    assert (evaluation.accuracy, evaluation.solved) == (0.0, False)


def test_no_gradients_are_kept() -> None:
    model, seen = Oracle(1.0), []
    model.register_forward_hook(lambda *_: seen.append(torch.is_grad_enabled()))
    evaluate(model, DecimalPalindromes(length=7), generator())
    assert seen == [False] * 4
    assert torch.is_grad_enabled()


def test_solved_is_a_matter_of_2000_samples() -> None:
    assert not evaluate(Oracle(5.0), DecimalPalindromes(length=7), generator(), count=1999).solved
    assert Evaluation(accuracy=0.99, loss_nats=1.0, count=2000).solved
    assert not Evaluation(accuracy=0.9899, loss_nats=1.0, count=2000).solved


@pytest.mark.parametrize("count", [1, 499, 500, 501, 1234])
def test_batches_together_are_the_whole(count: int) -> None:
    task = BinaryPalindromes(length=3)
    model = nn.SequenceClassifier(nn.RNN(3, 5), symbols=3, classes=2)
    evaluation = evaluate(model, task, generator(4), count=count)
    draws, right, loss, left = generator(4), 0, 0.0, count
    while left:
        batch = task.sample(min(left, 500), draws)
        scores = log_softmax(model(batch.inputs).double(), -1)
        right += int((scores.argmax(-1) == batch.targets).sum())
        loss -= float(scores[torch.arange(len(batch.targets)), batch.targets].sum().detach())
        left -= len(batch.targets)
    assert evaluation.count == count
    assert evaluation.accuracy == right / count
    assert evaluation.loss_nats == pytest.approx(loss / count, rel=1e-5)


def character_model(task: NextCharacter) -> nn.CharacterModel:
    layer = nn.LSTM(task.symbols, 12, num_layers=2, dropout=0.5)
    return nn.CharacterModel(layer, symbols=task.symbols)


def by_hand(model: nn.CharacterModel, codes: Tensor, resets: int | None) -> tuple[float, float]:
    """Accuracy and loss over one stream, its state put to zero every ``resets`` characters."""
    model.eval()
    right, loss, state = 0, 0.0, None
    with torch.no_grad():
        for place in range(len(codes) - 1):
            if resets is not None and place % resets == 0:
                state = None
            logits, state = model(codes[place].view(1, 1), state)
            scores = log_softmax(logits[0, 0].double(), -1)
            right += int(scores.argmax() == codes[place + 1])
            loss -= float(scores[codes[place + 1]])
    return right / (len(codes) - 1), loss / (len(codes) - 1)


def test_a_text_is_read_in_windows_and_with_the_state_carried_on() -> None:
    task = NextCharacter(Corpus.from_text(TEXT, held_out=0.1), window=12)
    model = character_model(task)
    evaluation = evaluate(model, task, generator())
    held_out = task.corpus.held_out
    windows = (len(held_out) - 1) // 12
    cold = by_hand(model, held_out[: windows * 12 + 1], 12)
    warm = by_hand(model, held_out, None)
    assert evaluation.count == windows * 12
    assert (evaluation.accuracy, evaluation.loss_nats) == pytest.approx(cold, rel=1e-5)
    assert (evaluation.carried_accuracy, evaluation.carried_loss_nats) == pytest.approx(warm, rel=1e-5)
    assert evaluation.loss_nats != evaluation.carried_loss_nats
    assert evaluation.carried_bits == pytest.approx(warm[1] / math.log(2), rel=1e-5)


def test_a_long_held_out_part_is_read_up_to_the_count() -> None:
    task = NextCharacter(Corpus.from_text(TEXT * 10, held_out=0.5), window=7)
    model = character_model(task)
    available = task.held_out_count
    assert evaluate(model, task, generator(), count=100).count == 700
    assert evaluate(model, task, generator(), count=None).count == available * 7


def test_many_streams_say_what_one_says_for_they_begin_warm(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tale that repeats itself: whoever begins cold in the middle does not know where he is."""
    task = NextCharacter(Corpus.from_text(TEXT * 6, held_out=0.5), window=7)
    model = character_model(task)
    whole = by_hand(model, task.corpus.held_out, None)
    assert task.held_out_count > 2 * evaluation_module._STREAM_WINDOWS
    carried = evaluate(model, task, generator(), count=None)
    assert (carried.carried_accuracy, carried.carried_loss_nats) == pytest.approx(whole, rel=1e-5)
    monkeypatch.setattr(evaluation_module, "_WARM_CHARACTERS", 0)
    assert evaluate(model, task, generator(), count=None).carried_loss_nats != pytest.approx(whole[1], rel=1e-5)


def test_the_state_is_carried_on_up_to_where_a_document_begins() -> None:
    task = NextCharacter(Corpus.from_text(("a tale and|" * 3 + "another one of a fox|") * 20, separator="|"), window=9)
    model = character_model(task)
    corpus, right, count, loss = task.corpus, 0.0, 0, 0.0
    last = len(corpus.codes) - 1
    bounds = [corpus.split, *(start for start in corpus.documents if corpus.split < start < last), last]
    for begin, end in itertools.pairwise(bounds):
        accuracy, nats = by_hand(model, corpus.codes[begin : end + 1].long(), None)
        right, loss, count = right + accuracy * (end - begin), loss + nats * (end - begin), count + end - begin
    carried = evaluate(model, task, generator(), count=None)
    assert (carried.carried_accuracy, carried.carried_loss_nats) == pytest.approx((right / count, loss / count))


@pytest.mark.parametrize("training", [True, False])
def test_the_model_is_left_as_it_was(training: bool) -> None:
    task = NextCharacter(Corpus.from_text(TEXT, held_out=0.1), window=12)
    model = character_model(task).train(training)
    model.layer.train(not training)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    first = evaluate(model, task, generator())
    assert torch.equal(torch.rand(2), expected)  # no dropout was drawn
    assert (model.training, model.layer.training) == (training, not training)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert all(weight.grad is None for weight in model.parameters())
    assert evaluate(model, task, generator()) == first


def test_answers_are_at_least_float32() -> None:
    model = Oracle(3.0).to(torch.bfloat16)
    assert answers(model, torch.zeros(2, 3, dtype=torch.int64)).dtype == torch.float32
    assert answers(model.double(), torch.zeros(2, 3, dtype=torch.int64)).dtype == torch.float64


def test_there_and_back() -> None:
    plain = Evaluation(accuracy=0.5, loss_nats=1.5, count=10)
    text = Evaluation(accuracy=0.5, loss_nats=1.5, count=10, carried_accuracy=0.6, carried_loss_nats=1.25)
    assert plain.to_mapping() == {"accuracy": 0.5, "loss_nats": 1.5, "count": 10}
    for evaluation in (plain, text):
        assert Evaluation.from_mapping({**evaluation.to_mapping(), "step": 3, "kind": "evaluation"}) == evaluation
    assert plain.carried_bits is None

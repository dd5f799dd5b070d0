from __future__ import annotations

import math

import pytest
import torch

from unrolled import nn
from unrolled.analysis.evaluation import evaluate
from unrolled.analysis.positions import bits_by_position
from unrolled.analysis.tables import Tables
from unrolled.data import Corpus, NextCharacter

TEXT = "the quick brown fox jumps over the lazy dog and sleeps. " * 40


def test_places_in_the_window_together_are_the_figure_from_a_zero_state() -> None:
    task = NextCharacter(Corpus.from_text(TEXT), window=5)
    model = nn.CharacterModel(nn.GRU(task.symbols, 9), symbols=task.symbols)
    bits = bits_by_position(model, task)
    assert len(bits) == 5
    assert len(set(bits)) == 5
    evaluation = evaluate(model, task, torch.Generator())
    assert sum(bits) / 5 == pytest.approx(evaluation.bits, rel=1e-5)
    held_out = task.corpus.held_out
    with torch.no_grad():
        scores = torch.stack([model(held_out[k : k + 1].view(1, 1))[0][0, 0] for k in range(0, len(held_out) - 5, 5)])
    wanted = held_out[1 : len(scores) * 5 : 5]
    own = torch.nn.functional.cross_entropy(scores, wanted) / math.log(2)
    assert bits[0] == pytest.approx(float(own), rel=1e-5)


def test_tables_of_every_order() -> None:
    tables = Tables.of(Corpus.from_text(TEXT))
    assert [score.order for score in tables.back_off] == [score.order for score in tables.kneser_ney] == [*range(10)]
    assert tables.best_accuracy.accuracy > 0.99
    assert tables.back_off[0].accuracy < 0.2
    assert tables.best_bits.order > 2
    assert len(Tables.of(Corpus.from_text("abcde" * 2, held_out=0.5)).back_off) == 5

from __future__ import annotations

import pytest
import torch

from unrolled.data import IGNORED, Corpus, NextCharacter
from unrolled.errors import TextError

TEXT = "".join(chr(0x4E00 + i) for i in range(200))  # every character once: a window tells where it is from


def test_windows_are_the_training_text_shifted_by_one() -> None:
    task = NextCharacter(Corpus.from_text(TEXT), window=9)
    batch = task.sample(5000, torch.Generator().manual_seed(1))
    assert torch.equal(batch.targets, batch.inputs + 1)
    assert torch.equal(batch.inputs[1:], batch.targets[:-1])
    # every start that fits in the training part is drawn, and none that reaches the held-out part
    assert set(batch.inputs[0].tolist()) == set(range(180 - 9))


def test_windows_lay_the_held_out_part_out_without_overlap() -> None:
    corpus = Corpus.from_text(TEXT)
    task = NextCharacter(corpus, window=9)
    assert task.held_out_count == 2
    batch = task.held_out_windows(0, 2)
    assert batch.inputs.shape == (9, 2)
    assert torch.equal(batch.inputs.T.flatten(), corpus.held_out[:18])
    assert torch.equal(batch.targets.T.flatten(), corpus.held_out[1:19])
    assert torch.equal(task.held_out_windows(1, 1).inputs[:, 0], corpus.held_out[9:18])


@pytest.mark.parametrize("rows", [1, 2, 7, 300])
def test_a_stream_asks_every_character_but_the_first_of_its_part_once(rows: int) -> None:
    corpus = Corpus.from_text(TEXT)
    task = NextCharacter(corpus, window=9)
    for layout, part in ((task.stream(rows, first=4), corpus.training), (task.held_out_stream(rows), corpus.held_out)):
        asked = torch.cat([layout.column(index).targets.flatten() for index in range(layout.columns)])
        assert sorted(asked[asked != IGNORED].tolist()) == sorted(part[1:].tolist())


def test_a_held_out_part_too_short_is_refused() -> None:
    task = NextCharacter(Corpus.from_text(TEXT), window=30)
    with pytest.raises(TextError, match=r"20 characters cannot fill 1 row\(s\) of 30"):
        task.require_held_out()
    with pytest.raises(TextError, match="0 characters"):
        NextCharacter(Corpus.from_text(TEXT, held_out=0)).held_out_stream(1)

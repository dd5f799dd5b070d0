"""Beam search beside the enumeration of every text."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
import torch

from unrolled.data import Vocabulary
from unrolled.errors import InputError
from unrolled.generation import beam, beam_search, generate
from unrolled.nn import GRU, CharacterModel, Recurrent

LETTERS = Vocabulary("abc.")


def model(layer: torch.nn.Module | None = None) -> CharacterModel:
    torch.manual_seed(1)
    made = CharacterModel(GRU(4, 8) if layer is None else layer, symbols=4).eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.mul_(3)
    return made


@torch.no_grad()
def log_probability(made: CharacterModel, prompt: str, text: str) -> float:
    codes = LETTERS.encode(prompt + text)
    logits, _ = made(codes[:-1, None])
    every = logits[:, 0].double().log_softmax(1).gather(1, codes[1:, None])[:, 0]
    return float(every[len(prompt) - 1 :].sum())


@pytest.mark.parametrize("layer", [None, Recurrent(torch.nn.LSTMCell(4, 8))])
def test_wide_enough_it_finds_the_likeliest_of_all(layer: torch.nn.Module | None) -> None:
    made = model(layer)
    every = {"".join(text): log_probability(made, "ab", "".join(text)) for text in itertools.product(LETTERS, repeat=4)}
    found = beam_search(made, LETTERS, "ab", length=4, beams=64)
    best = sorted(every, key=lambda text: -every[text])[:64]
    assert [hypothesis.text for hypothesis in found[:10]] == best[:10]
    assert found[0].log_probability == pytest.approx(every[best[0]], abs=1e-5)
    assert found[0].score == pytest.approx(every[best[0]] / 4, abs=1e-5)


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_ends_compete_by_their_score(alpha: float) -> None:
    made = model()
    texts = {
        "".join(text[: text.index(".") + 1] if "." in text else text) for text in itertools.product(LETTERS, repeat=4)
    }
    scores = {text: log_probability(made, "ab", text) / len(text) ** alpha for text in texts}
    found = beam_search(made, LETTERS, "ab", length=4, beams=256, until=".", length_penalty=alpha)
    assert found[0].text == max(scores, key=scores.__getitem__)
    assert found[0].score == pytest.approx(max(scores.values()), abs=1e-5)
    assert all("." not in hypothesis.text[:-1] for hypothesis in found)


def by_lists(made: CharacterModel, length: int, beams: int, until: str, alpha: float) -> list[tuple[str, float]]:
    """The page of the search: it keeps every text that has ended, and goes on to the last character."""
    live, ended = [("", 0.0)], []
    for _ in range(length):
        more = [(text + letter, log_probability(made, "cab", text + letter)) for text, _ in live for letter in LETTERS]
        best = sorted(more, key=lambda found: -found[1])[:beams]
        ended += [found for found in best if found[0].endswith(until)]
        live = [found for found in best if not found[0].endswith(until)]
    scored = [(text, total / len(text) ** alpha) for text, total in ended + live]
    return sorted(scored, key=lambda found: -found[1])[:beams]


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize(("beams", "until"), [(2, "b"), (2, "c"), (3, "ca"), (4, "cc")])
def test_what_is_dropped_on_the_way_would_not_have_come_out(beams: int, until: str, alpha: float) -> None:
    found = beam_search(model(), LETTERS, "cab", length=24, beams=beams, until=until, length_penalty=alpha)
    page = by_lists(model(), 24, beams, until, alpha)
    assert [hypothesis.text for hypothesis in found] == [text for text, _ in page]
    assert [hypothesis.score for hypothesis in found] == pytest.approx([score for _, score in page], abs=1e-5)


@pytest.mark.parametrize(("alpha", "least"), [(0.0, 1), (0.5, 10), (1.0, 100)])
def test_it_is_over_when_no_text_can_come_among_the_best_any_more(alpha: float, least: int) -> None:
    steps: list[int] = []
    found = beam_search(
        model(), LETTERS, "cab", length=200, beams=4, until="c", length_penalty=alpha, on_step=steps.append
    )
    assert least <= steps[-1] < 180
    assert all(hypothesis.text.endswith("c") for hypothesis in found)


def test_texts_that_end_all_along_leave_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    searches: list[beam._Search] = []

    class Watched(beam._Search):
        def __init__(self, *given: Any) -> None:
            super().__init__(*given)
            searches.append(self)

    monkeypatch.setattr(beam, "_Search", Watched)
    beam_search(model(), LETTERS, "cab", length=2000, beams=2, until="b")
    (search,) = searches
    assert len(search.beginning) > 1900
    assert len(search.ready) <= 2
    assert len(search.steps) < 100


def test_one_beam_is_greedy() -> None:
    made = model()
    (found,) = beam_search(made, LETTERS, "cab", length=30, beams=1)
    greedy = generate(made, LETTERS, "cab", length=30, temperature=None, generator=torch.Generator())
    assert found.text == "".join(greedy)


@pytest.mark.parametrize(("beams", "until"), [(1, ""), (4, ""), (2, "b"), (4, ".")])
def test_what_all_texts_agree_on_is_told_before_the_end(beams: int, until: str) -> None:
    told: list[tuple[int, str]] = []
    steps: list[int] = [0]
    found = beam_search(
        model(),
        LETTERS,
        "cab",
        length=200,
        beams=beams,
        until=until,
        on_step=steps.append,
        on_text=lambda text: told.append((steps[-1], text)),
    )
    silent = beam_search(model(), LETTERS, "cab", length=200, beams=beams, until=until)
    assert found == silent
    assert "".join(text for _, text in told) == found[0].text
    if until != ".":
        assert len(told) > 1 and told[0][0] < 100


def test_what_cannot_be_looked_for() -> None:
    wrongs: list[tuple[dict[str, Any], str]] = [
        ({"beams": 0}, "beam is 0"),
        ({"beams": 2.5}, "beam is 2.5"),
        *(({"length_penalty": alpha}, "from 0 to 10") for alpha in (-1.0, 10.5, 1e308, math.inf, math.nan)),
        *(({"length": length}, f"length is {length}") for length in (-1, 2.5, 2**63)),
    ]
    for wrong, match in wrongs:
        with pytest.raises(InputError, match=match):
            beam_search(model(), LETTERS, "a", **({"length": 3, "beams": 2} | wrong))
    with pytest.raises(InputError, match="needs a prompt"):
        beam_search(model(), LETTERS, "", length=3, beams=2)

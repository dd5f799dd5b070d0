"""The model in the package and `load`: writing, scoring, observing, without training and without data."""

from __future__ import annotations

import math
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import unrolled
from unrolled import training
from unrolled.errors import InputError, TextError
from unrolled.generation import Choice, packaged_run
from unrolled.record import read_tensors, tensor_bytes
from unrolled.spec import default_spec


@pytest.fixture(scope="module")
def book() -> unrolled.TextModel:
    return unrolled.load()


def test_the_packaged_model_is_a_run_like_any_other(book: unrolled.TextModel) -> None:
    run = packaged_run()
    assert run.status == "done"
    assert run.spec.task.source == "grimm"  # type: ignore[union-attr]
    assert sum(file.stat().st_size for file in run.path.iterdir()) <= 2_000_000
    assert len(run.metrics("evaluation")) > 5
    assert len(book.vocabulary) == book.model.symbols


def test_it_was_made_by_the_recipe() -> None:
    recipe = Path(__file__).parents[2] / "recipes" / "grimm.yaml"
    run = packaged_run()
    made = unrolled.spec.parse(unrolled.spec.read_yaml(recipe)).to_mapping()
    kept = run.spec.to_mapping()
    kept["task"]["text_sha256"] = None
    assert made == kept


def test_it_needs_no_network_and_no_cache(tmp_path: Path) -> None:
    asked = "import unrolled; print(len(unrolled.load().generate('Once', 40)))"
    environment = {
        "UNROLLED_OFFLINE": "1",
        "UNROLLED_CACHE": str(tmp_path),
        "PATH": "",
        "PYTHONPATH": ":".join(sys.path),
    }
    answer = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True, env=environment)
    assert answer.stdout == "40\n"
    assert list(tmp_path.iterdir()) == []


def test_it_writes_words(book: unrolled.TextModel) -> None:
    text = book.generate("Sleeping beauty is", 400)
    assert len(text) == 400
    words = text.split()
    common = {"the", "and", "to", "he", "she", "was", "of", "a", "in", "that", "said", "you", "it", "her", "his"}
    assert sum(word.strip(".,;‘’") in common for word in words) > len(words) / 5
    assert text == "".join(book.stream("Sleeping beauty is", 400, choice=Choice(temperature=0.5)))
    assert text != book.generate("Sleeping beauty is", 400, seed=1)
    first, second = book.samples(2, "Sleeping beauty is", 50, choice=Choice(temperature=0.5))
    assert book.samples(np.int64(2), "Sleeping beauty is", 50, choice=Choice(temperature=0.5)) == (first, second)
    assert first == "Sleeping beauty is" + text[:50] != second


@pytest.mark.parametrize(("weights", "bound"), [("bf16", 0.002), ("int8", 0.02)])
def test_rounded_weights_cost_little(book: unrolled.TextModel, weights: str, bound: float) -> None:
    """Bits per character of rounded weights on a text, above those of float32."""
    if book.score("abc") is None or _reason(book):
        pytest.skip("no native kernels")
    text = book.generate("The", 3000, temperature=0.9, seed=5)
    codes = book.vocabulary.encode(text)
    packed = unrolled.generation.scribe._pack(book.model, weights)
    logits = packed.read(packed.zeros(1), codes[:-1, None], logits=True)[:, 0]
    bits = -logits.log_softmax(1).gather(1, codes[1:, None]).mean() / math.log(2)
    assert abs(float(bits) - book.score(text).bits_per_character) < bound


def _reason(book: unrolled.TextModel) -> str:
    return unrolled.generation.scribe.open_scribe(book.model, 1).reason


def test_a_score_is_the_cross_entropy(book: unrolled.TextModel) -> None:
    text = "There was once a king who had a daughter. " * 60
    codes = book.vocabulary.encode(text)
    with torch.no_grad():
        logits, _ = book.model(codes[:-1, None])
    nats = torch.nn.functional.cross_entropy(logits[:, 0], codes[1:])
    score = book.score(text)
    assert float(score) == pytest.approx(float(nats) / math.log(2), abs=1e-4)
    assert score.bits.shape == (len(text) - 1,)
    assert score.bits_per_character == score.bits_per_symbol
    assert 1 < float(book.score(text[:42])) < float(book.score(text[:42][::-1]))
    with pytest.raises(InputError, match="at least 2"):
        book.score("a")
    with pytest.raises(TextError, match="U\\+03A9"):
        book.score("aΩ")


def test_bits_of_bytes_are_told_per_character(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNROLLED_CACHE", str(tmp_path / "cache"))
    (tmp_path / "prices.txt").write_text("a € here, a € there. " * 40, encoding="utf-8")
    spec = default_spec("text", source=str(tmp_path / "prices.txt"), vocabulary="bytes", hidden=4, batch=4, steps=2)
    for _ in training.train(spec, name="prices", runs=tmp_path):
        pass
    prices = unrolled.load("prices", runs=tmp_path)
    score = prices.score("€€a€")
    assert score.bits.shape == (9,)
    assert score.bits_per_symbol == pytest.approx(float(score.bits.sum()) / 9)
    assert float(score) == score.bits_per_character == pytest.approx(float(score.bits[2:].sum()) / 3)
    ascii_only = prices.score("a tale")
    assert ascii_only.bits_per_character == ascii_only.bits_per_symbol
    assert math.isnan(prices.score("€").bits_per_character)  # nothing but the first character
    assert prices.observe("€a").log_probabilities.shape == (4, 256)


def test_everything_is_seen(book: unrolled.TextModel) -> None:
    reading = book.observe("Once upon")
    assert [sorted(layer) for layer in reading.layers] == [
        ["candidate", "forget_gate", "hidden", "input_gate", "memory", "output_gate"]
    ] * 2
    assert all(
        value.shape == (9, 256) and not value.requires_grad for layer in reading.layers for value in layer.values()
    )
    with torch.no_grad():
        logits, _ = book.model(book.vocabulary.encode("Once upon")[:, None])
    torch.testing.assert_close(reading.log_probabilities, logits[:, 0].log_softmax(1), rtol=0, atol=1e-4)
    with pytest.raises(InputError, match="nothing to observe"):
        book.observe("")


@pytest.mark.parametrize("vocabulary", ["characters", "bytes"])
def test_a_run_writes_on_without_its_text(vocabulary: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNROLLED_CACHE", str(tmp_path / "cache"))
    text = tmp_path / "novel.txt"
    text.write_text("the quick brown fox jumps over the lazy dog.\n" * 40, encoding="utf-8")
    spec = default_spec("text", source=str(text), vocabulary=vocabulary, hidden=4, batch=4, steps=2)
    for _ in training.train(spec, name="novel", runs=tmp_path):
        pass
    text.unlink()
    shutil.rmtree(tmp_path / "cache", ignore_errors=True)
    loaded = unrolled.load("novel", runs=tmp_path)
    if vocabulary == "characters":
        assert len(loaded.generate("the", 10)) == 10
        assert loaded.vocabulary == unrolled.data.Vocabulary("the quick brown fox jumps over the lazy dog.\n")
    else:
        assert len(loaded.generate("žluťoučký", 10).encode("utf-8", "replace")) >= 10
        assert loaded.score("é").bits.shape == (1,)


def test_an_unfinished_run_writes_on_without_its_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training.loop, "SHOW_EVERY_SECONDS", 0.0)
    text = tmp_path / "novel.txt"
    text.write_text("the quick brown fox jumps over the lazy dog.\n" * 40, encoding="utf-8")
    steps = training.train(default_spec("text", source=str(text), hidden=4, batch=4), name="novel", runs=tmp_path)
    while next(steps).step < 2:
        pass
    steps.close()
    state = tmp_path / "novel" / "state.safetensors"
    tensors, content = read_tensors(state)
    known = unrolled.load("novel", runs=tmp_path).vocabulary
    del content["position"]["vocabulary"]  # as checkpoints were before they kept it
    earlier = tensor_bytes(tensors, content)
    kept = state.read_bytes()
    state.write_bytes(earlier)
    assert unrolled.load("novel", runs=tmp_path).vocabulary == known
    text.unlink()
    with pytest.raises(TextError, match="no text file"):
        unrolled.load("novel", runs=tmp_path)
    state.write_bytes(kept)
    loaded = unrolled.load("novel", runs=tmp_path)
    assert loaded.run.status == "unfinished"
    assert loaded.vocabulary == known == unrolled.data.Vocabulary("the quick brown fox jumps over the lazy dog.\n")
    assert len(loaded.generate("the", 10)) == 10


def test_a_run_of_another_task_has_nothing_to_write(tmp_path: Path) -> None:
    for _ in training.train(default_spec("palindromes", hidden=4, steps=1), name="other", runs=tmp_path):
        pass
    with pytest.raises(InputError, match="learnt palindromes, not text"):
        unrolled.load("other", runs=tmp_path)

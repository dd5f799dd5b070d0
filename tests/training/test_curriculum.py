"""A task that grows: which batches are drawn, by a loop written out; what is recorded; and resuming on the way."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch.nn.functional import cross_entropy

from unrolled.data import DecimalPalindromes
from unrolled.errors import SpecError
from unrolled.spec import RunSpec, build_model, build_task, default_spec
from unrolled.training import Progress, train
from unrolled.training.curriculum import next_size
from unrolled.training.optimisers import clip_gradient
from unrolled.training.streams import stream

Tiny = Callable[..., RunSpec]
Finish = Callable[..., Progress]


def growing(tiny: Tiny, **changes: object) -> RunSpec:
    """A small network that learns two sizes within its steps."""
    options: dict[str, object] = {"cell": "rnn", "length": 9, "hidden": 24, "batch": 64, "steps": 160}
    options |= {"learning_rate": 4e-3, "curriculum": 2}
    return tiny(**{**options, **changes})


@pytest.mark.parametrize(("first", "last"), [(1, 1), (2, 9), (5, 50), (20, 200)])
def test_sizes_grow_to_the_last_and_stay(first: int, last: int) -> None:
    sizes = [first]
    while sizes[-1] < last:
        sizes.append(next_size(sizes[-1], last))
        assert sizes[-1] > sizes[-2]
        assert sizes[-1] <= max(sizes[-2] + 1, 1.25 * sizes[-2] + 1)
    assert sizes[-1] == next_size(last, last) == last


def test_the_batches_are_those_of_a_loop_written_out(tiny: Tiny, finish: Finish, tmp_path: Path) -> None:
    spec = growing(tiny, optimiser="sgd", learning_rate=0.5)
    final = finish(spec, name="run", runs=tmp_path)
    assert final.run is not None
    assert final.run.result is not None

    model = build_model(spec.recurrent, DecimalPalindromes(length=9), stream(3, "weights"))
    draws, size, right, sizes = stream(3, "draws"), 2, [], [[0, 2]]
    for step in range(160):
        batch = DecimalPalindromes(length=size).sample(64, draws)
        logits = model(batch.inputs)
        right.append(float((logits.argmax(-1) == batch.targets).float().mean()))
        model.zero_grad()
        cross_entropy(logits, batch.targets).backward()
        clip_gradient(list(model.parameters()), spec.training.clip)
        with torch.no_grad():
            for weight in model.parameters():
                weight -= 0.5 * weight.grad
        if len(right) >= 32 and sum(right[-32:]) >= 0.99 * 32 and size < 9:  # 32 batches of 64: 2048 sequences
            size = next_size(size, 9)
            right, sizes = [], [*sizes, [step + 1, size]]
    assert len(sizes) >= 3, "the loop must have seen it grow"
    assert final.run.result["sizes"] == sizes
    assert final.size == size
    for name, weight in model.state_dict().items():
        torch.testing.assert_close(final.run.weights()[name], weight, atol=1e-5, rtol=1e-4)
    lines = {line["step"]: line["size"] for line in final.run.metrics("train")}
    assert lines == {step: max(n for begun, n in sizes if begun <= step) for step in lines}


def test_it_is_evaluated_on_the_whole_task(tiny: Tiny, finish: Finish, tmp_path: Path) -> None:
    final = finish(growing(tiny, steps=60), name="run", runs=tmp_path)
    assert final.size == 3
    assert final.accuracy > 0.8  # of the small task
    assert final.evaluation is not None
    assert final.evaluation.accuracy < 0.5


def test_a_resumed_run_grows_at_the_same_steps(tiny: Tiny, finish: Finish, tmp_path: Path, every_step: None) -> None:
    spec = growing(tiny)
    whole = finish(spec, name="whole", runs=tmp_path)
    for pause in (45, 70):
        steps = train(spec, name="paused", runs=tmp_path, resume=True)
        for progress in steps:
            if progress.step == pause:
                break
        steps.close()
    again = finish(spec, name="paused", runs=tmp_path, resume=True)
    assert whole.run is not None
    assert again.run is not None
    assert len(whole.run.result["sizes"]) >= 3
    assert [json.dumps(line["size"]) for line in again.run.metrics("train")] == [
        json.dumps(line["size"]) for line in whole.run.metrics("train")
    ]
    assert again.run.result["sizes"] == whole.run.result["sizes"]
    assert all(torch.equal(again.run.weights()[name], weight) for name, weight in whole.run.weights().items())
    assert Progress.of(again.run).size == again.size == whole.size


def test_a_network_of_the_last_size_reads_all_smaller_ones(tiny: Tiny, finish: Finish) -> None:
    for task, size in (("random-combinations", {"size": 4}), ("baum-sweet", {"digits": 3})):
        final = finish(tiny(task, **size, steps=3, curriculum=2))
        assert final.size == 2


def test_what_cannot_grow_is_refused(tiny: Tiny) -> None:
    with pytest.raises(SpecError, match="'text' has no size that could grow"):
        default_spec("text", curriculum=5)
    with pytest.raises(SpecError, match="curriculum is 20 but length is 10: begin with less"):
        default_spec("palindromes", length=10, curriculum=20)
    with pytest.raises(SpecError, match="stop is 'perfect', which looks at training batches"):
        default_spec("palindromes", curriculum=5, stop="perfect")
    with pytest.raises(SpecError, match="curriculum is 0: a size"):
        default_spec("palindromes", curriculum=0)
    with pytest.raises(SpecError, match="palindromes: length must be 2 or more; got 1"):
        list(train(tiny(curriculum=1)))
    assert default_spec("palindromes").identity() == default_spec("palindromes", curriculum=None).identity()
    assert build_task(default_spec("palindromes", length=30, curriculum=5)) == DecimalPalindromes(length=30)

"""Random streams: pinned, and strangers to each other."""

from __future__ import annotations

from typing import get_args

import torch

from unrolled.training.streams import Purpose, derived_seed, stream


def test_pinned() -> None:
    """Every run ever made depends on these."""
    assert derived_seed(0, "weights") == 13138873486293964836
    assert derived_seed(7, "evaluation", 250) == 5732913067669658822


def test_streams_differ() -> None:
    seeds = {
        derived_seed(seed, purpose, step)
        for seed in (0, 1, 2**63 - 1)
        for purpose in get_args(Purpose)
        for step in (0, 1, 11, 250)
    }
    assert len(seeds) == 3 * len(get_args(Purpose)) * 4
    draws = [stream(0, purpose).initial_seed() for purpose in get_args(Purpose)]
    firsts = {tuple(torch.randint(10, (12,), generator=stream(0, purpose)).tolist()) for purpose in get_args(Purpose)}
    assert len(firsts) == len(draws)


def test_a_stream_begins_anew() -> None:
    first = torch.rand(5, generator=stream(3, "draws"))
    assert torch.equal(first, torch.rand(5, generator=stream(3, "draws")))

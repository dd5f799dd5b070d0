"""torch's own threads serve the graph kernels; where there are none, or after a fork, the pool does."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import sys

import pytest
import torch

from unrolled.kernels.native import graph_product, team
from unrolled.kernels.native.library import Library
from unrolled.kernels.sparse import Pattern


def some_inputs() -> tuple[Pattern, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    ends = torch.randint(3000, (2, 40_000), generator=generator)
    pattern = Pattern.from_edges(ends[0], ends[1], 3000, 3000)
    return pattern, torch.randn(40_000, generator=generator), torch.randn(3000, 16, generator=generator)


def some_product(library: Library) -> torch.Tensor:
    return graph_product.product(library, *some_inputs())


def test_with_and_without_a_team_the_same_comes_out(best):
    use = best._library["unrolled_use_team"]
    use.argtypes = (ctypes.c_void_p,)
    expected = some_product(best)
    try:
        use(None)
        assert torch.equal(some_product(best), expected)
    finally:
        use(team.address())
    assert torch.equal(some_product(best), expected)


@pytest.mark.skipif(sys.platform != "linux", reason="OpenMP is looked for on Linux")
def test_it_is_found_where_torch_has_one(monkeypatch, tmp_path):
    if "OpenMP" in torch.__config__.parallel_info():
        assert team.address()
    maps = tmp_path / "maps"
    monkeypatch.setattr(team, "MAPS", maps)
    assert team.address() is None
    maps.write_text("".join(f"7f00-7f01 r-xp 0 00:00 1 /lib/{name}.so.1\n" for name in ("libgomp", "libiomp5")))
    assert team.address() is None
    maps.write_text("7f00-7f01 r-xp 0 00:00 1 /no/libgomp.so.1\n7f01-7f02 rw-p 0 00:00 0\n")
    assert team.address() is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_forked_child_still_computes(best):
    inputs = some_inputs()
    expected = graph_product.product(best, *inputs).numpy().tobytes()

    def child(queue) -> None:  # torch's own parallel loops would hang here; ours must not
        queue.put(graph_product.product(best, *inputs).numpy().tobytes())

    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    process = context.Process(target=child, args=(queue,))
    process.start()
    found = queue.get(timeout=60)
    process.join(10)
    assert found == expected

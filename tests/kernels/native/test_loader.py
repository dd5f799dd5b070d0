"""Which variant is taken, and what is said where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from unrolled import nn
from unrolled.kernels import native, recurrent
from unrolled.kernels.native import build, loader
from unrolled.kernels.native.library import Library


@pytest.fixture
def nothing_built(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """An empty folder in place of lib/."""
    monkeypatch.setattr(build, "LIBRARIES", tmp_path)
    for cached in (loader.variants, loader._load, native._warn_once):
        cached.cache_clear()
    yield tmp_path
    for cached in (loader.variants, loader._load, native._warn_once):
        cached.cache_clear()


def test_the_best_variant_comes_first(best: Library) -> None:
    assert best.file.stem == f"unrolled-{loader.variants()[0]}"
    assert loader.load() is loader.load("native") is loader.load(f"native-{loader.variants()[0]}")


def test_a_variant_that_does_not_run_here_is_refused(best: Library) -> None:
    with pytest.raises(loader.NativeUnavailable, match="no variant 'v9' runs here; there is v"):
        loader.load("native-v9")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_processor_without_the_variant_is_said_once(
    best: Library, monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype
) -> None:
    monkeypatch.setattr(loader, "halves", lambda: ())
    monkeypatch.setenv("UNROLLED_KERNELS", "native-amx")
    native._warn_once.cache_clear()
    layer, x = nn.LSTM(3, 4).to(dtype), torch.randn(2, 1, 3).to(dtype)
    with pytest.warns(UserWarning, match="torch serves instead: no variant 'amx' runs here: it needs AMX") as caught:
        layer(x)
        layer(x)
    assert len(caught) == 1
    assert recurrent.path().name == "torch" and "it needs AMX" in recurrent.path().reason


def test_the_build_step_s_reason_is_passed_on(nothing_built: Path) -> None:
    with pytest.raises(loader.NativeUnavailable, match="they were not built"):
        loader.load()
    (nothing_built / build.REASON).write_text("no compiler anywhere\n")
    with pytest.raises(loader.NativeUnavailable, match="no compiler anywhere"):
        loader.load()
    with pytest.raises(loader.NativeUnavailable, match="no compiler anywhere"):
        native.describe()


def test_without_a_library_torch_serves_with_one_warning(nothing_built: Path) -> None:
    layer = nn.GRU(3, 4)
    with pytest.warns(UserWarning, match="no native kernels, torch serves instead: they were not built") as caught:
        layer(torch.randn(2, 1, 3))
        layer(torch.randn(2, 1, 3))
    assert len(caught) == 1


def test_a_library_of_another_interface_is_refused(monkeypatch: pytest.MonkeyPatch, best: Library) -> None:
    monkeypatch.setattr("unrolled.kernels.native.library.INTERFACE", -1)
    with pytest.raises(OSError, match="build it again"):
        Library(best.file)


@pytest.mark.parametrize(
    ("sizes", "train", "native"), [((10, 1), False, False), ((10, 1), True, True), ((8, 4), False, True)]
)
def test_a_few_rows_through_large_weights_are_torchs(
    best: Library, monkeypatch: pytest.MonkeyPatch, sizes: tuple[int, int], train: bool, native: bool
) -> None:
    monkeypatch.delenv("UNROLLED_KERNELS", raising=False)
    asked = []
    forward = Library.forward
    monkeypatch.setattr(Library, "forward", lambda self, *a, **k: asked.append(1) or forward(self, *a, **k))
    with torch.set_grad_enabled(train):
        nn.RNN(512, 513)(torch.randn(*sizes, 512))
    assert bool(asked) == native
    monkeypatch.setenv("UNROLLED_KERNELS", "native")
    nn.RNN(512, 513)(torch.randn(*sizes, 512))
    assert asked


def test_layers_use_it_by_themselves(best: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    forward = Library.forward
    monkeypatch.setattr(Library, "forward", lambda self, *a, **k: asked.append(1) or forward(self, *a, **k))
    nn.LSTM(3, 4, num_layers=2, bidirectional=True)(torch.randn(2, 1, 3))
    assert len(asked) == 4

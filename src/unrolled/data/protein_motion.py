"""Where a protein's alpha carbons will be some frames ahead, whatever way the protein is turned.

Every frame is turned into one pose, by superposing it on the first frame of the first training run; a window's frames
are then superposed on its last one. What is asked is how the protein changes its shape from there. A forecast is made
in that pose and turned back, so turning or moving what is given turns the forecast along, exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import torch
from torch import Tensor

from unrolled.data.forecasting import ForecastBatch, Forecasting, Part
from unrolled.data.superposition import centred, rotation_onto
from unrolled.errors import InputError
from unrolled.graph import Graph

if TYPE_CHECKING:
    from torch.nn import Module

    from unrolled.data.protein import ProteinRuns

__all__ = ["ProteinMotion"]

LENGTH = 20.0
"""Angstroms that count as one where places enter a network: about the protein's radius."""
LEAST_SPEED = 1e-3
"""Angstroms a frame: what moves less is taken to move so fast."""
NOISE = 4.0
"""About how much faster an atom shakes, from frame to frame, than it goes anywhere."""
TEST_SHARE = 0.2


@dataclass(frozen=True, eq=False)
class _Track:
    """A run, or a smoothed copy of one: its frames in the common pose, and their graphs once they are asked for."""

    frames: Tensor
    graphs: dict[int, Graph]


@final
class ProteinMotion(Forecasting):
    """The displacement of every alpha carbon, 1, 5 and 10 frames ahead.

    A window's own speed and noise say in which units a network reads and answers::

        x_t = a + v t + r_t                            a line through each atom's window, by least squares
        s² = mean_n |v_n|²,   n² = mean_tn |r_tn|²      the window's speed and noise
        scale_p = √((s p)² + n²)                        for p frames ahead

    Features of atom and frame: its displacement from the window's last frame over s T, its step from the frame before
    over 4 s, its place over 20 Å, and ln(n/s)/2. The simple forecast of which a network takes a share is v p.

    Each training run is there as it is and smoothed in time by Gaussians, so that a network meets runs of much and of
    little noise and learns how far the past can be trusted in either. Nothing but training frames enters the copies.

    Args:
        runs: of the protein.
        window: T.
        horizons: frames ahead, in rising order.
        radius: angstroms within which two alpha carbons are neighbours, in each frame anew.
        smoothings: widths of the Gaussians in frames; 0 is the run itself.
        validation: share of every training run, at its end.

    Raises:
        InputError: too few frames for a window in some part.
    """

    name = "protein"
    unit = "Å"
    outputs = 3
    features = 10
    simple = ("linear",)
    shares = (0.5,)

    def __init__(
        self,
        runs: ProteinRuns,
        *,
        window: int = 10,
        horizons: tuple[int, ...] = (1, 5, 10),
        radius: float = 8.0,
        smoothings: tuple[int, ...] = (0, 1, 2, 4),
        validation: float = 0.2,
    ) -> None:
        self.runs = runs
        self.window = window
        self.horizons = horizons
        self.radius = radius
        self.nodes = len(runs.residues)
        self._reference = centred(runs.training[0][0].double())
        self._windows: dict[Part, list[tuple[_Track, int]]] = {"train": [], "validation": [], "test": []}
        for name, run in zip(runs.names, runs.training, strict=True):
            frames = self._posed(run)
            end = len(frames) if runs.test is not None else round(len(frames) * (1 - TEST_SHARE))
            cut = round(end * (1 - validation))
            for width in smoothings:
                self._add("train", name, self._smoothed(frames[:cut], width), 0, cut)
            self._add("validation", name, frames[:end], cut, end)
            if runs.test is None:
                self._add("test", name, frames, end, len(frames))
        if runs.test is not None:
            self._add("test", runs.test_name, self._posed(runs.test), 0, len(runs.test))

    def _add(self, part: Part, name: str, frames: Tensor, first: int, end: int) -> None:
        """The windows whose every target is one of the frames first … end − 1; what they read may lie before them."""
        lasts = range(max(self.window, first) - 1, end - self.horizons[-1])
        if len(lasts) == 0:
            raise InputError(
                f"{name!r} has {end - first} frames for {part}, and a window of {self.window} with its horizon of "
                f"{self.horizons[-1]} needs {self.window * (first == 0) + self.horizons[-1]}: give a longer run, or a "
                "smaller window or horizon"
            )
        track = _Track(frames, {})
        self._windows[part] += [(track, last) for last in lasts]

    def _posed(self, frames: Tensor) -> Tensor:
        """Frames ``[T, N, 3]`` superposed on the reference, in float64."""
        own = centred(frames.double())
        return own @ rotation_onto(own, self._reference)

    def _smoothed(self, frames: Tensor, width: int) -> Tensor:
        if width == 0:
            return frames
        time = torch.arange(len(frames), dtype=torch.float64)
        kernel = (-0.5 * ((time[:, None] - time) / width).square()).exp()
        kernel = kernel / kernel.sum(1, keepdim=True)
        return self._posed(torch.einsum("ts,snc->tnc", kernel, frames))

    def describe(self) -> str:
        """The protein and its parts in one line."""
        counts = ", ".join(f"{len(windows)} for {part}" for part, windows in self._windows.items())
        return (
            f"{self.runs.title}: {self.nodes} alpha carbons, neighbours within {self.radius:g} Å; windows of "
            f"{self.window} frames, {counts}; learnt from {', '.join(self.runs.names)}, "
            f"tested on {self.runs.test_name}"
        )

    def count(self, part: Part) -> int:
        """How many windows a part has."""
        return len(self._windows[part])

    def asked(self, part: Part, windows: Tensor) -> int:
        """All targets are known."""
        return len(self.horizons) * len(windows) * self.nodes

    def batch(self, part: Part, windows: Tensor) -> ForecastBatch:
        """Some windows of a part."""
        chosen = [self._windows[part][number] for number in windows.tolist()]
        before, after = 1 - self.window, self.horizons[-1] + 1
        frames = torch.stack([track.frames[last + before : last + after] for track, last in chosen])
        graphs = tuple(
            tuple(self._graph(track, last + offset) for track, last in chosen) for offset in range(before, 1)
        )
        known = torch.ones(len(self.horizons), len(chosen), self.nodes, dtype=torch.bool)
        return self._batch(self._aligned(frames), graphs, known)

    def places(self, part: Part, windows: Tensor) -> Tensor:
        """Where the atoms are in the last frame of some windows, in the common pose: ``[B, N, 3]`` in float64."""
        chosen = [self._windows[part][number] for number in windows.tolist()]
        return torch.stack([track.frames[last] for track, last in chosen])

    def _aligned(self, frames: Tensor) -> Tensor:
        """Windows ``[B, T', N, 3]`` with every frame superposed on the last one of those that are read."""
        last = frames[:, self.window - 1 : self.window]
        return frames @ rotation_onto(frames, last)

    def _graph(self, track: _Track, frame: int) -> Graph:
        if frame not in track.graphs:
            track.graphs[frame] = self._neighbours(track.frames[frame])
        return track.graphs[frame]

    def _neighbours(self, places: Tensor) -> Graph:
        near = torch.cdist(places, places) < self.radius
        near.fill_diagonal_(False)
        receivers, senders = near.nonzero().unbind(1)
        return Graph(senders, receivers, self.nodes)

    def _batch(self, frames: Tensor, graphs: tuple[tuple[Graph, ...], ...], known: Tensor) -> ForecastBatch:
        """From aligned windows ``[B, T', N, 3]``; what lies behind the T frames that are read are the targets."""
        past, last = frames[:, : self.window], frames[:, self.window - 1]
        time = torch.arange(self.window, dtype=torch.float64)
        time = time - time.mean()
        velocity = torch.einsum("t,btnc->bnc", time, past) / time.square().sum()
        line = past.mean(1, keepdim=True) + time.view(1, -1, 1, 1) * velocity.unsqueeze(1)
        speed = velocity.square().sum(-1).mean(-1).sqrt().clamp(min=LEAST_SPEED)
        noise = (past - line).square().sum(-1).mean((1, 2)).sqrt().clamp(min=LEAST_SPEED)
        unit = speed.view(-1, 1, 1, 1)
        features = torch.cat(
            [
                (past - last.unsqueeze(1)) / (unit * self.window),
                past.diff(dim=1, prepend=past[:, :1]) / (unit * NOISE),
                past / LENGTH,
                ((noise / speed).log() / 2).view(-1, 1, 1, 1).expand(*past.shape[:3], 1),
            ],
            dim=-1,
        )
        ahead = torch.tensor(self.horizons, dtype=torch.float64)
        scale = ((speed * ahead[:, None]).square() + noise.square()).sqrt()
        if frames.shape[1] > self.window:
            targets = torch.stack([frames[:, self.window - 1 + step] - last for step in self.horizons])
        else:
            targets = torch.zeros(len(self.horizons), *last.shape)
        return ForecastBatch(
            inputs=features.transpose(0, 1).float(),
            graphs=graphs,
            bases=(ahead.view(-1, 1, 1, 1) * velocity).unsqueeze(-1).float(),
            scale=scale[..., None, None].float(),
            targets=targets.float(),
            known=known,
        )

    def baselines(self, batch: ForecastBatch) -> Mapping[str, Tensor]:
        """Nothing moves; each atom goes on along its window's line; each repeats its last step."""
        ahead = torch.tensor(self.horizons, dtype=torch.float64).view(-1, 1, 1, 1)
        step = -batch.inputs[-2, ..., :3] * self._speed(batch) * self.window
        return {
            "persistence": torch.zeros_like(batch.targets),
            "linear": batch.bases[..., 0],
            "last-step": (ahead * step).to(batch.targets.dtype),
        }

    def _speed(self, batch: ForecastBatch) -> Tensor:
        """S of each window, ``[B, 1, 1]``."""
        velocity = batch.bases[0, ..., 0] / self.horizons[0]
        return velocity.square().sum(-1).mean(-1).sqrt().clamp(min=LEAST_SPEED)[:, None, None]

    def forecast(self, model: Module, frames: Tensor) -> Tensor:
        """Where the atoms will be: ``[P, N, 3]``, turned and placed as the last frame given.

        Args:
            model: a trained network, on the CPU, in `eval` mode.
            frames: ``[T, N, 3]``, a window of the protein's alpha carbons in angstroms, turned and placed as they like.

        Raises:
            InputError: another number of frames or atoms than the task's, or coordinates that are no numbers.
        """
        if frames.shape != (self.window, self.nodes, 3):
            raise InputError(f"frames is {tuple(frames.shape)}: ({self.window}, {self.nodes}, 3) would do")
        if not bool(torch.isfinite(frames).all()):
            raise InputError("frames has coordinates that are no numbers (nan or infinite)")
        own = centred(frames.double())
        turn = rotation_onto(own[-1], self._reference)
        posed = self._posed(frames)
        graphs = tuple((self._neighbours(places),) for places in posed)
        known = torch.zeros(len(self.horizons), 1, self.nodes, dtype=torch.bool)
        batch = self._batch(self._aligned(posed[None]), graphs, known)
        weight = next(model.parameters())
        batch = batch.to(weight.device, weight.dtype)
        with torch.no_grad():
            moved = batch.forecast(model(batch.inputs, batch.graphs))[:, 0].double().cpu()
        return frames[-1].double() + moved @ turn.mT

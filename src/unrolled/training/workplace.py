"""The surroundings in which steps are taken, put up before a stretch of work and taken down before anybody looks."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Mapping
from types import FrameType, ModuleType, TracebackType
from typing import Any, final

import torch
from torch import Tensor

from unrolled.errors import SpecError
from unrolled.training.streams import derived_seed

__all__ = ["Workplace", "choose_device"]


def choose_device(name: str) -> torch.device:
    """The device of that name; ``auto`` is the machine's accelerator, or the CPU where it has none.

    Raises:
        SpecError: no device of that name, or not on this machine.
    """
    accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    here = ["cpu"] if accelerator is None else ["cpu", accelerator.type]
    if name == "auto":
        return torch.device(here[-1])
    try:
        device = torch.device(name)
    except RuntimeError:
        raise SpecError(f"device is {name!r}: no such device; give auto or one of {', '.join(here)}") from None
    count = 1 if device.type == "cpu" else torch.accelerator.device_count()
    if device.type not in here or (device.index or 0) >= count:
        raise SpecError(f"device is {name!r}, which this machine does not have; give auto or one of {', '.join(here)}")
    return device


@final
class Workplace:
    """While entered, work is undisturbed and disturbs nobody.

    * Ctrl-C waits until it is left, so no step is ever half taken.
    * torch's global random numbers (dropout) are the run's own; outside they are the caller's.
    * Denormals count as zero: in vanishing gradients they would slow everything 25-60 times.
    * The clock runs: `seconds` counts the time spent inside.

    Args:
        device: where the network is.
        seed: of the run.
        rank: which of the run's processes this is; each drops out its own.
    """

    def __init__(self, device: torch.device, seed: int, rank: int = 0) -> None:
        self.device = device
        fresh = derived_seed(seed, "dropout", rank)
        self._random = {
            place: torch.Generator(place).manual_seed(fresh).get_state() for place in {"cpu": 0, str(device): 0}
        }
        self._seconds = 0.0
        self._entered: float | None = None

    @property
    def seconds(self) -> float:
        """Time spent inside, in this process and in those that it resumed."""
        return self._seconds + (0.0 if self._entered is None else time.perf_counter() - self._entered)

    @property
    def random_states(self) -> dict[str, Tensor]:
        """The run's global random states by device."""
        return dict(self._random) if self._entered is None else self._live_states()

    def restore(self, seconds: float, random_states: Mapping[str, Tensor]) -> None:
        """Go on with this time and these random states; not while entered.

        Raises:
            SpecError: they were made on another device, so the run cannot go on bit for bit here.
        """
        if random_states.keys() != self._random.keys():
            there = ", ".join(sorted(random_states))
            raise SpecError(f"this run was on {there}, and device {str(self.device)!r} would not go on bit for bit")
        self._seconds, self._random = seconds, dict(random_states)

    def __enter__(self) -> Workplace:
        self._interrupt: FrameType | None = None
        self._interrupted = False
        self._handler: Any = None
        if threading.current_thread() is threading.main_thread() and callable(signal.getsignal(signal.SIGINT)):
            self._handler = signal.signal(signal.SIGINT, self._postpone)
        self._flushed_before = _flushes_denormals()
        torch.set_flush_denormal(True)
        self._outside = self._live_states()
        self._set_states(self._random)
        self._entered = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._seconds, self._entered = self.seconds, None
        self._random = self._live_states()
        self._set_states(self._outside)
        torch.set_flush_denormal(self._flushed_before)
        if self._handler is not None:
            signal.signal(signal.SIGINT, self._handler)
            if self._interrupted and error is None:
                self._handler(signal.SIGINT, self._interrupt)

    def _postpone(self, number: int, frame: FrameType | None) -> None:
        self._interrupted, self._interrupt = True, frame

    def _live_states(self) -> dict[str, Tensor]:
        return {place: _module(place).get_rng_state(*_where(place)) for place in self._random}

    def _set_states(self, states: Mapping[str, Tensor]) -> None:
        for place, state in states.items():
            _module(place).set_rng_state(state, *_where(place))


def _module(place: str) -> ModuleType:
    return torch.random if place == "cpu" else torch.get_device_module(torch.device(place))


def _where(place: str) -> tuple[str, ...]:
    return () if place in ("cpu", "mps") else (place,)


def _flushes_denormals() -> bool:
    return bool(torch.tensor(1e-310, dtype=torch.float64) * 1.0 == 0)

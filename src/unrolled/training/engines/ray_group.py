"""One network, trained by processes of a Ray cluster that share every batch as those of torchrun do.

A placement group keeps a CPU for each of them, near each other where there is room. All run `unrolled.training.train`
in the surroundings that torchrun would give them, so the bits are the same. Should one die, alone or with its node,
all begin again from the last checkpoint.
"""

from __future__ import annotations

import contextlib
import math
import os
import socket
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import torch.distributed

from unrolled.errors import DivergedError, HeldError, InputError, UnrolledError
from unrolled.record import open_run
from unrolled.spec import RunSpec, resolve
from unrolled.training.engines.engine import Ended, Order
from unrolled.training.engines.far import begin, plain
from unrolled.training.engines.ray_core import RETRIES, connected
from unrolled.training.ledger import require_name, run_there
from unrolled.training.loop import raise_if_diverged
from unrolled.training.progress import Progress

__all__ = ["train_together"]

_LOOK_SECONDS = 1.0
_FAREWELL_SECONDS = 30.0
"""How long after an error Ray may take to find out that it came of a death."""

_THREADS = 1


def train_together(
    spec: RunSpec,
    *,
    name: str,
    processes: int,
    address: str | None = None,
    runs: Path | str = "runs",
    resume: bool = False,
) -> Generator[Progress, None, None]:
    """As `unrolled.training.train`, by so many processes of a Ray cluster, a thread each.

    Every node needs unrolled, and the folder of runs under one path. Closing the generator, or Ctrl-C, ends the
    processes; the run can be resumed from its last checkpoint, with as many.

    Args:
        spec: what to train.
        name: of the run.
        processes: that share every batch.
        address: of the cluster (host:port, or auto for the one that runs on this machine); None: start one here.
        runs: the folder of runs.
        resume: as of `unrolled.training.train`.

    Raises:
        InputError: Ray is not installed, no cluster is at the address, or it has too few CPUs.
        UnrolledError: as `unrolled.training.train`; and where the processes died again and again.
    """
    require_name(name)
    order = Order(resolve(spec), name, Path(runs).absolute())
    run = run_there(order.path, order.spec, resume)
    if run is None or run.result is None:
        with connected(address) as ray:
            ended = yield from _trained(ray, order, processes)
        if ended.error is not None and not isinstance(ended.error, DivergedError):
            raise ended.error
        run = open_run(order.path)
        if run.result is None:
            raise UnrolledError(f"run {name!r} was trained, but not into {str(order.path)!r} of this machine")
    yield Progress.of(run)
    raise_if_diverged(run)


def _trained(ray: Any, order: Order, count: int) -> Generator[Progress, None, Ended]:
    """Begin again until the processes have come to their end together."""
    died = False
    for _ in range(RETRIES + 1):
        ended = yield from _attempt(ray, order, count)
        if ended is None:
            died = True
        elif not (died and isinstance(ended.error, HeldError)):  # one that died with its node holds it a moment longer
            return ended
        time.sleep(_LOOK_SECONDS)
    return Ended(UnrolledError(f"run {order.name!r} lost a process {RETRIES + 1} times; it can be resumed"))


def _attempt(ray: Any, order: Order, count: int) -> Generator[Progress, None, Ended | None]:
    """Train until all processes have ended: the first error among them. None: one of them died."""
    with _members(ray, count) as members:
        try:
            place = ray.get(members[0].meeting_place.remote())
            words = plain(order, _THREADS)
            streams = [member.train.remote(words, rank, count, place) for rank, member in enumerate(members)]
            error, until = None, math.inf
            while streams and time.monotonic() < until:
                ready, _ = ray.wait(streams, timeout=_LOOK_SECONDS)
                for stream in ready:
                    told: Progress | Ended = ray.get(next(stream))
                    if isinstance(told, Progress):
                        yield told
                        continue
                    streams.remove(stream)
                    if error is None and told.error is not None:  # the others' errors follow from it, or from a death
                        error, until = told.error, time.monotonic() + _FAREWELL_SECONDS
        except ray.exceptions.RayTaskError as failed:
            reason = str(failed).strip().splitlines()[-1]
            return Ended(UnrolledError(f"run {order.name!r} failed: {reason}"))
        except ray.exceptions.RayError:
            return None
    return Ended(error)


@contextlib.contextmanager
def _members(ray: Any, count: int) -> Iterator[list[Any]]:
    """So many actors in one placement group, and none of either afterwards."""
    from ray.util.placement_group import placement_group, remove_placement_group
    from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

    _require_processors(ray, count)
    group = placement_group([{"CPU": _THREADS}] * count)
    members: list[Any] = []
    try:
        while not group.wait(_LOOK_SECONDS):
            _require_processors(ray, count)  # for a node may have gone
        actor = ray.remote(num_cpus=_THREADS, scheduling_strategy=PlacementGroupSchedulingStrategy(group))(_Member)
        members += [actor.remote() for _ in range(count)]
        yield members
    finally:
        for member in members:
            ray.kill(member)
        remove_placement_group(group)


def _require_processors(ray: Any, count: int) -> None:
    there = int(ray.cluster_resources().get("CPU", 0)) // _THREADS
    if there < count:
        raise InputError(f"processes is {count}, but the Ray cluster has {there} CPUs: a CPU for each")


class _Member:
    """One of the processes, an actor of its own."""

    def meeting_place(self) -> tuple[str, int]:
        """Where the others find this one: its machine's address and a free port there."""
        import ray

        ray_util: Any = ray.util
        with socket.socket() as free:
            free.bind(("", 0))
            return ray_util.get_node_ip_address(), free.getsockname()[1]

    def train(self, words: dict[str, Any], rank: int, count: int, place: tuple[str, int]) -> Iterator[Progress | Ended]:
        """Train in these surroundings; the first process tells how far it is, all tell that they have ended."""
        os.environ |= {
            "MASTER_ADDR": place[0],
            "MASTER_PORT": str(place[1]),
            "RANK": str(rank),
            "LOCAL_RANK": str(rank),
            "WORLD_SIZE": str(count),
        }
        steps = begin(words)
        try:
            while True:
                progress = next(steps)
                if rank == 0:
                    yield progress
        except StopIteration as end:
            yield end.value
        finally:
            if torch.distributed.is_initialized():
                torch.distributed.destroy_process_group()  # and so the others hear of an error at once

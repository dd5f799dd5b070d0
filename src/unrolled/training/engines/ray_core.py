"""On a Ray cluster: a task a run, on any number of machines that share the folder of runs.

Ray Core only. A task whose node or process dies is given to another, and goes on from the last checkpoint.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import sys
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, final

from unrolled.errors import InputError, UnrolledError
from unrolled.training.engines.engine import Ended, Engine, Order
from unrolled.training.engines.far import Watch, obey, plain
from unrolled.training.progress import Progress

__all__ = ["RETRIES", "RayCluster", "connected"]

_LOOK_SECONDS = 1.0
_FAREWELL_SECONDS = 30.0
_ANSWER_SECONDS = 10.0
RETRIES = 10
"""How often a run may lose a process or a node before it counts as failed."""


@final
@dataclass(frozen=True)
class RayCluster(Engine):
    """A Ray cluster that is there, or one on this machine for as long as it is needed.

    Every node needs unrolled, and the folder of runs under one path. What travels is the spec.

    Attributes:
        address: of the cluster (host:port, or auto for the one that runs on this machine); None: start one here.
        threads: of each run, and the CPUs that Ray keeps for it.
    """

    address: str | None = None
    threads: int = 1

    @property
    def workers(self) -> None:
        """As many as the cluster has CPUs, which is not known before."""
        return None

    def train(self, orders: Sequence[Order]) -> Generator[tuple[Order, Progress | Ended], None, None]:
        """As `Engine.train`; progress is read from the record.

        Raises:
            InputError: Ray is not installed, or there is no cluster at the address.
        """
        with connected(self.address) as ray:
            task = ray.remote(num_cpus=self.threads, max_retries=RETRIES)(obey)
            waiting = {task.remote(plain(order, self.threads)): order for order in orders}
            watch = Watch()
            try:
                while waiting:
                    ready, _ = ray.wait(list(waiting), timeout=_LOOK_SECONDS)
                    for ticket in ready:
                        order = waiting.pop(ticket)
                        yield order, _fetched(ray, ticket, order)
                    for order in list(waiting.values()) if not ready else ():
                        progress = watch.look(order.path)
                        if progress is not None:
                            yield order, progress
            finally:
                for ticket in waiting:
                    ray.cancel(ticket)
                if waiting:
                    ray.wait(list(waiting), num_returns=len(waiting), timeout=_FAREWELL_SECONDS)


def _fetched(ray: Any, ticket: Any, order: Order) -> Ended:
    try:
        ended: Ended = ray.get(ticket)
    except ray.exceptions.RayError as error:
        reason = (str(error) or type(error).__name__).strip().splitlines()[0]
        return Ended(UnrolledError(f"run {order.name!r} was lost by Ray: {reason}; it can be resumed"))
    return ended


def _require_answer(address: str) -> None:
    """Refuse an address at which nobody answers, for which Ray would wait many minutes."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise InputError(f"address is {address!r}: give host:port, or auto for the cluster that runs on this machine")
    try:
        socket.create_connection((host, int(port)), _ANSWER_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise InputError(f"no Ray cluster at {address!r}: {error}") from None


@contextlib.contextmanager
def connected(address: str | None) -> Iterator[Any]:
    """Ray, with a connection to the cluster; one that the caller made is used and left as it is."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    try:
        import ray
    except ImportError:
        raise InputError("the engine ray needs Ray: pip install 'unrolled[ray]'") from None
    if ray.is_initialized():
        yield ray
        return
    if address not in (None, "auto"):
        _require_answer(address)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            here: dict[str, Any] = {"include_dashboard": False} if address is None else {}
            ray.init(address=address or "local", log_to_driver=False, logging_level=logging.ERROR, **here)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise InputError(f"no Ray cluster at {address!r}: {str(error).splitlines()[0]}") from None
    try:
        yield ray
    finally:
        ray.shutdown()

"""Under Slurm, by submitit: a job a run, on machines that share the folder of runs."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, final

from unrolled.errors import InputError, UnrolledError
from unrolled.training.engines.engine import Ended, Engine, Order
from unrolled.training.engines.far import Watch, obey, plain
from unrolled.training.progress import Progress

__all__ = ["Slurm"]

_LOOK_SECONDS = 0.5
_FAREWELL_SECONDS = 30.0
_FOLDER = ".jobs"
"""Under the folder of runs: submitit's scripts, what it hands to the jobs, and what they print."""


@final
@dataclass(frozen=True)
class Slurm(Engine):
    """Jobs of a Slurm cluster, so many at a time.

    A job that reaches its time limit or is preempted is queued again, and goes on from the last checkpoint.

    Attributes:
        workers: jobs at once.
        threads: of each run, and the CPUs that Slurm keeps for it.
        cluster: slurm; or local, processes on this machine by the same way.
        partition: of the cluster; None: its default.
        minutes: time limit of a job.
    """

    workers: int = 8
    threads: int = 1
    cluster: Literal["slurm", "local"] = "slurm"
    partition: str | None = None
    minutes: int = 24 * 60

    def train(self, orders: Sequence[Order]) -> Generator[tuple[Order, Progress | Ended], None, None]:
        """As `Engine.train`; progress is read from the record.

        Raises:
            InputError: submitit is not installed, or there is no Slurm here.
        """
        if not orders:
            return
        executor = self._executor(orders[0])
        queue, jobs, watch = deque(orders), list[tuple[Any, Order]](), Watch()
        try:
            while queue or jobs:
                while queue and len(jobs) < self.workers:
                    order = queue.popleft()
                    jobs.append((executor.submit(_Job(), plain(order, self.threads)), order))
                ended = [(job, order) for job, order in jobs if job.done()]
                for job, order in ended:
                    jobs.remove((job, order))
                    yield order, _fetched(job, order)
                if ended:
                    continue
                time.sleep(_LOOK_SECONDS)
                for _, order in jobs:
                    progress = watch.look(order.path)
                    if progress is not None:
                        yield order, progress
        finally:
            for job, _ in jobs:
                job.cancel(check=False)
            until = time.monotonic() + _FAREWELL_SECONDS
            while any(not job.done() for job, _ in jobs) and time.monotonic() < until:
                time.sleep(_LOOK_SECONDS)

    def _executor(self, first: Order) -> Any:
        try:
            import submitit
        except ImportError:
            raise InputError("the engine slurm needs submitit: pip install 'unrolled[slurm]'") from None
        logging.getLogger("submitit").setLevel(logging.ERROR)
        try:
            executor = submitit.AutoExecutor(folder=first.root / _FOLDER, cluster=self.cluster)
        except RuntimeError as error:
            raise InputError(f"no Slurm here: {str(error).splitlines()[0]}; --cluster local does without") from None
        partition = {} if self.partition is None else {"slurm_partition": self.partition}
        executor.update_parameters(name="unrolled", timeout_min=self.minutes, cpus_per_task=self.threads, **partition)
        return executor


def _fetched(job: Any, order: Order) -> Ended:
    import submitit

    try:
        ended: Ended = job.result()
    except submitit.core.utils.UncompletedJobError as error:
        reason = str(error).strip().splitlines()[0]
        return Ended(UnrolledError(f"the job {job.job_id} of {order.name!r} was lost: {reason}; it can be resumed"))
    except submitit.core.utils.FailedJobError as error:
        reason = str(error).strip().splitlines()[-1]
        return Ended(UnrolledError(f"the job {job.job_id} of {order.name!r} failed: {reason}"))
    return ended


@final
class _Job:
    """What a job calls; submitit asks for `checkpoint` when Slurm is about to end the job."""

    def __call__(self, words: dict[str, Any]) -> Ended:
        return obey(words)

    def checkpoint(self, words: dict[str, Any]) -> Any:
        import submitit

        return submitit.helpers.DelayedSubmission(self, words)

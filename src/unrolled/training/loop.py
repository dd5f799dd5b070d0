"""Training: one straight loop that yields what happens."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Generator
from pathlib import Path

import torch
from torch import nn

from unrolled.errors import DivergedError
from unrolled.record import Run
from unrolled.spec import RunSpec, build_network, build_task, resolve
from unrolled.training.job import Job
from unrolled.training.ledger import Ledger, NoLedger, open_ledger, require_name
from unrolled.training.processes import join_processes
from unrolled.training.progress import Progress
from unrolled.training.streams import stream
from unrolled.training.workplace import Workplace, choose_device

__all__ = ["raise_if_diverged", "train"]

SHOW_EVERY_SECONDS = 0.1
"""Time between two progress values while nothing else happens; it decides nothing of what is computed or written."""


def train(
    spec: RunSpec,
    *,
    name: str | None = None,
    runs: Path | str = "runs",
    model: nn.Module | None = None,
    resume: bool = False,
) -> Generator[Progress, None, None]:
    """Train the network of a spec, yielding a `Progress` about ten times a second and at every evaluation.

    The run can be stopped at any moment: Ctrl-C and closing the generator leave a checkpoint of the last whole step,
    and a process that is killed leaves the last one written. Resumed, on the same machine with the same number of
    threads, it ends with the weights, bit for bit, and the metrics that it would have ended with.

    Under torchrun its processes share every batch, and the first of them writes the run; interrupted, they leave the
    last checkpoint that was due.

    The last value has ``stopped`` set, and carries the ``model`` and, where it was written, the ``run``.

    Args:
        spec: what to train; the same spec gives the same weights, whatever the name.
        name: of the run, written under ``runs``; None: nothing is written.
        runs: the folder of runs.
        model: a network of yours in place of the spec's, trained in place; it keeps the protocol of
            `unrolled.nn.SequenceClassifier`, for a text `unrolled.nn.CharacterModel`, for nodes
            `unrolled.nn.NodeClassifier`.
        resume: go on with an unfinished run, begin one that is not there, give the last progress of one that is done.

    Raises:
        SpecError: an impossible spec, device or name.
        RecordError: the name is taken and ``resume`` is off, or the run is damaged or another spec's.
        StorageError: the run cannot be written; what was written so far can be resumed.
        DivergedError: after the last value, when a loss or a gradient was not finite.
    """
    if name is not None:
        require_name(name)
    task = build_task(spec)
    spec = resolve(spec, task)
    device = choose_device(spec.training.device)
    processes = join_processes(device, spec.training.batch)
    workplace = Workplace(device, spec.training.seed, processes.rank)
    with workplace:
        weights = stream(spec.training.seed, "weights")
        network = build_network(spec, task, weights) if model is None else model
        network.to(workplace.device, torch.float64 if spec.training.precision == "float64" else None)
        job = Job(spec, task, network, workplace, processes)

    ledger: Ledger = NoLedger()
    checkpoint = None
    done = None
    if name is not None and processes.rank == 0:
        opened = open_ledger(Path(runs) / name, spec, resume=resume, given_model=model is not None)
        if isinstance(opened, Run):
            done = opened
        else:
            ledger, checkpoint = opened, opened.resumed
    done, checkpoint = processes.shared((done, checkpoint))
    if done is not None:
        yield Progress.of(done)
        raise_if_diverged(done)
        return

    try:
        if checkpoint is not None:
            job.resume(checkpoint)
        with workplace:
            if checkpoint is None:
                job.look(ledger)
        while job.stopped is None:
            yield job.progress()
            with workplace:
                job.clear_news()
                until = time.perf_counter() + SHOW_EVERY_SECONDS
                while True:
                    job.take_step()
                    job.look(ledger)
                    if job.has_news or time.perf_counter() >= until:
                        break
                job.read()
        with workplace:
            job.conclude()
        run = ledger.finish(job.kept, job.result())
    except (KeyboardInterrupt, GeneratorExit):
        job.save(ledger)
        raise
    finally:
        ledger.close()
    yield dataclasses.replace(job.progress(), run=run, model=network)
    if job.divergence is not None:
        raise DivergedError(job.divergence)


def raise_if_diverged(run: Run) -> None:
    """Say of a run that diverged earlier what was said then."""
    if run.status == "diverged":
        assert run.result is not None
        raise DivergedError(run.result.get("divergence") or f"run {run.name!r} diverged")

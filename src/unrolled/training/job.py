"""One training run between its first and its last step."""

from __future__ import annotations

import math
import platform
from contextlib import AbstractContextManager
from typing import Any, final

import torch
from torch import nn

from unrolled.analysis.evaluation import Evaluation
from unrolled.analysis.forecast_evaluation import ForecastEvaluation
from unrolled.data import NextCharacter, Question, Vocabulary
from unrolled.errors import RecordError, UserCodeError
from unrolled.generation.sampling import Sample
from unrolled.kernels import recurrent
from unrolled.spec import RunSpec
from unrolled.training.best import Best
from unrolled.training.checkpoint import Checkpoint, capture, restore
from unrolled.training.ledger import Ledger
from unrolled.training.lessons import build_lesson
from unrolled.training.looks import look_at, require_looking
from unrolled.training.meter import Meter
from unrolled.training.optimisers import build_optimiser, clip_gradient, set_learning_rate
from unrolled.training.processes import Processes
from unrolled.training.progress import Progress
from unrolled.training.samples import draw_progress_sample, draw_third_samples, require_sampling, third
from unrolled.training.schedules import learning_rate
from unrolled.training.stopping import build_stop_rule
from unrolled.training.streams import stream
from unrolled.training.summaries import readable
from unrolled.training.workplace import Workplace
from unrolled.version import __version__

__all__ = ["LINE_EVERY", "Job"]

LINE_EVERY = 50
"""Steps between two training lines of the metrics."""


@final
class Job:
    """The network and everything that changes with it; what is due, and when.

    What is computed and written is decided by the number of the step, never by the time.

    Args:
        spec: resolved.
        task: of the spec.
        model: on its device; it is trained in place.
        workplace: entered whenever a method is called that takes steps or looks.
        processes: those that train it together; they call the same methods at the same steps.

    Attributes:
        step: steps taken.
        stopped: why the run ended, once it has.
        kept: the last moment that is known to be good; at the end the one whose weights the run ends with.
        test: the evaluation on test data, once the run has ended.
        divergence: what went wrong, in a sentence, where training left the numbers.
        has_news: an evaluation, a sample or the end has come since `clear_news`.
    """

    def __init__(
        self, spec: RunSpec, task: Question, model: nn.Module, workplace: Workplace, processes: Processes
    ) -> None:
        require_sampling(spec, task, model)
        require_looking(spec, model)
        self.lesson = build_lesson(spec, task, workplace.device, processes)
        self.spec = spec
        self.task = task
        self.model = model.train()
        self.workplace = workplace
        self.processes = processes
        self.weights = [weight for weight in model.parameters() if weight.requires_grad]
        self.optimiser = build_optimiser(self.weights, spec.training, _undecayed(spec, model))
        self.rule = build_stop_rule(spec.training, task)
        self.meter = Meter(spec.training.clip)
        self.best = Best()
        self.test: Evaluation | ForecastEvaluation | None = None
        self.step = 0
        self.stopped: str | None = None
        self.divergence: str | None = None
        self.clear_news()
        self._here = _surroundings(workplace, processes)
        self._elsewhere: list[dict[str, Any]] = []
        self.kept = self._capture()
        self._began = (0, 0.0)

    def clear_news(self) -> None:
        """What there was to tell has been told."""
        self.has_news = False
        self.evaluation: Evaluation | ForecastEvaluation | None = None
        self.sample: str | None = None

    def take_step(self) -> None:
        """Take the next batch and go down its gradient."""
        training = self.spec.training
        with self._precision():
            answer = self.lesson.answer(self.model, self.step)
        self.optimiser.zero_grad()
        torch.autograd.backward(answer.loss)
        figures = torch.stack([answer.loss.detach(), answer.score.to(answer.loss.dtype)])
        loss, score = self.processes.add(self.weights, figures).unbind()
        norm = clip_gradient(self.weights, training.clip)
        set_learning_rate(self.optimiser, learning_rate(training, self.step))
        self.optimiser.step()
        self.meter.add(loss, score, norm)
        self.step += 1

    def look(self, ledger: Ledger) -> None:
        """Read, note, evaluate, sample and keep what is due after this step."""
        training = self.spec.training
        is_last = self.step == training.steps
        evaluates = is_last or self.step % training.evaluate_every == 0
        samples = is_last or (training.sample_every > 0 and self.step % training.sample_every == 0)
        looks = training.look_every > 0 and (is_last or self.step % training.look_every == 0)
        keeps = is_last or self.step % training.checkpoint_every == 0
        notes = evaluates or self.step % LINE_EVERY == 0
        if self.rule.every_batch or self.lesson.curriculum is not None or notes or samples or looks or keeps:
            self.read()
        if notes or self.stopped == training.stop:
            self._note(ledger)
        if evaluates or self.stopped == training.stop:
            self._evaluate(ledger)
        if is_last and self.stopped is None:
            self.stopped = "steps"
        if samples or self.stopped is not None or third(self.step, training.steps) is not None:
            self._sample(ledger)
        if looks or (training.look_every > 0 and self.stopped is not None):
            self._look_inside(ledger)
        if keeps or self.stopped is not None:
            self._keep(ledger)

    def _precision(self) -> AbstractContextManager[Any]:
        on = self.spec.training.precision == "bf16"
        return torch.autocast(self.workplace.device.type, torch.bfloat16, enabled=on)

    def read(self) -> None:
        """Bring the new batches in from the device and judge them one by one."""
        readings = self.meter.read()
        for step, reading in enumerate(readings, start=self.step - len(readings) + 1):
            if not reading.is_finite:
                self._diverge(step, f"loss {reading.loss}, gradient norm {reading.gradient_norm}")
                return
            if self.lesson.curriculum is not None:
                self.lesson.curriculum.hear(step, reading.score)
            if self.rule.batch(reading.loss, reading.score):
                self._stop(self.spec.training.stop)

    def _note(self, ledger: Ledger) -> None:
        """A training line: means over the batches since the last one."""
        averages = self.meter.line()
        if self.stopped == "diverged" or averages is None:
            return
        rate = learning_rate(self.spec.training, self.step - 1)
        names = dict(zip(("loss", "score"), self.lesson.figures, strict=True))
        line = {names.get(key, key): value for key, value in vars(averages).items()}
        size = {} if self.lesson.curriculum is None else {"size": self.lesson.curriculum.size}
        self._write_line(ledger, "train", {**line, "learning_rate": rate, **size})

    def _evaluate(self, ledger: Ledger) -> None:
        if self.stopped == "diverged":
            return
        with self._precision():
            evaluation = self.lesson.evaluate(self.model, self.step)
        if not math.isfinite(evaluation.loss_nats):
            self._diverge(self.step, f"evaluation loss {evaluation.loss_nats}")
            return
        self.evaluation, self.has_news = evaluation, True
        if self.spec.training.keep == "best":
            self.best.offer(self.model, self.step, evaluation)
        self._write_line(ledger, "evaluation", evaluation.to_mapping())
        if self.rule.evaluation(self.step, evaluation):
            self._stop(self.spec.training.stop)

    def _write_line(self, ledger: Ledger, kind: str, figures: dict[str, Any]) -> None:
        seconds = round(self.workplace.seconds, 3)
        ledger.metrics({"step": self.step, "kind": kind, **figures, "seconds": seconds})

    def _sample(self, ledger: Ledger) -> None:
        every = self.spec.training.sample_every
        if self.stopped == "diverged" or every == 0 or not isinstance(self.task, NextCharacter):
            return
        if not all(bool(weight.isfinite().all()) for weight in self.weights):
            self._diverge(self.step, "a weight is not finite")
            return
        generator = stream(self.spec.training.seed, "samples", self.step)
        with self._precision():
            if self.step % every == 0 or self.stopped is not None:
                sample = draw_progress_sample(self.model, self.task, generator, self.step)
                self.sample, self.has_news = sample.start + sample.text, True
                self._write_sample(ledger, sample)
            if third(self.step, self.spec.training.steps) is not None or self.stopped is not None:
                for sample in draw_third_samples(self.model, self.task, generator, self.step):
                    self._write_sample(ledger, sample)

    def _look_inside(self, ledger: Ledger) -> None:
        """A line of looks, by the first process."""
        if self.stopped == "diverged":
            return
        if not all(bool(weight.isfinite().all()) for weight in self.weights):
            self._diverge(self.step, "a weight is not finite")
        elif self.processes.rank == 0:
            ledger.look(look_at(self.model, self.task, self.spec.training.seed, self.step))

    def _write_sample(self, ledger: Ledger, sample: Sample) -> None:
        ledger.sample(vars(sample), readable(sample, self.spec.training.steps))

    def _keep(self, ledger: Ledger) -> None:
        """Make this moment the one to go back to or to resume from, once it is known to be good."""
        if self.stopped == "diverged":
            return
        checkpoint = self._capture()
        if not checkpoint.is_finite:
            self._diverge(self.step, "a weight is not finite")
            return
        self.kept = checkpoint
        if self.stopped is None:
            ledger.save(checkpoint)

    def conclude(self) -> None:
        """The run has ended: settle on the weights it ends with, and look at the test data for the first time."""
        if self.stopped == "diverged":
            return
        if self.best.evaluation is not None:
            self.model.load_state_dict(self.best.weights)
            self.kept = self.kept.ending_with(self.best.weights, self.best.step)
            self.evaluation = self.best.evaluation
        with self._precision():
            self.test = self.lesson.test(self.model)

    def _stop(self, why: str) -> None:
        self.stopped, self.has_news = why, True

    def _diverge(self, step: int, evidence: str) -> None:
        """The run ends here, with the weights of the last good moment."""
        self._stop("diverged")
        self.step, self.evaluation = step, None
        kept = self.kept.position["step"]
        self.divergence = f"training diverged at step {step}: {evidence}; the weights of step {kept} are kept"
        self.model.load_state_dict(self.kept.weights)

    def save(self, ledger: Ledger) -> None:
        """Keep the last whole step, unless the run has ended or has nothing good to go on from.

        Several processes are not at the same step when they are interrupted: the checkpoint before it stands.
        """
        if self.stopped is None and self.step > 0 and self.processes.count == 1:
            self.read()
            self._keep(ledger)

    def _capture(self) -> Checkpoint:
        position = {
            "step": self.step,
            "seconds": self.workplace.seconds,
            "lesson": self.lesson.position(),
            "processes": self.processes.count,
            "meter": self.meter.state(),
            "rule": self.rule.state(),
            "best": self.best.position(),
            "surroundings": [*self._elsewhere, self._here],
            **_vocabulary(self.task),
        }
        further = self.best.tensors()
        return capture(self.model, self.optimiser, self.lesson, self.workplace, self.processes, position, further)

    def resume(self, checkpoint: Checkpoint) -> None:
        """Go on from that moment.

        Raises:
            RecordError: the checkpoint is not of this network, or has other parts than this version knows.
            SpecError: it was made on another kind of device, or by another number of processes.
        """
        position = checkpoint.position
        try:
            restore(checkpoint, self.model, self.optimiser, self.lesson, self.workplace, self.processes)
            self.meter.restore(position["meter"])
            self.rule.restore(position["rule"])
            self.best.restore(checkpoint.tensors, position.get("best"))
            self._elsewhere = [other for other in position["surroundings"] if other != self._here]
        except (KeyError, TypeError) as error:  # its checksum holds, so it is as it was written
            raise RecordError(
                f"the checkpoint of step {position['step']} was written by another version of unrolled, which kept "
                "other figures in it: go on with that version, or train anew under another name"
            ) from error
        self.step = position["step"]
        self.kept = checkpoint
        self._began = (self.step, self.workplace.seconds)

    def progress(self) -> Progress:
        """Where training stands, after what has been read."""
        averages, steps, seconds = self.meter.averages(), self.spec.training.steps, self.workplace.seconds
        figures = dict(zip(self.lesson.figures, (averages.loss, averages.score), strict=True))
        speed = (self.step - self._began[0]) / max(seconds - self._began[1], 1e-9)
        return Progress(
            step=self.step,
            steps=steps,
            loss_nats=figures.get("loss_nats", math.nan),
            accuracy=figures.get("accuracy", math.nan),
            loss=figures.get("loss", math.nan),
            mae=figures.get("mae", math.nan),
            evaluation=self.evaluation,
            gradient_norm=averages.gradient_norm,
            clipped_share=averages.clipped_share,
            learning_rate=learning_rate(self.spec.training, max(self.step - 1, 0)),
            seconds=seconds,
            steps_per_second=speed,
            seconds_left=(steps - self.step) / speed if speed > 0 else None,
            sample=self.sample,
            test=self.test,
            weights_of_step=self.kept.position["step"],
            size=None if self.lesson.curriculum is None else self.lesson.curriculum.size,
            stopped=self.stopped,
        )

    def result(self) -> dict[str, Any]:
        """What ``result.json`` says of the run that has ended."""
        progress, figures = self.progress(), self.lesson.figures
        return {
            "stopped": self.stopped,
            "divergence": self.divergence,
            "steps": self.step,
            "weights_of_step": self.kept.position["step"],
            **{name: figure if math.isfinite(figure := getattr(progress, name)) else None for name in figures},
            "solved": self.evaluation is not None and self.evaluation.solved,
            "evaluation": None if self.evaluation is None else self.evaluation.to_mapping(),
            "test": None if self.test is None else self.test.to_mapping(),
            "clipped_share": self.meter.steps_clipped / max(self.step, 1),
            "parameters": sum(weight.numel() for weight in self.weights),
            "seconds": round(progress.seconds, 3),
            "steps_per_second": round(progress.steps_per_second, 3),
            **self._here,
            "earlier_surroundings": self._elsewhere,
            **_vocabulary(self.task),
            **({} if self.lesson.curriculum is None else {"sizes": self.lesson.curriculum.history}),
        }


def _undecayed(spec: RunSpec, model: nn.Module) -> list[nn.Parameter]:
    """The weights that weight decay leaves alone: all but the first layer's, where the spec says so.

    Raises:
        UserCodeError: a given network without layers.
    """
    if spec.training.decay == "all":
        return []
    layers = getattr(model, "layers", None)
    if not isinstance(layers, nn.ModuleList) or len(layers) == 0:
        raise UserCodeError(
            f"the model {type(model).__name__} has no layers (a ModuleList), of which the first would decay: "
            "set decay to all"
        )
    first = {id(weight) for weight in layers[0].parameters()}
    return [weight for weight in model.parameters() if id(weight) not in first]


def _vocabulary(task: Question) -> dict[str, str]:
    """The characters a text's model knows: with them it writes on where the text itself is not at hand."""
    if isinstance(task, NextCharacter) and type(task.corpus.vocabulary) is Vocabulary:
        return {"vocabulary": "".join(task.corpus.vocabulary)}
    return {}


def _surroundings(workplace: Workplace, processes: Processes) -> dict[str, Any]:
    """What the last bits of a result depend on: a run that was resumed in others is not repeated bit for bit."""
    path = recurrent.path()
    return {
        "device": str(workplace.device),
        "threads": torch.get_num_threads(),
        "processes": processes.count,
        "kernel": {"name": path.name, "reason": path.reason},
        "versions": {"unrolled": __version__, "torch": torch.__version__, "python": platform.python_version()},
    }

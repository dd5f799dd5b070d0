"""Examine a train step: run it twice with everything it calls under observation, and read the order of events.

What is observed needs no names in the user's code: gradients are looked at when backward begins, when the
optimiser steps and when the step returns; the slope of the loss at the model's output is compared with the
slope of every loss that one might have meant.
"""

from __future__ import annotations

import contextlib
import inspect
import itertools
import math
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.loss import _Loss, _WeightedLoss
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from unrolled.doctor.calling import flatten
from unrolled.doctor.finding import Diagnosis, Finding
from unrolled.doctor.trials import Trial, trials

__all__ = ["examine_step"]


@dataclass(eq=False)
class _Pass:
    """One forward of the outermost module."""

    module: nn.Module
    training: bool
    graph: bool
    output: Tensor | None = None


@dataclass(eq=False)
class _Record:
    """Everything that happened in one call of the step."""

    events: list[str] = field(default_factory=list)
    passes: list[_Pass] = field(default_factory=list)
    losses: list[Tensor] = field(default_factory=list)
    before_backward: list[dict[int, Tensor]] = field(default_factory=list)
    after_backward: list[float] = field(default_factory=list)
    at_step: list[dict[int, Tensor]] = field(default_factory=list)
    held: list[Tensor] = field(default_factory=list)
    left: float = 0.0
    findings: list[Finding] = field(default_factory=list)
    optimisers: list[torch.optim.Optimizer] = field(default_factory=list)
    moved: float = 0.0

    @property
    def order(self) -> str:
        """What happened, told as evidence."""
        return f"order of events: {' → '.join(event for event in self.events if event != 'stepped')}"

    def add(self, finding: Finding) -> None:
        if all(finding.fault != old.fault for old in self.findings):
            self.findings.append(finding)


def examine_step(step: Callable[..., Any], target: Any, reference: str) -> Diagnosis:
    """Run `step` twice on a model made of `target`, and say what is wrong with it."""
    kept = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    reasons: list[str] = []
    try:
        for trial in trials(step, target, reference):
            records: list[_Record] = []
            try:
                for _ in range(2):
                    with _watched(step, trial.model) as record:
                        records.append(record)
                        step(*trial.arguments)
            except Exception as error:
                told = _error(error, records)
                if told is None:
                    reasons.append(f"{trial.words}: {type(error).__name__}: {str(error).partition(chr(10))[0][:140]}")
                    continue
                return _diagnosis([told], (), trial, reference)
            if any(record.passes for record in records):
                return _diagnosis(*_judged(step, records, trial), trial, reference)
            reasons.append(f"{trial.words}: no model is called")
    finally:
        torch.set_default_dtype(kept)
    reason = "the train step could not be run: " + ("; ".join(reasons[:3]) or "no arguments could be guessed")
    return Diagnosis("", reference, "unknown", reason=reason)


def _diagnosis(findings: list[Finding], checks: tuple[str, ...], trial: Trial, reference: str) -> Diagnosis:
    return Diagnosis(
        "",
        reference,
        "wrong" if any(f.severity == "fault" for f in findings) else "sound",
        tuple(findings),
        checks=checks,
        notes=(f"train step called as {trial.words}",),
    )


def _error(error: Exception, records: list[_Record]) -> Finding | None:
    text = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
    if not any(record.passes for record in records):
        return None
    if "does not require grad" in text:
        return Finding("loss-cut", "backward finds no way from the loss to the model", (text,))
    if "second time" in text:
        return Finding(
            "state-kept-between-calls",
            "the second step runs into the graph of the first: a state is carried on without detach",
            (text,),
        )
    if "inplace" in text or "in-place" in text:
        return Finding("in-place-edit", "backward fails: a tensor that autograd still needs was overwritten", (text,))
    return None


# ── watching ───────────────────────────────────────────────────────────────────────────────────────────────


def _grads(parameters: list[Tensor]) -> dict[int, Tensor]:
    return {id(p): p.grad.detach().clone() for p in parameters if p.grad is not None}


def _size(grads: dict[int, Tensor]) -> float:
    return math.sqrt(sum(float((grad.double() ** 2).sum()) for grad in grads.values()))


@contextlib.contextmanager
def _watched(step: Callable[..., Any], model: nn.Module) -> Iterator[_Record]:
    record = _Record()
    parameters: list[Tensor] = list(model.parameters())
    start = [p.detach().clone() for p in parameters]
    depth = [0]

    def entering(module: nn.Module, arguments: Any) -> None:
        if isinstance(module, (_Loss, _WeightedLoss)):
            return
        if depth[0] == 0:
            known = {id(p) for p in parameters}
            parameters.extend(p for p in module.parameters() if id(p) not in known)
            record.passes.append(_Pass(module, module.training, torch.is_grad_enabled()))
            record.events.append("forward")
        depth[0] += 1

    def leaving(module: nn.Module, arguments: Any, output: Any) -> None:
        if isinstance(module, (_Loss, _WeightedLoss)):
            return
        depth[0] -= 1
        if depth[0] == 0:
            tensors = [t for t in flatten(output) if t.is_floating_point()]
            if tensors:
                record.passes[-1].output = tensors[0]
                if tensors[0].requires_grad:
                    tensors[0].retain_grad()

    def moves() -> None:
        record.events.append("step")
        record.at_step.append(_grads(parameters))
        record.held = [p.grad for p in parameters if p.grad is not None]

    def stepping(optimiser: torch.optim.Optimizer, arguments: Any, named: Any) -> None:
        moves()
        record.optimisers.append(optimiser)

    def stepped(optimiser: torch.optim.Optimizer, arguments: Any, named: Any) -> None:
        began = max(n for n, event in enumerate(record.events) if event == "step")
        if "backward" in record.events[began:]:  # step(closure): the weights move when the closure has run
            del record.events[began], record.at_step[-1]
            moves()
        record.events.append("stepped")

    def backward(original: Callable[..., Any]) -> Callable[..., Any]:
        def watched(tensor: Tensor, *arguments: Any, **named: Any) -> Any:
            record.events.append("backward")
            record.before_backward.append(_grads(parameters))
            record.losses.append(tensor)
            given = original(tensor, *arguments, **named)
            record.after_backward.append(_size(_grads(parameters)))
            return given

        return watched

    def named_event(event: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        def wrap(original: Callable[..., Any]) -> Callable[..., Any]:
            def watched(*arguments: Any, **named: Any) -> Any:
                record.events.append(event)
                return original(*arguments, **named)

            return watched

        return wrap

    handles = [
        register_module_forward_pre_hook(entering),
        register_module_forward_hook(leaving),
        register_optimizer_step_pre_hook(stepping),
        register_optimizer_step_post_hook(stepped),
    ]
    clip = named_event("clip")
    replaced: list[tuple[Any, str, Callable[..., Any]]] = [
        (torch.Tensor, "backward", backward(torch.Tensor.backward)),
        (torch.nn.utils, "clip_grad_norm_", clip(torch.nn.utils.clip_grad_norm_)),
        (torch.nn.utils, "clip_grad_value_", clip(torch.nn.utils.clip_grad_value_)),
        (torch.optim.Optimizer, "zero_grad", named_event("zero")(torch.optim.Optimizer.zero_grad)),
        (nn.Module, "zero_grad", named_event("zero")(nn.Module.zero_grad)),
        (F, "cross_entropy", _checked_loss(record, F.cross_entropy, _logits_wanted)),
        (F, "nll_loss", _checked_loss(record, F.nll_loss, _log_probabilities_wanted)),
    ]
    places: tuple[Any, ...] = (torch, F, torch.Tensor)
    for place, name in itertools.product(places, ("softmax", "log_softmax")):
        replaced.append((place, name, _checked_softmax(record, getattr(place, name), name)))
    originals = [(place, name, getattr(place, name)) for place, name, _ in replaced]
    names = _imported(
        step, {id(original): new for (_, _, original), (_, _, new) in zip(originals, replaced, strict=True)}
    )
    try:
        for place, name, function in replaced:
            setattr(place, name, function)
        for space, name, function, _ in names:
            space[name] = function
        yield record
        record.left = _size({n: grad.detach() for n, grad in enumerate(record.held)})
        record.moved = float(
            sum(float((p.detach() - old).abs().sum()) for p, old in zip(model.parameters(), start, strict=True))
        )
    finally:
        for place, name, function in originals:
            setattr(place, name, function)
        for space, name, _, function in names:
            space[name] = function
        for handle in handles:
            handle.remove()


def _imported(
    step: Callable[..., Any], new: dict[int, Callable[..., Any]]
) -> list[tuple[dict[str, Any], str, Callable[..., Any], Any]]:
    """Names in the user's own module that are bound to a function under observation."""
    module = sys.modules.get(getattr(step, "__module__", ""), None)
    space = getattr(step, "__globals__", None) or (vars(module) if module is not None else {})
    return [(space, name, new[id(value)], value) for name, value in list(space.items()) if id(value) in new]


# ── losses and softmax ─────────────────────────────────────────────────────────────────────────────────────


def _sums_to_one(p: Tensor, dim: int) -> bool:
    sums = p.detach().sum(dim)
    return bool((p >= 0).all()) and torch.allclose(sums, torch.ones_like(sums), atol=1e-4)


def _probability_axes(p: Tensor) -> list[int]:
    return [dim for dim in range(p.dim()) if p.shape[dim] > 1 and _sums_to_one(p, dim)]


def _told(p: Tensor, dim: int) -> str:
    sums = p.detach().sum(dim)
    return (
        f"what reaches the loss is at least {float(p.min()):.3g} and sums over the classes to {float(sums.mean()):.4g}"
    )


def _logits_wanted(y: Tensor) -> Finding | None:
    y = y.detach()
    classes = 1 if y.dim() > 1 else 0
    axes = _probability_axes(y)
    log_axes = _probability_axes(y.exp()) if bool((y <= 0).all()) else []
    if classes in axes:
        return Finding(
            "probabilities-as-logits",
            "cross_entropy gets probabilities: it applies a softmax of its own, so there are two",
            (_told(y, classes),),
        )
    return _other_axis(y, axes or log_axes, classes, "cross_entropy")


def _log_probabilities_wanted(y: Tensor) -> Finding | None:
    y = y.detach()
    classes = 1 if y.dim() > 1 else 0
    axes = _probability_axes(y)
    log_axes = _probability_axes(y.exp()) if bool((y <= 1e-6).all()) else []
    if classes in log_axes:
        return None
    if classes in axes:
        return Finding(
            "probabilities-as-log-probabilities",
            "nll_loss gets probabilities where it wants their logarithms",
            (_told(y, classes),),
        )
    if axes or log_axes:
        return _other_axis(y, axes or log_axes, classes, "nll_loss")
    return Finding(
        "logits-as-log-probabilities",
        "nll_loss gets logits where it wants log-probabilities: it can fall without bound",
        (f"exp of what reaches it sums over the classes to {float(y.exp().sum(classes).mean()):.4g}, not 1",),
    )


def _other_axis(y: Tensor, axes: list[int], classes: int, loss: str) -> Finding | None:
    if not axes or classes in axes:
        return None
    return Finding(
        "softmax-wrong-axis",
        f"a softmax ran over axis {axes[0]} of {list(y.shape)}, the classes lie on axis {classes} of what {loss} gets",
        (f"over axis {axes[0]} it sums to 1, over the classes to {float(y.sum(classes).mean()):.4g} on average",),
    )


def _checked_loss(
    record: _Record, original: Callable[..., Any], check: Callable[[Tensor], Finding | None]
) -> Callable[..., Any]:
    def watched(*arguments: Any, **named: Any) -> Any:
        y = arguments[0] if arguments else named.get("input")
        if isinstance(y, Tensor) and (found := check(y)) is not None:
            record.add(found)
        return original(*arguments, **named)

    return watched


def _checked_softmax(record: _Record, original: Callable[..., Any], kind: str) -> Callable[..., Any]:
    def watched(*arguments: Any, **named: Any) -> Any:
        y = arguments[0] if arguments else named.get("input")
        if isinstance(y, Tensor) and y.dim() > 1 and (axes := _probability_axes(y.detach())):
            record.add(
                Finding(
                    "double-softmax",
                    f"{kind} is applied to probabilities: a second softmax flattens them",
                    (f"what reaches it already sums to 1 over axis {axes[-1]}",),
                )
            )
        return original(*arguments, **named)

    return watched


# ── judging ────────────────────────────────────────────────────────────────────────────────────────────────


def _judged(step: Callable[..., Any], records: list[_Record], trial: Trial) -> tuple[list[Finding], tuple[str, ...]]:
    """What is wrong, and what was found in order."""
    first, second = records
    findings: list[Finding] = []
    for record in records:
        for finding in record.findings:
            if all(finding.fault != old.fault for old in findings):
                findings.append(finding)
    trains = "backward" in first.events or "step" in first.events or "clip" in first.events
    if trains or not _evaluates(step):
        findings += _order(first)
        findings += _zeroing(first, second)
        findings += _clipping(first)
    findings += _modes(step, first, second, trains)
    slope, known = _slope(first, trial, findings)
    findings += [*slope, *_optimiser(records)]
    if any(finding.fault != "unknown-loss" for finding in findings):
        return findings, ()
    beside = ", and the loss's slope" if known else ""
    return findings, (f"the train step: order of events, gradients, mode{beside}",)


def _evaluates(step: Callable[..., Any]) -> bool:
    """By its name or its arguments it is an evaluation."""
    name = getattr(step, "__name__", "")
    takes = " ".join(inspect.signature(step).parameters)
    return bool(re.search(r"eval|valid|test|accuracy|predict|score|infer", name.lower())) or "opt" not in takes


def _order(record: _Record) -> list[Finding]:
    events = [event for event in record.events if event in ("backward", "step", "zero", "clip")]
    told = (record.order,)
    if "backward" not in events:
        return [Finding("no-backward", "backward is never called: no gradient is computed", told)]
    if not any(record.after_backward):
        return [Finding("loss-cut", "backward gives no parameter of the model a gradient", told)]
    if "step" not in events:
        if record.moved == 0:
            return [Finding("no-step", "the optimiser never steps: the weights stay as they are", told)]
        return []
    if events.index("step") < events.index("backward"):
        return [Finding("step-before-backward", "the optimiser steps before the gradients are computed", told)]
    if record.at_step and _size(record.at_step[0]) == 0:
        return [Finding("gradients-zeroed-too-late", "the gradients are zeroed between backward and step", told)]
    return []


def _zeroing(first: _Record, second: _Record) -> list[Finding]:
    if not second.before_backward or "step" not in first.events:
        return []
    held = _held(second.optimisers)
    left = _size({key: grad for key, grad in second.before_backward[0].items() if key in held})
    if left == 0:
        return _twice(first)
    return [
        Finding(
            "gradients-not-zeroed",
            "each step adds its gradients to those of the steps before",
            (
                f"when the second step's backward begins, a gradient of norm {left:.3g} is still there",
                second.order,
            ),
        )
    ]


def _held(optimisers: Sequence[torch.optim.Optimizer]) -> set[int]:
    """The ids of the parameters that are moved."""
    return {id(p) for optimiser in optimisers for group in optimiser.param_groups for p in group["params"]}


def _twice(record: _Record) -> list[Finding]:
    """One loss that goes backward again: its gradient is counted twice."""
    if len({id(loss) for loss in record.losses}) == len(record.losses) or _size(record.before_backward[-1]) == 0:
        return []
    sentence = "backward runs twice on one loss: its gradient counts twice"
    return [Finding("gradients-not-zeroed", sentence, (record.order,))]


def _clipping(record: _Record) -> list[Finding]:
    events = record.events
    told = record.order
    last_step = max((n for n, event in enumerate(events) if event == "step"), default=-1)
    first_backward = events.index("backward") if "backward" in events else len(events)
    clips = [n for n, event in enumerate(events) if event == "clip"]
    if clips and last_step >= 0 and all(n > last_step for n in clips):
        return [Finding("clip-after-step", "the gradients are clipped when the step is already made", (told,))]
    if clips and all(n < first_backward for n in clips):
        return [Finding("clip-before-backward", "the gradients are clipped before backward has computed them", (told,))]
    if not clips and record.at_step:
        used, left = _size(record.at_step[-1]), record.left
        if 0 < left < 0.999 * used:
            return [
                Finding(
                    "clip-after-step",
                    "the gradients are made smaller when the step is already made",
                    (f"norm {used:.3g} at the step, {left:.3g} at the end", told),
                )
            ]
    return []


def _learning(record: _Record) -> list[_Pass]:
    """The forwards that backward went through."""
    return [p for p in record.passes if p.output is not None and p.output.grad is not None]


def _modes(step: Callable[..., Any], record: _Record, second: _Record, trains: bool) -> list[Finding]:
    findings = []
    learning = _learning(record)
    judging = [p for p in record.passes if p not in learning]
    if not all(p.training for p in [*learning, *_learning(second)]):
        left = " in the second call: the first left it so" if all(p.training for p in learning) else ""
        findings.append(
            Finding(
                "training-in-eval-mode",
                "the loss is computed in eval mode: dropout and batch norm do not train",
                (f"model.training is False in the forward that backward goes through{left}",),
            )
        )
    if trains and not learning:
        return findings
    in_training = [p for p in judging if p.training]
    if in_training and (not trains or _after_learning(record, in_training[0]) or not in_training[0].graph):
        dropouts = [
            type(m).__name__
            for m in in_training[0].module.modules()
            if isinstance(m, (nn.Dropout, nn.modules.batchnorm._BatchNorm))
            or getattr(m, "dropout", 0) not in (0, 0.0, None)
        ]
        effect = (
            f"active while it is judged: {', '.join(dropouts)}" if dropouts else "this model has no dropout to show it"
        )
        findings.append(
            Finding(
                "evaluation-in-train-mode",
                "the model is judged while it is in train mode",
                (f"model.training is True in a forward without backward; {effect}",),
            )
        )
    return findings


def _after_learning(record: _Record, late: _Pass) -> bool:
    position = [n for n, event in enumerate(record.events) if event == "forward"][record.passes.index(late)]
    return "step" in record.events[:position] or "backward" in record.events[:position]


def _optimiser(records: list[_Record]) -> list[Finding]:
    findings = []
    first, second = (record.optimisers for record in records)
    if first and second and first[0] is not second[0]:
        findings.append(
            Finding(
                "optimiser-misses-parameters",
                "every step makes a new optimiser: momentum and Adam's averages start again each time",
                ("two calls, two optimisers",),
                "caution",
            )
        )
    if first:
        held = _held(first[:1])
        module = records[0].passes[0].module
        missed = [n for n, p in module.named_parameters() if id(p) not in held and id(p) in records[0].at_step[0]]
        if missed:
            findings.append(
                Finding(
                    "optimiser-misses-parameters",
                    f"{', '.join(missed[:3])} {'has' if len(missed) == 1 else 'have'} a gradient and no optimiser",
                    (f"{len(missed)} of {len(list(module.parameters()))} parameters",),
                )
            )
    return findings


def _slope(record: _Record, trial: Trial, told: list[Finding]) -> tuple[list[Finding], bool]:
    """What loss has the slope, up to a factor, that backward left at the model's output; is it the targets' own?"""
    passes = [p for p in record.passes if p.output is not None and p.output.grad is not None]
    if not passes or trial.targets is None or told:
        return [], False
    y, slope = passes[0].output, passes[0].output.grad if passes[0].output is not None else None
    if y is None or slope is None or y.dim() < 2 or not bool(slope.any()):
        return [], False
    y = y.detach().requires_grad_()
    classes = next((d for d in (y.dim() - 1, 1) if _fits(y, d, trial.targets)), None)
    if classes is None:
        return [], False
    logits = y.movedim(classes, -1).reshape(-1, y.shape[classes])
    flat = trial.targets.reshape(-1)
    order = trial.targets.shape
    if tuple(order) != tuple(n for d, n in enumerate(y.shape) if d != classes):
        return [], False
    log_p = bool((logits <= 1e-6).all()) and _sums_to_one(logits.exp(), -1)
    p = _sums_to_one(logits, -1)
    nll: Callable[..., Tensor] = lambda z, of=flat: -z.gather(1, of[:, None]).mean()  # noqa: E731
    log: Callable[[], Tensor] = lambda: logits if log_p else logits.log() if p else logits.log_softmax(-1)  # noqa: E731
    right: Callable[[], Tensor] = lambda: nll(log())  # noqa: E731
    if _parallel(right, y, slope) == 1:
        return [], True
    if _parallel(right, y, slope) == -1:
        sentence = "the loss has the opposite sign: training makes it worse"
        return [Finding("loss-upside-down", sentence, ("slope × -1",))], False
    wrong: list[tuple[str, str, Callable[[], Tensor]]] = [
        ("softmax-wrong-axis", "a softmax runs over the batch", lambda: nll(logits.log_softmax(0))),
        ("softmax-wrong-axis", "a softmax runs over the batch", lambda: nll(logits.softmax(0).log_softmax(-1))),
        (
            "probabilities-as-log-probabilities",
            "probabilities are used as if they were logarithms",
            lambda: nll(logits.softmax(-1)),
        ),
        ("double-softmax", "a softmax is applied twice", lambda: nll(logits.softmax(-1).log_softmax(-1))),
        ("logits-as-log-probabilities", "logits are used as if they were log-probabilities", lambda: nll(logits)),
        (
            "probabilities-as-logits",
            "a sigmoid runs before the loss's own softmax",
            lambda: nll(logits.sigmoid().log_softmax(-1)),
        ),
    ]
    if y.dim() == 3:
        per_time = y.movedim(classes, -1)
        for axis in (0, 1):
            wrong.append(
                (
                    "softmax-wrong-axis",
                    f"a softmax runs over axis {axis}",
                    lambda axis=axis: nll(per_time.log_softmax(axis).reshape(-1, logits.shape[1])),  # type: ignore[misc]
                )
            )
        cut = y.reshape(y.shape[0], logits.shape[1], -1).movedim(1, -1).reshape(logits.shape)
        wrong.append(
            (
                "axes-confused",
                "the classes' axis is made by view or reshape where transpose belongs",
                lambda: nll(cut.log_softmax(-1)),
            )
        )
    for fault, sentence, loss in wrong:
        if _parallel(loss, y, slope) == 1:
            evidence = "the loss's slope at the model's output is exactly that of this mistake"
            return [Finding(fault, sentence, (evidence,))], False
    if _row_by_row(right, y, slope, classes):
        return [], True
    if not any(tensor is trial.targets for tensor in flatten(trial.arguments)):
        return [], False
    other = slope.movedim(classes, -1).reshape(logits.shape).argmin(-1)
    if _parallel(lambda: nll(log(), other), y, slope) == 1:
        own = bool((other == logits.argmax(-1)).all())
        what = "its own predictions" if own else "other classes than the targets given"
        same = f"{int((other == flat).sum())} of {flat.numel()} classes that the loss's slope pulls at are the targets"
        return [Finding("wrong-target", f"the model is trained towards {what}", (same,))], False
    told_by = f"the cosine of its slope at the model's output and cross-entropy's is {_cosine(right, y, slope):.6f}"
    return [Finding("unknown-loss", "the loss is none that is known here: not judged", (told_by,), "caution")], False


def _fits(y: Tensor, classes: int, targets: Tensor) -> bool:
    rest = tuple(n for d, n in enumerate(y.shape) if d != classes)
    return rest == tuple(targets.shape) and not targets.is_floating_point() and int(targets.max()) < y.shape[classes]


def _parallel(loss: Callable[[], Tensor], y: Tensor, slope: Tensor) -> int:
    """1 where the loss's slope is a positive multiple of `slope`, -1 a negative one, 0 otherwise."""
    cosine = _cosine(loss, y, slope)
    return 1 if cosine > 1 - 1e-5 else -1 if cosine < -1 + 1e-5 else 0


def _cosine(loss: Callable[[], Tensor], y: Tensor, slope: Tensor) -> float:
    a, b = _gradient(loss, y).flatten(), slope.double().flatten()
    return float((a @ b) / (a.norm() * b.norm()).clamp(min=1e-30))


def _row_by_row(loss: Callable[[], Tensor], y: Tensor, slope: Tensor, classes: int) -> bool:
    """Whether at every place `slope` is a positive multiple of the loss's, as with weights, or 0, as where masked."""
    a, b = _gradient(loss, y), slope.double()
    cosine = (a * b).sum(classes) / (a.norm(dim=classes) * b.norm(dim=classes)).clamp(min=1e-30)
    return bool(((cosine > 1 - 1e-5) | (b == 0).all(classes)).all())


def _gradient(loss: Callable[[], Tensor], y: Tensor) -> Tensor:
    with torch.enable_grad():
        (wanted,) = torch.autograd.grad(loss(), y)
    return wanted.double()

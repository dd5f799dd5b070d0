"""The whole examination of one module, in this process: only what runs the user's code on purpose calls it."""

from __future__ import annotations

import contextlib
import inspect
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from unrolled.doctor.beginnings import WIDE, beginning_findings
from unrolled.doctor.building import Build, Sizes, builds, default_of
from unrolled.doctor.calling import Call, Subject, calls, dropout_off, plain_embeddings, unfilled
from unrolled.doctor.causes import causes
from unrolled.doctor.comparison import compare, equation_lines, initial_names, weight_lines
from unrolled.doctor.finding import Diagnosis, Finding, Verdict
from unrolled.doctor.gradients import gradient_findings, slopes
from unrolled.doctor.graphs import examine_graph
from unrolled.doctor.habits import embedding_findings, memory_findings, random_findings, reach_findings
from unrolled.doctor.loading import load
from unrolled.doctor.reach import Reach, both_ways, measure
from unrolled.doctor.recovery import Recovered, recover
from unrolled.doctor.reference import REFERENCES
from unrolled.doctor.slips import slip_findings
from unrolled.doctor.steps import examine_step
from unrolled.doctor.variables import swapped_variables
from unrolled.errors import UnknownName

__all__ = ["examine", "examine_object"]


def examine(target: str, reference: str, step: str | None = None) -> Diagnosis:
    """Load and examine path/to/file.py:Name; runs the file.

    Raises:
        UserCodeError: the file cannot be run or holds nothing of that name.
        UnknownName: no such reference.
    """
    if reference not in REFERENCES:
        raise UnknownName("reference", reference, REFERENCES)
    found = load(target)
    function = None if step is None else load(step, "train step")
    return examine_object(found, reference, subject=target, step=function)


def examine_object(
    target: Any, reference: str, *, subject: str = "", step: Callable[..., Any] | None = None
) -> Diagnosis:
    """Examine a module class, a function that makes a module, or a module.

    Args:
        target: what to examine.
        reference: a name of `REFERENCES`.
        subject: how to call it in the diagnosis.
        step: a train step to examine with it.
    """
    began = time.perf_counter()
    with _own_settings():
        if REFERENCES[reference].family == "graph":
            found = examine_graph(target, reference)
        else:
            found = _Recurrent(target, reference).diagnose()
        if step is not None:
            found = _with_step(found, examine_step(step, target, reference))
    return replace(found, subject=subject, seconds=round(time.perf_counter() - began, 2))


@contextlib.contextmanager
def _own_settings() -> Iterator[None]:
    """Double by default, one generator; both as they were afterwards."""
    kept, enabled = torch.get_default_dtype(), torch.is_grad_enabled()
    with torch.random.fork_rng():
        torch.set_default_dtype(torch.float64)
        try:
            yield
        finally:
            torch.set_default_dtype(kept)
            torch.set_grad_enabled(enabled)


def _with_step(module: Diagnosis, step: Diagnosis) -> Diagnosis:
    findings = _sorted([*module.findings, *step.findings])
    faults = any(finding.severity == "fault" for finding in findings)
    unknown = module.verdict == "unknown" or step.verdict == "unknown"
    verdict: Verdict = "wrong" if faults else "unknown" if unknown else "sound"
    return replace(
        module,
        findings=findings,
        verdict=verdict,
        checks=module.checks + step.checks,
        notes=module.notes + step.notes,
        reason="" if verdict != "unknown" else (module.reason or step.reason),
    )


def _sorted(findings: list[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=lambda finding: finding.severity != "fault"))


@dataclass(frozen=True, eq=False)
class _Found:
    """A way of building and calling that works, and how well the outputs look like a sequence's."""

    subject: Subject
    reach: Reach
    quality: int


def _quality(reach: Reach) -> int:
    if reach.recurs and not reach.leaks:
        return 4 if reach.causal else 3
    if reach.recurs and reach.causal and not reach.rows_in_turn:
        return 3
    if reach.leaks and reach.rows_in_turn and not reach.recurs:
        return 2
    return 1 if not reach.leaks else 0


class _Recurrent:
    """The examination of a cell, a layer or a classifier."""

    def __init__(self, target: Any, name: str) -> None:
        self.target = target
        self.name = name
        self.reference = REFERENCES[name]
        self.errors: list[str] = []
        self.findings: list[Finding] = []
        self.checks: list[str] = []
        self.notes: list[str] = []

    def diagnose(self) -> Diagnosis:
        found = self._find(Sizes(), torch.float64) or self._find(Sizes(), torch.float32)
        if found is None:
            return self._broken()
        subject = found.subject
        assert subject.build is not None
        self.notes.append(f"built as {subject.build.words}, called as {subject.call.words(subject.module)}")
        turned = not found.reach.causal and both_ways(subject)
        self.findings += reach_findings(found.reach, subject, both_ways=turned)
        met = "rows of a batch do not meet" + ("" if turned else ", no output sees the future")
        self._check(met, not self.findings)
        drawn = self._guarded(lambda: random_findings(subject), [])
        self.findings += drawn
        self._check("the same answer twice in eval mode", not drawn)
        kept = self._guarded(lambda: memory_findings(subject), [])
        self.findings += kept
        self._check("one call leaves nothing for the next", not kept)
        recovered: Recovered | None = None
        unjudged = ""
        left = unfilled(subject.module) if subject.call == Call("cell", "B", "vector", "none") else []
        if turned:
            unjudged = "it reads the sequence both ways, and such equations are not recovered"
        elif left and not found.reach.recurs:
            unjudged = f"no way of passing its state on through {left[0]!r} was found"
        if unjudged:
            self.notes.append(f"what it computes is not judged: {unjudged}")
        elif found.quality != 2:  # with the axes confused there is no sequence to compare
            recovered = self._recovered(subject, calm=any(f.fault == "random-in-eval" for f in drawn))
        self._gradients(subject, recovered)
        self._beginnings(subject, recovered)
        findings = causes(self.findings)
        faults = [finding for finding in findings if finding.severity == "fault"]
        verdict: Verdict = "wrong" if faults else "sound" if recovered is not None and recovered.exact else "unknown"
        reason = ""
        if verdict == "unknown":
            reason = unjudged or (
                f"no assignment of its tensors to the gates of {self.name!r} gives its numbers, and no known fault "
                "explains them"
            )
        return Diagnosis(
            subject="",
            reference=self.name,
            verdict=verdict,
            findings=_sorted(findings),
            equation=equation_lines(recovered) if recovered is not None and recovered.exact else (),
            weights=weight_lines(recovered) if recovered is not None and recovered.exact else (),
            checks=tuple(self.checks),
            notes=tuple(self.notes),
            reason=reason,
        )

    def _check(self, what: str, passed: bool) -> None:
        if passed:
            self.checks.append(what)

    def _guarded(self, probe: Callable[[], list[Finding]], otherwise: list[Finding]) -> list[Finding]:
        try:
            return probe()
        except Exception as error:  # the user's own code may raise anything
            return [*otherwise, _raised(error)]

    def _find(self, sizes: Sizes, dtype: torch.dtype) -> _Found | None:
        """The best way of building and calling."""
        torch.set_default_dtype(dtype)
        best: _Found | None = None
        tried: set[str] = set()
        for build in builds(self.target, sizes):
            if build.words in tried:
                continue
            tried.add(build.words)
            try:
                torch.manual_seed(0)
                module = build.make()
            except Exception as error:
                self.errors.append(f"{build.words} fails: {_line(error)}")
                continue
            for call in calls(module, self.reference.family == "lstm"):
                found = self._tried(module, build, call)
                if found is not None and (best is None or found.quality > best.quality):
                    best = found
                if best is not None and best.quality == 4:
                    return best
            if best is not None and best.quality >= 2:
                return best
        return best

    def _tried(self, module: nn.Module, build: Build, call: Call) -> _Found | None:
        for guess in _guesses(self.target, module, build.sizes):
            sizes = replace(guess, B=1) if call.layout == "T" else guess
            subject = Subject(module, sizes, call, build)
            try:
                with dropout_off():
                    subject.value(subject.input())
                    reach = measure(subject)
                subject.storage.restore()
            except Exception as error:
                self.errors.append(f"{call.words(module)} fails: {_line(error)}")
                with contextlib.suppress(Exception):
                    subject.storage.restore()
                continue
            return _Found(subject, reach, _quality(reach))
        return None

    def _recovered(self, subject: Subject, *, calm: bool) -> Recovered | None:
        recovered: Recovered | None = None
        try:
            with dropout_off(), plain_embeddings(), _nothing_random() if calm else contextlib.nullcontext():
                recovered = recover(subject, self.reference)
                if recovered is not None and recovered.exact:
                    self.findings += compare(recovered, self.name, subject)
                    self.findings += _final_state(recovered, subject)
                    file = inspect.getsourcefile(type(subject.module))
                    if file is not None and not isinstance(subject.module, torch.jit.ScriptModule):
                        self.findings += swapped_variables(subject, recovered, file)
        except Exception as error:
            self.findings.append(_raised(error))
        if recovered is not None and recovered.exact:
            self.checks.append(
                f"the equation, recovered from outside, gives its own outputs to {recovered.error:.1g} of their size"
            )
        elif recovered is not None:
            self.findings.append(_unexplained(recovered, self.name))
        else:
            self.notes.append("its equation was not recovered: what it computes is not judged")
        return recovered

    def _gradients(self, subject: Subject, recovered: Recovered | None) -> None:
        try:
            with dropout_off(), plain_embeddings():
                measured = slopes(subject)
        except Exception as error:
            self.findings.append(_raised(error))
            return
        found = gradient_findings(measured, subject, recovered, initial_names(recovered))
        for name in subject.storage.attributes:
            if subject.storage.tensors[name].requires_grad and abs(measured.tensors[name].measured) > 1e-6:
                found.append(_unregistered(name))
        self.findings += found
        self._check("autograd's slopes are the measured slopes, at every step and tensor", not found)
        if subject.storage.aliases and not (recovered is not None and recovered.exact):  # else the equation tells
            pairs = [f"{one} and {two}" for one, two in subject.storage.aliases]
            self.findings.append(
                Finding(
                    "duplicated-parameters",
                    f"{pairs[0]} are one and the same parameter",
                    tuple(f"{pair}: the same memory" for pair in pairs[:4]),
                    "caution",
                )
            )

    def _beginnings(self, subject: Subject, recovered: Recovered | None) -> None:
        build = subject.build
        assert build is not None

        def again(**overrides: Any) -> Build | None:
            return next((b for b in builds(self.target, subject.sizes, **overrides) if _same(b, build)), None)

        if not isinstance(self.target, nn.Module):
            wide = next((b for b in builds(self.target, replace(WIDE, I=_wide_input(build))) if _same(b, build)), None)
            found, notes = self._drawn(wide, recovered)
            self.findings += found
            self.notes += notes
            self._check("weights are drawn sensibly", not found)
            slips = self._guarded(lambda: slip_findings(again, subject.sizes, subject.call), [])
            if subject.call.coding != "vector":
                slips = [replace(f, severity="caution") if f.fault == "dtype-slip" else f for f in slips]
            self.findings += slips
            self._check("works in double and on another device", not slips)
            self.findings += self._dropped(again, subject)
            self.findings += self._per_step(subject)
        default = default_of(self.target, r"emb|input_dim|input_size")
        self.findings += embedding_findings(subject.module, default)

    def _drawn(self, build: Build | None, recovered: Recovered | None) -> tuple[list[Finding], list[str]]:
        if build is None:
            return [], []
        kept = torch.get_default_dtype()
        try:
            torch.set_default_dtype(torch.float32)
            torch.manual_seed(1)
            return beginning_findings(build.make(), recovered)
        except Exception:
            return [], []  # it was built in other sizes before; that it breaks in these is told by the crash checks
        finally:
            torch.set_default_dtype(kept)

    def _dropped(self, again: Callable[..., Build | None], subject: Subject) -> list[Finding]:
        """Random in eval mode once an argument asks for dropout."""
        if any(f.fault == "dropout-in-eval" for f in self.findings):
            return []
        build = again(dropout=0.5)
        if build is None or 0.5 not in build.arguments.values():
            return []
        try:
            return [
                f
                for f in random_findings(Subject(build.make(), subject.sizes, subject.call))
                if f.fault == "dropout-in-eval"
            ]
        except Exception:
            return []

    def _per_step(self, subject: Subject) -> list[Finding]:
        """Weights whose number grows with the length of the sequence."""
        counts = []
        for T in (subject.sizes.T, subject.sizes.T + 4):
            longer = replace(subject.sizes, T=T)
            build = next((b for b in builds(self.target, longer) if subject.build and _same(b, subject.build)), None)
            if build is None or not any(value == T for value in build.arguments.values()):
                return []
            try:
                counts.append(len(list(build.make().parameters())))
            except Exception:
                return []
        if counts[0] == counts[1]:
            return []
        return [
            Finding(
                "weights-per-step",
                "the number of parameters grows with the length: each step has weights of its own",
                (f"{counts[0]} tensors for {subject.sizes.T} steps, {counts[1]} for {subject.sizes.T + 4}",),
            )
        ]

    def _broken(self) -> Diagnosis:
        """No call works: find out whether it would with sizes that hide a fault."""
        first = self.errors[:]
        findings: list[Finding] = []
        trials = (
            (
                replace(Sizes(), I=Sizes().H),
                "transposed-weights",
                "works only where input and hidden size are equal: a weight lies the wrong way round",
            ),
            (
                replace(Sizes(), T=Sizes().B),
                "axes-confused",
                "works only where the batch is as large as the sequence is long: one axis is taken for the other",
            ),
            (replace(Sizes(), B=1), "breaks", "works only with a batch of one"),
        )
        for sizes, fault, sentence in trials:
            if self._find(sizes, torch.float32) is not None:
                findings = [Finding(fault, sentence, tuple(first[:2]))]
                break
        return Diagnosis(
            subject="",
            reference=self.name,
            verdict="wrong" if findings else "unknown",
            findings=tuple(findings),
            notes=tuple(self.notes),
            reason="" if findings else "no way of building and calling it was found: " + "; ".join(first[:3]),
        )


def _guesses(target: Any, module: nn.Module, sizes: Sizes) -> list[Sizes]:
    """The sizes to call in: as built; for a finished module, guesses from its tensors' shapes."""
    fixed = isinstance(target, nn.Module) or not _takes_sizes(target)
    if not fixed:
        return [sizes]
    matrices = [p.shape for p in module.parameters() if p.dim() == 2]
    guesses = []
    for rows, columns in matrices:
        for gates in (4, 3, 1):
            if rows % gates == 0 and rows // gates != columns:
                guesses.append(replace(sizes, I=columns, H=rows // gates))
            if columns % gates == 0 and columns // gates != rows:
                guesses.append(replace(sizes, I=rows, H=columns // gates))
            if rows % gates == 0 and columns > rows // gates:
                guesses.append(replace(sizes, I=columns - rows // gates, H=rows // gates))
    squares = {rows for rows, columns in matrices if rows == columns}
    squares |= {min(shape) for shape in matrices if max(shape) % min(shape) == 0}
    guesses.sort(key=lambda guess: guess.H not in squares)
    return guesses[:8] or [sizes]


def _takes_sizes(target: Any) -> bool:
    try:
        return bool(inspect.signature(target).parameters)
    except (TypeError, ValueError):
        return True


def _same(one: Build, other: Build) -> bool:
    """The same way of constructing, in other sizes or with other values."""
    return list(one.arguments) == list(other.arguments) and (one.sizes.I == 1) == (other.sizes.I == 1)


def _wide_input(build: Build) -> int:
    return 1 if build.sizes.I == 1 else WIDE.I


def _line(error: Exception) -> str:
    text = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {text[:160]}"


def _raised(error: Exception) -> Finding:
    text = _line(error)
    if "in-place" in text or "inplace" in text:
        return Finding("in-place-edit", "autograd refuses an in-place edit", (text,))
    if "second time" in text:
        return Finding("state-kept-between-calls", "backward runs into the graph of an earlier call", (text,))
    return Finding("breaks", "it fails when called a second time or with other numbers", (text,))


def _unregistered(name: str) -> Finding:
    return Finding(
        "unregistered-parameter",
        f"self.{name} works as a weight and is no parameter",
        (f"self.{name}: a plain tensor that asks for a gradient, not in parameters()",),
    )


def _unexplained(recovered: Recovered, name: str) -> Finding:
    labels = [block.label for block in recovered.unexplained]
    what = f"the part of {', '.join(labels[:3])} is none that {name!r} has" if labels else "its numbers are others"
    return Finding(
        "differs",
        f"it does not compute {name!r} with any assignment of its weights: {what}",
        (f"with the nearest equation its outputs differ by {recovered.error:.2g} of their size",),
    )


def _final_state(recovered: Recovered, subject: Subject) -> list[Finding]:
    """Whether the states given back beside the outputs are the last ones."""
    if subject.call.form == "cell":
        return []
    x = subject.input(9)
    kept = subject.storage.values()
    subject.storage.put(recovered.values)
    seen = subject.value(x)
    subject.storage.put(kept)
    _, track = recovered.outputs(recovered.values, x, subject.sizes.H, subject.dtype)

    def near(state: Tensor, other: Tensor) -> bool:
        return state.shape == other.shape and torch.allclose(state, other, rtol=1e-4, atol=1e-6)

    findings = []
    for n, state in enumerate(seen.states):
        if any(near(state, history[-1]) for history in (track.hidden, track.memory)):
            continue
        earlier = [t for t in range(x.shape[0] - 1) if near(state, track.hidden[t]) or near(state, track.memory[t])]
        if earlier:
            findings.append(
                Finding(
                    "wrong-final-state",
                    f"state {n} that is given back is the one after step {earlier[0]}, not after the last",
                    ("equal to it in all its numbers",),
                )
            )
    return findings


@contextlib.contextmanager
def _nothing_random() -> Iterator[None]:
    """torch.randn and its like give zeros."""
    names = ("randn", "rand", "randn_like", "rand_like", "normal")
    kept = {name: getattr(torch, name) for name in names}

    def zeros(*shape: Any, **named: Any) -> Tensor:
        named.pop("generator", None)
        if len(shape) == 2 and isinstance(shape[0], float):  # normal(mean, std, size=…)
            return torch.zeros(named.pop("size"), **named)
        return torch.zeros(*shape, **named)

    def like(other: Tensor, **named: Any) -> Tensor:
        return torch.zeros_like(other, **named)

    try:
        for name in names:
            setattr(torch, name, like if name.endswith("like") else zeros)
        yield
    finally:
        for name, function in kept.items():
            setattr(torch, name, function)

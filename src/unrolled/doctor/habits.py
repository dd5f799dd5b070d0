"""How a module behaves, whatever its equation: does it keep state, draw numbers, mix rows, look ahead?"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from unrolled.doctor.calling import Subject, dropout_off
from unrolled.doctor.finding import Finding
from unrolled.doctor.reach import Reach

__all__ = ["embedding_findings", "memory_findings", "random_findings", "reach_findings"]


def _size(a: Tensor, b: Tensor) -> float:
    return float((a - b).abs().amax()) if a.shape == b.shape else float("inf")


def memory_findings(subject: Subject) -> list[Finding]:
    """Whether one call changes what the next one gives."""
    if subject.call.form == "cell" and subject.call.state == "none":
        return []  # it keeps its state between steps by design
    x, other = subject.input(1), subject.input(2)
    with torch.no_grad(), dropout_off():
        first = subject.see(x).main
        subject.see(other, fresh=False)
        again = subject.see(x, fresh=False).main
    if _size(first, again) <= 1e-7 * float(first.abs().amax().clamp(min=1)):
        return []
    step = ""
    if first.dim() == 3 and first.shape == again.shape:
        moved = (first - again).abs().amax((1, 2))
        step = f", first at step {int((moved > 1e-7).nonzero()[0])}"
    changed = _changed(subject)
    evidence = [f"the same x after another call: outputs differ by up to {_size(first, again):.3g}{step}"]
    if changed:
        evidence.append(f"what changes with a call: {', '.join(changed)}")
    return [Finding("state-kept-between-calls", "one call's state reaches the next call's outputs", tuple(evidence))]


def _changed(subject: Subject) -> list[str]:
    """Attributes that are another tensor, or hold other numbers, after a call."""
    subject.storage.restore()
    before = {(n, k): v for n, m in subject.module.named_modules() for k, v in {**vars(m), **m._buffers}.items()}
    with torch.no_grad(), dropout_off():
        subject.see(subject.input(1))
        after = {(n, k): v for n, m in subject.module.named_modules() for k, v in {**vars(m), **m._buffers}.items()}
    subject.storage.restore()
    return [
        "self." + ".".join(part for part in key if part)
        for key, value in after.items()
        if isinstance(value, (Tensor, tuple)) and value is not before.get(key) and not key[1].startswith("_")
    ]


def random_findings(subject: Subject) -> list[Finding]:
    """Whether eval mode gives the same answer twice."""
    x = subject.input(1)
    with torch.no_grad():
        one, two = subject.see(x, seed=0).main, subject.see(x, seed=1).main
        if _size(one, two) == 0:
            return []
        with dropout_off():
            calm = _size(subject.see(x, seed=0).main, subject.see(x, seed=1).main) == 0
    zeros = float((one == 0).double().mean())
    evidence = [f"in eval mode the same x gives outputs that differ by up to {_size(one, two):.3g}"]
    if calm:
        evidence.append("with every dropout switched off they agree")
        if zeros > 0:
            evidence.append(f"{zeros:.0%} of the outputs are exactly 0")
        return [Finding("dropout-in-eval", "dropout stays active after model.eval()", tuple(evidence))]
    return [Finding("random-in-eval", "the answer depends on the random generator, in eval mode too", tuple(evidence))]


def reach_findings(reach: Reach, subject: Subject, *, both_ways: bool) -> list[Finding]:
    """Rows that meet, steps that see the future unless it reads both ways, axes that are confused."""
    findings = []
    if reach.leaks:
        across = reach.across_rows()
        source, target = divmod(int(across.argmax()), across.shape[1])
        evidence = (
            f"changing row {source} of the batch moves row {target}'s output by {float(across.max()):.2g} of its size"
        )
        scrambled = _scrambled(reach, subject)
        if scrambled:
            findings.append(
                Finding(
                    "axes-confused", "x is cut up by view or reshape where transpose belongs", (evidence, scrambled)
                )
            )
        elif reach.rows_in_turn and not reach.recurs:
            forwards = bool((across > 1e-7).triu(1).any())
            findings.append(
                Finding(
                    "axes-confused",
                    "the recurrence runs along the batch: each row is a step to the next one",
                    (
                        evidence,
                        f"rows reach only {'later' if forwards else 'earlier'} rows, and no step reaches a later step",
                    ),
                )
            )
        else:
            findings.append(Finding("batch-leak", "a row's output depends on the other rows of its batch", (evidence,)))
    if not reach.causal and not both_ways:
        row = (reach.in_row() * (reach.in_row() > 1e-7)).tril(-1)
        t, to = divmod(int(row.argmax()), row.shape[1])
        findings.append(
            Finding(
                "future-leak",
                "an output depends on steps after its own",
                (f"changing x at step {t} moves the output of step {to} by {float(row.max()):.2g} of its size",),
            )
        )
    return findings


def _scrambled(reach: Reach, subject: Subject) -> str:
    """Whether exactly those inputs meet that a view from [B,T] to [T,B], or back, throws together; else empty."""
    T, B = subject.sizes.T, subject.sizes.B
    felt = reach.felt.any(2) if reach.form == "steps" else reach.felt  # [T,B,B]
    t, b = torch.meshgrid(torch.arange(T), torch.arange(B), indexing="ij")
    rows = {
        "[B,T,…].view(T,B,…)": (b * T + t) % B,
        "[T,B,…].view(B,T,…)": (t * B + b) // T,
    }
    for words, row in rows.items():
        allowed = torch.nn.functional.one_hot(row, B).bool()
        if not bool((felt & ~allowed).any()) and bool((felt & allowed).any()):
            return f"every output depends on exactly the inputs that {words} puts into its row"
    return ""


def embedding_findings(module: nn.Module, default: object) -> list[Finding]:
    """Symbols squeezed into too few numbers.

    Args:
        module: built in sizes where an embedding that follows its arguments would be wide.
        default: the default of the argument that an embedding's width follows, if there is one.
    """
    findings = []
    for name, child in module.named_modules():
        if not isinstance(child, nn.Embedding):
            continue
        needed = max(2, (child.num_embeddings - 1).bit_length())
        width = default if isinstance(default, int) and not isinstance(default, bool) else child.embedding_dim
        width = min(width, child.embedding_dim)
        if child.num_embeddings > 2 and (width == 1 or width < needed - 1):
            findings.append(
                Finding(
                    "small-embedding",
                    f"{name} puts {child.num_embeddings} symbols into {width} number{'s' if width > 1 else ''}",
                    (f"log2({child.num_embeddings}) asks for {needed} or more; 1 hardly learns",),
                )
            )
    return findings

"""Examine a layer on graphs: read its propagation matrix off its outputs, and name it.

A graph convolution is P X M + b with P [N,N] from the graph alone. Feeding one node at a time gives P up to
one factor, whatever the layer's code looks like. An attention layer is α X W; with more features than nodes
α can be solved for. What is read off is compared with every combination of loops, degrees, powers of the
degrees, directions and axes of the softmax.
"""

from __future__ import annotations

import contextlib
import inspect
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from unrolled.doctor.beginnings import WIDE, beginning_findings
from unrolled.doctor.building import Build, Sizes, builds
from unrolled.doctor.calling import dropout_off, flatten
from unrolled.doctor.causes import causes
from unrolled.doctor.finding import Diagnosis, Finding, Verdict
from unrolled.doctor.storage import Storage

__all__ = ["examine_graph"]

_SIZES = Sizes(I=8, H=11, C=13)
_PAIRS = ((0, 1), (0, 2), (1, 2), (2, 3), (3, 4), (1, 5))
_ONE_WAY = ((0, 1), (0, 2), (1, 2), (2, 3), (4, 3), (1, 5), (3, 1))
_N = 6
_NAMES = ("A", "B", "C", "D", "E", "F")


def _edges(pairs: tuple[tuple[int, int], ...], *, both: bool) -> Tensor:
    listed = [*pairs, *((b, a) for a, b in pairs)] if both else list(pairs)
    return torch.tensor(listed).T.contiguous()


def _matrix(edges: Tensor) -> Tensor:
    """A[i,j] = 1 where j sends to i."""
    A = torch.zeros(_N, _N)
    A[edges[1], edges[0]] = 1.0
    return A


@dataclass(frozen=True)
class _Call:
    """How the layer takes its graph.

    Attributes:
        form: "edges" an edge_index, "dense" or "sparse" a matrix, "kept" given when it was built.
        first: whether the graph comes before x.
        extras: more arguments by name.
    """

    form: str
    first: bool = False
    extras: tuple[tuple[str, Any], ...] = ()


class _Layer:
    """A layer that gives the same answer to the same question."""

    def __init__(self, module: nn.Module, call: _Call, build: Build) -> None:
        self.module, self.call, self.build = module, call, build
        self.storage = Storage(module)
        self.dtype = next((t.dtype for t in self.storage.floating().values()), torch.get_default_dtype())

    def __call__(self, x: Tensor, edges: Tensor) -> Tensor:
        self.storage.restore()
        self.module.eval()
        torch.manual_seed(0)
        A = _matrix(edges).to(self.dtype)
        graph: Any = {"edges": edges, "dense": A, "sparse": A.to_sparse()}.get(self.call.form)
        arguments = () if graph is None else (graph,)
        given = self.module(*((*arguments, x) if self.call.first else (x, *arguments)), **dict(self.call.extras))
        outputs = [tensor for tensor in flatten(given) if tensor.is_floating_point() and tensor.shape[:1] == (_N,)]
        if not outputs or outputs[0].dim() < 2:
            raise TypeError("gives back nothing for every node")
        return outputs[0].reshape(_N, -1)


def examine_graph(target: Any, name: str) -> Diagnosis:
    """Examine a GCN or a GAT."""
    errors: list[str] = []
    layer = next(_layers(target, errors), None)
    if layer is None:
        return Diagnosis(
            "", name, "unknown", reason="no way of building and calling it was found: " + "; ".join(errors[:3])
        )
    notes = [f"built as {layer.build.words}, called with the graph as {_FORMS[layer.call.form]}"]
    findings: list[Finding] = []
    checks: list[str] = []
    with torch.no_grad():
        drawn = _random(layer)
    findings += drawn
    with dropout_off():
        with torch.no_grad():
            told, line = (_convolution if name == "gcn" else _attention)(layer, checks, notes)
        findings += told
        loose = _training(layer)
        findings += loose
    if not loose:
        checks.append("every parameter is trained")
    findings += _beginnings(target, layer.build)
    findings = causes(findings)
    faults = [finding for finding in findings if finding.severity == "fault"]
    verdict: Verdict = "wrong" if faults else "sound" if line else "unknown"
    reason = "" if verdict != "unknown" else "its propagation is none of those that the doctor knows by name"
    return Diagnosis(
        "",
        name,
        verdict,
        tuple(sorted(findings, key=lambda finding: finding.severity != "fault")),
        equation=(line,) if line else (),
        checks=tuple(checks),
        notes=tuple(notes),
        reason=reason,
    )


_FORMS = {
    "edges": "an edge_index",
    "dense": "a matrix",
    "sparse": "a sparse matrix",
    "kept": "an argument of its constructor",
}


def _layers(target: Any, errors: list[str]) -> Iterator[_Layer]:
    """Ways of building and calling that work and in which the graph matters."""
    x = torch.randn(_N, _SIZES.I, generator=torch.Generator().manual_seed(1))
    edges = _edges(_PAIRS, both=True)
    for build in builds(target, _SIZES, graph=True, heads=1):
        if build.sizes.I == 1:
            continue
        try:
            torch.manual_seed(0)
            module = build.make()
        except Exception as error:
            errors.append(f"{build.words} fails: {type(error).__name__}: {str(error)[:120]}")
            continue
        for call in _calls(module):
            layer = _Layer(module, call, build)
            try:
                with torch.no_grad(), dropout_off():
                    one = layer(x, edges)
                    other = layer(x, edges[:, 2:])
                layer.storage.restore()
            except Exception as error:
                errors.append(f"{build.words} called with {_FORMS[call.form]}: {str(error)[:120]}")
                with contextlib.suppress(Exception):
                    layer.storage.restore()
                continue
            if one.shape == other.shape and not torch.allclose(one, other):
                yield layer
            else:
                errors.append("the graph changes nothing")


def _calls(module: nn.Module) -> Iterator[_Call]:
    try:
        parameters = list(inspect.signature(module.forward).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    required = [p.name.lower() for p in parameters if p.default is inspect.Parameter.empty]
    graph_words = ("adj", "edge", "graph", "a_hat", "mask", "lap")
    first = bool(required) and (required[0] in ("a", "g") or any(w in required[0] for w in graph_words))
    extras = tuple((p.name, _N) for p in parameters[2:] if p.default is inspect.Parameter.empty)
    named = required[0 if first else 1] if len(required) > 1 else ""
    matrices = named in ("a", "adj", "a_hat", "m") or "adj" in named or "mask" in named or "mat" in named
    forms = ("dense", "sparse", "edges") if matrices else ("edges", "dense", "sparse")
    for form in forms:
        yield _Call(form, first, extras)
    for form in forms:
        yield _Call(form, not first, extras)


def _random(layer: _Layer) -> list[Finding]:
    x = torch.randn(_N, _SIZES.I, generator=torch.Generator().manual_seed(1)).to(layer.dtype)
    edges = _edges(_PAIRS, both=True)
    one = layer(x, edges)
    kept = torch.manual_seed
    try:
        torch.manual_seed = lambda seed: kept(seed + 1)
        two = layer(x, edges)
    finally:
        torch.manual_seed = kept
    if torch.equal(one, two):
        return []
    with dropout_off():
        calm = torch.equal(layer(x, edges), layer(x, edges))
    difference = f"in eval mode the same x gives outputs that differ by up to {float((one - two).abs().max()):.3g}"
    if calm:
        return [Finding("dropout-in-eval", "dropout stays active after model.eval()", (difference,))]
    return [Finding("random-in-eval", "the answer depends on the random generator", (difference,))]


# ── graph convolution ──────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class _Propagation:
    """One way of making P: loops w, degrees of A + vI, D^p (A + wI) D^q."""

    loops: float
    counted: float
    left: float
    right: float
    outside: float = 0.0

    def of(self, A: Tensor) -> Tensor:
        eye = torch.eye(_N, dtype=A.dtype)
        d = (A + self.counted * eye).sum(1)
        d_left = d.clamp(min=1e-12) ** self.left
        d_right = d.clamp(min=1e-12) ** self.right
        return d_left[:, None] * (A + self.loops * eye) * d_right[None, :] + self.outside * eye

    @property
    def words(self) -> str:
        inner = "A" if not self.loops else "(A + I)" if self.loops == 1 else f"(A + {self.loops:g} I)"
        powers = {0.0: "", -0.5: "D^-½", -1.0: "D^-1", 0.5: "D^½", 1.0: "D"}
        said = " ".join(part for part in (powers[self.left], inner, powers[self.right]) if part)
        of = "A" if not self.counted else "A + I" if self.counted == 1 else f"A + {self.counted:g} I"
        said += " + I" if self.outside else ""
        return f"{said}, D the degrees of {of}" if self.left or self.right else said

    def faults(self) -> list[tuple[str, str]]:
        found = []
        if self.loops == 0 and not self.outside:
            found.append(("no-self-loops", "a node does not hear itself: A where A + I belongs"))
        elif self.loops == 2:
            found.append(("double-self-loops", "each node hears itself twice: A + 2I"))
        ends = (self.left, self.right)
        if self.outside:
            found.append(("wrong-normalisation", "the loops are added after the normalisation, not before it"))
        elif self.loops and self.counted != self.loops and ends != (0.0, 0.0):
            found.append(("degrees-without-loops", "the degrees are counted without the self loops"))
        if ends == (0.0, 0.0):
            found.append(("no-normalisation", "neighbours are summed without any normalisation"))
        elif set(ends) == {0.0, -0.5}:
            side = "receiver's" if self.left else "sender's"
            found.append(("half-normalisation", f"only the {side} degree is divided by"))
        elif ends == (-1.0, 0.0):
            found.append(("wrong-normalisation", "rows are averaged (D^-1), where D^-½ on both sides belongs"))
        elif ends == (0.0, -1.0):
            found.append(("wrong-normalisation", "columns are averaged, where D^-½ on both sides belongs"))
        elif ends != (-0.5, -0.5):
            found.append(("wrong-normalisation", f"degrees enter as {self.words}"))
        return found


def _propagations() -> list[_Propagation]:
    powers = (0.0, -0.5, -1.0, 0.5, 1.0)
    every = [_Propagation(w, v, p, q) for w in (1.0, 0.0, 2.0) for v in (1.0, 0.0, 2.0) for p in powers for q in powers]
    every += [_Propagation(0.0, v, p, q, 1.0) for v in (0.0, 1.0) for p in powers[:3] for q in powers[:3] if p or q]
    return sorted(every, key=lambda p: len(p.faults()))


def _settled(layer: _Layer) -> None:
    """Positive weights and no biases, so that a relu lets everything through."""
    generator = torch.Generator().manual_seed(4)
    values = {}
    for name, tensor in layer.storage.floating().items():
        drawn = torch.rand(tensor.shape, generator=generator, dtype=torch.float64) + 0.1
        values[name] = (drawn if tensor.dim() >= 2 else 0 * drawn).to(tensor.dtype)
    layer.storage.put(values)


def _response(layer: _Layer, edges: Tensor) -> tuple[Tensor, float]:
    """P up to a factor, [N,N], and how far the layer is from P X M."""
    generator = torch.Generator().manual_seed(6)
    v = torch.rand(_SIZES.I, generator=generator, dtype=torch.float64).to(layer.dtype) + 0.5
    base = torch.rand(_N, _SIZES.I, generator=generator, dtype=torch.float64).to(layer.dtype) + 3.0
    best, worst = torch.zeros(_N, _N), float("inf")
    for undo in (_same, _centred, _log_centred):
        with contextlib.suppress(Exception):
            zero = undo(layer(base, edges))
            columns = []
            for n in range(_N):
                moved = base.clone()
                moved[n] += v
                columns.append(undo(layer(moved, edges)) - zero)
            R = torch.stack(columns, 1)  # [N, N, D]
            flat = R.reshape(_N * _N, -1)
            U, S, _ = torch.linalg.svd(flat.double(), full_matrices=False)
            rest = float(S[1:].norm() / S[0].clamp(min=1e-30)) if len(S) > 1 else 0.0
            if rest < worst and bool(torch.isfinite(S).all()):
                P = (U[:, 0] * S[0]).reshape(_N, _N)
                best, worst = P * P.sum().sign(), rest
    return best, worst


def _same(y: Tensor) -> Tensor:
    return y


def _centred(y: Tensor) -> Tensor:
    return y - y.mean(-1, keepdim=True)


def _log_centred(y: Tensor) -> Tensor:
    return _centred(y.log())


def _fit(P: Tensor, wanted: Tensor) -> float:
    factor = (P * wanted).sum() / (wanted * wanted).sum().clamp(min=1e-30)
    return float((P - factor * wanted).norm() / P.norm().clamp(min=1e-30))


def _convolution(layer: _Layer, checks: list[str], notes: list[str]) -> tuple[list[Finding], str]:
    kept = layer.storage.values()
    try:
        _settled(layer)
        tolerance = 1e-7 if layer.dtype == torch.float64 else 2e-4
        edges = _edges(_PAIRS, both=True)
        P, rest = _response(layer, edges)
        if rest > 1e-4:
            return [], ""
        A = _matrix(edges).double()
        findings: list[Finding] = []
        found: tuple[_Propagation, int] | None = None
        for propagation, power in itertools.product(_propagations(), (1, 2, 3)):
            if _fit(P, torch.linalg.matrix_power(propagation.of(A), power)) < tolerance:
                found = propagation, power
                break
        if found is None:
            return [_nearest(P, A)], ""
        propagation, power = found
        as_given = layer.call.form in ("dense", "sparse") and propagation.words == "A"
        right = _Propagation(1.0, 1.0, -0.5, -0.5).of(A)
        worst = (P / P.norm() - right / right.norm()).abs()
        i, j = divmod(int(worst.argmax()), _N)
        evidence = (
            f"read off its outputs: P = {propagation.words}, matched to {tolerance:.0e}",
            f"from node {_NAMES[j]} to {_NAMES[i]} it passes {float(P[i, j] / P.norm()):.4f}, "
            f"the reference {float(right[i, j] / right.norm()):.4f} (both scaled to norm 1)",
        )
        if as_given:
            notes.append("it multiplies by the matrix that it is given: give it D^-½ (A + I) D^-½")
            findings.append(
                Finding(
                    "no-normalisation",
                    "it applies the matrix it is given as it is: right only if that is already D^-½ (A + I) D^-½",
                    evidence[:1],
                    "caution",
                )
            )
        else:
            findings += [Finding(fault, sentence, evidence) for fault, sentence in propagation.faults()]
        if layer.call.form == "edges":
            findings += _direction(layer, _support)
        if not findings:
            checks.append(f"its propagation is D^-½ (A + I) D^-½, to {tolerance:.0e}" + _times(power))
        return findings, f"H' = P H W, P = {propagation.words}{_times(power)}"
    finally:
        layer.storage.put(kept)


def _times(power: int) -> str:
    return "" if power == 1 else f", {power} times"


def _nearest(P: Tensor, A: Tensor) -> Finding:
    right = _Propagation(1.0, 1.0, -0.5, -0.5).of(A)
    return Finding(
        "differs",
        "it is a linear propagation, and not D^-½ (A + I) D^-½ nor any way to get it wrong that has a name",
        (f"the best multiple of the reference differs by {_fit(P, right):.2g} of its size",),
    )


def _support(layer: _Layer, edges: Tensor) -> Tensor:
    """Whether node j reaches node i: [N,N] bool."""
    x = torch.randn(_N, _SIZES.I, generator=torch.Generator().manual_seed(8)).to(layer.dtype)
    before = layer(x, edges)
    reached = []
    for n in range(_N):
        moved = x.clone()
        moved[n] += 2.5
        reached.append((layer(moved, edges) - before).abs().amax(-1) > 1e-9)
    return torch.stack(reached, 1)


def _direction(layer: _Layer, support: Callable[[_Layer, Tensor], Tensor]) -> list[Finding]:
    """On a graph of one-way edges: who hears whom."""
    edges = _edges(_ONE_WAY, both=False)
    kept = layer.storage.values()
    _settled(layer)
    reached = support(layer, edges) & ~torch.eye(_N, dtype=torch.bool)
    layer.storage.put(kept)
    A = _matrix(edges).bool()
    forwards, backwards = bool((reached & A).any()), bool((reached & A.T & ~A).any())
    if backwards and not bool((reached & A & ~A.T).any()):
        j, i = (reached & A.T & ~A).nonzero()[0].tolist()
        return [
            Finding(
                "direction-reversed",
                "messages run against the edges: a node hears those it sends to",
                (
                    f"edge {_NAMES[j]}→{_NAMES[i]} in edge_index: {_NAMES[j]} hears {_NAMES[i]}, "
                    f"{_NAMES[i]} does not hear {_NAMES[j]}",
                ),
            )
        ]
    del forwards
    return []


# ── graph attention ────────────────────────────────────────────────────────────────────────────────────────


def _attention(layer: _Layer, checks: list[str], notes: list[str]) -> tuple[list[Finding], str]:
    kept = layer.storage.values()
    try:
        generator = torch.Generator().manual_seed(4)
        values = {}
        for name, tensor in layer.storage.floating().items():
            drawn = torch.randn(tensor.shape, generator=generator, dtype=torch.float64) * 0.5
            values[name] = (0 * drawn if _is_bias(name, tensor) else drawn).to(tensor.dtype)
        layer.storage.put(values)
        tolerance = 1e-7 if layer.dtype == torch.float64 else 2e-4
        edges = _edges(_PAIRS, both=True) if layer.call.form != "edges" else _edges(_ONE_WAY, both=False)
        x = torch.randn(_N, _SIZES.I, generator=generator).to(layer.dtype)
        y = layer(x, edges)
        solved = _solve(values, x, y, tolerance)
        if solved is None:
            return [], ""
        weight, W, alpha, after = solved
        h = (x @ W.T).double()
        A = _matrix(edges).bool()
        for guess in _guesses(values, weight, h, A):
            if float((guess.alpha - alpha).abs().max()) < 20 * tolerance:
                findings = _attention_findings(guess, alpha, layer)
                if not findings:
                    checks.append("its attention is a softmax over the senders of each receiver, loops among them")
                line = f"y = α X {weight}ᵀ, α = {guess.words}" + (f", then {after}" if after != "nothing" else "")
                return findings, line
        rows, columns = alpha.sum(1), alpha.sum(0)
        notes.append(f"α read off its outputs: rows sum to {_range(rows)}, columns to {_range(columns)}")
        return [
            Finding(
                "differs",
                "its attention weights are not a softmax of LeakyReLU scores in any way that has a name",
                (f"receivers' weights sum to {_range(rows)}, senders' to {_range(columns)}",),
            )
        ], ""
    finally:
        layer.storage.put(kept)


def _range(values: Tensor) -> str:
    return f"{float(values.min()):.3f} … {float(values.max()):.3f}"


def _is_bias(name: str, tensor: Tensor) -> bool:
    return tensor.dim() == 1 and ("bias" in name.lower() or name.lower().rpartition(".")[2] in ("b", "beta"))


_UNDO: dict[str, Callable[[Tensor], Tensor]] = {
    "nothing": lambda y: y,
    "elu": lambda y: torch.where(y > 0, y, torch.log1p(y.clamp(min=-1 + 1e-12))),
    "leaky relu": lambda y: torch.where(y > 0, y, y / 0.2),
    "σ": lambda y: torch.logit(y),
    "tanh": lambda y: torch.atanh(y),
}


def _solve(values: dict[str, Tensor], x: Tensor, y: Tensor, tolerance: float) -> tuple[str, Tensor, Tensor, str] | None:
    """The weight W, α [N,N] and the activation with y = activation(α X Wᵀ)."""
    D = y.shape[1]
    for name, tensor in values.items():
        squeezed = tensor.squeeze()
        if squeezed.dim() != 2 or sorted(squeezed.shape) != sorted((D, _SIZES.I)):
            continue
        W = squeezed if squeezed.shape[0] == D else squeezed.T
        h = (x @ W.T).double()
        for after, undo in _UNDO.items():
            z = undo(y.double())
            alpha = z @ torch.linalg.pinv(h)
            if bool(torch.isfinite(alpha).all()) and float((alpha @ h - z).abs().max()) < 50 * tolerance * max(
                1.0, float(z.abs().max())
            ):
                return name, W, alpha, after
    return None


@dataclass(frozen=True, eq=False)
class _Guess:
    alpha: Tensor
    loops: bool
    reversed: bool
    over: str
    slope: float
    words: str


def _guesses(values: dict[str, Tensor], weight: str, h: Tensor, A: Tensor) -> Iterator[_Guess]:
    halves = list(_halves(values, weight, h.shape[1]))
    eye = torch.eye(_N, dtype=torch.bool)
    cost: list[tuple[int, int, _Guess]] = []
    for (one, two), loops, back, over, slope in itertools.product(
        halves,
        (True, False),
        (False, True),
        ("receiver", "sender", "all", "none", "unmasked", "masked after", "mean", "exp"),
        (0.2, 0.01, 1.0, 0.0, 0.1, 0.3, 0.05, 0.5),
    ):
        mask = (A.T if back else A) | eye if loops else (A.T if back else A)
        scores = (h @ one)[:, None] + (h @ two)[None, :]
        scores = torch.where(scores > 0, scores, slope * scores)
        alpha = _normalised(scores, mask, over)
        if alpha is None:
            continue
        odd = (not loops) + back + (over != "receiver") + (slope != 0.2)
        said = f"{_OVER[over]} of LeakyReLU({slope:g})" if slope != 1.0 else f"{_OVER[over]} of the scores"
        cost.append((odd, len(cost), _Guess(alpha, loops, back, over, slope, said)))
    for _, _, guess in sorted(cost, key=lambda entry: entry[:2]):
        yield guess


_OVER = {
    "receiver": "softmax over each receiver's senders",
    "sender": "softmax over each sender's receivers",
    "all": "softmax over all edges",
    "none": "no softmax",
    "unmasked": "softmax with score 0 where there is no edge",
    "masked after": "softmax over all nodes, then the mask",
    "mean": "equal weights",
    "exp": "exp without a sum",
}


def _normalised(s: Tensor, mask: Tensor, over: str) -> Tensor | None:
    hidden = s.masked_fill(~mask, -torch.inf)
    match over:
        case "receiver":
            return hidden.softmax(1).nan_to_num(0.0)
        case "sender":
            return hidden.softmax(0).nan_to_num(0.0)
        case "all":
            return hidden.reshape(-1).softmax(0).reshape(s.shape)
        case "none":
            return s.masked_fill(~mask, 0.0)
        case "unmasked":
            return s.masked_fill(~mask, 0.0).softmax(1)
        case "masked after":
            return s.softmax(1).masked_fill(~mask, 0.0)
        case "mean":
            return mask / mask.sum(1, keepdim=True).clamp(min=1)
        case "exp":
            return s.exp().masked_fill(~mask, 0.0)
    return None


def _halves(values: dict[str, Tensor], weight: str, D: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Every pair of vectors [D] that the scores can be made with, receiver's first."""
    vectors = []
    for name, tensor in values.items():
        flat = tensor.reshape(-1).double()
        if name == weight:
            continue
        if flat.numel() == 2 * D:
            yield flat[:D], flat[D:]
            yield flat[D:], flat[:D]
        elif flat.numel() == D and bool(flat.any()):
            vectors.append(flat)
    yield from itertools.permutations(vectors, 2)


def _attention_findings(guess: _Guess, alpha: Tensor, layer: _Layer) -> list[Finding]:
    rows, columns = alpha.sum(1), alpha.sum(0)
    evidence = f"α read off its outputs: a receiver's weights sum to {_range(rows)}, a sender's to {_range(columns)}"
    findings = []
    if not guess.loops:
        findings.append(
            Finding(
                "no-self-loops",
                "no node attends to itself"
                + (", unless the matrix that it is given has loops" if layer.call.form != "edges" else ""),
                (f"α_AA = {float(alpha[0, 0]):.3g}", evidence),
                "fault" if layer.call.form == "edges" else "caution",
            )
        )
    if guess.reversed and layer.call.form == "edges":
        findings.append(
            Finding("direction-reversed", "messages run against the edges: a node hears those it sends to", (evidence,))
        )
    faults = {
        "sender": ("softmax-over-senders", "the softmax runs over each sender's edges, not over each receiver's"),
        "all": ("softmax-over-senders", "one softmax runs over all edges of the graph"),
        "none": ("no-softmax", "the scores are used as they are, without a softmax"),
        "exp": ("no-softmax", "the exponentials are not divided by their sum"),
        "unmasked": (
            "softmax-over-senders",
            "nodes that are no neighbours get a score of 0 and take part in the softmax",
        ),
        "masked after": ("softmax-over-senders", "the softmax runs over all nodes, and the mask comes after it"),
        "mean": ("no-softmax", "all neighbours have equal weights: the scores have no effect"),
    }
    if guess.over in faults:
        fault, sentence = faults[guess.over]
        findings.append(Finding(fault, sentence, (evidence,)))
    if guess.slope == 1.0 and guess.over != "mean":
        findings.append(Finding("missing-leaky-relu", "the scores go into the softmax without LeakyReLU", (evidence,)))
    elif guess.slope != 0.2 and guess.over != "mean":
        findings.append(
            Finding(
                "wrong-slope",
                f"the scores' LeakyReLU has slope {guess.slope:g}, not 0.2",
                (evidence,),
                "fault" if guess.slope == 0 else "caution",
            )
        )
    return findings


# ── what every module has ──────────────────────────────────────────────────────────────────────────────────


def _training(layer: _Layer) -> list[Finding]:
    """Parameters that shape the output and get no gradient, and weights that are no parameters."""
    x = torch.randn(_N, _SIZES.I, generator=torch.Generator().manual_seed(3)).to(layer.dtype)
    edges = _edges(_PAIRS, both=True)
    generator = torch.Generator().manual_seed(9)
    findings: list[Finding] = []
    try:
        y = layer(x, edges)
        towards = torch.randn(y.shape, generator=generator, dtype=torch.float64).to(y.dtype)
        loss = (y * towards).sum()
        if loss.requires_grad:
            loss.backward()  # type: ignore[no-untyped-call]
    except RuntimeError as error:
        text = str(error).partition("\n")[0]
        fault = "in-place-edit" if "inplace" in text or "in-place" in text else "cut-gradient"
        return [Finding(fault, "backward fails", (text,))]
    grads = {name: tensor.grad for name, tensor in layer.storage.tensors.items() if tensor.is_leaf}
    grads = {name: None if grad is None else grad.clone() for name, grad in grads.items()}
    kept = layer.storage.values()
    for name, tensor in layer.storage.floating().items():
        change = torch.randn(tensor.shape, generator=generator, dtype=torch.float64).to(tensor.dtype)
        with torch.no_grad():
            layer.storage.put({name: kept[name] + 0.3 * change})
            moved = float((layer(x, edges) - y).abs().max())
            layer.storage.put(kept)
        grad = grads.get(name)
        still = grad is None or not bool(grad.any())
        if name in layer.storage.parameters:
            if moved > 1e-9 and still:
                findings.append(
                    Finding(
                        "untrained-parameter",
                        f"{name} gets no gradient: it shapes the output and stays as it was drawn",
                        (f"a change moves the output by {moved:.3g}, autograd says 0",),
                    )
                )
            elif moved <= 1e-9:
                findings.append(
                    Finding(
                        "untrained-parameter",
                        f"{name} has no effect on any output: it is never trained",
                        ("changing it changes nothing",),
                    )
                )
        elif (
            moved > 1e-9
            and name in layer.storage.attributes
            and tensor.dim() >= 1
            and tensor.numel() not in (_N, _N * _N)
        ):
            findings.append(
                Finding(
                    "unregistered-parameter",
                    f"self.{name} works as a weight and is no parameter",
                    (f"a change moves the output by {moved:.3g}; it is not in parameters()",),
                )
            )
    return findings


def _beginnings(target: Any, build: Build) -> list[Finding]:
    if isinstance(target, nn.Module):
        return []
    kept = torch.get_default_dtype()
    try:
        torch.set_default_dtype(torch.float32)
        torch.manual_seed(1)
        wide = next(
            b
            for b in builds(target, replace(WIDE, I=38), graph=True, heads=1)
            if list(b.arguments) == list(build.arguments)
        )
        return beginning_findings(wide.make(), None)[0]
    except Exception:
        return []
    finally:
        torch.set_default_dtype(kept)

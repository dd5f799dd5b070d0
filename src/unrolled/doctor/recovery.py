"""Recover a module's equation from the outside: which of its tensors plays which part, and in what formula.

The tensors' blocks (see `blocks`) are probed one after another while all others are zero, in three stages:

1. the matrices on x alone: every assignment of blocks to gates, with every formula of the family and every
   way of reading the sequence and giving it back, cheapest faults first;
2. one more block at a time: every gate, source and direction that it could have; what was found stays in;
3. everything at random at once: the recovered equation must give the module's own numbers.

What matches to the precision of the numbers is what the module computes. Nothing here needs gradients, so
that a module whose gradients are broken is recovered all the same.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from unrolled.doctor.blocks import Block, cut
from unrolled.doctor.calling import Seen, Subject
from unrolled.doctor.formula import FAMILIES, Formula, formulas
from unrolled.doctor.names import gate_in
from unrolled.doctor.reference import Reference
from unrolled.doctor.structure import Structure, Term, Track, run

__all__ = ["READINGS", "READOUTS", "Front", "Recovered", "front_of", "recover"]

READINGS: Mapping[str, Callable[[int], Sequence[int]]] = {
    "all": lambda T: range(T),
    "all but the first": lambda T: range(1, T),
    "all but the last": lambda T: range(T - 1),
    "all but the first and the last": lambda T: range(1, T - 1),
    "backwards": lambda T: range(T - 1, -1, -1),
    "all but the first two": lambda T: range(2, T),
    "all but the last two": lambda T: range(T - 2),
    "the first twice": lambda T: [0, *range(T)],
    "the last twice": lambda T: [*range(T), T - 1],
    "every second": lambda T: range(0, T, 2),
}
"""Which steps of a sequence are read, in order; the right one first."""

READOUTS: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "every step": lambda h, c: h,
    "the last step": lambda h, c: h[-1],
    "the first step": lambda h, c: h[0],
    "the step before the last": lambda h, c: h[-2],
    "the mean over the steps": lambda h, c: h.mean(0),
    "the sum over the steps": lambda h, c: h.sum(0),
    "the maximum over the steps": lambda h, c: h.amax(0),
    "every step but the first": lambda h, c: h[1:],
    "every step but the last": lambda h, c: h[:-1],
    "the state before every step": lambda h, c: torch.cat([torch.zeros_like(h[:1]), h[:-1]]),
    "zeros, then every step but the first": lambda h, c: torch.cat([torch.zeros_like(h[:1]), h[1:]]),
    "every step but the last, then zeros": lambda h, c: torch.cat([h[:-1], torch.zeros_like(h[:1])]),
    "zeros, then every step": lambda h, c: torch.cat([torch.zeros_like(h[:1]), h]),
    "every step, last first": lambda h, c: h.flip(0),
    "the last step, again and again": lambda h, c: h[-1:].expand_as(h),
    "the memory at every step": lambda h, c: c,
    "the memory at the last step": lambda h, c: c[-1],
}
"""What of the states comes out."""

_AFTER: Mapping[str, Callable[[Tensor], Tensor]] = {
    "nothing": lambda y: y,
    "log-softmax over the classes": lambda y: y.log_softmax(-1),
    "softmax over the classes": lambda y: y.softmax(-1),
    "softmax over the batch": lambda y: y.softmax(-2),
    "log-softmax over the batch": lambda y: y.log_softmax(-2),
    "softmax over time": lambda y: y.softmax(0),
    "log-softmax over time": lambda y: y.log_softmax(0),
    "softmax twice": lambda y: y.softmax(-1).softmax(-1),
    "log-softmax of softmax": lambda y: y.softmax(-1).log_softmax(-1),
    "σ": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
}
_SECONDS = 12.0
"""How long a beginning is looked for, in seconds of this process."""

_RIGHT_AFTER = ("nothing", "log-softmax over the classes", "softmax over the classes")
_RIGHT_READOUTS = ("every step", "the last step")


@dataclass(frozen=True, eq=False)
class Front:
    """What lies before and behind the cell.

    Attributes:
        coding: "vector", "scalar", "one-hot" or the name of an embedding's tensor.
        width: I, what a step reads.
        head: the tensor of the output layer and whether it lies as [H,D], if there is one.
        head_bias: its bias.
    """

    coding: str
    width: int
    head: tuple[str, bool] | None = None
    head_bias: str | None = None

    def drive(self, values: Mapping[str, Tensor], x: Tensor, dtype: torch.dtype) -> Tensor:
        """X as the cell sees it, [T,B,I]."""
        match self.coding:
            case "vector":
                return x
            case "scalar":
                return x.unsqueeze(-1).to(dtype)
            case "one-hot":
                return one_hot(x, self.width).to(dtype)
        return values[self.coding][x]

    def finish(self, values: Mapping[str, Tensor], h: Tensor) -> Tensor:
        """The output layer."""
        if self.head is None:
            return h
        name, flat = self.head
        W = values[name].reshape(values[name].shape[-2:]) if values[name].dim() > 1 else values[name].reshape(1, -1)
        y = h @ (W if flat else W.T)
        return y if self.head_bias is None else y + values[self.head_bias].reshape(-1)


@dataclass(frozen=True, eq=False)
class Recovered:
    """A module's equation.

    Attributes:
        structure: its formula and terms.
        front: what lies around the cell.
        reading: which steps are read.
        readout: what comes out.
        after: what is done with it last.
        exact: whether the equation gives the module's numbers with everything at random.
        unused: blocks that change nothing.
        unexplained: blocks whose part is not found.
        error: the largest difference that is left, relative.
        cost: how many faults the beginning of it took.
    """

    structure: Structure
    front: Front
    reading: str
    readout: str
    after: str
    exact: bool = False
    unused: tuple[Block, ...] = ()
    unexplained: tuple[Block, ...] = ()
    error: float = 0.0
    cost: int = 0
    values: Mapping[str, Tensor] = field(default_factory=dict)

    def outputs(self, values: Mapping[str, Tensor], x: Tensor, H: int, dtype: torch.dtype) -> tuple[Tensor, Track]:
        """What the recovered equation gives on x, in the module's form, and everything on the way."""
        seen = self.front.drive(values, x, dtype)
        track = run(self.structure, values, seen, H, steps=READINGS[self.reading](x.shape[0]))
        return self.give(values, track), track

    def give(self, values: Mapping[str, Tensor], track: Track) -> Tensor:
        """From states to what comes out."""
        return _AFTER[self.after](self.front.finish(values, READOUTS[self.readout](track.hidden, track.memory)))


def front_of(subject: Subject, seen: Seen) -> Front:
    """What lies around the cell, from the module's children and the shapes of its tensors."""
    tensors = subject.storage.floating()
    kept = {alias: name for name, alias in subject.storage.aliases}
    coding, width = subject.call.coding, subject.sizes.I
    if coding == "scalar":
        width = 1
    if coding == "token":
        tables = {n: m for n, m in subject.module.named_modules() if isinstance(m, nn.Embedding)}
        for name, table in tables.items():
            coding, width = kept.get(f"{name}.weight", f"{name}.weight"), table.embedding_dim
        if not tables:
            V = subject.symbols()
            found = [
                n for n, t in tensors.items() if t.dim() == 2 and t.shape[0] == subject.sizes.V and t.shape[1] != V
            ]
            coding = "one-hot"
            width = subject.sizes.V if any(subject.sizes.V in t.shape for t in tensors.values()) else subject.sizes.I
            if found and all(subject.sizes.V not in t.shape for n, t in tensors.items() if n != found[0]):
                coding, width = found[0], tensors[found[0]].shape[1]
    D, H = seen.main.shape[-1], subject.sizes.H
    if H == D:
        return Front(coding, width)
    for name, tensor in reversed(list(tensors.items())):
        shape = tuple(n for n in tensor.shape if n != 1 or D == 1)
        if name != coding and (shape in ((D, H), (H, D)) or (D == 1 and tensor.numel() == H and tensor.dim() == 2)):
            if width == D and not _reads_states(subject, name):
                continue
            bias = [n for n, t in tensors.items() if t.numel() == D and t.dim() <= 2 and n != name and _near(n, name)]
            return Front(coding, width, (name, shape == (H, D)), bias[-1] if bias else None)
    return Front(coding, width)


def _near(bias: str, weight: str) -> bool:
    """Whether two tensors can belong to one linear layer: in the same child of the module."""
    return bias.rpartition(".")[0] == weight.rpartition(".")[0]


def _reads_states(subject: Subject, name: str) -> bool:
    """Whether a matrix matters where every x is zero: then it does not read x."""
    kept = subject.storage.values()
    try:
        generator = torch.Generator().manual_seed(2)
        subject.storage.put({n: _random(t, generator) for n, t in subject.storage.floating().items()})
        x = torch.zeros_like(subject.input())
        before = subject.value(x).main
        subject.storage.put({name: _random(subject.storage.tensors[name], generator)})
        return not torch.allclose(subject.value(x).main, before)
    finally:
        subject.storage.put(kept)


def _column(subject: Subject, front: Front, name: str) -> bool:
    """Whether a tensor [H,1], beside an x of width 1, is a vector written as a column."""
    return front.coding in ("vector", "scalar") and _reads_states(subject, name)


def _random(tensor: Tensor, generator: torch.Generator, scale: float = 0.6) -> Tensor:
    drawn = torch.empty(tensor.shape, dtype=torch.float64).normal_(generator=generator)
    return (drawn * scale).to(tensor.dtype)


def _blocks(subject: Subject, front: Front, input_last: bool) -> tuple[list[Block], list[str]]:
    """Every block of every tensor but the front's, and the tensors that fit no equation."""
    blocks: list[Block] = []
    odd: list[str] = []
    taken = {front.coding, front.head[0] if front.head else None, front.head_bias}
    for name, tensor in subject.storage.floating().items():
        if name in taken:
            continue
        found = cut(name, tensor, front.width, subject.sizes.H, input_last=input_last)
        if front.width == 1 and {b.kind for b in found} == {"x"} and _column(subject, front, name):
            found = tuple(replace(b, kind="vector", index=b.index.reshape(-1), input_first=None) for b in found)
        blocks += found
        if not found:
            odd.append(name)
    return blocks, odd


class _Search:
    """The three stages on one subject with one cut into blocks."""

    def __init__(
        self,
        subject: Subject,
        reference: Reference,
        front: Front,
        blocks: list[Block],
        odd: list[str],
        until: float,
    ) -> None:
        self.subject, self.reference, self.front, self.blocks, self.odd = subject, reference, front, blocks, odd
        self.family = FAMILIES[reference.family]
        self.H = subject.sizes.H
        self.tolerance = 1e-9 if subject.dtype == torch.float64 else 2e-5
        self.until = until
        generator = torch.Generator().manual_seed(11)
        own = subject.storage.values()
        self.random = {n: own[n] if n in odd else _random(t, generator) for n, t in subject.storage.floating().items()}
        self.x = subject.input(3)

    def live(self, blocks: Sequence[Block]) -> dict[str, Tensor]:
        """Random values in these blocks and around the cell, zero elsewhere."""
        values = {}
        for name, value in self.random.items():
            if name in (self.front.coding, *(self.front.head or ())[:1], *self.odd):
                values[name] = value
                continue
            flat = torch.zeros(value.numel(), dtype=value.dtype)
            for block in blocks:
                if block.tensor == name:
                    where = block.index.reshape(-1)
                    flat[where] = value.reshape(-1)[where]
            values[name] = flat.reshape(value.shape)
        return values

    def seen(self, values: Mapping[str, Tensor]) -> Seen:
        """What the module gives with these values."""
        self.subject.storage.put(values)
        return self.subject.value(self.x)

    def error(self, found: Tensor, wanted: Tensor) -> Tensor:
        """Relative difference by assignment: [...]."""
        scale = wanted.abs().amax().clamp(min=1e-2)
        return ((found - wanted).abs().flatten(-wanted.dim()).amax(-1) / scale).nan_to_num(torch.inf)

    def beginnings(self) -> Iterator[tuple[float, Recovered]]:
        """Stage 1: how x is read, in every way that gives the module's numbers, cheapest first."""
        drivers = [block for block in self.blocks if block.kind == "x"]
        gates = self.family.gates
        if not drivers or len(drivers) > 6:
            return
        values = self.live(drivers)
        wanted = self.seen(values).main
        if float(wanted.std()) < self.tolerance:
            return  # anything would match
        x = self.front.drive(values, self.x, self.subject.dtype)
        products = torch.stack([*(x @ block.of(values).T for block in drivers), torch.zeros(*x.shape[:-1], self.H)])
        products = products.to(x.dtype)
        maps = self._maps(drivers, gates)
        plain = [m for m in maps if self._price(m, drivers)[0] == 0]
        for cost in range(3):
            matched: list[tuple[float, Recovered]] = []
            for faults in range(cost + 1):
                chosen = maps if cost == 0 else plain
                for formula in formulas(self.reference.family, self.reference.right, faults):
                    if time.process_time() > self.until:
                        break
                    drive = {gate: products[[m[n] for m in chosen]].movedim(0, 1) for n, gate in enumerate(gates)}
                    matched += self._around(formula, chosen, drive, x, wanted, values, drivers, cost - faults)
            yield from sorted(matched, key=lambda pair: pair[0])

    def _maps(self, drivers: Sequence[Block], gates: Sequence[str]) -> list[tuple[int, ...]]:
        """Every assignment of a driver, or of none (the last index), to every gate; one-to-one ones first."""
        every = itertools.product(range(len(drivers) + 1), repeat=len(gates))
        return sorted(every, key=lambda m: self._price(m, drivers))[:700]

    def _price(self, chosen: Sequence[int], drivers: Sequence[Block]) -> tuple[int, int]:
        """How odd an assignment is: drivers left out or used twice, then gates that contradict names."""
        used = [n for n in chosen if n < len(drivers)]
        odd = len(drivers) - len(set(used)) + len(used) - len(set(used))
        if len(drivers) >= len(chosen):
            odd += len(chosen) - len(used)
        gates = self.family.gates
        against = sum(
            gate_in(drivers[n].tensor, self.reference.family) not in (None, gates[k])
            for k, n in enumerate(chosen)
            if n < len(drivers)
        )
        return odd, against * 10 + sum(abs(k - n) for k, n in enumerate(chosen))

    def _around(
        self,
        formula: Formula,
        maps: Sequence[tuple[int, ...]],
        drive: Mapping[str, Tensor],
        x: Tensor,
        wanted: Tensor,
        values: Mapping[str, Tensor],
        drivers: Sequence[Block],
        around: int,
    ) -> list[tuple[float, Recovered]]:
        found: list[tuple[float, Recovered]] = []
        bare = Structure(formula)
        readings = list(READINGS) if around else ["all"]
        for reading in readings:
            track = run(bare, values, x, self.H, drive=drive, steps=READINGS[reading](x.shape[0]))
            hidden, memory = track.hidden.movedim(1, 0), track.memory.movedim(1, 0)
            for readout in READOUTS:
                if (reading != "all") + (readout not in _RIGHT_READOUTS) > around:
                    continue
                states = READOUTS[readout](hidden.movedim(1, 0), memory.movedim(1, 0))
                if states.dim() != wanted.dim() + 1 or (wanted.dim() == 3 and states.shape[0] != wanted.shape[0]):
                    continue
                finished = self.front.finish(values, states)
                if finished.shape[-1] != wanted.shape[-1]:
                    continue
                for after in _AFTER:
                    price = (reading != "all") + (readout not in _RIGHT_READOUTS) + (after not in _RIGHT_AFTER)
                    if price == around:
                        found += self._matches(
                            (formula, reading, readout, after), finished, maps, wanted, drivers, around
                        )
        return found

    def _matches(
        self,
        hypothesis: tuple[Formula, str, str, str],
        finished: Tensor,
        maps: Sequence[tuple[int, ...]],
        wanted: Tensor,
        drivers: Sequence[Block],
        around: int,
    ) -> list[tuple[float, Recovered]]:
        """Every assignment that gives the module's numbers under one hypothesis."""
        formula, reading, readout, after = hypothesis
        found: list[tuple[float, Recovered]] = []
        given = _AFTER[after](finished)
        errors = self.error(given.movedim(1, 0) if wanted.dim() == 3 else given, wanted)
        for n in (errors < self.tolerance).nonzero().flatten().tolist():
            chosen = maps[n]
            terms = tuple(
                Term(gate, "x", drivers[k])
                for gate, k in zip(self.family.gates, chosen, strict=True)
                if k < len(drivers)
            )
            odd, against = self._price(chosen, drivers)
            variety = _RIGHT_AFTER.index(after) if after in _RIGHT_AFTER else 0
            cost = around + len(formula.faults(self.reference.right)) + odd
            start = Recovered(Structure(formula, terms), self.front, reading, readout, after, cost=cost)
            found.append((cost + 0.001 * against + 0.0001 * variety, start))
        return found

    def complete(self, start: Recovered) -> Recovered:
        """Stages 2 and 3."""
        structure = start.structure
        known = [term.block for term in structure.terms]
        waiting = [b for b in self.blocks if all(b.index is not k.index for k in known)]
        waiting.sort(key=lambda b: {"square": 0, "x": 1, "vector": 2}[b.kind])
        unexplained: list[Block] = []
        progress = True
        while progress and waiting:
            progress = False
            for block in list(waiting):
                without = self.seen(self.live(known)).main
                values = self.live([*known, block])
                wanted = self.seen(values).main
                if self.error(without, wanted) < self.tolerance:
                    continue
                waiting.remove(block)
                terms = self._part(start, structure, block, values, wanted)
                if terms is None:
                    unexplained.append(block)
                    continue
                structure = structure.plus(*terms)
                known.append(block)
                progress = True
        done = Recovered(
            structure,
            start.front,
            start.reading,
            start.readout,
            start.after,
            unused=tuple(waiting),
            unexplained=tuple(unexplained),
            cost=start.cost,
        )
        values = dict(self.random)
        wanted = self.seen(values).main
        given, _ = done.outputs(values, self.x, self.H, self.subject.dtype)
        error = float(self.error(given, wanted)) if given.shape == wanted.shape else float("inf")
        exact = error < 10 * self.tolerance and not unexplained
        return Recovered(**{**vars(done), "exact": exact, "error": error, "values": values})

    def _part(
        self, start: Recovered, structure: Structure, block: Block, values: Mapping[str, Tensor], wanted: Tensor
    ) -> tuple[Term, ...] | None:
        """The part that explains what one more block changes."""
        x = self.front.drive(values, self.x, self.subject.dtype)
        steps = READINGS[start.reading](self.x.shape[0])
        for terms in self._candidates(block):
            track = run(structure.plus(*terms), values, x, self.H, steps=steps)
            given = start.give(values, track)
            if given.shape == wanted.shape and self.error(given, wanted) < self.tolerance:
                return terms
        return None

    def _candidates(self, block: Block) -> Iterator[tuple[Term, ...]]:
        gates = self.family.gates
        memory, gated = self.family.memory, self.reference.family == "gru"
        if block.kind == "x":
            sources: tuple[str, ...] = ("x",)
        elif block.kind == "square":
            sources = ("h", *(("c", "c_new") if memory else ()), *(("rh", "r(h)") if gated else ()))
        else:
            sources = (
                "bias",
                *(("diag c", "diag c_new") if memory else ()),
                *(("r(bias)",) if gated else ()),
                "diag h",
            )
        named = gate_in(block.tensor, self.reference.family)
        ordered = sorted(gates, key=lambda gate: gate != named)
        for count in range(1, len(gates) + 1):
            for chosen in itertools.combinations(ordered, count):
                for source in sources:
                    if source in ("rh", "r(h)", "r(bias)") and chosen != ("n",):
                        continue
                    if source.endswith("c_new") and chosen != ("o",):
                        continue
                    for turned in (False, True) if block.kind == "square" else (False,):
                        part = block.transposed() if turned else block
                        yield tuple(Term(gate, source, part, turned) for gate in chosen)
        for source in ("h", "c") if block.kind == "square" else ("bias", "diag h", "diag c"):
            yield (Term("+", source, block),)
        if block.kind == "vector":
            yield (Term("+", "h0", block),)
            yield (Term("+", "c0", block),)


def recover(subject: Subject, reference: Reference) -> Recovered | None:
    """The equation of a module; the best that was found, None where not even a beginning was.

    Raises:
        Exception: whatever the module's own code raises.
    """
    kept = subject.storage.values()
    best: Recovered | None = None
    try:
        front = front_of(subject, subject.value(subject.input()))
        tried: set[tuple[object, ...]] = set()
        until = time.process_time() + _SECONDS
        for input_last in (False, True):
            blocks, odd = _blocks(subject, front, input_last)
            if any(b.kind == "x" for b in blocks) is False:
                continue
            cutting = tuple(tuple(b.index.reshape(-1).tolist()) for b in blocks)
            if cutting in tried:
                continue
            tried.add(cutting)
            search = _Search(subject, reference, front, blocks, odd, until)
            for _, start in itertools.islice(search.beginnings(), 16):
                found = search.complete(start)
                if found.exact:
                    return found
                if best is None or (len(found.unexplained), found.error) < (len(best.unexplained), best.error):
                    best = found
    finally:
        subject.storage.put(kept)
    return best

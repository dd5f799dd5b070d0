"""Read a recovered equation against the reference: every difference is a finding with a name."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import nn

from unrolled.doctor.blocks import Block
from unrolled.doctor.calling import Subject
from unrolled.doctor.finding import Finding, Severity
from unrolled.doctor.formula import FAMILIES
from unrolled.doctor.names import gate_in
from unrolled.doctor.recovery import Recovered
from unrolled.doctor.reference import GATES, REFERENCES, Reference
from unrolled.doctor.structure import Structure, Term

__all__ = ["compare", "equation_lines", "initial_names", "weight_lines"]

_BIAS = ("bias", "r(bias)")
_INITIAL = ("h0", "c0")
_SOURCES = {
    "x": "x",
    "h": "h'",
    "c": "c'",
    "c_new": "c",
    "rh": "(r ⊙ h')",
    "r(h)": "h'",
    "diag h": "h'",
    "diag c": "c'",
    "diag c_new": "c",
}


def _sources(recovered: Recovered, gate: str) -> set[str]:
    return {term.source for term in recovered.structure.of(gate)} - {*_BIAS, *_INITIAL}


def compare(recovered: Recovered, name: str, subject: Subject) -> list[Finding]:
    """Every difference between a module's equation and the reference of that name."""
    reference = REFERENCES[name]
    findings = _sequence(recovered)
    if recovered.readout == "the first step":  # no state was read yet: nothing shows what is done with it
        return findings
    other = _other(recovered, name)
    if other is not None:
        findings.append(other)
    else:
        findings += _formula(recovered, reference, subject)
        findings += _terms(recovered, reference, subject)
    findings += _biases(recovered, name)
    findings += _shared(recovered)
    findings += _names(recovered, reference)
    findings += _turned(recovered, subject)
    findings += _tensors(recovered, subject)
    return findings


def _sequence(recovered: Recovered) -> list[Finding]:
    findings = []
    first, last = "dropped-first-step", "dropped-last-step"
    readings = {
        "all but the first": (first, "the loop starts at the second step: x at step 0 is never read"),
        "all but the first two": (first, "the first two steps are never read"),
        "all but the last": (last, "the loop ends one step early: the last x is never read"),
        "all but the last two": (last, "the loop ends two steps early: the last two x are never read"),
        "all but the first and the last": (first, "the first and the last x are never read"),
        "backwards": ("reversed-sequence", "the sequence is read from its end to its beginning"),
        "the first twice": ("dropped-steps", "the first step is read twice"),
        "the last twice": ("dropped-steps", "the last step is read twice"),
        "every second": ("dropped-steps", "only every second step is read"),
    }
    readouts = {
        "the first step": ("wrong-readout", "the state after the first step is given back, not after the last"),
        "the step before the last": (last, "the state one step before the last is given back"),
        "every step but the first": (first, "the output of the first step is not given back"),
        "every step but the last": (last, "the output of the last step is not given back"),
        "the state before every step": (last, "each output is the state before its step: the last step's is missing"),
        "zeros, then every step but the first": (first, "the first output is left at zero"),
        "every step but the last, then zeros": (last, "the last output is left at zero"),
        "zeros, then every step": ("wrong-readout", "the initial state is given back as one more output"),
        "every step, last first": ("reversed-sequence", "the outputs come last step first"),
        "the last step, again and again": ("wrong-readout", "every output is the last state"),
        "the memory at every step": ("wrong-readout", "the memory c is given back in place of h"),
        "the memory at the last step": ("wrong-readout", "the memory c is given back in place of h"),
        "the sum over the steps": ("wrong-readout", "the sum of all states is given back, not the last one"),
    }
    afters = {
        "softmax over the batch": ("softmax-wrong-axis", "softmax runs over the batch, not over the classes"),
        "log-softmax over the batch": ("softmax-wrong-axis", "log_softmax runs over the batch, not over the classes"),
        "softmax over time": ("softmax-wrong-axis", "softmax runs over the time steps, not over the classes"),
        "log-softmax over time": ("softmax-wrong-axis", "log_softmax runs over the time steps, not over the classes"),
        "softmax twice": ("double-softmax", "softmax is applied twice"),
        "log-softmax of softmax": ("double-softmax", "log_softmax is applied to softmax's output"),
    }
    for table, key in ((readings, recovered.reading), (readouts, recovered.readout), (afters, recovered.after)):
        if key in table:
            fault, sentence = table[key]
            findings.append(
                Finding(fault, sentence, (f"so read, its outputs are matched to {recovered.error:.1g} of their size",))
            )
    return findings


def _other(recovered: Recovered, name: str) -> Finding | None:
    """Whether it is, exactly, another reference."""
    reference = REFERENCES[name]
    gates = FAMILIES[reference.family].gates
    have = {gate: frozenset(_sources(recovered, gate)) for gate in gates}
    fits = [
        key
        for key, other in REFERENCES.items()
        if other.family == reference.family
        and dict(other.terms) == have
        and not recovered.structure.formula.faults(other.right)
    ]
    if not fits or name in fits:
        return None
    found = fits[0]
    fault = {
        ("gru", "gru-reset-before"): "reset-before-product",
        ("gru-reset-before", "gru"): "reset-after-product",
        ("peephole", "full-peephole"): "other-peephole-cell",
        ("full-peephole", "peephole"): "other-peephole-cell",
        ("peephole", "lstm"): "missing-peephole",
        ("rnn", "rnn-relu"): "wrong-activation",
        ("rnn-relu", "rnn"): "wrong-activation",
    }.get((name, found), "other-cell")
    return Finding(
        fault,
        f"this is, exactly, the cell {found!r}, not {name!r}",
        (f"with {found!r}'s equation and its own weights it is matched to {recovered.error:.1g} of its outputs' size",),
    )


def _effect(recovered: Recovered, right: Structure, subject: Subject) -> tuple[str, ...]:
    """Where the hidden state first differs from what it would be without one fault, and by how much."""
    matched = f"so written, its outputs are matched to {recovered.error:.1g} of their size"
    x = subject.input(3)
    _, track = recovered.outputs(recovered.values, x, subject.sizes.H, subject.dtype)
    _, other = replace(recovered, structure=right).outputs(recovered.values, x, subject.sizes.H, subject.dtype)
    away = (track.hidden - other.hidden).abs()  # [T,B,H]
    if float(away.max()) < 1e-9:
        return (matched,)
    t = int((away.amax((1, 2)) > 1e-9).nonzero()[0])
    b, j = divmod(int(away[t].argmax()), away.shape[2])
    return (
        f"first at step {t}, unit {j} of row {b}: h is {float(track.hidden[t, b, j]):.4f}, "
        f"the reference's {float(other.hidden[t, b, j]):.4f}; at most it is {float(away.max()):.2g} away",
        matched,
    )


def _formula(recovered: Recovered, reference: Reference, subject: Subject) -> list[Finding]:
    formula = recovered.structure.formula
    findings = []
    for slot in formula.faults(reference.right):
        choice, wanted = formula[slot], reference.right[slot][0]
        if slot == "squash":
            fault = "missing-tanh" if choice == "nothing" else "wrong-activation"
            sentence = (
                "the output is o ⊙ c: tanh is left out"
                if choice == "nothing"
                else f"the output is o ⊙ {choice}(c) where tanh belongs"
            )
        elif slot == "readout":
            sentence = f"h = {choice} where {wanted} belongs (φ is {formula['squash']})"
            fault = {"φ(c)": "missing-gate", "o⊙φ(c')": "wrong-readout"}.get(choice, "misplaced-tanh")
            if choice in ("(1-o)⊙φ(c)", "o + φ(c)", "o"):
                fault = "wrong-update"
        elif slot == "reset":
            fault = "missing-reset"
            sentence = f"{choice} multiplies the state inside the candidate, where the reset gate r belongs"
        elif slot == "update":
            sentence = f"the state is updated by {choice} where {wanted} belongs"
            fault = "missing-gate" if choice in _WITHOUT_A_GATE else "wrong-update"
            if "tanh" in choice:
                fault = "misplaced-tanh"
            if fault == "missing-gate":
                sentence = f"{_WITHOUT_A_GATE[choice]}: {sentence}"
        else:
            fault = "wrong-activation"
            used = "no activation at all" if choice == "nothing" else choice
            sentence = f"the {GATES[slot]} {slot} uses {used} where {wanted} belongs"
        right = replace(recovered.structure, formula=formula.put(**{slot: reference.right[slot][0]}))
        findings.append(Finding(fault, sentence, _effect(recovered, right, subject)))
    return findings


_WITHOUT_A_GATE = {
    "g + f⊙c'": "the input gate has no effect",
    "i⊙g + c'": "the forget gate has no effect",
    "i⊙g": "the old memory is lost",
    "i⊙g + f": "the old memory is lost",
    "i⊙g + (1-i)⊙c'": "the forget gate has no effect",
    "(1-f)⊙g + f⊙c'": "the input gate has no effect",
    "f⊙g + f⊙c'": "the input gate has no effect",
    "n": "the update gate has no effect",
    "(1-z)⊙n": "the old state is lost",
    "z⊙n": "the old state is lost",
}


def _terms(recovered: Recovered, reference: Reference, subject: Subject) -> list[Finding]:
    findings = []
    lost: dict[tuple[str, str], list[str]] = {}
    idle = _idle_gates(recovered)
    outside = {term.source for term in recovered.structure.of("+")}
    for gate, wanted in reference.terms.items():
        if gate in idle:
            continue
        have = _sources(recovered, gate)
        missing, extra = set(wanted) - have - outside, have - set(wanted)
        exchanges = (
            ("diag c_new", "diag c", "peephole-on-old-memory", "sees c', the memory before the step, not the new c"),
            ("c", "c_new", "peephole-on-new-memory", "sees the new memory c, not c' before the step"),
            ("diag c", "diag c_new", "peephole-on-new-memory", "sees the new memory c, not c' before the step"),
            ("r(h)", "rh", "reset-before-product", "has r ⊙ h' before the product with U, not r after it"),
            ("rh", "r(h)", "reset-after-product", "has r after the product with U, not r ⊙ h' before it"),
            ("r(h)", "h", "missing-reset", "sees h' without the reset gate"),
            ("rh", "h", "missing-reset", "sees h' without the reset gate"),
            ("diag c", "c", "other-peephole-cell", "sees the memory through a full matrix, not a vector"),
            ("diag c_new", "c_new", "other-peephole-cell", "sees the memory through a full matrix, not a vector"),
            ("diag c_new", "c", "other-peephole-cell", "sees the old memory through a full matrix"),
            ("c", "diag c", "other-peephole-cell", "sees the memory through a vector, not a full matrix"),
            ("c", "diag c_new", "other-peephole-cell", "sees the new memory through a vector"),
            ("c", "h", "other-cell", "sees the hidden state h' where the memory c' belongs"),
            ("h", "c", "other-cell", "sees the memory c' where the hidden state h' belongs"),
            ("h", "c_new", "other-cell", "sees the new memory c where the hidden state h' belongs"),
            ("h", "diag h", "wrong-update", "multiplies h' by a vector, not by a matrix"),
        )
        for want, got, fault, words_ in exchanges:
            if want in missing and got in extra:
                missing.discard(want)
                extra.discard(got)
                exchanged = [
                    replace(term, source=want) if term.gate == gate and term.source == got else term
                    for term in recovered.structure.terms
                ]
                told: tuple[str, ...] = (_with(recovered, gate, got),)
                if want.startswith("diag") == got.startswith("diag"):  # the same weights would do
                    right = replace(recovered.structure, terms=tuple(exchanged))
                    told = (*_effect(recovered, right, subject)[:-1], *told)
                findings.append(Finding(fault, f"the {GATES[gate]} {words_}", told))
        for source in missing:
            fault = {"x": "missing-input", "h": "missing-recurrence", "c": "missing-recurrence"}.get(
                source, "missing-peephole" if source.startswith("diag") else "missing-recurrence"
            )
            lost.setdefault((fault, source), []).append(gate)
        for source in extra:
            findings.append(
                Finding(
                    "extra-term",
                    f"the {GATES[gate]} also sees {_SOURCES[source]}, which the reference's does not",
                    (_with(recovered, gate, source),),
                )
            )
    for (fault, source), gates in lost.items():
        plural = len(gates) > 1
        findings.append(
            Finding(
                fault,
                f"{'the' if not plural else ''} {_and(gates)} {'do' if plural else 'does'} not see "
                f"{_SOURCES[source]}".strip(),
                (f"changing {_SOURCES[source]} moves {'them' if plural else 'it'} by exactly nothing",),
            )
        )
    for term in recovered.structure.of("+"):
        if term.source not in _INITIAL:
            findings.append(
                Finding(
                    "outside-activation",
                    f"{term.block.label} is added to the new state outside the activation",
                    (f"h = φ(…) + {term.block.label} {_SOURCES.get(term.source, '')}".rstrip(),),
                )
            )
    return findings


def _idle_gates(recovered: Recovered) -> set[str]:
    """Gates that have no effect: nothing can be said of their terms."""
    if recovered.structure.formula.family == "gru":
        used = {term.source for term in recovered.structure.of("n")} & {"rh", "r(h)", "r(bias)"}
        idle = set() if used and recovered.structure.formula["reset"] == "r" else {"r"}
        update = recovered.structure.formula["update"]
        return idle | ({"z"} if update == "n" else set())
    if recovered.structure.formula.family == "lstm":
        sentence = _WITHOUT_A_GATE.get(recovered.structure.formula["update"], "")
        idle = {gate for gate in "if" if GATES[gate] in sentence}
        idle |= {"f"} if "memory is lost" in sentence else set()
        return idle | ({"o"} if recovered.structure.formula["readout"] == "φ(c)" else set())
    return set()


def _and(gates: list[str]) -> str:
    named = [GATES[gate] for gate in gates]
    return named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"


def _with(recovered: Recovered, gate: str, source: str) -> str:
    label = next(term.block.label for term in recovered.structure.of(gate) if term.source == source)
    return f"{label} acts on {_SOURCES[source]}: so its outputs are matched to {recovered.error:.1g} of their size"


def _biases(recovered: Recovered, name: str) -> list[Finding]:
    gates = FAMILIES[REFERENCES[name].family].gates
    have = {term.gate for term in recovered.structure.terms if term.source in _BIAS}
    idle = _idle_gates(recovered)
    gates = tuple(gate for gate in gates if gate not in idle)
    lacking = [gate for gate in gates if gate not in have]
    if not lacking:
        return []
    if lacking == list(gates):
        severity: Severity = "caution" if name == "gru-reset-before" else "fault"  # the course's has none
        return [Finding("missing-bias", "no gate has a bias", ("no vector is added in any gate",), severity)]
    fault = "missing-forget-bias" if lacking == ["f"] else "missing-bias"
    return [
        Finding(fault, f"no bias in the {_and(lacking)}", (f"every other gate has one: {', '.join(sorted(have))}",))
    ]


def _shared(recovered: Recovered) -> list[Finding]:
    """One block at work in several gates, and blocks that overlap."""
    findings = []
    by_block: dict[int, list[Term]] = {}
    for term in recovered.structure.terms:
        by_block.setdefault(int(term.block.index.reshape(-1).min()) + 1_000_003 * hash(term.block.tensor), []).append(
            term
        )
    for terms in by_block.values():
        gates = [term.gate for term in terms if term.gate != "+"]
        if len(gates) > 1:
            findings.append(
                Finding(
                    "duplicated-parameters",
                    f"{terms[0].block.label} is used in the {_and(gates)}",
                    ("each of them moves with it; every gate needs its own",),
                )
            )
    return findings


def _names(recovered: Recovered, reference: Reference) -> list[Finding]:
    """Tensors whose name promises one gate and that act in another."""
    packed = _packed(recovered)
    named = [term for term in recovered.structure.terms if term.block.tensor not in packed]
    promises = {gate_in(term.block.tensor, reference.family) for term in named}
    if len(promises - {None}) < 2:
        return []  # a word that all share tells no gates apart
    against: dict[tuple[str, str], list[str]] = {}
    shared = {label for f in _shared(recovered) for label in [f.sentence.partition(" is used")[0]]}
    for term in named:
        promised = gate_in(term.block.tensor, reference.family)
        alone = term.block.label == term.block.tensor or term.block.kind != "vector"
        if promised is None or term.gate == "+" or term.source in _INITIAL or not alone or term.block.label in shared:
            continue
        if promised != term.gate:
            against.setdefault((promised, term.gate), []).append(term.block.label)
    swapped = {pair for pair in against if (pair[1], pair[0]) in against}
    chosen = swapped or {pair for pair in against if _one_gate_only(recovered, reference, pair)}
    if not chosen:
        return []
    evidence = [
        f"{', '.join(against[pair][:3])}: named for the {GATES[pair[0]]}, acts as {GATES[pair[1]]}"
        for pair in sorted(chosen)
    ]
    gates = sorted({gate for pair in chosen for gate in pair})
    return [Finding("gates-swapped", f"the roles of {_and(gates)} are exchanged", tuple(evidence))]


def _packed(recovered: Recovered) -> set[str]:
    """Tensors that hold several gates' blocks: the name of the whole (`h2g`) promises nothing of its parts."""
    gates: dict[tuple[str, str], dict[str, str]] = {}
    for term in recovered.structure.terms:
        gates.setdefault((term.block.tensor, term.block.kind), {})[term.block.label] = term.gate
    return {tensor for (tensor, _), parts in gates.items() if len(set(parts.values())) > 1}


def _one_gate_only(recovered: Recovered, reference: Reference, pair: tuple[str, str]) -> bool:
    """Whether tensors of one gate's name are spread over two gates: one of them is in the wrong place."""
    promised = [
        term.gate
        for term in recovered.structure.terms
        if gate_in(term.block.tensor, reference.family) == pair[0] and term.gate != "+"
    ]
    return pair[0] in promised


@dataclass(frozen=True)
class _Style:
    """Which way a raw matrix lies: True for x @ W."""

    label: str
    input_first: bool


def _turned(recovered: Recovered, subject: Subject) -> list[Finding]:
    owners = {f"{n}.weight" for n, m in subject.module.named_modules() if isinstance(m, nn.Linear)}
    wrong: list[str] = []
    lone: list[_Style] = []
    raw: list[_Style] = []
    for term in recovered.structure.terms:
        block = term.block
        if block.kind == "x":
            if block.tensor not in owners and block.input_first is not None:
                raw.append(_Style(block.label, block.input_first))
        elif block.kind == "square":
            if block.input_first is not None or block.tensor in owners:
                if term.turned:
                    wrong.append(block.label)
            else:
                lone.append(_Style(block.label, term.turned))
    styles = {style.input_first for style in raw}
    if len(styles) == 1:
        wrong += [s.label for s in lone if s.input_first not in styles]
    elif not styles and lone:
        turned = [s.label for s in lone if s.input_first]
        straight = [s.label for s in lone if not s.input_first]
        if turned and straight:
            wrong += turned if len(turned) <= len(straight) else straight
    if not wrong:
        return []
    how = f"{raw[0].label} lies as {'[in, out]' if raw[0].input_first else '[out, in]'}" if raw else "the others lie"
    labels = list(dict.fromkeys(wrong))
    return [
        Finding(
            "transposed-weights",
            f"{', '.join(labels[:4])}: applied transposed",
            (f"{how}, {labels[0]} acts the other way round: matched to {recovered.error:.1g} only when transposed",),
        )
    ]


def _tensors(recovered: Recovered, subject: Subject) -> list[Finding]:
    """Blocks at work that are no parameters, and parameters that do no work."""
    findings = []
    working = [term.block.tensor for term in recovered.structure.terms if term.source not in _INITIAL]
    front = [recovered.front.head[0]] if recovered.front.head else []
    front += [n for n in (recovered.front.head_bias, recovered.front.coding) if n in subject.storage.tensors]
    loose = [n for n in dict.fromkeys([*working, *front]) if n not in subject.storage.parameters]
    if loose:
        kinds = ["a buffer" if n not in subject.storage.attributes else "a plain tensor" for n in loose]
        findings.append(
            Finding(
                "unregistered-parameter",
                f"{', '.join(loose[:4])}{' and more' if len(loose) > 4 else ''} work as weights and are no parameters",
                tuple(f"self.{n}: {kind}, not in parameters()" for n, kind in zip(loose[:4], kinds, strict=False)),
            )
        )
    idle: dict[str, list[Block]] = {}
    for block in recovered.unused:
        if block.tensor in subject.storage.parameters:
            idle.setdefault(block.tensor, []).append(block)
    for name, blocks in idle.items():
        whole = name not in working
        what = name if whole else ", ".join(block.label for block in blocks)
        findings.append(
            Finding(
                "untrained-parameter",
                f"{what} has no effect on any output: it is never trained",
                ("changing it to other numbers changes nothing",),
            )
        )
    return findings


def initial_names(recovered: Recovered | None) -> set[str]:
    """Tensors that hold an initial state."""
    if recovered is None:
        return set()
    return {term.block.tensor for term in recovered.structure.terms if term.source in _INITIAL}


def equation_lines(recovered: Recovered) -> tuple[str, ...]:
    """What the module computes, a line a gate, in its own tensors' names."""
    formula = recovered.structure.formula
    reset = {"z": "z", "1-z": "(1-z)"}.get(dict(formula.slots).get("reset", "r"), "r")
    lines = []
    for gate in FAMILIES[formula.family].gates:
        parts = [_term(term, reset) for term in recovered.structure.of(gate)]
        activation = formula[gate]
        inside = " + ".join(parts) or "0"
        lines.append(f"{gate} = {inside}" if activation == "nothing" else f"{gate} = {activation}({inside})")
    outside = "".join(f" + {_term(term)}" for term in recovered.structure.of("+") if term.source not in _INITIAL)
    match formula.family:
        case "lstm":
            lines.append(f"c = {formula['update']}")
            squash = "c" if formula["squash"] == "nothing" else f"{formula['squash']}(c)"
            readout = formula["readout"]
            if readout == "o⊙φ(c)":
                lines.append(f"h = o⊙{squash}{outside}")
            else:
                lines.append(f"h = {readout}{outside}, φ = {formula['squash']}")
        case "gru":
            lines.append(f"h = {formula['update']}{outside}")
        case _ if formula["update"] != "φ(a)" or outside:
            lines[0] = lines[0].replace("h =", "φ(a) =", 1)
            lines.append(f"h = {formula['update']}{outside}")
    if recovered.reading != "all":
        lines.append(f"steps read: {recovered.reading}")
    if recovered.readout not in ("every step", "the last step"):
        lines.append(f"given back: {recovered.readout}")
    if recovered.after != "nothing":
        lines.append(f"at last: {recovered.after}")
    return tuple(lines)


def _term(term: Term, reset: str = "r") -> str:
    name = term.block.label + ("ᵀ" if term.turned and term.block.input_first is None else "")
    match term.source:
        case "bias":
            return name
        case "r(bias)":
            return f"{reset}⊙{name}"
        case "r(h)":
            return f"{reset}⊙({name} h')"
        case "rh":
            return f"{name} ({reset} ⊙ h')"
        case source if source.startswith("diag"):
            return f"{name}⊙{_SOURCES[source]}"
    return f"{name} {_SOURCES[term.source]}"


def weight_lines(recovered: Recovered) -> tuple[str, ...]:
    """Which tensor plays which part."""
    parts: dict[str, list[str]] = {}
    for term in recovered.structure.terms:
        where = "initial state" if term.source in _INITIAL else GATES.get(term.gate, "outside")
        role = "bias" if term.source in _BIAS else _SOURCES.get(term.source, "")
        parts.setdefault(term.block.label, []).append(f"{where}, {role}".rstrip(", "))
    lines = [f"{label}: {'; '.join(roles)}" for label, roles in parts.items()]
    if recovered.front.head is not None:
        lines.append(f"{recovered.front.head[0]}: output layer")
    return tuple(lines)

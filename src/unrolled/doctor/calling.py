"""Find out how somebody's module is called, and call it always in the same way.

Inside the doctor x is [T,B,I], or [T,B] where the module reads symbols or plain numbers. A module may want
[B,T,I], one step at a time, its state as h, (h, c) or h and c; may give back outputs, (outputs, state),
only the last hidden state, or logits.
"""

from __future__ import annotations

import contextlib
import inspect
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unrolled.doctor.building import Build, Sizes
from unrolled.doctor.storage import Storage

__all__ = [
    "Call",
    "NoCall",
    "Seen",
    "Subject",
    "calls",
    "dropout_off",
    "flatten",
    "plain_embeddings",
    "read",
    "unfilled",
]

Form = Literal["steps", "last"]


class NoCall(Exception):
    """What came back fits no way of calling."""


@dataclass(frozen=True)
class Call:
    """One way of calling a module.

    Attributes:
        form: "cell" one step a call; "layer" a whole sequence.
        layout: the order of x's first axes: "TB", "BT", or "T" for one sequence alone.
        coding: what x holds: "vector", "token" or "scalar".
        state: how the state is passed: "none", "h", "hc" a pair, "h,c" two arguments, "kept" by the module; or by
            name, as it came back, from the second step on: "second" of the two that came back, "all" of it.
        state_shape: the axes of each part of the state passed.
        argument: the name of what is passed by name.
    """

    form: Literal["cell", "layer"]
    layout: str
    coding: str
    state: str = "none"
    state_shape: str = "BH"
    argument: str = ""

    def words(self, module: nn.Module) -> str:
        """The call as one would write it."""
        x = {"vector": ", I]", "token": "] of symbols", "scalar": "] of numbers"}[self.coding]
        axes = "[" + ", ".join(self.layout if self.form == "layer" else "B")
        state = {"none": "", "h": ", h", "hc": ", (h, c)", "h,c": ", h, c", "kept": ""}.get(
            self.state, f", {self.argument}=…"
        )
        return f"{type(module).__name__}(x {axes}{x}{state})"


@dataclass(frozen=True, eq=False)
class Seen:
    """What a call gave back, in the doctor's own order of axes.

    Attributes:
        main: [T',B,D] where `form` is "steps", [B,D] where it is "last".
        form: see above.
        states: what else came back, each [B,H].
    """

    main: Tensor
    form: Form
    states: tuple[Tensor, ...]


def flatten(value: Any) -> list[Tensor]:
    """Every tensor of nested tuples, lists and dicts, in order."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, (tuple, list)):
        return [tensor for held in value for tensor in flatten(held)]
    if isinstance(value, dict):
        return flatten(list(value.values()))
    if hasattr(value, "__dataclass_fields__"):
        return flatten([getattr(value, name) for name in value.__dataclass_fields__])
    return []


@contextlib.contextmanager
def dropout_off() -> Iterator[None]:
    """Every dropout lets everything through."""

    def through(input: Tensor, *others: Any, **named: Any) -> Tensor:
        return input

    places = [
        (place, name)
        for place in (F, torch)
        for name in ("dropout", "alpha_dropout", "feature_alpha_dropout", "dropout1d", "dropout2d", "dropout3d")
        if hasattr(place, name)
    ]
    kept = [(place, name, getattr(place, name)) for place, name in places]
    try:
        for place, name in places:
            setattr(place, name, through)
        yield
    finally:
        for place, name, function in kept:
            setattr(place, name, function)


@contextlib.contextmanager
def plain_embeddings() -> Iterator[None]:
    """Every embedding looks up its rows: none is kept from learning as padding, none is cut to a largest norm."""
    kept = F.embedding

    def plain(input: Tensor, weight: Tensor, *others: Any, **named: Any) -> Tensor:
        return kept(input, weight)

    try:
        F.embedding = plain
        yield
    finally:
        F.embedding = kept


class Subject:
    """A module with one way of calling it: the same x gives the same answer, whatever was called before."""

    def __init__(self, module: nn.Module, sizes: Sizes, call: Call, build: Build | None = None) -> None:
        self.module = module
        self.sizes = sizes
        self.call = call
        self.build = build
        self.storage = Storage(module)
        self.dtype = next((t.dtype for t in self.storage.floating().values()), torch.get_default_dtype())

    def input(self, seed: int = 0, T: int | None = None, B: int | None = None) -> Tensor:
        """A random x of the kind that the module reads."""
        generator = torch.Generator().manual_seed(seed)
        T, B = T or self.sizes.T, B or self.sizes.B
        if self.call.coding != "token":
            shape = (T, B, self.sizes.I) if self.call.coding == "vector" else (T, B)
            return torch.empty(shape, dtype=torch.float64).normal_(generator=generator).to(self.dtype)
        return torch.randint(self.symbols(), (T, B), generator=generator)

    def symbols(self) -> int:
        """How many symbols it can read."""
        tables = [m.num_embeddings for m in self.module.modules() if isinstance(m, nn.Embedding)]
        return min(tables, default=min(self.sizes.V, self.sizes.I))

    def see(self, x: Tensor, *, fresh: bool = True, seed: int = 0, training: bool = False) -> Seen:
        """Call it on x, from how it stood before any call unless `fresh` is false.

        Raises:
            NoCall: what came back fits no way of calling.
            Exception: whatever the module's own code raises.
        """
        if fresh:
            self.storage.restore()
        self.module.train(training)
        torch.manual_seed(seed)
        if self.call.form == "cell":
            return _stepwise(self.module, x, self.call, self.sizes, self.dtype)
        arranged = x.transpose(0, 1) if self.call.layout == "BT" else x[:, 0] if self.call.layout == "T" else x
        state = _state(self.call, x.shape[1], self.sizes.H, self.dtype)
        given = self.module(arranged.contiguous(), *state)
        return read(given, self.call.layout, x.shape[0], x.shape[1], self.sizes)

    def value(self, x: Tensor) -> Seen:
        """`see` without a graph."""
        with torch.no_grad():
            return self.see(x)


def _state(call: Call, B: int, H: int, dtype: torch.dtype) -> tuple[Any, ...]:
    shape = {"BH": (B, H), "1BH": (1, B, H), "H": (H,)}[call.state_shape]
    zeros = torch.zeros(shape, dtype=dtype)
    match call.state:
        case "h":
            return (zeros,)
        case "hc":
            return ((zeros, zeros.clone()),)
        case "h,c":
            return (zeros, zeros.clone())
    return ()


def _stepwise(module: nn.Module, x: Tensor, call: Call, sizes: Sizes, dtype: torch.dtype) -> Seen:
    state = _state(call, x.shape[1], sizes.H, dtype)
    outputs: list[Tensor] = []
    named: dict[str, Any] = {}
    parts: list[Tensor] = []
    for x_t in x:
        back = module(x_t, *state, **named)
        given = flatten(back)
        if not given or any(part.dim() != 2 or part.shape[0] != x.shape[1] for part in given):
            raise NoCall("a step gives back other shapes than [B,H]")
        outputs.append(given[0])
        wide = [part for part in given if part.shape[1] == sizes.H]
        match call.state:
            case "h":
                if not wide:
                    raise NoCall("a step gives back no new state")
                parts = [wide[-1]]
                state = (parts[0],)
            case "hc" | "h,c":
                if len(wide) < 2:
                    raise NoCall("a step gives back no pair of states")
                parts = wide[-2:]
                state = (tuple(parts),) if call.state == "hc" else tuple(parts)
            case "second" | "all":
                if call.state == "second" and not (isinstance(back, tuple) and len(back) == 2):
                    raise NoCall("a step gives back no output and a state")
                parts = wide
                named = {call.argument: back[1] if call.state == "second" else back}
            case _:
                parts = []
    return Seen(torch.stack(outputs), "steps", tuple(parts))


def read(given: Any, layout: str, T: int, B: int, sizes: Sizes) -> Seen:
    """Put what a layer gave back into the doctor's order of axes.

    Raises:
        NoCall: its shapes do not say what it is.
    """
    tensors = [tensor for tensor in flatten(given) if tensor.is_floating_point()]
    if not tensors:
        raise NoCall("nothing with numbers comes back")
    main, others = tensors[0], tensors[1:]
    states = tuple(
        other.reshape(-1, B, sizes.H)[-1] for other in others if other.dim() >= 2 and other.shape[-2:] == (B, sizes.H)
    )
    main, form = _main(main, layout, T, B)
    return Seen(main, form, states)


def _main(main: Tensor, layout: str, T: int, B: int) -> tuple[Tensor, Form]:
    shape = tuple(main.shape)
    times = (T, T - 1, T - 2, T + 1)
    if layout == "T":
        if main.dim() == 2 and shape[0] in times:
            return main.unsqueeze(1), "steps"
        if main.dim() == 2 and shape[0] == 1:
            return main, "last"
        if main.dim() == 1:
            return main.unsqueeze(0), "last"
        raise NoCall(f"{list(shape)} comes back for one sequence of {T} steps")
    match main.dim():
        case 3 if shape[0] in times and shape[1] == B:
            return main, "steps"
        case 3 if shape[0] == B and shape[1] in times:
            return main.transpose(0, 1), "steps"
        case 3 if shape[0] == B and shape[2] in times:
            return main.permute(2, 0, 1), "steps"
        case 3 if shape[:2] == (1, B):
            return main[0], "last"
        case 3 if shape[:2] == (B, 1):
            return main[:, 0], "last"
        case 2 if shape[0] == B:
            return main, "last"
        case 2 if shape[1] == B and shape[0] not in times:
            return main.T, "last"
        case 2 if shape[0] == T * B:
            if layout == "BT":
                return main.reshape(B, T, -1).transpose(0, 1), "steps"
            return main.reshape(T, B, -1), "steps"
        case 1 if shape[0] == B:
            return main.unsqueeze(1), "last"
    raise NoCall(f"{list(shape)} comes back for {B} sequences of {T} steps")


def unfilled(module: nn.Module) -> list[str]:
    """The arguments of `forward` that a call with x alone leaves to their defaults."""
    return [p.name for p in _parameters(module)[1:] if p.default is not inspect.Parameter.empty]


def calls(module: nn.Module, memory: bool) -> Iterator[Call]:
    """Ways of calling, the likeliest first, from the arguments of `forward`.

    Args:
        module: whose `forward` is read.
        memory: whether the reference has a memory, so that a state is likely a pair.
    """
    parameters = _parameters(module)
    positional = [p for p in parameters if p.kind != inspect.Parameter.KEYWORD_ONLY]
    required = sum(p.default is inspect.Parameter.empty for p in positional)
    pairs = ("hc", "h,c", "h") if memory else ("h", "hc", "h,c")
    layer = [
        Call("layer", layout, coding)
        for coding, layout in itertools.product(("vector", "token", "scalar"), ("TB", "BT"))
    ]
    cells = [Call("cell", "B", "vector", state) for state in pairs if len(positional) >= (3 if state == "h,c" else 2)]
    with_state = [
        replace(call, state=state, state_shape=shape)
        for state in pairs
        if len(positional) >= (3 if state == "h,c" else 2)
        for shape in ("1BH", "BH")
        for call in layer
    ]
    named = [
        Call("cell", "B", "vector", state, argument=name)
        for name in unfilled(module)[:1]
        for state in ("second", "all")
    ]
    alone = [Call("cell", "B", "vector", "none"), Call("layer", "T", "vector"), Call("layer", "T", "token")]
    if required >= 2:
        yield from cells
        yield from with_state
    else:
        yield from layer
        yield from cells
        yield from named
        yield from alone
        yield from with_state


def _parameters(module: nn.Module) -> list[inspect.Parameter]:
    """The arguments of `forward` that have a name."""
    try:
        parameters = inspect.signature(module.forward).parameters.values()
    except (TypeError, ValueError):
        return []
    return [p for p in parameters if p.kind not in (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)]

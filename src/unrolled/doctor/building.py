"""Find out how somebody's class is constructed, from the names of its arguments and by trying."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

__all__ = ["Build", "Sizes", "builds", "default_of"]


@dataclass(frozen=True)
class Sizes:
    """The sizes a module is built and called with: no two, and no small multiples or sums, are equal."""

    T: int = 4
    B: int = 7
    I: int = 6
    H: int = 5
    C: int = 13
    V: int = 9


@dataclass(frozen=True)
class Build:
    """One way of constructing.

    Attributes:
        make: constructs afresh, from the global generator.
        sizes: what it was given.
        words: the call as one would write it.
        arguments: what was passed by name, and under "0", "1" … by position.
    """

    make: Callable[[], nn.Module]
    sizes: Sizes
    words: str
    arguments: Mapping[str, Any]


_RULES: tuple[tuple[str, str], ...] = (
    (r"device", "device"),
    (r"dtype", "dtype"),
    (r"batch_?first|bidirectional|bias|concat|return|self_?loops?|normali[sz]e|cached|stateful|learn", "flag"),
    (r"drop|keep_?prob|^p$", "dropout"),
    (r"layer|depth|stack", "one"),
    (r"head", "heads"),
    (r"alpha|slope", "slope"),
    (r"nonlin|activ|^act$|phi", "activation"),
    (r"seq|len|time|steps|^t$|horizon|window", "T"),
    (r"batch|^b$|^n_?b$", "B"),
    (r"vocab|num_?emb|n_?emb|token|symbol|alphabet|char|dict", "V"),
    (r"emb", "I"),
    (r"class|label|target|^k$|^c$|n_?y$|logit", "C"),
    (r"hid|unit|state|cell|memory|rnn|lstm|gru|^n_?h$|^d_?h$|^h$|^h_|^dim_?h|_h$|width|latent|model", "H"),
    (r"^out|_out|output|^o$|^y|^d_?o$|dim_?o", "out"),
    (r"^in|_in$|input|feat|^x|^n_?x|^d_?x|^i$|^d$|dim", "I"),
    (r"nodes?$|^num_nodes", "N"),
)


def _meaning(name: str) -> str | None:
    lowered = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    return next((meaning for pattern, meaning in _RULES if re.search(pattern, lowered)), None)


def default_of(target: Any, pattern: str) -> Any:
    """The default of the first argument whose name matches; None without one."""
    for name, parameter in _parameters(target).items():
        if re.search(pattern, name) and parameter.default is not inspect.Parameter.empty:
            return parameter.default
    return None


def _parameters(target: Any) -> dict[str, inspect.Parameter]:
    try:
        return dict(inspect.signature(target).parameters)
    except (TypeError, ValueError):
        return {}


_VARIADIC = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)


def _handed_on(target: Any) -> dict[str, inspect.Parameter]:
    """The arguments of the parent to which a constructor hands on its (*args, **kwargs)."""
    for parent in target.__mro__[1:] if isinstance(target, type) else ():
        if parent is not nn.Module and "__init__" in vars(parent):
            inherited = list(inspect.signature(vars(parent)["__init__"]).parameters.items())[1:]
            if any(p.kind not in _VARIADIC for _, p in inherited):
                return {name: p for name, p in inherited if p.kind not in _VARIADIC}
    return {}


def builds(target: Any, sizes: Sizes, *, graph: bool = False, **overrides: Any) -> Iterator[Build]:
    """Ways of constructing `target`, the likeliest first; some of them may fail.

    Args:
        target: a module class, a function that returns a module, or a module.
        sizes: what to build in.
        graph: `out_features` are then C wide even where there is nothing hidden.
        overrides: values by what an argument means ("device", "dropout", "flag:batch_first" …).
    """
    if isinstance(target, nn.Module):
        yield Build(lambda: target, sizes, type(target).__name__, {})
        return
    parameters = _parameters(target)
    named = {name: p for name, p in parameters.items() if p.kind not in _VARIADIC}
    if any(p.default is inspect.Parameter.empty for p in named.values()) or any(map(_meaning, named)):
        for tried in _variants(sizes):
            yield _by_name(target, named, tried, graph, overrides)
    if len(named) < len(parameters) or not named:
        for tried in _variants(sizes):
            outs = (tried.C,) if graph else (tried.H,)
            for positional in ((tried.I, *outs), (tried.I, tried.H, tried.C)):
                yield _by_position(target, positional, tried)
    if not named and (inherited := _handed_on(target)):
        for tried in _variants(sizes):
            yield _by_name(target, inherited, tried, graph, overrides)
    if not named:
        yield _by_position(target, (), sizes)


def _variants(sizes: Sizes) -> tuple[Sizes, ...]:
    return (sizes, replace(sizes, I=1))


def _by_name(
    target: Any, named: Mapping[str, inspect.Parameter], sizes: Sizes, graph: bool, overrides: Mapping[str, Any]
) -> Build:
    meanings = {name: _meaning(name) for name in named}
    hidden = "H" in meanings.values()
    open_sizes = [sizes.I, sizes.H, sizes.C]
    arguments: dict[str, Any] = {}
    for name, parameter in named.items():
        required = parameter.default is inspect.Parameter.empty
        meaning = meanings[name] or ""
        value: Any = inspect.Parameter.empty
        if f"{meaning}:{name}" in overrides:
            value = overrides[f"{meaning}:{name}"]
        elif meaning in overrides:
            value = overrides[meaning]
        elif meaning in ("T", "B", "I", "H", "C", "V"):
            optional = parameter.default is None or isinstance(parameter.default, (bool, str))
            if optional or parameter.annotation in (bool, "bool", str, "str"):
                continue
            value = getattr(sizes, meaning)
        elif meaning == "out":
            value = sizes.C if hidden or graph else sizes.H
        elif meaning == "one":
            value = 1 if not isinstance(parameter.default, (bool, str)) else parameter.default
        elif meaning == "device":
            value = torch.device("cpu")
        elif required:
            fallback = {
                "flag": True,
                "dropout": 0.0,
                "heads": 1,
                "slope": 0.2,
                "activation": "tanh",
                "dtype": torch.get_default_dtype(),
            }
            if meaning in fallback:
                value = fallback[meaning]
            elif parameter.annotation in (bool, "bool"):
                value = False
            elif parameter.annotation in (float, "float"):
                value = 0.0
            else:
                value = open_sizes[0] if open_sizes else sizes.H
        if value is inspect.Parameter.empty:
            continue
        if value in open_sizes and isinstance(value, int) and not isinstance(value, bool):
            open_sizes.remove(value)
        arguments[name] = value
    positional = [v for n, v in arguments.items() if named[n].kind is inspect.Parameter.POSITIONAL_ONLY]
    keywords = {n: v for n, v in arguments.items() if named[n].kind is not inspect.Parameter.POSITIONAL_ONLY}
    words = ", ".join([*map(str, positional), *(f"{name}={value}" for name, value in keywords.items())])
    return Build(
        lambda: _module(target(*positional, **keywords)),
        sizes,
        f"{getattr(target, '__name__', '?')}({words})",
        keywords,
    )


def _by_position(target: Any, positional: tuple[int, ...], sizes: Sizes) -> Build:
    words = ", ".join(map(str, positional))
    return Build(
        lambda: _module(target(*positional)),
        sizes,
        f"{getattr(target, '__name__', '?')}({words})",
        {str(n): value for n, value in enumerate(positional)},
    )


def _module(built: object) -> nn.Module:
    if not isinstance(built, nn.Module):
        raise TypeError(f"constructing gave {type(built).__name__}, not a module")
    return built

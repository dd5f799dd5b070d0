"""What names promise: which gate a tensor or a variable called `W_fx`, `forget_gate` or `h2z` is meant to be."""

from __future__ import annotations

import re

__all__ = ["gate_in", "gate_of_variable", "words"]

_WORDS = {
    "lstm": {
        "i": ("ingate", "inputgate", "in_gate", "input_gate", "igate"),
        "f": ("forget", "forgetgate", "fgate", "keep"),
        "g": ("candidate", "cand", "cellgate", "tilde", "modulation", "ggate", "cgate"),
        "o": ("outgate", "outputgate", "out_gate", "output_gate", "ogate"),
    },
    "gru": {
        "r": ("reset", "rgate", "resetgate"),
        "z": ("update", "zgate", "updategate"),
        "n": ("candidate", "cand", "tilde", "new", "newgate", "ngate"),
    },
    "rnn": {},
}
_LETTERS = {
    "lstm": {"i": "i", "f": "f", "g": "g", "o": "o", "c": "g", "u": "g"},
    "gru": {"r": "r", "z": "z", "u": "z", "n": "n", "h": "n", "c": "n"},
    "rnn": {},
}
_SOURCES = {"lstm": "xhc", "gru": "xhi", "rnn": "xh"}


def words(name: str) -> list[str]:
    """The small words of a name: W_fx → w, fx; forgetGate → forget, gate."""
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.rpartition(".")[2] if "." in name else name)
    return [word for word in re.split(r"[^a-zA-Z]+", split.lower()) if word]


def gate_in(tensor: str, family: str) -> str | None:
    """The gate that a tensor's name (any of its dotted parts) promises; None where it promises none."""
    found = {gate for part in tensor.split(".") if (gate := _gate(part, family)) is not None}
    return found.pop() if len(found) == 1 else None


def _gate(part: str, family: str) -> str | None:
    listed = words(part)
    whole = "".join(listed)
    for gate, choices in _WORDS[family].items():
        if any(choice.replace("_", "") == word for choice in choices for word in listed):
            return gate
        if any(choice.replace("_", "") in whole for choice in choices if len(choice) > 4):
            return gate
    letters = _LETTERS[family]
    if "gate" in listed and {"input", "output"} & set(listed) and family == "lstm":
        return "i" if "input" in listed else "o"
    if whole in ("ih", "hh", "weightih", "weighthh", "biasih", "biashh", "wih", "whh", "bih", "bhh", "hi", "xh", "hx"):
        return None
    plain = {"w", "u", "b", "v", "p", "r", "weight", "bias", "linear", "lin", "fc", "gate", "t", "x", "h", "l"}
    for word in reversed(listed):
        if len(word) == 1 and word in letters and (word not in plain or (family == "gru" and word == "r")):
            return letters[word] if len(listed) > 1 or word in "ifgorzn" else None
        pair = word[1:] if len(word) == 3 and word[0] in "wubvp" else word
        if len(pair) == 2:
            first, second = pair[0], pair[1]
            if (
                first in letters
                and second in _SOURCES[family]
                and not (first == "h" or (first == "i" and second == "h"))
            ):
                return letters[first]
            if second in letters and first in "xhwubvp" and second != "h":
                return letters[second]
        if len(word) == 3 and word[1] in "2_" and word[2] in letters:
            return letters[word[2]]
    return None


def gate_of_variable(name: str, family: str) -> str | None:
    """The gate that a local variable's name says it is; None where it says none."""
    listed = words(name)
    bare = [word for word in listed if word not in ("t", "gate", "act", "now", "new", "k", "s")]
    if len(bare) == 1:
        word = bare[0]
        word = word[:-1] if len(word) == 2 and word[1] == "t" else word
        known = {"lstm": "ifgo", "gru": "rzn", "rnn": ""}[family]
        if len(word) == 1 and word in known:
            return word
        for gate, choices in _WORDS[family].items():
            if word in [choice.replace("_", "") for choice in choices if choice not in ("new", "tilde")]:
                return gate
        if family == "lstm" and "gate" in listed and word in ("input", "in", "output", "out"):
            return "i" if word.startswith("in") else "o"
    return None

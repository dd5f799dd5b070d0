r"""Reads formulas: words in, trees out. Nothing is evaluated here, and nothing is ever given to Python.

::

    statements := statement (";" | newline) …
    statement  := left "=" sum          left := derivative | name | name index
    sum        := ["-"] elementwise (("+" | "-") elementwise) …
    elementwise:= product ("⊙" product) …                  also .*  \odot  \circ
    product    := postfix (["*" | "@" | "/" | "⊗"] postfix) …    a space multiplies, a ⊗ b is outer(a, b)
    postfix    := atom ("^T" | "^{\top}" | "'" | "^" power) …
    atom       := number | name [index] | function "(" sum, … ")" | "(" sum ")" | derivative | range
    index      := "[" sum, … "]" | "_{" sum, … "}" | "_t"
    derivative := "dL/dW_hh" | "∂h[t]/∂h[k]" | "\frac{\partial L}{\partial W_{hh}}"
    range      := "sum(k=1..T, …)" | "sum_{k=1}^{T} product" | the same with prod; t..k+1 goes down

⊙ binds less than a matrix product, as on paper: Wᵀ δ ⊙ (1 - h²) is (Wᵀ δ) ⊙ (1 - h²). Σ without brackets reaches to
the next + or -. A range keeps its bounds in the order in which they are written: `directions` says which way it runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from unrolled.derivation import expression as e
from unrolled.derivation.tokens import Token, tokens
from unrolled.derivation.vocabulary import FUNCTIONS, Vocabulary
from unrolled.errors import FormulaError

__all__ = ["Statement", "parse"]

_SPELLINGS = {"sigmoid": "sigma", "ln": "log", "T": "transpose", "delta": "kron", "logistic": "sigma", "I": "kron"}
_PRIMED = {"tanh": "dtanh", "sigma": "dsigma", "relu": "drelu"}
_RANGES = {"sum": "sum", "Sum": "sum", "prod": "prod", "product": "prod", "Prod": "prod"}
MOST_WORDS, MOST_NESTED = 3000, 40


@dataclass(frozen=True)
class Statement:
    """left = right; without a left side where only an expression was written."""

    left: e.Derivative | e.Symbol | e.At | None
    right: e.Node


def parse(text: str, vocabulary: Vocabulary) -> tuple[Statement, ...]:
    """Read a formula, or several, one a line.

    Raises:
        FormulaError: it cannot be read; says where and what would do.
    """
    words = tokens(text)
    if len(words) > MOST_WORDS:
        raise FormulaError(f"the formula has {len(words)} words: give at most {MOST_WORDS}")
    statements = _Reader(words, vocabulary).statements()
    if not statements:
        raise FormulaError("there is no formula: give one like dL/dW_hh = sum(k=1..T, outer(delta[k], h[k-1]))")
    return statements


class _Reader:
    """Recursive descent over the words, never deeper than MOST_NESTED."""

    def __init__(self, words: list[Token], vocabulary: Vocabulary) -> None:
        self.words, self.at, self.nested = words, 0, 0
        self.vocabulary = vocabulary
        self.defined = set(_defined(words)) - self.vocabulary.names

    def statements(self) -> tuple[Statement, ...]:
        found = []
        while self.at < len(self.words):
            if self.ended:
                self.at += 1
                continue
            found.append(self.statement())
            if not self.ended:
                raise self.unexpected("the end of the formula")
        return tuple(found)

    def statement(self) -> Statement:
        first = self.sum()
        if not self.take("="):
            return Statement(None, first)
        if not isinstance(first, e.Derivative | e.Symbol | e.At):
            raise FormulaError(f"the left side {e.write(first)!r} is no quantity: give dL/dW_hh, h[t] or a new name")
        return Statement(first, self.sum())

    @property
    def here(self) -> Token:
        return self.words[min(self.at, len(self.words) - 1)]

    @property
    def ended(self) -> bool:
        return self.here.kind == "end"

    def peek(self, text: str, ahead: int = 0) -> bool:
        place = self.at + ahead
        return place < len(self.words) and self.words[place].kind != "end" and self.words[place].text == text

    def take(self, *texts: str) -> bool:
        if any(self.peek(text) for text in texts):
            self.at += 1
            return True
        return False

    def need(self, text: str) -> None:
        if not self.take(text):
            raise self.unexpected(repr(text))

    def unexpected(self, wanted: str) -> FormulaError:
        word = self.here
        given = "the formula ends" if word.kind == "end" else f"there is {word.text!r}"
        return FormulaError(f"{given} at character {word.place} where {wanted} is wanted")

    def sum(self) -> e.Node:
        self.nested += 1
        if self.nested > MOST_NESTED:
            raise FormulaError(
                f"the formula is nested more than {MOST_NESTED} deep: define parts of it by names of their own"
            )
        negative = self.sign()
        terms = [_negative(self.elementwise(), negative)]
        while self.peek("+") or self.peek("-"):
            negative = self.sign()
            terms.append(_negative(self.elementwise(), negative))
        self.nested -= 1
        return terms[0] if len(terms) == 1 else e.Add(tuple(terms))

    def sign(self) -> bool:
        negative = False
        while self.peek("+") or self.peek("-"):
            negative ^= self.here.text == "-"
            self.at += 1
        return negative

    def elementwise(self) -> e.Node:
        factors = [self.product()]
        while self.take("⊙"):
            negative = self.sign()
            factors.append(_negative(self.product(), negative))
        return factors[0] if len(factors) == 1 else e.Elementwise(tuple(factors))

    def product(self) -> e.Node:
        found: list[e.Node] = [self.postfix()]
        while True:
            if self.take("*", "@"):
                negative = self.sign()
                found.append(_negative(self.postfix(), negative))
            elif self.take("/"):
                above = e.product(found)
                found = [e.Quotient(above, self.postfix())]
            elif self.take("⊗"):
                found[-1] = e.Call("outer", (found[-1], self.postfix()))
            elif self.begins_atom():
                found.append(self.postfix())
            else:
                return e.product(found)

    def begins_atom(self) -> bool:
        word = self.here
        return word.kind in ("name", "number") or (word.kind == "mark" and word.text in ("(", "{", "∂", "frac"))

    def postfix(self) -> e.Node:
        node = self.atom()
        while True:
            if self.take("⊤", "'"):
                node = e.Transpose(node)
            elif self.take("^"):
                node = self.raised(node)
            else:
                return node

    def raised(self, node: e.Node) -> e.Node:
        braced = self.take("{")
        if self.take("⊤") or (self.peek("T") and (not braced or self.peek("}", 1)) and self.take("T")):
            node = e.Transpose(node)
        elif braced:
            node = e.Power(node, self.sum())
        elif self.take("("):
            node = e.Power(node, self.sum())
            self.need(")")
        elif self.here.kind in ("number", "name"):
            node = e.Power(node, self.atom())
        else:
            raise self.unexpected("a power")
        if braced:
            self.need("}")
        return node

    def atom(self) -> e.Node:
        word = self.here
        if word.kind == "number":
            self.at += 1
            return e.Number(float(word.text))
        if self.peek("(") or self.peek("{"):
            closing = {"(": ")", "{": "}"}[word.text]
            self.at += 1
            node = self.sum()
            self.need(closing)
            return node
        if self.peek("∂") or self.peek("frac"):
            return self.derivative()
        if word.kind == "name":
            return self.named()
        raise self.unexpected("a quantity, a number or a bracket")

    def named(self) -> e.Node:
        word = self.here
        opens = self.peek("(", 1)
        if word.text in _RANGES and (
            opens or self.peek("_", 1) or self.peek("[", 1) or self.words[self.at + 1].kind == "name"
        ):
            return self.range()
        if self.begins_derivative(word.text):
            return self.derivative()
        function = _SPELLINGS.get(word.text, word.text)
        if word.text in _PRIMED and self.peek("'", 1) and self.peek("(", 2):
            self.at += 1
            return self.call(_PRIMED[word.text])
        if (
            function in FUNCTIONS
            and opens
            and (word.text == function or not self.known(word.text) or word.text == "delta")
        ):
            return self.call(function)
        if function == "kron" and word.text == "delta" and self.peek("_", 1) and self.peek("{", 2):
            pair = self.pair_of_components()
            if pair is not None:
                return pair
        return self.quantity()

    def call(self, function: str) -> e.Node:
        self.at += 1
        self.need("(")
        arguments = [self.sum()]
        while self.take(","):
            arguments.append(self.sum())
        self.need(")")
        if len(arguments) != FUNCTIONS[function]:
            raise FormulaError(f"{function} takes {FUNCTIONS[function]} argument(s), not {len(arguments)}")
        return e.Transpose(arguments[0]) if function == "transpose" else e.Call(function, tuple(arguments))

    def pair_of_components(self) -> e.Node | None:
        r"""\delta_{ij}: two variables side by side are components, not a step."""
        inside = self.words[self.at + 3 : self.at + 7]
        letters = [word.text for word in inside if word.text != ","]
        if (
            letters[1:2] == ["}"]
            and len(letters[0]) == 2
            and letters[0].isalpha()
            and letters[0] not in self.vocabulary.names
        ):
            letters = [*letters[0], "}"]
        if len(letters) < 3 or letters[2] != "}" or not all(letter.isalpha() for letter in letters[:2]):
            return None
        while not self.take("}"):
            self.at += 1
        return e.Call("kron", (e.Symbol(letters[0]), e.Symbol(letters[1])))

    def range(self) -> e.Node:
        kind: Literal["sum", "prod"] = "sum" if _RANGES[self.here.text] == "sum" else "prod"
        self.at += 1
        if self.take("_"):
            self.need("{")
            variable, first = self.variable(), self.sum()
            if self.take(".."):
                last = self.sum()
                self.need("}")
            else:
                self.need("}")
                self.need("^")
                last = self.braced_or_atom()
            return e.Over(kind, variable, first, last, self.product())
        closing = ")" if self.take("(") else "]" if self.take("[") else ":"
        if closing == ")" and not (self.here.kind == "name" and (self.peek("=", 1) or self.peek(",", 1))):
            node = self.sum()
            self.need(")")
            return e.Call("entries", (node,))
        variable, first = self.variable(), self.sum()
        if not self.take("..", ","):
            raise self.unexpected("a range such as 1..T")
        last = self.sum()
        if closing == ")":
            if not self.take(",", ":"):
                raise self.unexpected("',' and what is summed")
            body = self.sum()
            self.need(")")
            return e.Over(kind, variable, first, last, body)
        self.need(closing)
        return e.Over(kind, variable, first, last, self.product())

    def variable(self) -> str:
        if self.here.kind != "name":
            raise self.unexpected("the variable of the range")
        name = self.here.text
        self.at += 1
        if not self.take("=", ","):
            raise self.unexpected("'='")
        return name

    def braced_or_atom(self) -> e.Node:
        if self.take("{"):
            node = self.sum()
            self.need("}")
            return node
        return self.atom()

    def begins_derivative(self, name: str) -> bool:
        """Whether a name is a d before a quantity, as in dL/dW_hh."""
        if name == "d":
            following = self.words[self.at + 1]
            return following.kind == "name" and (following.text == "L" or self.known(following.text))
        return name[0] == "d" and name not in FUNCTIONS and not self.known(name) and self.known(name[1:])

    def derivative(self) -> e.Node:
        if self.take("frac"):
            self.need("{")
            if not self.begins_differential():
                return self.fraction()
            above = self.differential()
            self.need("}")
            self.need("{")
            below = self.differential()
            self.need("}")
        else:
            above = self.differential()
            self.need("/")
            below = self.differential()
        return e.Derivative(above, below)

    def fraction(self) -> e.Node:
        r"""The rest of \frac{a}{b}."""
        above = self.sum()
        self.need("}")
        self.need("{")
        below = self.sum()
        self.need("}")
        return e.Quotient(above, below)

    def begins_differential(self) -> bool:
        word = self.here
        return self.peek("∂") or (word.kind == "name" and self.begins_derivative(word.text))

    def differential(self) -> e.Symbol | e.At:
        braced = self.take("(")
        word = self.here
        if not self.take("∂", "d"):
            if word.kind != "name" or not self.begins_derivative(word.text):
                if word.kind == "name" and word.text[0] == "d" and len(word.text) > 1:
                    raise self.vocabulary.unknown(word.text[1:])
                raise self.unexpected("∂ or d and a quantity")
            self.words[self.at] = Token("name", word.text[1:], word.place + 1)
        quantity = self.quantity()
        if braced:
            self.need(")")
        if not isinstance(quantity, e.Symbol | e.At):
            raise FormulaError(f"∂{e.write(quantity)} is no quantity's")
        return quantity

    def known(self, name: str) -> bool:
        name = self.vocabulary.spellings.get(name, name)
        return name in self.vocabulary.names or self.split(name) is not None or name in ("L", "L_T", "L_t")

    def split(self, name: str) -> tuple[str, str] | None:
        """h_t as ("h", "t"): a quantity and its step, where the whole is no name of its own."""
        base, _, suffix = name.rpartition("_")
        base = self.vocabulary.spellings.get(base, base)
        indexed = base in self.vocabulary.sequences | self.vocabulary.plain or base in self.defined
        return (base, suffix) if base and suffix and indexed else None

    def quantity(self) -> e.Node:
        word = self.here
        if word.kind != "name":
            raise self.unexpected("a quantity")
        self.at += 1
        name = self.vocabulary.spellings.get(word.text, word.text)
        if name in ("L_T", "L_t", "L"):
            if name == "L" and self.take("_"):
                self.braced_or_atom()
            return e.Symbol("L")
        if self.peek("_"):
            return self.low(name, word)
        if self.take("["):
            indices = self.indices("]")
            while self.take("["):
                indices += self.indices("]")
            return self.at_indices(name, indices)
        if name not in self.vocabulary.names and name not in self.defined:
            parts = self.split(name)
            if parts is not None:
                base, suffix = parts
                index = e.Number(float(suffix)) if suffix.isdigit() else e.Symbol(suffix)
                return self.at_indices(base, (index,))
        return e.Symbol(name)

    def low(self, name: str, word: Token) -> e.Node:
        """W_{hh} is a name, h_{t-1} a step."""
        self.need("_")
        start = self.at
        if self.take("{"):
            while not self.ended and not self.peek("}"):
                self.at += 1
            written = "".join(inside.text for inside in self.words[start + 1 : self.at] if inside.text != ",")
            self.need("}")
        else:
            written = self.here.text
            self.at += 1
        whole = self.vocabulary.spellings.get(f"{name}_{written}", f"{name}_{written}")
        if whole in self.vocabulary.names or whole in self.defined:
            if self.take("["):
                return self.at_indices(whole, self.indices("]"))
            return e.Symbol(whole)
        self.at = start
        if self.take("{"):
            return self.at_indices(name, self.indices("}"))
        return self.at_indices(name, (self.atom(),))

    def indices(self, closing: str) -> tuple[e.Node, ...]:
        found = [self.sum()]
        while self.take(","):
            found.append(self.sum())
        self.need(closing)
        return tuple(found)

    def at_indices(self, name: str, indices: tuple[e.Node, ...]) -> e.Node:
        vocabulary = self.vocabulary
        if name not in vocabulary.sequences | vocabulary.plain and name not in self.defined:
            raise self.vocabulary.unknown(name)
        last = indices[0] if len(indices) == 1 else None
        if name in vocabulary.plain and last == e.Symbol("T"):
            return e.Symbol(name)  # p_T: there is but one
        return e.At(name, indices)


def _defined(words: list[Token]) -> Iterator[str]:
    """The names that stand first in a statement which has a left side."""
    first: str | None = None
    begins = True
    for word in words:
        if word.kind == "end":
            first, begins = None, True
            continue
        if begins and word.kind == "name":
            first = word.text
        elif word.text == "=" and first is not None:
            yield first.rpartition("_")[0] or first
            yield first
            first = None
        elif first is not None and word.text in ("sum", "prod"):
            first = None
        begins = False


def _negative(node: e.Node, negative: bool) -> e.Node:
    return e.Negative(node) if negative else node

"""A graph worked out exactly: numpy's dense matrices in double precision say the same."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from unrolled.analysis.graph_attention import random_attention, read_attention
from unrolled.analysis.graph_layout import layout
from unrolled.analysis.graph_look import look_at
from unrolled.analysis.roots import Root
from unrolled.data import course_2019, course_2020, karate_club, planted_partition
from unrolled.errors import InputError, UnknownName
from unrolled.graph import Graph

TEXTS = ["A-B A-E A-F B-D C-D D-F", "A->B B->C C->A D", "A-A A-B:0.5 A-B:0.25 C->A:2", "A"]


def dense(graph: Graph) -> np.ndarray:
    A = np.zeros((graph.num_nodes, graph.num_nodes))
    np.add.at(A, (graph.receivers.numpy(), graph.senders.numpy()), graph.weights(torch.float64).numpy())
    return A


@pytest.mark.parametrize(
    ("square", "negative", "text"),
    [
        (Fraction(1, 12), False, "1/√12"),
        (Fraction(1, 16), False, "1/4"),
        (Fraction(4, 3), True, "−2/√3"),
        (Fraction(3), False, "√3"),
        (Fraction(3, 4), False, "√3/2"),
        (Fraction(3, 2), False, "√(3/2)"),
        (Fraction(0), False, "0"),
        (Fraction(9), False, "3"),
    ],
)
def test_roots_as_one_writes_them(square: Fraction, negative: bool, text: str) -> None:
    root = Root(square, negative)
    assert str(root) == text
    assert float(root) == pytest.approx((-1 if negative else 1) * math.sqrt(square), abs=1e-15)


def test_several_of_a_root() -> None:
    assert Root(Fraction(1, 12)).text(2) == "2/√12"
    assert Root(Fraction(1, 16)).text(2) == "1/2"
    assert Root(Fraction(3, 2)).text(2) == "2·√(3/2)"


@pytest.mark.parametrize("text", TEXTS)
def test_matrices_sums_and_powers_are_those_of_dense_numpy(text: str) -> None:
    graph = Graph.from_text(text)
    A = dense(graph)
    looped = A + np.eye(len(A))
    D = np.diag(looped.sum(1))
    root = np.diag(1 / np.sqrt(np.diag(D)))
    hat = root @ looped @ root
    look = look_at(graph, source="A", target="A", hops=6)
    for matrix, expected in zip(look.matrices, (A, looped, D, hat), strict=True):
        np.testing.assert_allclose(matrix.decimals, expected, atol=1e-14)
    assert look.walk is not None
    powers = [np.linalg.matrix_power(hat, k)[0, 0] for k in range(1, 7)]
    np.testing.assert_allclose(look.walk.entries, powers, atol=1e-14)
    for sums, expected in zip(look.row_sums, (looped, np.linalg.inv(D) @ looped, hat), strict=True):
        np.testing.assert_allclose(sums.sums, expected.sum(1), atol=1e-12)


def test_the_courses_numbers() -> None:
    look = look_at(course_2020(), source="C", target="E")
    assert look.walk is not None
    assert look.walk.updates == 4
    assert [str(entry) for entry in look.walk.exact or ()] == ["0", "0", "0", "1/48", "11/288"]
    assert [round(value, 6) for value in look.walk.entries] == [0, 0, 0, 0.020833, 0.038194]
    assert [round(total, 4) for total in look.row_sums[2].sums] == [1.1809, 0.9107, 0.8536, 1.1809, 0.8536, 0.9107]
    assert look.row_sums[2].exact is not None
    assert look.row_sums[2].exact[0] == "1/√8 + 2/√12 + 1/4"
    assert look.row_sums[1].are_one
    assert "false here" in look.warnings[0]
    later = look_at(course_2019(), source="C", target="E").walk
    assert later is not None
    assert later.updates == 3
    assert later.entries[2] == pytest.approx(1 / 24)
    assert look.reached == (1, 2, 4, 5, 6)


def test_where_all_degrees_are_equal_the_sentence_is_true() -> None:
    assert look_at(Graph.from_text("A-B B-C C-A")).warnings == ()


def test_directions_and_distances() -> None:
    look = look_at(Graph.from_text("A->B B->C D"))
    assert look.distances == ((0, 1, 2, -1), (-1, 0, 1, -1), (-1, -1, 0, -1), (-1, -1, -1, 0))
    assert not look.is_symmetric
    assert look.isolated == 1
    assert look_at(Graph.from_text("A->B"), source="B", target="A").walk.updates is None  # type: ignore[union-attr]


def test_a_large_graph_is_looked_at_without_its_matrices() -> None:
    graph = planted_partition(300, 3, 6.0, generator=torch.Generator().manual_seed(0))
    look = look_at(graph, source="0", target="9", hops=3)
    assert look.matrices == ()
    assert look.distances is None
    assert look.walk is not None
    hat = graph.operator("symmetric", self_loops="add", dtype=torch.float64)
    power = hat @ (hat @ (hat @ torch.eye(300, dtype=torch.float64)))
    assert look.walk.entries[2] == pytest.approx(float(power[9, 0]))


def test_mistakes() -> None:
    with pytest.raises(UnknownName, match="no node 'G'"):
        look_at(course_2020(), source="G")
    with pytest.raises(InputError, match="from where"):
        look_at(course_2020(), target="A")
    with pytest.raises(InputError, match="without nodes"):
        look_at(Graph.from_text(""))


def test_attention_of_given_weights_is_the_papers_formula(tmp_path: Path) -> None:
    graph = course_2020()
    rng = np.random.default_rng(0)
    W, a, h = rng.normal(size=(3, 4)), rng.normal(size=6), rng.normal(size=(6, 4))
    path = tmp_path / "w.json"
    path.write_text(json.dumps({"W": W.tolist(), "a": a.tolist(), "h": h.tolist(), "slope": 0.1}))
    (alpha,) = read_attention(graph, path).heads
    z = h @ W.T
    looped = dense(graph) + np.eye(6)
    scores = np.array([[a @ np.concatenate([z[i], z[j]]) for j in range(6)] for i in range(6)])
    scores = np.exp(np.where(scores > 0, scores, 0.1 * scores)) * (looped > 0)
    np.testing.assert_allclose(alpha, scores / scores.sum(1, keepdims=True), atol=1e-5)


def test_random_attention_sums_to_one_and_repeats() -> None:
    look = random_attention(karate_club(), heads=3, seed=5)
    assert len(look.heads) == 3
    np.testing.assert_allclose(np.array(look.heads).sum(2), 1.0, atol=1e-5)
    assert look == random_attention(karate_club(), heads=3, seed=5)
    assert look != random_attention(karate_club(), heads=3, seed=6)


def test_a_layout_puts_near_what_is_near() -> None:
    places = np.array(layout(Graph.from_text("A-B B-C C-D D-E")))
    apart = np.linalg.norm(places[:, None] - places[None], axis=2)
    assert apart[0, 4] == pytest.approx(4, abs=0.3)  # a path is laid out straight
    assert apart[0, 1] == pytest.approx(1, abs=0.2)
    assert np.isfinite(np.array(layout(Graph.from_text("A B-C D")))).all()
    assert layout(Graph.from_text("A")) == ((0.0, 0.0),)

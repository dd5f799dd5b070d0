"""Sampled neighbourhoods: real edges, as many as asked, evenly or by weight, exact where nothing is left out."""

from __future__ import annotations

import pytest
import torch

from unrolled.data.graphs import planted_partition, rmat
from unrolled.data.neighbours import NeighbourSampler
from unrolled.errors import InputError
from unrolled.graph import Graph
from unrolled.nn.sage_conv import SAGEConv


def great(seed: int = 0) -> Graph:
    graph = rmat(9, 6000, generator=torch.Generator().manual_seed(seed))
    weights = torch.rand(6000, generator=torch.Generator().manual_seed(1)) + 0.1
    return graph.with_edge_weight(weights)


OPTIONS = [{}, {"replace": True}, {"weights": True}, {"weights": True, "replace": True}]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_sample_is_made_of_real_edges(options):
    graph = great()
    if "weights" in options:
        options = options | {"weights": graph.edge_weight}
    sample = NeighbourSampler(graph, [5, 3], **options).sample(torch.tensor([7, 0, 300, 12]))
    assert sample.nodes[:4].tolist() == [7, 0, 300, 12]
    assert sample.nodes.unique().numel() == sample.nodes.numel()
    assert torch.equal(sample.nodes[sample.graph.senders], graph.senders[sample.edges])
    assert torch.equal(sample.nodes[sample.graph.receivers], graph.receivers[sample.edges])
    assert torch.equal(sample.graph.edge_weight, graph.edge_weight[sample.edges])
    received = sample.graph.in_degree
    first, second, third = sample.node_counts
    for fan_out, (low, high) in zip((5, 3), ((0, first), (first, second)), strict=True):
        degrees = graph.in_degree[sample.nodes[low:high]]
        expected = torch.where(degrees > 0, fan_out, 0) if options.get("replace") else degrees.clamp(max=fan_out)
        assert torch.equal(received[low:high], expected)
    assert not received[second:].any()
    assert third == sample.graph.num_nodes
    if not options.get("replace"):
        assert sample.edges.unique().numel() == sample.edges.numel()


def test_the_same_generator_gives_the_same_sample():
    sampler = NeighbourSampler(great(), [4, 4])
    draws = [sampler.sample(torch.arange(20), torch.Generator().manual_seed(s)) for s in (3, 3, 4)]
    assert torch.equal(draws[0].edges, draws[1].edges)
    assert not torch.equal(draws[0].edges, draws[2].edges)


def stars(count: int, leaves: int) -> Graph:
    """Node s of the first ``count`` hears ``leaves`` nodes of its own; edge e is leaf ``e % leaves``."""
    receivers = torch.arange(count).repeat_interleave(leaves)
    return Graph.from_edge_index(torch.stack([torch.arange(count * leaves) + count, receivers]))


@pytest.mark.parametrize("replace", [False, True])
def test_every_neighbour_is_equally_likely(replace):
    sampler = NeighbourSampler(stars(4000, 8), [3], replace=replace)
    drawn = sampler.sample(torch.arange(4000), torch.Generator().manual_seed(0)).edges % 8
    counts, expected = torch.bincount(drawn, minlength=8), 4000 * 3 / 8
    assert drawn.numel() == 4000 * 3
    assert float(((counts - expected) ** 2 / expected).sum()) < 24.3  # χ², 7 degrees of freedom, one in a thousand


@pytest.mark.parametrize("replace", [False, True])
def test_weights_are_chances(replace):
    weights = torch.tensor([1.0, 2.0, 0.0, 5.0])
    sampler = NeighbourSampler(stars(4000, 4), [1], replace=replace, weights=weights.repeat(4000))
    drawn = sampler.sample(torch.arange(4000), torch.Generator().manual_seed(0)).edges % 4
    counts, expected = torch.bincount(drawn, minlength=4), 4000 * weights / 8
    assert counts[2] == 0
    there = weights > 0
    assert float(((counts - expected)[there] ** 2 / expected[there]).sum()) < 13.8  # 2 degrees of freedom


def test_all_neighbours_give_the_exact_output_and_layers_may_be_trimmed():
    graph = great().with_edge_weight(None)
    layers = [SAGEConv(3, 4), SAGEConv(4, 4), SAGEConv(4, 2)]
    x = torch.randn(graph.num_nodes, 3)
    whole = x
    for layer in layers:
        whole = layer(whole, graph)
    seeds = torch.tensor([5, 100, 17])
    sample = NeighbourSampler(graph, [-1, -1, -1]).sample(seeds)
    h = x[sample.nodes]
    for layer, part in zip(layers, sample.layers, strict=True):
        h = layer(h[: part.num_nodes], part)
    torch.testing.assert_close(h[: sample.seeds], whole[seeds])
    assert [part.num_nodes for part in sample.layers] == list(sample.node_counts[:0:-1])


def heard_by(seeds: torch.Tensor, sampler: NeighbourSampler, options: dict[str, str], x: torch.Tensor, times: int):
    """What the seeds hear of one hop in so many samples: ``[times, seeds, F]``."""
    found = []
    for number in range(times):
        sample = sampler.sample(seeds, torch.Generator().manual_seed(number))
        found.append((sample.layers[-1].operator(**options, dtype=x.dtype) @ x[sample.nodes])[: sample.seeds])
    return torch.stack(found)


@pytest.mark.parametrize("normalisation", ["symmetric", "random-walk"])
@pytest.mark.parametrize("self_loops", ["keep", "add", "remaining", "remove", "replace"])
def test_with_all_neighbours_a_sample_has_the_matrix_of_the_great_graph(normalisation, self_loops):
    graph, x = great(), torch.randn(512, 3, dtype=torch.float64)
    loops = (graph.structure.loops).sum()
    assert 0 < loops < 512  # some nodes have loops, some have none
    asked = {"normalisation": normalisation, "self_loops": self_loops}
    seeds = torch.arange(0, 512, 3)
    sampler = NeighbourSampler(graph, [-1])
    expected = (graph.operator(**asked, dtype=x.dtype) @ x)[seeds]
    torch.testing.assert_close(heard_by(seeds, sampler, asked, x, 1)[0], expected, atol=1e-6, rtol=1e-5)
    moved = sampler.sample(seeds).graph.to("cpu")
    assert moved == sampler.sample(seeds).graph
    assert moved != moved.with_edge_weight(moved.edge_weight)  # which forgets the great graph's degrees


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_on_average_every_edge_is_heard_once(options):
    stars_, leaves = 20_000, 6
    if "weights" in options:
        options = options | {"weights": torch.tensor([1.0, 2.0, 3.0, 2.0, 5.0, 1.0]).repeat(stars_)}
    sampler = NeighbourSampler(stars(stars_, leaves), [3], **options)
    sample = sampler.sample(torch.arange(stars_), torch.Generator().manual_seed(0))
    heard = torch.zeros(stars_ * leaves, dtype=torch.float64)
    heard.index_add_(0, sample.edges, sample.graph.drawn.stands_for.double())
    heard = heard.reshape(stars_, leaves)
    off = heard.mean(0) - 1.0
    assert bool((off.abs() < 4 * heard.std(0) / stars_**0.5).all())
    # a row of D⁻¹A estimates a row that adds up to 1
    rows = sample.graph.operator("random-walk").row_sums[:stars_]
    torch.testing.assert_close(rows, heard.sum(1).float() / leaves)


def test_batches_cover_all_seeds_once():
    graph = planted_partition(300, 3, 6)
    sampler = NeighbourSampler(graph, [2])
    seeds = torch.arange(0, 300, 2)
    seen = torch.cat([sample.nodes[: sample.seeds] for sample in sampler.batches(seeds, 32)])
    assert torch.equal(seen.sort()[0], seeds)
    ordered = torch.cat([sample.nodes[: sample.seeds] for sample in sampler.batches(seeds, 32, shuffle=False)])
    assert torch.equal(ordered, seeds)


def test_what_cannot_be_drawn_is_said_and_leaves_the_sampler_sound():
    graph = great()
    for options, says in [
        ({"fan_outs": []}, "one for each hop"),
        ({"fan_outs": [0]}, "each 1 or more"),
        ({"fan_outs": [-1], "replace": True}, "exclude each other"),
        ({"fan_outs": [1], "weights": torch.ones(3)}, r"\[6000\] finite numbers"),
    ]:
        with pytest.raises(InputError, match=says):
            NeighbourSampler(graph, **options)
    sampler = NeighbourSampler(graph, [2])
    with pytest.raises(InputError, match="seeds must differ"):
        sampler.sample(torch.tensor([3, 3]))
    with pytest.raises(InputError, match="nodes are 0…511"):
        sampler.sample(torch.tensor([512]))
    assert sampler.sample(torch.tensor([3])).seeds == 1
    assert sampler.sample(torch.zeros(0, dtype=torch.long)).graph.num_nodes == 0

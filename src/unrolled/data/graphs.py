"""Graphs that are made, not fetched: the course's two, the karate club, planted partitions and R-MAT at any
scale.
"""

from __future__ import annotations

import torch
from torch import Tensor

from unrolled.errors import InputError
from unrolled.graph import Graph

__all__ = ["course_2019", "course_2020", "karate_club", "planted_partition", "rmat"]

# Zachary 1977: pairs of members seen together outside the club; member n's later friends follow n.
_KARATE = (
    "1:2 3 4 5 6 7 8 9 11 12 13 14 18 20 22 32/2:3 4 8 14 18 20 22 31/3:4 8 9 10 14 28 29 33/4:8 13 14/5:7 11/"
    "6:7 11 17/7:17/9:31 33 34/10:34/14:34/15:33 34/16:33 34/19:33 34/20:34/21:33 34/23:33 34/24:26 28 30 33 34/"
    "25:26 28 32/26:32/27:30 34/28:34/29:32 34/30:33 34/31:33 34/32:33 34/33:34"
)
_WITH_THE_INSTRUCTOR = (1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 17, 18, 20, 22)


def course_2020() -> Graph:
    """The graph of the course's edition of 2020: six nodes, where C's news reaches E in the fourth update."""
    return Graph.from_text("A-B A-E A-F B-D C-D D-F")


def course_2019() -> Graph:
    """The graph of the course's edition of 2019: with B-C and E-F, where it takes three."""
    return Graph.from_text("A-B A-E A-F B-D C-D D-F B-C E-F")


def karate_club() -> Graph:
    """Zachary's karate club: 34 members, 78 friendships, and with whom each went when it split.

    Names are the members' numbers from 1; labels are 0 with the instructor (member 1), 1 with the president
    (34).

    From Zachary 1977, *An information flow model for conflict and fission in small groups*.
    """
    pairs = [part.partition(":") for part in _KARATE.split("/")]
    edges = [(int(a), int(b)) for a, _, friends in pairs for b in friends.split()]
    ends = torch.tensor(edges).T - 1
    labels = torch.ones(34, dtype=torch.long)
    labels[torch.tensor(_WITH_THE_INSTRUCTOR) - 1] = 0
    return Graph(ends[0], ends[1], 34, labels=labels, names=tuple(range(1, 35))).undirected()


def planted_partition(
    nodes: int,
    classes: int,
    degree: float,
    *,
    inside: float = 0.8,
    features: int = 0,
    signal: float = 1.0,
    generator: torch.Generator | None = None,
) -> Graph:
    """An undirected graph whose nodes prefer their own class; labels are the planted truth.

    Each edge's first end is uniform; with probability ``inside`` its second end is uniform in the same class,
    otherwise uniform over all other classes.  Loops are left out, several edges between two nodes are rare
    and kept, so that the mean degree is a little under ``degree``.  Node i's features are ``signal`` times
    its class's random unit vector, plus standard normal noise.

    Args:
        nodes: N.
        classes: of equal size, up to one node.
        degree: mean number of neighbours.
        inside: share of edges inside a class.
        features: F, or 0 for none.
        signal: length of the class's part of the features.
        generator: of the draws.

    Raises:
        InputError: fewer nodes than two a class, a share outside [0, 1], or one class with edges to others.
    """
    if classes < 1 or nodes < 2 * classes or degree < 0 or not 0.0 <= inside <= 1.0:
        raise InputError(
            f"planted_partition(nodes={nodes}, classes={classes}, degree={degree}, inside={inside}): two nodes a "
            "class or more, a degree of 0 or more and a share from 0 to 1 would do"
        )
    if classes == 1 and inside < 1.0:
        raise InputError("planted_partition: one class has no other for edges to go to; inside=1.0 would do")
    labels = torch.arange(nodes) % classes
    labels = labels[torch.randperm(nodes, generator=generator)]
    members = torch.argsort(labels, stable=True)
    sizes = torch.bincount(labels, minlength=classes)
    first = torch.cumsum(sizes, 0) - sizes
    count = round(nodes * degree / 2)
    a = torch.randint(nodes, (count,), generator=generator)
    same = torch.rand(count, generator=generator) < inside
    jump = torch.randint(1, max(classes, 2), (count,), generator=generator)
    of = torch.where(same, labels[a], (labels[a] + jump) % classes)
    within = (torch.rand(count, generator=generator, dtype=torch.float64) * sizes[of]).long()
    b = members[first[of] + within]
    other = a != b
    x = _class_features(labels, classes, features, signal, generator) if features else None
    return Graph(a[other], b[other], nodes, node_features=x, labels=labels).undirected()


def _class_features(
    labels: Tensor, classes: int, features: int, signal: float, generator: torch.Generator | None
) -> Tensor:
    centres = torch.nn.functional.normalize(torch.randn(classes, features, generator=generator), dim=1)
    return torch.randn(len(labels), features, generator=generator).add_(centres[labels], alpha=signal)


def rmat(
    scale: int,
    edges: int,
    *,
    corners: tuple[float, float, float, float] = (0.57, 0.19, 0.19, 0.05),
    generator: torch.Generator | None = None,
) -> Graph:
    """A directed graph of ``2**scale`` nodes with a few great hubs: each bit of both ends is drawn together.

    Loops and several edges between the same nodes are kept.  From Chakrabarti, Zhan & Faloutsos 2004; the
    corners are the Graph 500 benchmark's.

    Args:
        scale: log₂ N.
        edges: E.
        corners: probabilities of the bit pairs (0,0), (0,1), (1,0), (1,1) of sender and receiver.
        generator: of the draws.

    Raises:
        InputError: a scale outside 0…31, or corners that are no distribution.
    """
    if not 0 <= scale <= 31 or edges < 0:
        raise InputError(f"rmat(scale={scale}, edges={edges}): a scale of 0…31 and 0 edges or more would do")
    if min(corners) < 0 or abs(sum(corners) - 1.0) > 1e-6:
        raise InputError(f"rmat: corners {corners} are no four probabilities that sum to 1")
    bounds = torch.tensor(corners).cumsum(0)[:3]
    senders = torch.zeros(edges, dtype=torch.long)
    receivers = torch.zeros(edges, dtype=torch.long)
    for _ in range(scale):
        corner = torch.bucketize(torch.rand(edges, generator=generator), bounds, right=True)
        senders.mul_(2).add_(corner // 2)
        receivers.mul_(2).add_(corner % 2)
    return Graph(senders, receivers, 2**scale)

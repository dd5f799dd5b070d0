"""The section ``task``: which task, and how hard."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from unrolled.data.forecasting import horizon_list
from unrolled.spec.require import require

__all__ = [
    "AddingSpec",
    "BaumSweetSpec",
    "BinaryPalindromesSpec",
    "CopyingSpec",
    "ForecastSpec",
    "NodesSpec",
    "PalindromesSpec",
    "ProteinSpec",
    "RandomCombinationsSpec",
    "SensorsSpec",
    "TaskSpec",
    "TextSpec",
]


@dataclass(frozen=True, kw_only=True)
class PalindromesSpec:
    """Decimal palindromes: the first L - 1 digits in, the last digit out.

    Attributes:
        length: L, the palindrome's length in digits; the network reads L - 1 of them.
    """

    length: int = 10


@dataclass(frozen=True, kw_only=True)
class BinaryPalindromesSpec:
    """Binary palindromes (the course's 2020 task): all symbols but the last in, the last bit out.

    Attributes:
        length: T of the course, which draws ceil(T/2) integers; the network reads 4T + 1 symbols when T is even.
    """

    length: int = 10


@dataclass(frozen=True, kw_only=True)
class RandomCombinationsSpec:
    """Random combinations: N - 1 distinct numbers of 0..N-1 in, the missing one out.

    Attributes:
        size: N, how many numbers are permuted.
    """

    size: int = 10


@dataclass(frozen=True, kw_only=True)
class BaumSweetSpec:
    """Baum-Sweet: has the binary form of an integer no block of zeros of odd length?

    Attributes:
        digits: m, the integer is drawn from [10, 10^m]; the network reads 4m symbols.
    """

    digits: int = 4


@dataclass(frozen=True, kw_only=True)
class CopyingSpec:
    """The copy problem: ten symbols in, a wait, the ten symbols out.

    Attributes:
        delay: T of the literature, steps between reading a symbol's row and saying it; the network reads T + 20.
    """

    delay: int = 20


@dataclass(frozen=True, kw_only=True)
class AddingSpec:
    """The adding problem: a row of numbers in, the sum of the two that are marked out.

    Attributes:
        length: T, how many numbers are read.
    """

    length: int = 50


@dataclass(frozen=True, kw_only=True)
class TextSpec:
    """The next character of a text.

    Attributes:
        source: a registered text (see `unrolled data list`), a text file, a folder (each file is a document), or -
            for standard input.
        window: T, characters per training window.
        state: windows (each is drawn at random and begins from a zero state, as in the course) or carried
            (contiguous streams, the state kept between windows and back at zero where a document begins).
        vocabulary: characters, or bytes (any text as its UTF-8, any file as it is).
        held_out: share of the body, at its end, that no training step sees.
        encoding: utf-8 or latin-1.
        keep_bom: keep a byte-order mark as a character of the text.
        keep_licence: keep Project Gutenberg's header and licence; a document over 16 MB always keeps them.
        text_sha256: hash of the text's body; written into every run's spec, checked where it is given.
    """

    source: str = "grimm"
    window: int = 30
    state: Literal["windows", "carried"] = "windows"
    vocabulary: Literal["characters", "bytes"] = "characters"
    held_out: float = 0.1
    encoding: Literal["utf-8", "latin-1"] = "utf-8"
    keep_bom: bool = False
    keep_licence: bool = False
    text_sha256: str | None = None

    def __post_init__(self) -> None:
        require(bool(self.source), "source is empty: give a registered text, a file, a folder, or - for standard input")
        require(self.window >= 1, f"window is {self.window}: a window holds at least 1 character")
        require(0 < self.held_out < 1, f"held_out is {self.held_out}: a share between 0 and 1, such as 0.1")


@dataclass(frozen=True, kw_only=True)
class NodesSpec:
    """The classes of a graph's nodes, of which a few are known.

    Attributes:
        graph: a registered graph (see `unrolled data list`), such as cora, karate or planted:100000, or a file:
            arrays (.npz), a list of edges (.csv) with --nodes, or text.
        nodes: a file (.csv) with what is known of each node, for a list of edges: columns node, label, split and
            features.
        directed: an edge of the list goes one way.
        setting: transductive (all nodes are there while training, labels aside) or inductive (those of validation
            and test are not).
        labelled: where the graph has no split of its own: training nodes of each class.
        validation: likewise: the share of the other nodes that validate; the rest test.
        split_seed: likewise: seed of the split, and of the cut into parts.
        features: row-normalised, given, one-hot or degree (default: row-normalised, given where some are negative,
            one-hot where nodes have none).
        batching: full (the whole graph every step), neighbours (some training nodes and a sample around them) or
            clusters (some parts of the graph).
        fanouts: neighbours: how many are drawn of each node, a number a layer, as 15,10; -1 is all.
        parts: clusters: how many the graph is cut into.
        graph_sha256: hash of a graph's file; written into every run's spec, checked where it is given.
    """

    graph: str = "cora"
    nodes: str | None = None
    directed: bool = False
    setting: Literal["transductive", "inductive"] = "transductive"
    labelled: int = 20
    validation: float = 0.2
    split_seed: int = 0
    features: Literal["row-normalised", "given", "one-hot", "degree"] | None = None
    batching: Literal["full", "neighbours", "clusters"] = "full"
    fanouts: str = "15,10"
    parts: int = 50
    graph_sha256: str | None = None

    def __post_init__(self) -> None:
        require(self.labelled >= 1, f"labelled is {self.labelled}: at least 1 node of each class")
        require(0 < self.validation < 1, f"validation is {self.validation}: a share between 0 and 1, such as 0.2")
        require(0 <= self.split_seed < 2**63, f"split_seed is {self.split_seed}: from 0 to below 2^63")
        require(self.parts >= 1, f"parts is {self.parts}: at least 1")
        words = self.fanouts.replace(" ", "").split(",")
        is_number = all(word.removeprefix("-").isdecimal() for word in words)
        require(
            is_number and all(int(word) >= 1 or int(word) == -1 for word in words),
            f"fanouts is {self.fanouts!r}: a number of neighbours for each layer, as 15,10 (-1: all)",
        )

    @property
    def fan_outs(self) -> tuple[int, ...]:
        """The fan-outs as numbers."""
        return tuple(int(word) for word in self.fanouts.split(","))


@dataclass(frozen=True, kw_only=True)
class ProteinSpec:
    """Where the atoms of a protein that changes its shape will go, from where they have been.

    Attributes:
        trajectory: files (.dcd) to learn from, several with commas between (default: adenylate kinase opening, two
            runs of one method to learn from and the run of another to test on).
        structure: file (.psf) that names the atoms of those files.
        test: file (.dcd) that nothing looks at before the end (default: the last fifth of every run).
        test_structure: its own file (.psf), where that is another than `structure`.
        window: T, frames that are read.
        horizons: frames ahead that are forecast, each by itself.
        radius: angstroms within which two alpha carbons are neighbours, in each frame anew.
        smoothing: copies of the training runs that are learnt from too, each smoothed over so many frames (0: as it
            is), so that a network meets motions of more and of less noise.
        validation: share of every training run, at its end, that no step is taught.
        files_sha256: hash of your own files; written into every run's spec, checked where it is given.
    """

    trajectory: str | None = None
    structure: str | None = None
    test: str | None = None
    test_structure: str | None = None
    window: int = 10
    horizons: str = "1,5,10"
    radius: float = 8.0
    smoothing: str = "0,1,2,4"
    validation: float = 0.2
    files_sha256: str | None = None

    def __post_init__(self) -> None:
        horizon_list(self.horizons)
        require(self.window >= 2, f"window is {self.window}: 2 frames or more, or nothing moves")
        require(0 < self.radius < math.inf, f"radius is {self.radius}: angstroms, such as 8")
        require(0 < self.validation < 1, f"validation is {self.validation}: a share between 0 and 1, such as 0.2")
        require(
            all(word.isdecimal() for word in self.smoothing.replace(" ", "").split(",")),
            f"smoothing is {self.smoothing!r}: frames, each 0 or more, as 0,1,2,4",
        )
        own = self.trajectory is not None
        require(own == (self.structure is not None), "trajectory and structure go together: .dcd files and a .psf file")
        require(own or self.test is None, "test is given without trajectory: a file of your own needs the others too")
        require(
            self.test is not None or self.test_structure is None, "test_structure is given without test, which it is of"
        )

    @property
    def smoothings(self) -> tuple[int, ...]:
        """The smoothings as numbers, each once."""
        return tuple(dict.fromkeys(map(int, self.smoothing.split(","))))


@dataclass(frozen=True, kw_only=True)
class SensorsSpec:
    """What the sensors of a graph will read, from what they read, with readings missing.

    Attributes:
        readings: registered readings (see `unrolled data list`), auckland or chicago-flu, or a file: a table (.csv),
            METR-LA's form (.h5), arrays (.npz, .npy) or PyG Temporal's chickenpox (.json).
        edges: the graph of a file's sensors: a list of edges or distances or the sensors' places (.csv), a matrix
            (.npz, .npy) or METR-LA's adj_mx.pkl.
        nearest: neighbours of each sensor, where the graph is made of places.
        directed: an edge of a list goes one way.
        zeros: what a zero is: readings, missing (as in METR-LA) or outages, 24 or more in a row (default: outages for
            auckland, else readings).
        seasons: periods in steps, as 24,168 (default: what the times say; none where there are none).
        window: T, steps that are read.
        horizons: steps ahead that are forecast, each by itself.
        validation: share of the steps, before those of the test, that no step is taught.
        test: share of the steps, at the end, that nothing looks at before the end.
        readings_sha256: hash of readings and edges; written into every run's spec, checked where it is given.
    """

    readings: str = "auckland"
    edges: str | None = None
    nearest: int = 5
    directed: bool = False
    zeros: Literal["readings", "missing", "outages"] | None = None
    seasons: str | None = None
    window: int = 24
    horizons: str = "1,3,6,12"
    validation: float = 0.15
    test: float = 0.2
    readings_sha256: str | None = None

    def __post_init__(self) -> None:
        horizon_list(self.horizons)
        require(bool(self.readings), "readings is empty: give registered readings or a file")
        require(self.nearest >= 1, f"nearest is {self.nearest}: at least 1 neighbour")
        require(self.window >= 2, f"window is {self.window}: 2 steps or more")
        for name in ("validation", "test"):
            share = getattr(self, name)
            require(0 < share < 1, f"{name} is {share}: a share between 0 and 1, such as 0.2")
        kept = self.validation + self.test
        require(kept < 1, f"validation and test are {kept:g} together: a part to learn from must be left")
        words = (self.seasons or "2").replace(" ", "").split(",")
        require(
            all(word.isdecimal() and int(word) >= 2 for word in words),
            f"seasons is {self.seasons!r}: periods in steps, each 2 or more, as 24,168",
        )

    @property
    def periods(self) -> tuple[int, ...] | None:
        """The seasons as numbers, shortest first, or None where the times say them."""
        return None if self.seasons is None else tuple(sorted(set(map(int, self.seasons.split(",")))))


ForecastSpec = ProteinSpec | SensorsSpec
"""The tasks that forecast."""

TaskSpec = (
    PalindromesSpec
    | BinaryPalindromesSpec
    | RandomCombinationsSpec
    | BaumSweetSpec
    | CopyingSpec
    | AddingSpec
    | TextSpec
    | NodesSpec
    | ProteinSpec
    | SensorsSpec
)

"""Tasks that draw batches; texts and graphs that are fetched, verified and cached."""

from __future__ import annotations

from typing import Final

from unrolled.data.adding import Adding
from unrolled.data.baum_sweet import BaumSweet
from unrolled.data.binary_palindromes import BinaryPalindromes
from unrolled.data.citation import CITATION_GRAPHS, citation_graph
from unrolled.data.combinations import RandomCombinations
from unrolled.data.copying import Copying
from unrolled.data.corpus import Corpus
from unrolled.data.forecasting import ForecastBatch, Forecasting, horizon_list
from unrolled.data.graph_memory import check_full_batch, full_batch_bytes, mapped_features
from unrolled.data.graph_sources import (
    GRAPHS,
    GraphSource,
    graph_is_here,
    graph_or_text,
    graph_sha256,
    is_graph_name,
    read_graph,
)
from unrolled.data.graphs import course_2019, course_2020, karate_club, planted_partition, rmat
from unrolled.data.layout import Layout
from unrolled.data.marking import Marking, Near, OneOf
from unrolled.data.neighbours import NeighbourSampler, Sample
from unrolled.data.next_character import NextCharacter
from unrolled.data.node_classification import NodeBatch, NodeClassification, split_nodes
from unrolled.data.palindromes import DecimalPalindromes
from unrolled.data.partition import cluster_batches, edge_cut, partition
from unrolled.data.protein import ProteinFiles, ProteinRuns, protein_sha256, read_protein
from unrolled.data.protein_motion import ProteinMotion
from unrolled.data.question import Choice, Question
from unrolled.data.sensors import SENSORS, Readings, SensorForecasts, find_readings, sensor_archive, sensors_are_here
from unrolled.data.sources import SOURCES, Source, cached, fetch, read_corpus, read_text
from unrolled.data.task import IGNORED, Batch, Task
from unrolled.data.vocabulary import ByteVocabulary, Vocabulary

__all__ = [
    "CITATION_GRAPHS",
    "GRAPHS",
    "IGNORED",
    "SENSORS",
    "SOURCES",
    "TASK_CLASSES",
    "Adding",
    "Batch",
    "BaumSweet",
    "BinaryPalindromes",
    "ByteVocabulary",
    "Choice",
    "Copying",
    "Corpus",
    "DecimalPalindromes",
    "ForecastBatch",
    "Forecasting",
    "GraphSource",
    "Layout",
    "Marking",
    "Near",
    "NeighbourSampler",
    "NextCharacter",
    "NodeBatch",
    "NodeClassification",
    "OneOf",
    "ProteinFiles",
    "ProteinMotion",
    "ProteinRuns",
    "Question",
    "RandomCombinations",
    "Readings",
    "Sample",
    "SensorForecasts",
    "Source",
    "Task",
    "Vocabulary",
    "cached",
    "check_full_batch",
    "citation_graph",
    "cluster_batches",
    "course_2019",
    "course_2020",
    "edge_cut",
    "fetch",
    "find_readings",
    "full_batch_bytes",
    "graph_is_here",
    "graph_or_text",
    "graph_sha256",
    "horizon_list",
    "is_graph_name",
    "karate_club",
    "mapped_features",
    "partition",
    "planted_partition",
    "protein_sha256",
    "read_corpus",
    "read_graph",
    "read_protein",
    "read_text",
    "rmat",
    "sensor_archive",
    "sensors_are_here",
    "split_nodes",
]

TASK_CLASSES: Final[dict[str, type[Task]]] = {
    "palindromes": DecimalPalindromes,
    "binary-palindromes": BinaryPalindromes,
    "random-combinations": RandomCombinations,
    "baum-sweet": BaumSweet,
    "copying": Copying,
    "adding": Adding,
    "text": NextCharacter,
}
"""Every task by name: what the command line offers, the docs list and the tests run over."""

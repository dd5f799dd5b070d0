"""Modules to import: recurrent layers in torch.nn's place, a wrapper for your own cell, graph layers, and models.

A new cell is one file here, one equation in `kernels/reference/`, and one line in `CELL_LAYERS`; a new graph layer the
same with a line in `GRAPH_LAYERS`, and in `unrolled.spec.LAYERS` how it is trained; a new layer over a graph and time a
line in `GRAPH_TIME_LAYERS`.
"""

import torch

from unrolled.graph import Graph
from unrolled.kernels.reference.cell import Hidden, HiddenMemory
from unrolled.nn.attention_conv import AttentionObservation
from unrolled.nn.bias import bias_vectors, single_bias
from unrolled.nn.cell_layer import CellLayer
from unrolled.nn.character_model import CharacterModel
from unrolled.nn.cheb_conv import ChebConv
from unrolled.nn.classifier import SequenceClassifier
from unrolled.nn.coding import CODINGS
from unrolled.nn.conversion import convert
from unrolled.nn.count import ParameterCount, count_parameters
from unrolled.nn.dcrnn import DCRNN
from unrolled.nn.equation import Equation
from unrolled.nn.full_peephole import FullPeepholeLSTM
from unrolled.nn.gat_conv import GATConv
from unrolled.nn.gatv2_conv import GATv2Conv
from unrolled.nn.gcn_conv import GCNConv
from unrolled.nn.gconv_gru import GConvGRU
from unrolled.nn.gconv_lstm import GConvLSTM
from unrolled.nn.gconv_rnn import GConvRNN
from unrolled.nn.graph_forecaster import GraphForecaster
from unrolled.nn.graph_gates import GraphGates
from unrolled.nn.graph_recurrent import POOLS, GraphRecurrent
from unrolled.nn.gru import GRU
from unrolled.nn.initialisers import INITIALISERS, initialise
from unrolled.nn.layer import RecurrentLayer
from unrolled.nn.lstm import LSTM
from unrolled.nn.message_passing import Edge, MessagePassing, pass_messages
from unrolled.nn.node_classifier import ACTIVATIONS, NodeClassifier
from unrolled.nn.node_recurrent import NodeRecurrent
from unrolled.nn.observation import Observation, Trace
from unrolled.nn.peephole import PeepholeLSTM
from unrolled.nn.recurrent import Recurrent
from unrolled.nn.rnn import RNN
from unrolled.nn.sage_conv import SAGEConv
from unrolled.nn.spectral_conv import SpectralConv
from unrolled.nn.temporal import load_pyg_temporal
from unrolled.nn.user_cell import load_user_cell, load_user_layer, user_cell_sha256
from unrolled.nn.walk_gru import WalkGRU, WalkObservation
from unrolled.nn.window_graph import WindowGraph

__all__ = [
    "ACTIVATIONS",
    "CELL_LAYERS",
    "CODINGS",
    "DCRNN",
    "GRAPH_LAYERS",
    "GRAPH_TIME_LAYERS",
    "GRU",
    "INITIALISERS",
    "LSTM",
    "POOLS",
    "RNN",
    "AttentionObservation",
    "CellLayer",
    "CharacterModel",
    "ChebConv",
    "Edge",
    "Equation",
    "FullPeepholeLSTM",
    "GATConv",
    "GATv2Conv",
    "GCNConv",
    "GConvGRU",
    "GConvLSTM",
    "GConvRNN",
    "Graph",
    "GraphForecaster",
    "GraphGates",
    "GraphRecurrent",
    "Hidden",
    "HiddenMemory",
    "MessagePassing",
    "NodeClassifier",
    "NodeRecurrent",
    "Observation",
    "ParameterCount",
    "PeepholeLSTM",
    "Recurrent",
    "RecurrentLayer",
    "SAGEConv",
    "SequenceClassifier",
    "SpectralConv",
    "Trace",
    "WalkGRU",
    "WalkObservation",
    "WindowGraph",
    "bias_vectors",
    "convert",
    "count_parameters",
    "initialise",
    "load_pyg_temporal",
    "load_user_cell",
    "load_user_layer",
    "pass_messages",
    "single_bias",
    "user_cell_sha256",
]

CELL_LAYERS: dict[str, type[CellLayer]] = {
    "rnn": RNN,
    "gru": GRU,
    "lstm": LSTM,
    "peephole": PeepholeLSTM,
    "full-peephole": FullPeepholeLSTM,
}

GRAPH_LAYERS: dict[str, type[torch.nn.Module]] = {
    "gcn": GCNConv,
    "gat": GATConv,
    "gatv2": GATv2Conv,
    "sage": SAGEConv,
    "cheb": ChebConv,
}

GRAPH_TIME_LAYERS: dict[str, type[GraphGates]] = {
    "gconv-rnn": GConvRNN,
    "gconv-gru": GConvGRU,
    "gconv-lstm": GConvLSTM,
    "dcrnn": DCRNN,
}

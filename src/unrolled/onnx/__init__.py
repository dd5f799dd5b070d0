"""Recurrent layers and models to ONNX files and back: one node a layer, where ONNX has such a node.

Needs the package onnx: ``pip install "unrolled[onnx]"``. `export` writes, `from_onnx` reads.
"""

from unrolled.onnx.reading import from_onnx
from unrolled.onnx.reverse import Reverse
from unrolled.onnx.writing import export

__all__ = ["Reverse", "export", "from_onnx"]

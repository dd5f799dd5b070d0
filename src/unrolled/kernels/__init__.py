"""Numbers in, numbers out: what the layers compute, with no `torch.nn.Module` in sight.

* `reference/` says every cell's equation once, in plain differentiable torch. It is the specification.
* `eager/` computes the same, values and gradients, with torch's products and in-place gates.
* `vendor.py` hands whole sequences to the kernels that torch itself ships, where those are faster.
* `native/` computes it in C.
* `recurrent.py` picks between them for one layer and one direction, and `autograd.py` is the glue.
* `graph_recurrent.py` runs the cells over a graph, `filters.py` is what they read of it, `graph_gates.py` their gates.
* `operators.py` shows a layer to torch.compile and torch.export, `transforms.py` to torch.func.
"""

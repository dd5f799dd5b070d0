"""Layers in several processes and threads, and through copies of themselves."""

from __future__ import annotations

import copy
import os
import pickle
import threading

import pytest
import torch
import torch.distributed
from torch import multiprocessing

from unrolled import nn

T, B, I, H = 6, 8, 3, 5


def step(layer, x):
    """The gradients of one backward pass."""
    layer.zero_grad()
    layer(x)[0].square().mean().backward()
    return [parameter.grad.clone() for parameter in layer.parameters()]


def _one_of_two(rank, file, x, weights, results):
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{file}", rank=rank, world_size=2)
    layer = nn.PeepholeLSTM(I, H, 2, bidirectional=True)
    layer.load_state_dict(weights)
    parallel = torch.nn.parallel.DistributedDataParallel(layer)
    parallel(x[:, rank::2])[0].square().mean().backward()
    if rank == 0:
        torch.save([parameter.grad for parameter in layer.parameters()], results)
    torch.distributed.destroy_process_group()


@pytest.mark.conformance
@pytest.mark.skipif(not torch.distributed.is_available(), reason="this torch has no torch.distributed")
def test_two_processes_have_the_gradients_of_one(tmp_path, assert_same):
    layer, x = nn.PeepholeLSTM(I, H, 2, bidirectional=True), torch.randn(T, B, I)
    results = tmp_path / "gradients"
    multiprocessing.spawn(_one_of_two, (tmp_path / "meeting", x, layer.state_dict(), results), nprocs=2)
    assert_same(torch.load(results), step(layer, x), 1e-5)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_trains_on_its_own(make_layer):
    layer, x = make_layer(I, H, 2, dtype=torch.float32), torch.randn(T, B, I)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    want = step(layer, x)  # the last digits depend on the number of threads
    torch.set_num_threads(threads)
    together = step(layer, x)
    child = os.fork()
    if child == 0:
        torch.set_num_threads(1)  # OpenMP's threads are the parent's
        os._exit(0 if all(torch.equal(a, b) for a, b in zip(step(layer, x), want, strict=True)) else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert all(torch.equal(a, b) for a, b in zip(step(layer, x), together, strict=True))


def test_threads_train_beside_each_other_while_their_number_changes(make_layer, assert_same):
    layers = [make_layer(I, H, dtype=torch.float32) for _ in range(3)]
    x, before = torch.randn(T, B, I), torch.get_num_threads()
    want = [step(layer, x) for layer in layers]
    got, failed = {}, []

    def train(index):
        try:
            for turn in range(10):
                torch.set_num_threads(1 + (index + turn) % 3)
                got[index] = step(layers[index], x)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=train, args=(index,)) for index in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    torch.set_num_threads(before)
    assert not failed
    for index, gradients in enumerate(want):
        assert_same(got[index], gradients, 1e-6)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))])
def test_a_copy_is_a_layer_of_its_own(make_layer, copied, assert_same):
    layer, x = make_layer(I, H, 2, bidirectional=True, dtype=torch.float32), torch.randn(T, B, I)
    want = step(layer, x)  # what was run before must not hold the copy back
    twin = copied(layer)
    assert list(twin.state_dict()) == list(layer.state_dict())
    assert_same(step(twin, x), want, 0.0)
    with torch.no_grad():
        twin.weight_hh_l0.zero_()
    assert_same(step(layer, x), want, 0.0)


def test_converted_layers_go_the_same_ways(assert_same):
    theirs = torch.nn.LSTM(I, H, 2, bidirectional=True)
    x, keys = torch.randn(T, B, I), list(theirs.state_dict())
    expected = step(copy.deepcopy(theirs), x)
    ours = nn.convert(theirs)
    assert list(ours.state_dict()) == keys
    assert_same(step(pickle.loads(pickle.dumps(ours)), x), expected, 1e-5)
    program = torch.export.export(ours, (x,), dynamic_shapes=({0: torch.export.Dim("T", max=99)},))
    longer = torch.randn(T + 5, B, I)
    assert_same([program.module()(longer)[0]], [ours(longer)[0]], 1e-6)
    own = {name: parameter.detach() for name, parameter in ours.named_parameters()}
    alone = torch.func.grad(lambda p: torch.func.functional_call(ours, p, (x,))[0].square().mean())(own)
    assert_same(list(alone.values()), expected, 1e-5)

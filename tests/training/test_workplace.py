"""The workplace: undisturbed inside, nothing left behind outside."""

from __future__ import annotations

import signal
import threading
import time

import pytest
import torch

from unrolled.errors import SpecError
from unrolled.training.workplace import Workplace, choose_device

CPU = torch.device("cpu")


def flushes() -> bool:
    return bool(torch.tensor(1e-310, dtype=torch.float64) * 1.0 == 0)


def test_denormals_are_flushed_inside_only() -> None:
    assert not flushes()
    with Workplace(CPU, 0):
        assert flushes()
    assert not flushes()


def test_denormals_stay_flushed_where_they_were() -> None:
    torch.set_flush_denormal(True)
    try:
        with Workplace(CPU, 0):
            pass
        assert flushes()
    finally:
        torch.set_flush_denormal(False)


def test_random_numbers_go_on_inside_and_outside() -> None:
    torch.manual_seed(1)
    outside = torch.rand(6)
    with Workplace(CPU, 5):
        inside = torch.rand(6)
    torch.manual_seed(1)
    workplace = Workplace(CPU, 5)
    seen: dict[str, list[torch.Tensor]] = {"outside": [], "inside": []}
    for _ in range(3):
        seen["outside"].append(torch.rand(2))
        with workplace:
            seen["inside"].append(torch.rand(2))
    assert torch.equal(torch.cat(seen["outside"]), outside)
    assert torch.equal(torch.cat(seen["inside"]), inside)


def test_random_states_are_the_same_asked_from_inside_and_outside() -> None:
    workplace = Workplace(CPU, 5)
    with workplace:
        torch.rand(2)
        inside = workplace.random_states
    assert torch.equal(inside["cpu"], workplace.random_states["cpu"])
    again = Workplace(CPU, 6)
    again.restore(2.5, inside)
    assert again.seconds == 2.5
    with workplace:
        first = torch.rand(3)
    with again:
        assert torch.equal(torch.rand(3), first)


def test_another_device_is_refused() -> None:
    with pytest.raises(SpecError, match="this run was on cpu, cuda:0, and device 'cpu' would not go on bit for bit"):
        Workplace(CPU, 0).restore(0.0, {"cpu": torch.zeros(1), "cuda:0": torch.zeros(1)})


def test_ctrl_c_waits() -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), Workplace(CPU, 0):
        signal.raise_signal(signal.SIGINT)
        done.append("the rest")
    assert done == ["the rest"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_goes_to_who_was_listening() -> None:
    heard = []
    before = signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
    try:
        with Workplace(CPU, 0):
            signal.raise_signal(signal.SIGINT)
            assert heard == []
        assert heard == [signal.SIGINT]
    finally:
        signal.signal(signal.SIGINT, before)


def test_an_error_inside_is_not_hidden_by_ctrl_c() -> None:
    with pytest.raises(ZeroDivisionError), Workplace(CPU, 0):
        signal.raise_signal(signal.SIGINT)
        1 / 0  # noqa: B018


def test_other_threads_may_work_too() -> None:
    seen = []

    def work() -> None:
        with Workplace(CPU, 0):
            seen.append(flushes())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [True]


def test_the_clock_runs_inside_only() -> None:
    workplace = Workplace(CPU, 0)
    with workplace:
        time.sleep(0.02)
    first = workplace.seconds
    time.sleep(0.02)
    assert workplace.seconds == first >= 0.02


def test_auto_is_what_the_machine_has() -> None:
    expected = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else CPU
    assert expected is not None
    assert choose_device("auto").type == expected.type
    assert choose_device("cpu") == CPU

"""Slips of dtype and device: does the module still work as double, and on another device?

The other device is torch's "meta", which every machine has: it computes shapes only, and refuses to mix
with the CPU just as a GPU does.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import torch
from torch import Tensor, nn

from unrolled.doctor.building import Build, Sizes
from unrolled.doctor.calling import Call, Subject
from unrolled.doctor.finding import Finding

__all__ = ["slip_findings"]

_DTYPES = re.compile(r"dtype|Double|Float|Half|scalar type|BFloat16|Long", re.IGNORECASE)
_DEVICES = re.compile(r"device|meta", re.IGNORECASE)
_NO_SLIP = re.compile(r"numpy|item\(\)|data-dependent|local_scalar|no data|nonzero|not implemented", re.IGNORECASE)
"""What a device without numbers refuses and a GPU would not."""


def slip_findings(build: Callable[..., Build | None], sizes: Sizes, call: Call) -> list[Finding]:
    """Build in float32, then move to double, and to the meta device.

    Args:
        build: gives the way of constructing, with some arguments given otherwise by what they mean.
        sizes: as it was built.
        call: how it is called.
    """
    findings = []
    made = _made(build())
    if made is None:
        return []
    hard = _double(made, sizes, call, torch.float64)
    if hard:
        again = _made(build(), torch.float64)
        soft = _double(again, sizes, call, torch.float32) if again is not None else hard
        if soft:
            findings.append(
                Finding(
                    "dtype-slip", "after model.double() it does not compute in double", (f"error or result: {hard}",)
                )
            )
        else:
            findings.append(
                Finding(
                    "dtype-slip",
                    "it makes tensors of torch's default dtype: model.double() or .bfloat16() fails",
                    (f"error or result: {hard}",),
                    "caution",
                )
            )
    elsewhere = _made(build(device=torch.device("meta")))
    if elsewhere is not None and (error := _meta(elsewhere, sizes, call)):
        findings.append(
            Finding(
                "device-slip",
                "it makes tensors on the CPU wherever its weights are: on a GPU it fails",
                (f"with weights and x on another device: {error}",),
            )
        )
    return findings


def _made(build: Build | None, default: torch.dtype = torch.float32) -> nn.Module | None:
    if build is None:
        return None
    kept = torch.get_default_dtype()
    torch.set_default_dtype(default)
    try:
        return build.make()
    except Exception:
        return None
    finally:
        torch.set_default_dtype(kept)


def _double(module: nn.Module, sizes: Sizes, call: Call, default: torch.dtype) -> str:
    """What goes wrong in double; empty if nothing.

    With the dtype given as float64 the module is moved by .double(); with float32 every default is float64
    instead, which forgives tensors of the default dtype.
    """
    kept = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32 if default == torch.float64 else torch.float64)
    try:
        subject = Subject(module.double(), sizes, call)
        main = subject.value(subject.input()).main
    except Exception as error:
        text = str(error).partition("\n")[0]
        return text if _DTYPES.search(text) else ""
    finally:
        torch.set_default_dtype(kept)
    if main.dtype != torch.float64:
        return f"weights and x are float64, the output is {str(main.dtype).removeprefix('torch.')}"
    return ""


def _meta(module: nn.Module, sizes: Sizes, call: Call) -> str:
    """What goes wrong on the meta device, if it is the device; empty if nothing."""
    kept = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        cpu = Subject(module, sizes, call) if not _is_meta(module) else None
        x = cpu.input() if cpu is not None else Subject(nn.Identity(), sizes, call).input()
        if call.coding == "token":
            x = torch.zeros_like(x)
        moved = module.to("meta")
        _on_meta(moved, x.to("meta"), sizes, call)
    except Exception as error:
        text = str(error).partition("\n")[0]
        return text if _DEVICES.search(text) and not _NO_SLIP.search(text) else ""
    finally:
        torch.set_default_dtype(kept)
    return ""


def _is_meta(module: nn.Module) -> bool:
    return any(p.device.type == "meta" for p in module.parameters())


def _on_meta(module: nn.Module, x: Tensor, sizes: Sizes, call: Call) -> None:
    def empty(*shape: int) -> Tensor:
        return torch.zeros(*shape, device="meta")

    B = x.shape[1]
    shape = {"BH": (B, sizes.H), "1BH": (1, B, sizes.H), "H": (sizes.H,)}[call.state_shape]
    state: tuple[object, ...] = {
        "h": (empty(*shape),),
        "hc": ((empty(*shape), empty(*shape)),),
        "h,c": (empty(*shape), empty(*shape)),
    }.get(call.state, ())
    module.eval()
    with torch.no_grad():
        if call.form == "cell":
            module(x[0], *state)
        elif call.layout == "T":
            module(x[:, 0], *state)
        else:
            module(x.transpose(0, 1).contiguous() if call.layout == "BT" else x, *state)

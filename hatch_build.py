"""The build step: compiles the native kernels, for wheels and for editable installs alike.

An installation never fails here. Without a compiler the package is complete but for its kernels; the reason is left in
their place, the torch path serves, and the first layer that runs says so once.

An editable install builds into the source tree, and again only where the sources have changed; a wheel takes what
is there and up to date. UNROLLED_TARGET=linux-aarch64 makes a wheel for another platform, UNROLLED_NATIVE=0 builds
nothing.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOM = "src/unrolled/kernels/native"
INSIDE = "unrolled/kernels/native/lib"
ZIG = "ziglang==0.17.1"


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """What hatchling calls before and after it packs a wheel."""

    scratch: Path | None = None

    def dependencies(self) -> list[str]:
        """The compiler comes as a package, in the build step only; the machine needs none of its own."""
        recipe = self._recipe()
        possible = {recipe.host_target(), _target(recipe)} <= recipe.TARGETS.keys()
        needed = self.target_name == "wheel" and _wanted() and not recipe.fresh(_target(recipe))
        return [ZIG] if possible and needed else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and have the libraries packed; or leave the reason why there are none."""
        if self.target_name != "wheel":
            return
        recipe = self._recipe()
        target, folder = _target(recipe), recipe.LIBRARIES
        if version != "editable":
            self.scratch = folder = Path(tempfile.mkdtemp(prefix="unrolled-"))
            build_data["force_include"][str(folder)] = INSIDE
        try:
            if not _wanted():
                raise recipe.BuildFailed("UNROLLED_NATIVE=0 when the package was built")
            tag = recipe.provide(target, folder)
        except Exception as error:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            (folder / recipe.REASON).write_text(f"{error}\n", encoding="utf-8")
            self.app.display_warning(f"unrolled: no native kernels, torch serves instead: {error}")
        else:
            build_data["pure_python"] = False
            build_data["tag"] = f"py3-none-{tag}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Take away what was built for the wheel alone."""
        if self.scratch is not None:
            shutil.rmtree(self.scratch, ignore_errors=True)

    def _recipe(self) -> ModuleType:
        """build.py as a module of its own: the package itself cannot be imported before torch is there."""
        spec = importlib.util.spec_from_file_location("unrolled_native_build", Path(self.root) / ROOM / "build.py")
        assert spec is not None and spec.loader is not None
        module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module


def _wanted() -> bool:
    return os.environ.get("UNROLLED_NATIVE", "1") != "0"


def _target(recipe: ModuleType) -> str:
    return os.environ.get("UNROLLED_TARGET") or str(recipe.host_target())

"""C source to a function: compiled once by the system's compiler, kept in the user's cache folder."""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import torch

from descentlab.engines.record import CannotRecord

FLAGS = (
    "-O2",
    "-ftree-vectorize",
    "-march=native",
    "-fno-math-errno",  # nobody reads errno; lets sqrtf and rintf become instructions
    "-fno-trapping-math",  # nobody reads floating-point flags; lets branches become selections
    "-shared",
    "-fPIC",
)
"""Without -ffast-math: infinities and NaNs must show. Without -O3: gcc 12.2 went wrong with it in a trial."""


def build(source: str, is_exact: bool) -> Any:
    """The function `run` of a C source, from the cache if this source was compiled here before.

    Args:
        source: the C source.
        is_exact: a product and a sum are rounded once only where that is written.

    Raises:
        CannotRecord: if there is no compiler, or it fails.
    """
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        raise CannotRecord("there is no C compiler (cc, or the one named by CC)")
    machine = (platform.node(), platform.machine(), torch.backends.cpu.get_cpu_capability())
    flags = [*FLAGS, f"-ffp-contract={'off' if is_exact else 'fast'}"]
    content = "\n".join([source, compiler, *flags, *machine])
    library = cache_folder() / f"{hashlib.sha256(content.encode()).hexdigest()[:32]}.so"
    try:
        if not library.exists():
            _compile([compiler, *flags], source, library)
        return ctypes.CDLL(str(library)).run
    except (OSError, AttributeError) as why:
        raise CannotRecord(f"the native step cannot be built ({why})") from why


def cache_folder() -> Path:
    """Where compiled steps are kept: `descentlab` in the user's cache folder."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "descentlab"


def _compile(command: list[str], source: str, library: Path) -> None:
    library.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=library.parent) as folder:
        text, made = Path(folder) / "step.c", Path(folder) / "step.so"
        text.write_text(source)
        done = subprocess.run(
            [*command, str(text), "-o", str(made), "-lm"], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
            raise CannotRecord(f"the compiler refuses the native step ({lines[0]})")
        made.replace(library)  # at once, so that another process never loads half a file

"""The bispectrum kernel in C, compiled at first use by the user's own compiler."""

import ctypes
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.descriptors.kernel import Kernel, Scratch
from surrogate_hpo.descriptors.neighbours import NeighbourBins
from surrogate_hpo.descriptors.tables import TOGETHER, Tables
from surrogate_hpo.errors import EngineError

_SOURCE = Path(__file__).with_suffix(".c")
_TYPES = {"float64": "double", "float32": "float"}
_TUNE = "-mcpu=native" if platform.machine() in ("aarch64", "arm64") else "-march=native"
# No -ffast-math: it would reorder sums and assume that no number is NaN.
_FLAGS = ("-std=gnu11", "-O3", _TUNE, "-ffp-contract=fast", "-fno-math-errno", "-shared", "-fPIC")
_REMEDY = "install GCC or Clang, or name one in the variable CC; or use engine: native"
_LINES_SHOWN = 8


class _Bins(ctypes.Structure):
    """`bins_t` of the C source."""

    _fields_ = [
        *((name, ctypes.c_void_p) for name in NeighbourBins._fields),
        ("cutoffs", ctypes.c_void_p),
        ("weights", ctypes.c_void_p),
        ("max_candidates", ctypes.c_int64),
    ]


class _Tables(ctypes.Structure):
    """`tables_t` of the C source."""

    _fields_ = [
        ("twojmax", ctypes.c_int64),
        ("n_moments", ctypes.c_int64),
        ("n_components", ctypes.c_int64),
        *((name, ctypes.c_void_p) for name in Tables._fields[2:]),
    ]


def load_compiled_kernel(compiler: str | None = None, cache: Path | None = None) -> Kernel:
    """Load the kernel that a C compiler makes for this very processor.

    It is compiled once and kept under a name that says source, flags, compiler and processor;
    several jobs may do so at once. The numbers equal those of the kernel that needs no
    compiler to rounding, but not to the last bit.

    Parameters
    ----------
    compiler
        Command of GCC or Clang, with options if need be; by default the variable CC, else
        the first of cc, gcc and clang that is installed.
    cache
        Folder for compiled libraries; by default surrogate-hpo in $XDG_CACHE_HOME or ~/.cache.

    Returns
    -------
    Kernel
        To be given to :func:`.bispectrum.bispectrum`. It does not hold the interpreter's lock.

    Raises
    ------
    EngineError
        If there is no compiler, it fails, or the folder cannot be written.
    """
    command = _command(compiler)
    folder = cache if cache is not None else _cache_folder()
    libraries = {dtype: _library(command, folder, dtype) for dtype in _TYPES}

    def kernel(
        points: NDArray[np.float64],
        bins: NeighbourBins,
        cutoffs: NDArray[np.float64],
        weights: NDArray[np.float64],
        tables: Tables,
        scratch: Scratch,  # noqa: ARG001 - the C source allocates its own
        out: NDArray[Any],
    ) -> None:
        arrays = [array.ctypes.data for array in (*bins, cutoffs, weights)]
        constants = [array.ctypes.data for array in tables[2:]]
        failed = libraries[out.dtype.name].bispectrum(
            ctypes.c_int64(len(points)),
            ctypes.c_void_p(points.ctypes.data),
            ctypes.byref(_Bins(*arrays, bins.max_candidates)),
            ctypes.byref(_Tables(*tables[:2], out.shape[1], *constants)),
            ctypes.c_void_p(out.ctypes.data),
        )
        if failed:
            raise MemoryError("not enough memory for the neighbours of one point")

    return kernel


def _command(compiler: str | None) -> list[str]:
    named = compiler or os.environ.get("CC")
    words = shlex.split(named) if named else []
    for name in [words[0]] if words else ["cc", "gcc", "clang"]:
        found = shutil.which(name)
        if found is not None:
            return [found, *words[1:]]
    raise EngineError(
        "There is no C compiler for the compiled bispectrum kernel.",
        where=f"compiler {named}" if named else "PATH",
        expected="GCC or Clang",
        got="no such program" if named else "none of cc, gcc, clang",
        remedy=_REMEDY,
    )


def _cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(base) if base else Path.home() / ".cache") / "surrogate-hpo"
    except RuntimeError as error:
        # A container with a user id that no list of users knows.
        raise EngineError(
            "There is no home folder for the compiled bispectrum kernel.",
            where="HOME, XDG_CACHE_HOME",
            got=str(error),
            remedy="set XDG_CACHE_HOME to a folder that can be written, or use engine: native",
        ) from error


def _library(command: list[str], folder: Path, dtype: str) -> ctypes.CDLL:
    """Load the library for one precision; compile it first if this was never done."""
    options = [*_FLAGS, f"-DREAL={_TYPES[dtype]}", f"-DTOGETHER={TOGETHER}"]
    # What the compiler defines by itself says its version and all that the processor can do.
    macros = _run([*command, *options, "-dM", "-E", "-x", "c", os.devnull])
    digest = hashlib.sha256("\0".join([*command, *options, macros]).encode())
    for source in (_SOURCE, _SOURCE.with_suffix(".h")):
        digest.update(source.read_bytes())
    path = folder / f"bispectrum-{dtype}-{digest.hexdigest()[:24]}.so"
    try:
        if not path.is_file():
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder) as private:
                new = Path(private) / path.name
                _run([*command, *options, str(_SOURCE), "-o", str(new), "-lm"])
                new.replace(path)
        return ctypes.CDLL(str(path))
    except OSError as error:
        raise EngineError(
            "The compiled bispectrum kernel cannot be stored or loaded.",
            where=str(path),
            expected="a folder that can be written, on a file system that may hold programs",
            got=str(error),
            remedy="set XDG_CACHE_HOME to another folder, delete the file if it is damaged, "
            "or use engine: native",
        ) from error


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise EngineError(
            "The C compiler does not start.", where=command[0], got=str(error), remedy=_REMEDY
        ) from error
    if done.returncode != 0:
        last = "\n    ".join(done.stderr.strip().splitlines()[-_LINES_SHOWN:])
        raise EngineError(
            "The bispectrum kernel does not compile.",
            where=shlex.join(command),
            got=f"exit status {done.returncode}\n    {last}",
            remedy=_REMEDY,
        )
    return done.stdout

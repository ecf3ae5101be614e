import os
import shutil
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from c_compiler import compiled_kernel

from surrogate_hpo.descriptors import lanes
from surrogate_hpo.descriptors.bispectrum import bispectrum
from surrogate_hpo.errors import EngineError
from surrogate_hpo.io import code_digest
from surrogate_hpo.io.compiled_kernel import load_compiled_kernel

CELL = np.array([[4.2, 0, 0], [0.9, 4.6, 0], [-0.5, 1.3, 5.1]])
RNG = np.random.default_rng(0)
POSITIONS, POINTS = RNG.random((4, 3)) @ CELL, RNG.uniform(-1, 2, (75, 3)) @ CELL
ARGUMENTS = {"cutoff_radius": 4.8, "weights": [1, -0.6, 1, 0.3], "radii": [0.5, 0.4, 0.5, 0.6]}


def column_error(got, expected):
    return (np.abs(got - expected) / np.abs(expected).max(axis=0)).max()


@pytest.mark.parametrize("register_bytes", [None, 16, 32, 64])
@pytest.mark.parametrize("twojmax", [0, 1, 7, 12])
def test_equals_the_numba_kernel_whatever_the_registers(tmp_path, register_bytes, twojmax):
    options = f"-DREGISTER_BYTES={register_bytes} -Wno-psabi" if register_bytes else ""
    kernel = compiled_kernel(tmp_path, options)
    reference = bispectrum(POINTS, POSITIONS, CELL, twojmax=twojmax, **ARGUMENTS)
    for dtype, bound in ((np.float64, 1e-12), (np.float32, 1e-6)):
        got = bispectrum(
            POINTS, POSITIONS, CELL, twojmax=twojmax, dtype=dtype, kernel=kernel, **ARGUMENTS
        )
        assert column_error(got, reference) < bound


def test_is_compiled_once_and_again_for_other_options(tmp_path):
    compiled_kernel(tmp_path)
    first = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert sorted(path.name.split("-")[1] for path in first) == ["float32", "float64"]
    compiled_kernel(tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == first
    compiled_kernel(tmp_path, "-O1")
    assert len(list(tmp_path.iterdir())) == 4


def test_jobs_that_start_at_once_do_not_disturb_each_other(tmp_path):
    compiled_kernel(tmp_path / "another")
    with ThreadPoolExecutor(4) as pool:
        kernels = list(pool.map(compiled_kernel, [tmp_path / "new"] * 4))
    assert len(list((tmp_path / "new").iterdir())) == 2
    outs = [bispectrum(POINTS, POSITIONS, CELL, twojmax=3, kernel=k, **ARGUMENTS) for k in kernels]
    assert all(np.array_equal(out, outs[0]) for out in outs)


def test_the_cache_folder_is_the_users(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    compiled_kernel(None)
    assert len(list((tmp_path / "surrogate-hpo").iterdir())) == 2
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    compiled_kernel(None)
    assert len(list((tmp_path / ".cache" / "surrogate-hpo").iterdir())) == 2


def script(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_without_a_compiler_the_message_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    with pytest.raises(EngineError, match=r"no C compiler[^$]*none of cc, gcc, clang[^$]*native"):
        load_compiled_kernel(cache=tmp_path)
    with pytest.raises(EngineError, match="compiler icx-9"):
        load_compiled_kernel("icx-9 -O2", tmp_path)
    monkeypatch.setenv("CC", "icx-8")
    with pytest.raises(EngineError, match="compiler icx-8"):
        load_compiled_kernel(cache=tmp_path)


def test_a_failing_compiler_has_its_say(tmp_path):
    broken = script(tmp_path / "cc", "seq 30 >&2; echo 'fatal error: no licence' >&2; exit 3")
    with pytest.raises(EngineError, match="does not compile") as caught:
        load_compiled_kernel(broken, tmp_path / "cache")
    message = str(caught.value)
    assert "exit status 3" in message
    assert "fatal error: no licence" in message
    assert "engine: native" in message
    assert " 23\n" not in message
    strange = tmp_path / "strange"
    strange.write_bytes(b"\x7fELF")
    strange.chmod(0o755)
    with pytest.raises(EngineError, match="does not start"):
        load_compiled_kernel(str(strange), tmp_path / "cache")


def test_without_a_home_the_variable_is_named(monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)

    def nowhere():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nowhere)
    with pytest.raises(EngineError, match=r"no home folder(.|\n)*set XDG_CACHE_HOME"):
        load_compiled_kernel()


def test_numba_compiles_anew_where_no_cache_can_be_kept(monkeypatch):
    def no_cache(*, cache, **_):
        if cache:
            raise RuntimeError("cannot cache function 'f': no locator available for file 'f.py'")
        return lambda function: function

    monkeypatch.setattr(lanes.numba, "njit", no_cache)
    assert lanes.compiled(len) is len


def test_a_folder_that_cannot_hold_the_library_is_named(tmp_path):
    compiled_kernel(tmp_path / "good")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(EngineError, match=r"cannot be stored or loaded[^$]*file/cache"):
        load_compiled_kernel(cache=tmp_path / "file" / "cache")
    for path in (tmp_path / "good").iterdir():
        (tmp_path / "bad").mkdir(exist_ok=True)
        (tmp_path / "bad" / path.name).write_bytes(b"not a library")
    with pytest.raises(EngineError, match=r"cannot be stored or loaded[^$]*damaged"):
        load_compiled_kernel(os.environ.get("CC"), tmp_path / "bad")


@pytest.mark.parametrize("suffix", [".py", ".c", ".h"])
def test_an_edit_of_the_sources_changes_the_code_digest(tmp_path, monkeypatch, suffix):
    root = tmp_path / "surrogate_hpo"
    shutil.copytree(code_digest.ROOT, root, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(code_digest, "ROOT", root)
    digests = []
    for text in ("\n", "int_ = 1\n"):
        with (root / "io" / "compiled_kernel").with_suffix(suffix).open("a") as source:
            source.write(text)
        code_digest._parsed.cache_clear()
        code_digest._module_digest.cache_clear()
        digests.append(code_digest._module_digest("surrogate_hpo.io.compiled_kernel"))
    assert digests[0] != digests[1]

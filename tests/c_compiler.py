"""The compiled kernel where it can be had, and a clear skip elsewhere."""

import os
import shutil

import pytest

from surrogate_hpo.io.compiled_kernel import load_compiled_kernel


def compiled_kernel(cache, options=""):
    """Compile into the folder `cache`."""
    named = os.environ.get("CC", "").split()[:1] or ["cc", "gcc", "clang"]
    found = next((name for name in named if shutil.which(name)), None)
    if found is None:
        pytest.skip(f"no C compiler for the compiled kernel: none of {', '.join(named)}")
    return load_compiled_kernel(f"{os.environ.get('CC', found)} {options}", cache)

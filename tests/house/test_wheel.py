"""The wheel holds all that the package needs, and works outside of a checkout."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from email import message_from_bytes
from pathlib import Path

import numpy as np
import pytest
from ase.io import write
from small_surrogate import aluminium, written

import surrogate_hpo
from surrogate_hpo.data.potentials import write_potential
from surrogate_hpo.potential.features import AtomDescriptor
from surrogate_hpo.potential.model import Potential

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs" / "howto" / "python.md").read_text()
EXAMPLES = re.findall(r"## ([^\n]*)\n(?:(?!```).)*```python\n(.*?)```", PAGE, re.DOTALL)
PARTS = ("LICENSE", "README.md", "pyproject.toml", "src")


def done(*command: str | Path, **options) -> str:
    # The wheel is what is tested, not what PYTHONPATH names.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    finished = subprocess.run(
        [str(word) for word in command],
        capture_output=True, text=True, check=False, env=environment, timeout=300, **options,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stdout[-2000:] + finished.stderr[-4000:]
    return finished.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built of a copy, since a build writes beside its source, and of nothing that git ignores."""
    folder = tmp_path_factory.mktemp("wheel")
    (folder / "source").mkdir()
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in PARTS:
        here, there = REPOSITORY / name, folder / "source" / name
        shutil.copytree(here, there, ignore=ignored) if here.is_dir() else shutil.copy(here, there)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    done(*pip, "--wheel-dir", folder, folder / "source")
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory) -> Path:
    """Programs of an environment with the wheel and the libraries of this one, without its package."""
    folder = tmp_path_factory.mktemp("environment")
    done(sys.executable, "-m", "venv", "--without-pip", folder)
    pip = [sys.executable, "-m", "pip", "--python", folder / "bin" / "python", "install"]
    done(*pip, "--quiet", "--no-deps", "--no-index", wheel)
    (site,) = folder.glob("lib/python*/site-packages")
    # A folder that a .pth names is only searched: what makes this checkout importable stays behind.
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin"


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory) -> Path:
    """A folder with a surrogate, a potential and a structure, and no checkout above it."""
    folder = tmp_path_factory.mktemp("elsewhere")
    written(folder)
    descriptor = AtomDescriptor(4.0, 2, ("Al",))
    members = np.outer([1.0, 0.9, 1.1], np.linspace(-1, 1, descriptor.features))
    potential = Potential(descriptor, members[0], None, members[1:], {})
    write_potential(folder / "potential.json", potential, {})
    write(folder / "atoms.xyz", aluminium(1), format="extxyz")
    return folder


def test_it_holds_all_files_of_the_package_and_its_metadata(wheel):
    packed = zipfile.ZipFile(wheel)
    source = REPOSITORY / "src"
    made = ("__pycache__", ".egg-info")
    files = {
        str(path.relative_to(source))
        for path in source.rglob("*")
        if path.is_file()
        and not any(part.endswith(made) for part in path.relative_to(source).parts)
    }
    info = f"surrogate_hpo-{surrogate_hpo.__version__}.dist-info"
    assert {n for n in packed.namelist() if not n.startswith(info)} == files
    assert "BSD 3-Clause" in packed.read(f"{info}/licenses/LICENSE").decode()
    metadata = message_from_bytes(packed.read(f"{info}/METADATA"))
    assert (metadata["Name"], metadata["Version"]) == ("surrogate-hpo", surrogate_hpo.__version__)
    assert metadata["License-Expression"] == "BSD-3-Clause"
    assert metadata["Requires-Python"] == ">=3.11"
    assert any(need.startswith("torch") for need in metadata.get_all("Requires-Dist"))
    assert (
        "surrogate-hpo = surrogate_hpo.cli:main" in packed.read(f"{info}/entry_points.txt").decode()
    )


def test_the_package_is_that_of_the_wheel(environment, elsewhere):
    where = done(
        environment / "python", "-c", "import surrogate_hpo as s; print(s.__file__)", cwd=elsewhere
    )
    assert Path(where.strip()).is_relative_to(environment.parent)
    assert (
        done(environment / "surrogate-hpo", "--version", cwd=elsewhere).strip()
        == surrogate_hpo.__version__
    )
    assert "predict" in done(environment / "surrogate-hpo", "--help", cwd=elsewhere)


def test_it_predicts(environment, elsewhere):
    files = ("surrogate.pt", "atoms.xyz", "--output", "prediction")
    done(environment / "surrogate-hpo", "predict", *files, cwd=elsewhere)
    names = {path.name for path in (elsewhere / "prediction").iterdir()}
    assert names == {"prediction.json", "dos.csv", "density.cube", "density.zarr.zip"}


@pytest.mark.parametrize(("title", "code"), EXAMPLES, ids=[title for title, _ in EXAMPLES])
def test_the_examples_of_the_page_run(environment, elsewhere, title, code):
    done(environment / "python", "-c", code, cwd=elsewhere)


def test_the_page_has_an_example_of_each_name():
    code = "\n".join(code for _, code in EXAMPLES)
    for name in surrogate_hpo.__all__:
        assert f"`{name}`" in PAGE
        assert name in code or name in ("Surrogate", "EnergyTerms"), name

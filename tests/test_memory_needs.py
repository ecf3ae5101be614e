"""Memory that the heavy stages take per grid point, measured in fresh processes, against needs."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from surrogate_hpo.config.case import FLOAT32
from surrogate_hpo.config.needs import COMPLEX, FLOAT64
from surrogate_hpo.config.training_needs import ENERGY_BYTES
from surrogate_hpo.descriptors.definition import DescriptorDefinition
from surrogate_hpo.io.descriptor_store import DescriptorData, write_descriptors
from surrogate_hpo.io.ldos_store import LdosData, write_ldos

COMPONENTS, ENERGIES = 91, 77
# Not ru_maxrss, which a process inherits from the one that started it.
PRINT_PEAK = """
text = open("/proc/self/status").read()
print(1024 * int(text.partition("VmHWM:")[2].split()[0]))
"""

LDOS = """
import sys
import numpy as np
from surrogate_hpo.dft.ldos import ldos_from_bands
n, bands, energies = int(sys.argv[1]), 40, 77
def densities():
    for _ in range(3):
        yield np.ones((bands, n, n, n))
ldos_from_bands(
    orbital_densities=densities(), eigenvalues=np.zeros((3, bands)), k_weights=np.ones(3),
    energy=np.linspace(-1, 1, energies), kernel="gaussian", width=0.5,
)
"""

TRAIN = """
import sys
from pathlib import Path
from surrogate_hpo.io.datasets import read_points
from surrogate_hpo.stages.fitting import scale
folder = Path(sys.argv[1])
d, s = folder / "d.zarr.zip", folder / "s.zarr.zip"
points, validation = read_points([d] * 3, [s] * 3), read_points([d], [s])
scaled = scale(points, validation, "standardised")
"""

ENERGY = """
import sys
import torch
from surrogate_hpo.physics.core_density import core_density
from surrogate_hpo.physics.total_energy import density_terms
n = int(sys.argv[1])
cell = n / 5 * torch.eye(3, dtype=torch.float64)
density = 0.2 + 0.01 * torch.rand(n, n, n, dtype=torch.float64)
radii = torch.linspace(0, 5, 1001, dtype=torch.float64)
steps, shape = torch.full_like(radii, 0.005), (n, n, n)
core = core_density(radii, steps, torch.exp(-(radii**2)), cell[:1] / 3, shape, cell, 800.0)
density_terms(density, cell, "pbe", core_density=core, density_cutoff=800.0)
"""


def peak(code: str, argument: object) -> int:
    done = subprocess.run(
        [sys.executable, "-c", code + PRINT_PEAK, str(argument)],
        capture_output=True, text=True, check=False, timeout=600,
        # Freed arrays go back to the system at once: what is counted is what is held.
        env=os.environ | {"MALLOC_MMAP_THRESHOLD_": "1048576", "MALLOC_TRIM_THRESHOLD_": "0"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return int(done.stdout)


def slope(code: str, small: int, large: int) -> float:
    """Bytes per grid point, from the peaks of two grids."""
    return (peak(code, large) - peak(code, small)) / (large**3 - small**3)


def test_ldos_holds_two_sets_of_orbital_densities_and_the_sum():
    counted = 2 * 40 * FLOAT64 + ENERGIES * FLOAT64
    assert slope(LDOS, 24, 48) == pytest.approx(counted, rel=0.15)


def stores(folder: Path, n: int) -> Path:
    folder.mkdir()
    generator = np.random.default_rng(0)
    cell = 4.0 * np.eye(3)
    definition = DescriptorDefinition(4.0, 10, {"Al": 1.0}, {"Al": 0.5})
    values = generator.random((n, n, n, COMPONENTS), dtype=np.float32)
    write_descriptors(folder / "d.zarr.zip", DescriptorData(values, cell, definition), {})
    values = generator.random((n, n, n, ENERGIES), dtype=np.float32)
    data = LdosData(values, np.linspace(-1, 1, ENERGIES), cell, "gaussian", 0.5, 12.0)
    write_ldos(folder / "s.zarr.zip", data, {})
    return folder


def test_training_holds_raw_and_scaled_points(tmp_path):
    counted = 2 * (3 + 1) * FLOAT32 * (COMPONENTS + ENERGIES)
    small, large = (peak(TRAIN, stores(tmp_path / str(n), n)) for n in (24, 48))
    assert (large - small) / (48**3 - 24**3) == pytest.approx(counted, rel=0.25)


def test_energies_of_a_density_take_less_than_the_numbers_set_aside():
    assert 4 * COMPLEX < slope(ENERGY, 48, 96) < ENERGY_BYTES

"""Memory that the heavy stages take per grid point, measured in fresh processes, against needs."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from surrogate_hpo.data.descriptor_store import DescriptorData, write_descriptors
from surrogate_hpo.data.ldos_store import LdosData, write_ldos
from surrogate_hpo.descriptors.definition import DescriptorDefinition
from surrogate_hpo.dft.ldos_axis import LdosAxis
from surrogate_hpo.run.case import FLOAT32
from surrogate_hpo.run.needs.basis import COMPLEX, FLOAT64
from surrogate_hpo.run.needs.predictions import ENERGY_BYTES
from surrogate_hpo.stages.ldos.needs import BATCH_BYTES

COMPONENTS, ENERGIES = 91, 77
# Not ru_maxrss, which a process inherits from the one that started it.
PRINT_PEAK = """
text = open("/proc/self/status").read()
print(1024 * int(text.partition("VmHWM:")[2].split()[0]))
"""

LDOS = """
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
import numpy as np
from surrogate_hpo.dft.ldos import ldos_from_bands
from surrogate_hpo.formats.espresso.wavefunctions import orbital_densities
n, k_points, bands, energies, waves = int(sys.argv[1]), 2, 70, 77, 27
def record(content):
    length = len(content).to_bytes(4, "little")
    return length + content + length
head = np.zeros(1, "<i4,(3,)<f8,<i4,<i4,<f8").tobytes()
miller = np.stack(np.unravel_index(np.arange(waves), (3, 3, 3)), axis=1).astype("<i4") - 1
orbital = np.full(waves, waves**-0.5, "<c16").tobytes()
sizes = np.array([0, waves, 1, bands], "<i4").tobytes()
parts = [head, sizes, bytes(72), miller.tobytes(), *[orbital] * bands]
run = SimpleNamespace(
    norm_conserving=True, symmetry_operations=1, k_points=np.zeros((k_points, 3)),
    eigenvalues=np.zeros((k_points, bands)), fft_grid=(n, n, n), volume=64.0,
)
with tempfile.TemporaryDirectory() as folder:
    for k in range(k_points):
        Path(folder, f"wfc{k + 1}.dat").write_bytes(b"".join(map(record, parts)))
    ldos_from_bands(
        orbital_densities=orbital_densities(Path(folder), run), eigenvalues=run.eigenvalues,
        k_weights=np.ones(k_points), energy=np.linspace(-1, 1, energies), kernel="gaussian",
        width=0.5,
    )
"""

TRAIN = """
import sys
from pathlib import Path
from surrogate_hpo.data.datasets import read_points
from surrogate_hpo.training.fitting import scale
folder = Path(sys.argv[1])
d, s = folder / "d.zarr.zip", folder / "s.zarr.zip"
points, validation = read_points([d] * 3, [s] * 3), read_points([d], [s])
scaled = scale(points, validation, "standardised")
"""

NASWOT = """
import sys
from pathlib import Path
from surrogate_hpo.data.stored_points import stored_descriptors
from surrogate_hpo.networks.scaling import fit_input_scaler
fit_input_scaler(stored_descriptors([Path(sys.argv[1]) / "d.zarr.zip"] * 4, kept_bytes=0), "none")
"""

ENERGY = """
import sys
import torch
from surrogate_hpo.physics.xc.core_density import core_density
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


def test_ldos_holds_the_sum_and_a_batch_of_bands():
    assert slope(LDOS, 24, 48) == pytest.approx(FLOAT64 * ENERGIES + BATCH_BYTES, rel=0.15)


def stores(folder: Path, n: int, *, ldos: bool = True) -> Path:
    folder.mkdir()
    generator = np.random.default_rng(0)
    cell = 4.0 * np.eye(3)
    definition = DescriptorDefinition(4.0, 10, {"Al": 1.0}, {"Al": 0.5})
    values = generator.random((n, n, n, COMPONENTS), dtype=np.float32)
    write_descriptors(folder / "d.zarr.zip", DescriptorData(values, cell, definition), {})
    if ldos:
        values = generator.random((n, n, n, ENERGIES), dtype=np.float32)
        data = LdosData(values, LdosAxis(np.linspace(-1, 1, ENERGIES), "gaussian", 0.5), cell, 12.0)
        write_ldos(folder / "s.zarr.zip", data, {})
    return folder


def test_training_holds_raw_and_scaled_points(tmp_path):
    counted = 2 * (3 + 1) * FLOAT32 * (COMPONENTS + ENERGIES)
    small, large = (peak(TRAIN, stores(tmp_path / str(n), n)) for n in (24, 48))
    assert (large - small) / (48**3 - 24**3) == pytest.approx(counted, rel=0.25)


def test_naswot_holds_one_snapshot_and_the_next_of_many(tmp_path):
    small, large = (peak(NASWOT, stores(tmp_path / str(n), n, ldos=False)) for n in (44, 64))
    assert (large - small) / (64**3 - 44**3) < 1.15 * 2 * FLOAT32 * COMPONENTS


def test_energies_of_a_density_take_less_than_the_numbers_set_aside():
    assert 2 * COMPLEX < slope(ENERGY, 48, 96) < ENERGY_BYTES

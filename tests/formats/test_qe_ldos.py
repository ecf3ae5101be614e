"""The LDOS of real wavefunctions, and of pp.x's cubes."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from occupied_density import occupied_density

from surrogate_hpo.dft.ldos import ldos_from_bands
from surrogate_hpo.dft.ldos_axis import KERNEL_NAMES
from surrogate_hpo.errors import ConfigError, DataError, EngineError
from surrogate_hpo.formats.cubes.files import read_cube
from surrogate_hpo.formats.cubes.ldos import read_ldos_cubes, run_pp_ldos
from surrogate_hpo.formats.espresso import wavefunctions
from surrogate_hpo.formats.espresso.engine import find_engine, run_engine
from surrogate_hpo.formats.espresso.wavefunctions import orbital_densities
from surrogate_hpo.units import BOHR_ANGSTROM

pytestmark = pytest.mark.qe

ENERGY = np.linspace(-3.3, 13.1, 42)
WIDTH = 0.5


@pytest.fixture(scope="module")
def volume_element(tiny_run):
    return tiny_run.result.volume / np.prod(tiny_run.result.fft_grid)


@pytest.fixture(scope="module")
def cubes(tiny_run):
    return run_pp_ldos(tiny_run.directory, prefix="espresso", energy=ENERGY, width=WIDTH)


def from_wavefunctions(run, energy=ENERGY, kernel="fermi_dirac", width=WIDTH):
    return ldos_from_bands(
        orbital_densities=orbital_densities(run.save, run.result),
        eigenvalues=run.result.eigenvalues,
        k_weights=run.result.k_weights,
        energy=energy,
        kernel=kernel,
        width=width,
    )


def test_orbitals_are_normalised(tiny_run, volume_element):
    for densities in orbital_densities(tiny_run.save, tiny_run.result):
        assert densities.shape == (16, 15, 15, 15)
        assert densities.sum(axis=(1, 2, 3)) * volume_element == pytest.approx(1.0, abs=1e-10)


def test_bands_that_are_read_in_batches_give_the_same_ldos(tiny_run, monkeypatch):
    whole = from_wavefunctions(tiny_run)
    monkeypatch.setattr(wavefunctions, "BANDS_PER_BATCH", 7)
    sizes = [len(some) for some in orbital_densities(tiny_run.save, tiny_run.result)]
    assert sizes == [7, 7, 2] * len(tiny_run.result.k_points)
    assert np.abs(from_wavefunctions(tiny_run) - whole).max() <= 1e-7 * whole.max()


def test_ldos_of_wavefunctions_equals_that_of_pp_x(tiny_run, cubes):
    plotted = read_ldos_cubes(cubes, result=tiny_run.result)
    assert plotted.energy == pytest.approx(ENERGY, abs=1e-4)
    assert (plotted.kernel, plotted.width) == ("fermi_dirac", WIDTH)
    ldos = from_wavefunctions(tiny_run)
    assert np.abs(ldos - plotted.ldos).max() < 1e-4 * plotted.ldos.max()


def test_pp_x_broadens_with_a_gaussian_if_told(tiny_run, tmp_path):
    shutil.copytree(tiny_run.save, tmp_path / "espresso.save")
    paths = run_pp_ldos(tmp_path, prefix="espresso", energy=ENERGY, width=WIDTH, kernel="gaussian")
    plotted = read_ldos_cubes(paths, result=tiny_run.result, kernel="gaussian")
    assert plotted.kernel == "gaussian"
    ldos = from_wavefunctions(tiny_run, kernel="gaussian")
    assert np.abs(ldos - plotted.ldos).max() < 1e-4 * plotted.ldos.max()


def test_a_pp_x_that_is_too_old_for_a_gaussian_is_named(tmp_path):
    program = tmp_path / "pw.x"
    frame = "%" * 30
    for name in ("pw.x", "pp.x"):
        program = tmp_path / name
        said = f"{frame}\n Error in routine postproc (1):\n reading inputpp namelist\n{frame}"
        program.write_text(f"#!/bin/sh\necho '{said}'\nexit 1\n")
        program.chmod(0o755)
    settings = {"prefix": "x", "energy": ENERGY, "width": WIDTH, "command": str(tmp_path / "pw.x")}
    with pytest.raises(EngineError, match=r"no use_gauss_ldos(.|\n)*7\.2 or later"):
        run_pp_ldos(tmp_path, kernel="gaussian", **settings)
    with pytest.raises(EngineError, match="stopped with an error"):
        run_pp_ldos(tmp_path, **settings)


@pytest.mark.parametrize("kernel", KERNEL_NAMES)
def test_ldos_integrates_to_the_number_of_states(tiny_run, volume_element, kernel):
    energy = np.arange(-12.0, 32.0, 0.1)
    ldos = from_wavefunctions(tiny_run, energy, kernel, 0.4)
    states = ldos.sum(dtype=np.float64) * volume_element * 0.1
    assert states == pytest.approx(2 * 16, rel=1e-6)


def test_occupied_density_equals_espressos(tiny_run, volume_element):
    density = occupied_density(
        orbital_densities=orbital_densities(tiny_run.save, tiny_run.result),
        occupations=tiny_run.result.occupations,
        k_weights=tiny_run.result.k_weights,
    )
    assert density.sum() * volume_element == pytest.approx(12.0, abs=1e-8)
    (tiny_run.directory / "rho.in").write_text(
        "&inputpp\n outdir='.', prefix='espresso', filplot='rho', plot_num=0\n/\n"
        "&plot\n iflag=3, output_format=6, fileout='rho.cube'\n/\n"
    )
    run_engine(
        find_engine(program="pp.x"),
        ("-in", "rho.in"),
        directory=tiny_run.directory,
        output="rho.out",
        errors="rho.err",
    )
    plotted = read_cube(tiny_run.directory / "rho.cube").values / BOHR_ANGSTROM**3
    assert np.abs(density - plotted).max() < 2e-5 * density.max()


def test_pp_x_keeps_the_last_energy_whatever_the_rounding(tiny_run, tmp_path):
    shutil.copytree(tiny_run.save, tmp_path / "espresso.save")
    for energy in (np.linspace(-1, 0, 11), np.linspace(0.1, 0.7, 7)):
        paths = run_pp_ldos(tmp_path, prefix="espresso", energy=energy, width=0.1)
        read = read_ldos_cubes(paths, result=tiny_run.result)
        assert read.energy == pytest.approx(energy, abs=1e-4)


def test_pp_x_needs_equidistant_energies(tmp_path):
    with pytest.raises(ConfigError, match="equidistant"):
        run_pp_ldos(tmp_path, prefix="x", energy=np.array([0.0, 1.0, 3.0]), width=0.1)


@pytest.fixture
def copies(cubes, tmp_path):
    return [shutil.copy(path, tmp_path) and tmp_path / path.name for path in cubes[:5]]


def test_cut_off_cube_is_named(copies, tiny_run):
    text = copies[2].read_text()
    copies[2].write_text(text[: len(text) // 2])
    with pytest.raises(DataError, match=rf"cut off\n  where: .*{copies[2].name}\n.*3375 finite"):
        read_ldos_cubes(copies, result=tiny_run.result)


def test_cube_with_letters_is_named(copies, tiny_run):
    text = copies[1].read_text()
    copies[1].write_text(text[:-40] + "****" + text[-36:])
    with pytest.raises(DataError, match=rf"not a number\n  where: .*{copies[1].name}"):
        read_ldos_cubes(copies, result=tiny_run.result)


def test_missing_energy_is_noticed(copies, tiny_run):
    with pytest.raises(DataError, match="not equidistant: files are missing or doubled"):
        read_ldos_cubes(copies[:2] + copies[3:], result=tiny_run.result)
    with pytest.raises(DataError, match="not equidistant"):
        read_ldos_cubes([copies[0], copies[0]], result=tiny_run.result)


def test_order_of_files_does_not_matter(copies, tiny_run):
    shuffled = read_ldos_cubes(copies[::-1], result=tiny_run.result)
    assert np.array_equal(shuffled.ldos, read_ldos_cubes(copies, result=tiny_run.result).ldos)


def test_other_grid_and_cell_are_refused(copies, tiny_run):
    with pytest.raises(DataError, match=r"another grid.*\n.*\n.*\(15, 15, 16\)"):
        read_ldos_cubes(copies, result=replace(tiny_run.result, fft_grid=(15, 15, 16)))
    with pytest.raises(DataError, match="another cell"):
        read_ldos_cubes(copies, result=replace(tiny_run.result, cell=4.1 * np.eye(3)))


@pytest.mark.parametrize("smearing", ["mp", "mv", "odd"])
def test_smearing_whose_negative_lobes_pp_x_drops_is_refused(copies, tiny_run, smearing):
    with pytest.raises(DataError, match=rf"Gaussian smearing only\n(.*\n)*.*'{smearing}'"):
        read_ldos_cubes(copies, result=replace(tiny_run.result, smearing=smearing))


def test_cube_of_something_else_is_refused(copies, tiny_run):
    copies[0].write_text(copies[0].read_text().replace("Energy", "Density"))
    with pytest.raises(DataError, match="does not say which energy"):
        read_ldos_cubes(copies, result=tiny_run.result)


def test_three_digit_exponents_of_fortran_are_read(tmp_path):
    path = tmp_path / "small.cube"
    header = "a\nb\n1 0 0 0\n1 2 0 0\n1 0 2 0\n2 0 0 3\n13 13 0 0 0\n"
    path.write_text(f"{header} 0.12345-101 -0.50000E+00\n")
    cube = read_cube(path)
    assert cube.values.ravel() == pytest.approx([0.12345e-101, -0.5], rel=1e-12)
    assert cube.cell.diagonal() == pytest.approx(np.array([2, 2, 6]) * BOHR_ANGSTROM)


@pytest.mark.parametrize("text", ["", "a\nb\nc\n", "a\nb\n1 0 0 0\n-1 1 0 0\n1 0 1 0\n1 0 0 1\n"])
def test_what_is_no_cube_is_refused(tmp_path, text):
    path = tmp_path / "no.cube"
    path.write_text(text)
    with pytest.raises(DataError, match=r"cube file"):
        read_cube(path)
    with pytest.raises(DataError, match="cannot be read"):
        read_cube(tmp_path / "absent.cube")


def read_one(save, result):
    return next(iter(orbital_densities(save, result)))


@pytest.fixture
def save(tiny_run, tmp_path):
    return shutil.copytree(tiny_run.save, tmp_path / "espresso.save")


def test_cut_off_wavefunctions_are_named(save, tiny_run):
    path = save / "wfc1.dat"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"damaged or cut off\n  where: .*wfc1\.dat\n.*a record of"):
        read_one(save, tiny_run.result)


def test_missing_wavefunctions_are_named(save, tiny_run):
    (save / "wfc3.dat").unlink()
    with pytest.raises(DataError, match=r"cannot be read\n  where: .*wfc3\.dat"):
        list(orbital_densities(save, tiny_run.result))


@pytest.mark.parametrize(("offset", "value"), [(4 + 4 + 24 + 4, 1), (52 + 4 + 8, 2)])
def test_gamma_tricks_and_spinors_are_refused(save, tiny_run, offset, value):
    path = save / "wfc1.dat"
    raw = bytearray(path.read_bytes())
    raw[offset : offset + 4] = value.to_bytes(4, "little")
    path.write_bytes(raw)
    with pytest.raises(DataError, match="Gamma-only and spinor"):
        read_one(save, tiny_run.result)


def test_damaged_coefficients_are_noticed(save, tiny_run):
    path = save / "wfc1.dat"
    raw = bytearray(path.read_bytes())
    raw[-1000:-500] = np.linspace(5, 9, 125).astype(np.float32).tobytes()
    path.write_bytes(raw)
    with pytest.raises(DataError, match=r"not normalised\n  where: .*wfc1\.dat"):
        read_one(save, tiny_run.result)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"norm_conserving": False}, r"augmentation charge(.*\n)*.*cubes"),
        ({"symmetry_operations": 4}, r"reduced by symmetry(.*\n)*.*nosym"),
        ({"fft_grid": (9, 15, 15)}, "FFT grid is too small"),
        ({"k_points": np.zeros((4, 3))}, r"another k point(.*\n)*.*different calculations"),
        ({"eigenvalues": np.zeros((4, 15))}, "another number of bands"),
    ],
)
def test_calculations_that_do_not_fit_are_refused(tiny_run, change, message):
    with pytest.raises(DataError, match=message):
        read_one(tiny_run.save, replace(tiny_run.result, **change))

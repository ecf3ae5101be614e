"""What `check` asks of finished calculations: each against its files, all against each other."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import torch

from surrogate_hpo.config.project import Config
from surrogate_hpo.data.ldos_store import LdosData
from surrogate_hpo.dft.result import DftResult
from surrogate_hpo.errors import ConfigError, DataError, SurrogateHpoError
from surrogate_hpo.formats.finished.calculation import FinishedCalculation
from surrogate_hpo.formats.finished.opening import open_finished
from surrogate_hpo.formats.upf.reader import Pseudopotential
from surrogate_hpo.labels.import_guards import check_imported
from surrogate_hpo.physics.ewald import ewald_energy
from surrogate_hpo.units import RYDBERG_EV

# Arrays of all snapshots together that are read here; the ldos stage reads every one.
_READ_AT_MOST = 256 * 2**20
# Files of other programs print the energy with a few decimals, and the cell with five digits or
# more, of which the energy has the same relative error.
_EWALD_TOLERANCE_EV_PER_ATOM, _EWALD_RELATIVE_TOLERANCE = 2e-3, 2e-5
# Files round degauss to half of 1e-4 Ry.
_SAME_KELVIN, _SAME_RYDBERG = 16.0, 1e-2


def check_ewald(
    result: DftResult, potentials: Mapping[str, Pseudopotential], *, where: str
) -> None:
    """Atoms, cell and potentials must have the Ewald energy that the calculation tells.

    Parameters
    ----------
    result
        The calculation.
    potentials
        By element.
    where
        File to name in the message.

    Raises
    ------
    DataError
        If they have not: atoms or cell were edited, or the ionic charges are others.
    """
    if result.ewald_energy is None:
        return
    charges = [potentials[symbol].z_valence for symbol in result.species]
    found = ewald_energy(
        torch.from_numpy(result.positions.copy()),
        torch.tensor(charges, dtype=torch.float64),
        torch.from_numpy(result.cell.copy()),
    )
    error = (float(found) - result.ewald_energy) / len(charges)
    tolerance = _EWALD_TOLERANCE_EV_PER_ATOM
    tolerance += _EWALD_RELATIVE_TOLERANCE * abs(result.ewald_energy) / len(charges)
    if abs(error) > tolerance:
        raise DataError(
            "atoms and cell have another Ewald energy than the calculation",
            where=where,
            expected=f"{result.ewald_energy:.6f} eV within {tolerance:.4f} eV/atom",
            got=f"{float(found):.6f} eV, {1000 * error:+.1f} meV/atom",
            remedy="the usual causes: positions, cell or elements were edited or are of another "
            "snapshot; potentials of other valence. Take all files of one calculation",
        )


def check_arrays(config: Config, attempt: Callable[..., object]) -> None:
    """Read the arrays of finished LDOS, unless they are large, and compare them with all else.

    Parameters
    ----------
    config
        The whole config.
    attempt
        Calls a function with arguments and notes what it raises.
    """
    left = _READ_AT_MOST
    for name in config.snapshots.all_names():
        try:
            calculation = open_finished(config.snapshots.source_of(name))
            size = _array_bytes(config, calculation)
        except (SurrogateHpoError, OSError):
            continue  # said already
        if 0 < size <= left:
            left -= size
            attempt(_check_array, config, calculation)


def _array_bytes(config: Config, calculation: FinishedCalculation) -> int:
    """0 where the LDOS is yet to be summed."""
    request = config.ldos.request()
    if calculation.wavefunctions(request) is not None:
        return 0
    return sum(path.stat().st_size for path in calculation.files(request))


def _check_array(config: Config, calculation: FinishedCalculation) -> None:
    settings = config.ldos
    try:
        result = calculation.result(config.dft.supplement())
        calculation.check(settings.request(), result)
    except SurrogateHpoError:
        return  # said already
    data = LdosData(
        calculation.ldos(settings.request(), result),
        settings.axis(),
        result.cell,
        result.electrons,
    )
    check_imported(data, result, settings.import_limits(), where=str(calculation.description))


def check_one_calculation(config: Config) -> None:
    """All finished calculations must be of one functional, temperature and set of cutoffs.

    Parameters
    ----------
    config
        The whole config.

    Raises
    ------
    ConfigError
        Naming the quantity and the snapshots that differ from the first.
    """
    found: dict[str, DftResult] = {}
    for name in config.snapshots.all_names():
        source = config.snapshots.source_of(name)
        try:
            found[source] = open_finished(source).result(config.dft.supplement())
        except SurrogateHpoError:
            continue  # said already
    if not found:
        return
    first, *others = found
    differing = [
        (source, *pair) for source in others for pair in _differences(found[first], found[source])
    ]
    if differing:
        quantity = differing[0][1]
        same = [(Path(source).name, got) for source, what, _, got in differing if what == quantity]
        shown = ", ".join(f"{got} in {name}" for name, got in same[:3])
        more = f", and {len(same) - 3} more" if len(same) > 3 else ""
        kinds = sorted({what for _, what, _, _ in differing})
        raise ConfigError(
            f"the finished calculations differ in {', '.join(kinds)}: "
            "they cannot be learnt together",
            where="snapshots",
            expected=f"{quantity}: {differing[0][2]}, as in {first}",
            got=shown + more,
            remedy="keep those of one kind, or calculate the others again",
        )


def _differences(first: DftResult, other: DftResult) -> Iterator[tuple[str, str, str]]:
    """Quantity, what the first calculation has, and what the other."""
    if first.functional != other.functional:
        yield "the functional", first.functional, other.functional
    for what, one, two, unit, tolerance in (
        (
            "the electronic temperature",
            first.electronic_temperature,
            other.electronic_temperature,
            "K",
            _SAME_KELVIN,
        ),
        (
            "the cutoff of the density",
            first.density_cutoff_rydberg,
            other.density_cutoff_rydberg,
            "Ry",
            _SAME_RYDBERG,
        ),
        (
            "the cutoff of the wavefunctions",
            (first.wavefunction_cutoff or 0) / RYDBERG_EV,
            (other.wavefunction_cutoff or 0) / RYDBERG_EV,
            "Ry",
            _SAME_RYDBERG,
        ),
    ):
        if one > 0 and two > 0 and abs(one - two) > tolerance:
            yield what, f"{one:.6g} {unit}", f"{two:.6g} {unit}"

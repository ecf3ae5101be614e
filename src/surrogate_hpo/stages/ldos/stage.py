"""Local density of states on the grid, from wavefunctions, pp.x cubes or finished data."""

import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from surrogate_hpo.data.dft_results import read_dft_result
from surrogate_hpo.data.ldos_store import LdosData, write_ldos
from surrogate_hpo.dft.ldos import ldos_from_bands
from surrogate_hpo.dft.result import DftResult
from surrogate_hpo.errors import ConfigError
from surrogate_hpo.formats.cubes.ldos import read_ldos_cubes, run_pp_ldos
from surrogate_hpo.formats.espresso.wavefunctions import orbital_densities
from surrogate_hpo.labels.dft_guards import check_window
from surrogate_hpo.labels.ldos_guards import check_electrons
from surrogate_hpo.run.interface import Dft, FinishedPath, Input, Output
from surrogate_hpo.run.provenance import provenance
from surrogate_hpo.stages.ldos.settings import LdosSettings


def ldos(
    *,
    settings: LdosSettings,
    seed: int,
    dft: Dft,
    save: Annotated[
        Path | None, Input("folder with QE's XML and wavefunctions; not with --finished")
    ] = None,
    finished: FinishedPath = None,
    ldos: Annotated[Path, Output("store (*.zarr.zip): LDOS on x, y, z, energy; 1/(eV Å³)")],
) -> None:
    """Sum the orbital densities of a DFT run, broadened in energy; or read a finished LDOS.

    Kernel and width are stored with the data: without them the energies would be wrong. The
    electrons that the LDOS holds are counted and compared with the cell's; one that was made
    elsewhere is also checked for its unit and the order of its axes, and its band and Fermi energy
    are compared with the calculation's.
    """
    result, inputs = read_dft_result(dft), [dft]
    check_window(result, settings.axis(), where=str(dft))
    if finished is not None:
        data, files = _from_finished(settings, result, finished)
        inputs += files
    elif save is not None:
        make = _from_wavefunctions if settings.sums_orbitals else _from_cubes
        data = make(settings, result, save)
        check_electrons(data, result, where=str(save))
    else:
        raise ConfigError(
            "an LDOS is made from a DFT run or a finished calculation",
            where="--save, --finished",
            expected="one of the two",
            got="neither",
        )
    write_ldos(ldos, data, provenance("ldos", settings, seed, inputs))


def _from_finished(
    settings: LdosSettings, result: DftResult, finished: Path
) -> tuple[LdosData, list[Path]]:
    """The LDOS of a finished calculation, and the files that it came from."""
    # These need torch and ASE, which take seconds to import; sums of orbitals do without.
    from surrogate_hpo.formats.finished.opening import open_finished  # noqa: PLC0415
    from surrogate_hpo.labels.import_guards import check_imported  # noqa: PLC0415

    calculation = open_finished(finished)
    calculation.check(settings.request(), result)
    wavefunctions, limits = calculation.wavefunctions(settings.request()), settings.import_limits()
    if wavefunctions is not None:
        # Summed here: axis and kernel are what the config says, whatever their bias.
        limits = replace(limits, error_mev_per_atom=math.inf)
        data = _from_wavefunctions(settings, result, wavefunctions)
    else:
        values = calculation.ldos(settings.request(), result)
        data = LdosData(
            values,
            settings.axis(),
            result.cell,
            result.electrons,
        )
    check_imported(data, result, limits, where=str(finished))
    return data, calculation.files(settings.request())


def _from_wavefunctions(settings: LdosSettings, result: DftResult, save: Path) -> LdosData:
    values = ldos_from_bands(
        orbital_densities=orbital_densities(save, result),
        eigenvalues=result.eigenvalues,
        k_weights=result.k_weights,
        energy=settings.energy_axis(),
        kernel=settings.kernel,
        width=settings.width_ev,
    )
    return LdosData(values, settings.axis(), result.cell, result.electrons)


def _from_cubes(settings: LdosSettings, result: DftResult, save: Path) -> LdosData:
    """Let pp.x write a cube per energy into a scratch folder, which goes when they are read."""
    work = save.parent / f"{save.stem}.cubes"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    (work / "espresso.save").symlink_to(save.resolve())
    paths = run_pp_ldos(
        work,
        prefix="espresso",
        energy=settings.energy_axis(),
        width=settings.width_ev,
        kernel=settings.kernel,
        command=settings.command,
    )
    cubes = read_ldos_cubes(paths, result=result, kernel=settings.kernel)
    shutil.rmtree(work)
    return LdosData(cubes.ldos, cubes.axis, result.cell, result.electrons)

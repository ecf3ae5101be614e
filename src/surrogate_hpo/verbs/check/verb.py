"""Open every input before a heavy job starts, and list all faults at once."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

from ase import Atoms

from surrogate_hpo.config.project import Config
from surrogate_hpo.config.sizes import Size
from surrogate_hpo.data.dft_results import read_dft_result
from surrogate_hpo.data.ldos_store import read_ldos
from surrogate_hpo.descriptors.elements import element_parameters
from surrogate_hpo.descriptors.triples import n_components
from surrogate_hpo.dft.result import DftResult
from surrogate_hpo.errors import ConfigError, SurrogateHpoError
from surrogate_hpo.formats.espresso.engine import find_engine
from surrogate_hpo.formats.finished.opening import open_finished
from surrogate_hpo.formats.structures.labelled import read_labelled
from surrogate_hpo.formats.upf.reader import Pseudopotential, read_upf
from surrogate_hpo.labels.dft_guards import (
    check_bands,
    check_kinds,
    check_one_functional,
    check_potentials,
    check_window,
)
from surrogate_hpo.labels.floors import BLIND
from surrogate_hpo.labels.judged_guards import refuse_known
from surrogate_hpo.labels.ldos_guards import check_electrons, check_grid
from surrogate_hpo.run.case import case_of
from surrogate_hpo.run.left_out import reason_of
from surrogate_hpo.stages.contest.space import check_contestant
from surrogate_hpo.stages.snapshots.stage import make_snapshot
from surrogate_hpo.verbs.check.cells import (
    cell_facts,
    cell_warnings,
    make_generated,
    means_warnings,
    representatives,
    volume_warnings,
)
from surrogate_hpo.verbs.check.contents import check_leaks, near_frames, own_structure_warnings
from surrogate_hpo.verbs.check.finished import (
    check_arrays,
    check_ewald,
    check_one_calculation,
)
from surrogate_hpo.verbs.check.hints import kpoint_hints, repeated_dft
from surrogate_hpo.verbs.check.large import check_large_cell, memory_warning
from surrogate_hpo.verbs.check.pool import check_pool

logger = logging.getLogger(__name__)

_WIDE_FERMI_DIRAC = 0.1
_LOOSE_CONVERGENCE_PER_ATOM = 2.5e-7


def check(config: Config) -> None:
    """Check all inputs of a run, and what it has already computed.

    Parameters
    ----------
    config
        The validated config.

    Raises
    ------
    ConfigError
        Listing every fault.
    """
    faults: list[str] = []

    def attempt(action: Callable[..., object], *arguments: object) -> None:
        try:
            action(*arguments)
        except SurrogateHpoError as error:
            faults.append(str(error))

    potentials: dict[str, Pseudopotential] = {}
    for element in config.dft.pseudopotentials:
        attempt(_read_potential, config, element, potentials)
    attempt(check_one_functional, potentials)
    attempt(check_kinds, potentials)
    if not config.snapshots.finished:
        attempt(find_engine, config.dft.command)
    structures: dict[str, Atoms] = {}
    for name in representatives(config):
        attempt(_make_structure, config, name, structures)
        if name in structures:
            attempt(_check_structure, config, potentials, name, structures[name])
    attempt(_check_elements, config, {s for atoms in structures.values() for s in atoms.symbols})
    attempt(make_generated, config, structures)
    attempt(check_leaks, config, structures)
    attempt(_check_transfer, config, structures)
    attempt(check_pool, config)
    attempt(check_large_cell, config)
    if config.snapshots.finished:
        attempt(check_one_calculation, config)
        check_arrays(config, attempt)
    for name in config.all_names():
        attempt(_check_results, config, potentials, name)
    for method in config.compare.methods:
        attempt(check_contestant, method, config.contest)
    if faults:
        listed = "\n".join(f"{number}. {fault}" for number, fault in enumerate(faults, start=1))
        count = f"{len(faults)} fault" + ("s" if len(faults) > 1 else "")
        raise ConfigError(f"the inputs have {count}; nothing was started:\n{listed}")
    sizes = dict(case_of(config).sizes)
    own = (*own_structure_warnings(config, structures), *near_frames(config, structures))
    for warning in (
        *_warnings(config),
        *_loose(config, sizes),
        *cell_warnings(config, sizes),
        *volume_warnings(config, structures),
        *means_warnings(config),
        *own,
        *memory_warning(config),
    ):
        logger.warning(warning)
    for fact in (*cell_facts(config, sizes), *repeated_dft(config)):
        logger.info(fact)
    logger.info(BLIND)
    logger.info("no faults: %d snapshots", len(config.all_names()))


def _read_potential(config: Config, element: str, potentials: dict[str, Pseudopotential]) -> None:
    path, finished = Path(config.dft.pseudopotentials[element]), config.snapshots.finished
    potential = read_upf(path)
    if potential.element != element:
        raise ConfigError(
            "a pseudopotential stands under the wrong element",
            where=f"dft.pseudopotentials.{element}",
            expected=element,
            got=f"{path} is for {potential.element}",
        )
    potentials[element] = potential
    needs_orbitals = config.ldos.sums_orbitals and not finished
    if needs_orbitals and potential.kind not in ("norm_conserving", "paw"):  # PAW: said anyway
        raise ConfigError(
            "an LDOS from wavefunctions needs norm-conserving potentials",
            where=f"dft.pseudopotentials.{element}",
            got=f"{path} is {potential.kind}",
            remedy="use another potential, or ldos.source: cubes",
        )


def _make_structure(config: Config, name: str, structures: dict[str, Atoms]) -> None:
    structures[name] = make_snapshot(config.snapshots, name, seed=config.seed)


def _check_structure(
    config: Config, potentials: dict[str, Pseudopotential], name: str, atoms: Atoms
) -> None:
    if config.snapshots.finished:
        _check_finished(config, potentials, name)
        return
    missing = sorted(set(atoms.symbols) - set(config.dft.pseudopotentials))
    if missing:
        raise ConfigError(
            "elements without a pseudopotential",
            where="dft.pseudopotentials",
            got=f"{', '.join(missing)} in {name}",
            remedy="add a UPF file for each",
        )
    if not set(atoms.symbols) <= set(potentials):
        return  # its potential could not be read: said already
    electrons = sum(potentials[symbol].z_valence for symbol in atoms.symbols)
    bands = config.dft.run(len(atoms), atoms.cell[:]).bands
    if 2 * bands <= electrons:
        raise ConfigError(
            "too few bands for the electrons of the cell",
            where="dft.bands",
            expected=f"more than {electrons / 2:g}, with room for the smearing, for {name}",
            got=str(bands),
        )


def _check_finished(config: Config, potentials: dict[str, Pseudopotential], name: str) -> None:
    """All that can be known of a finished calculation without reading its arrays."""
    calculation = open_finished(config.snapshots.source_of(name))
    result, where = calculation.result(config.dft.supplement()), str(calculation.description)
    if set(result.species) <= set(potentials):
        check_potentials(result, potentials, where=where)
        check_ewald(result, potentials, where=where)
    window = config.ldos
    check_bands(result, where=where)
    calculation.check(window.request(), result)
    check_window(result, window.axis(), where=where)


def _check_transfer(config: Config, structures: dict[str, Atoms]) -> None:
    """Structures beyond the run must be readable, of known elements, and no snapshots of it."""
    frames = read_labelled(config.transfer.structures)
    for frame in frames:
        if missing := sorted(set(frame.atoms.symbols) - set(config.dft.pseudopotentials)):
            raise ConfigError(
                "a structure has elements that the run does not know",
                where="transfer.structures",
                expected=f"of {', '.join(sorted(config.dft.pseudopotentials))}",
                got=f"{', '.join(missing)} in {frame.where}",
                remedy="leave it out",
            )
    held_out = config.snapshots.names("test")
    test, learnt = (
        [(name, structures[name]) for name in structures if (name in held_out) == wanted]
        for wanted in (True, False)
    )
    beyond = [(frame.where, frame.atoms) for frame in frames]
    refuse_known(learnt, beyond, "transfer.structures", held_out=test)


def _check_elements(config: Config, elements: set[str]) -> None:
    """Each element needs its weight in the descriptor, and each weight its element."""
    if not elements:
        return  # no structure could be read: said already
    settings = config.acsd
    element_parameters(elements, settings.element_weights, settings.element_radii)
    for key in ("element_weights", "element_radii"):
        idle = sorted(set(getattr(settings, key)) - elements)
        if idle:
            raise ConfigError(
                "an element of the descriptor occurs in no snapshot",
                where=f"acsd.{key}",
                expected=f"of {', '.join(sorted(elements))}",
                got=", ".join(idle),
            )


def _check_results(config: Config, potentials: dict[str, Pseudopotential], name: str) -> None:
    """What was computed before must fit the settings of now."""
    dft_path = Path(f"results/dft/{name}.json")
    if not dft_path.exists() or reason_of(dft_path) is not None:
        return
    result: DftResult = read_dft_result(dft_path)
    if set(result.species) <= set(potentials):
        check_potentials(result, potentials, where=str(dft_path))
    check_bands(result, where=str(dft_path))
    check_window(result, config.ldos.axis(), where=str(dft_path))
    ldos_path = Path(f"results/ldos/{name}.zarr.zip")
    if ldos_path.exists():
        ldos = read_ldos(ldos_path)
        check_grid(ldos, result, where=str(ldos_path))
        check_electrons(ldos, result, where=str(ldos_path))


def _loose(config: Config, sizes: dict[str, Size]) -> Iterator[str]:
    """A threshold is of the cell, so the smallest one feels it most."""
    threshold = config.dft.convergence_rydberg or 0.0
    fewest = min(size.atoms for size in sizes.values())
    if threshold > _LOOSE_CONVERGENCE_PER_ATOM * fewest and not config.snapshots.finished:
        yield (
            f"dft.convergence_rydberg {threshold:g} is loose for {fewest} atoms: the terms of the "
            "energy of four aluminium atoms then missed their sum by 1 meV/atom at 1e-5 and by 2.3 "
            "at 1e-4; above 1 the run is refused after it was made; left out, it grows with the "
            "atoms and suffices"
        )


def _warnings(config: Config) -> Iterator[str]:
    if idle := config.snapshots.idle():
        yield f"method `{config.snapshots.method}` does not use snapshots.{', '.join(idle)}"
    fewest = n_components(min(config.acsd.twojmax))
    if config.naswot.batch_size > fewest:
        yield (
            f"naswot.batch_size {config.naswot.batch_size} exceeds the {fewest} components of the "
            "smallest descriptor candidate; it is clipped if that one is chosen"
        )
    if config.acsd.snapshots > len(config.snapshots.names("training")):
        yield f"acsd.snapshots {config.acsd.snapshots}: there are fewer training snapshots"
    if config.ldos.kernel == "fermi_dirac" and config.ldos.width_ev > _WIDE_FERMI_DIRAC:
        yield (
            f"ldos.width_ev {config.ldos.width_ev:g} is wide for a kernel fermi_dirac: 0.2 has a "
            "floor of 16 meV/atom on copper, 0.1 one of 0.7, a gaussian of 0.5 one of 0.1"
        )
    yield from kpoint_hints(config)

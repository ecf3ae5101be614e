"""pw.x run with plain keyword settings, as tests share and change them."""

from pathlib import Path

from ase import Atoms

from surrogate_hpo.dft.result import DftResult
from surrogate_hpo.formats.espresso.input_file import ScfSettings
from surrogate_hpo.formats.espresso.scf import run_espresso


def run_scf(
    atoms: Atoms,
    *,
    directory: Path,
    pseudo_dir: Path,
    pseudopotentials: dict,
    command: str | None = None,
    **settings,
) -> DftResult:
    """Run with `ScfSettings(**settings)`."""
    return run_espresso(
        atoms,
        ScfSettings(**settings),
        directory=directory,
        pseudopotentials={e: pseudo_dir / name for e, name in pseudopotentials.items()},
        command=command,
    )

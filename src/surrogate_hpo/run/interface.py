"""How a stage says what it takes and makes: annotations from which the CLI is generated."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from surrogate_hpo.errors import ConfigError


@dataclass(frozen=True)
class Input:
    """A file that the stage reads; perhaps also where it only says that it is left out."""

    help: str
    also_left_out: bool = False


@dataclass(frozen=True)
class Output:
    """A file, or a folder, that the stage writes, atomically."""

    help: str
    folder: bool = False


@dataclass(frozen=True)
class State:
    """Where the stage keeps what lets an interrupted run continue; not an output."""

    help: str


@dataclass(frozen=True)
class Argument:
    """Which item of the stage: a snapshot, a seed."""

    help: str


@dataclass(frozen=True)
class Positional:
    """What a verb that belongs to no run is given first, without a name before it."""

    help: str


@dataclass(frozen=True)
class Option:
    """A setting that this call takes instead of the config's, if given."""

    help: str


Role = Positional | Input | Output | State | Argument | Option


class ArgumentGroup:
    """Base of dataclasses that a stage takes as one argument, such as the files of one kind.

    Its fields are annotated as arguments are, or are groups themselves; on the command line each
    is an option of its own (`surrogate_hpo.run.signature`).
    """


def require_option(fulfilled: bool, option: str, expected: str, got: object) -> None:
    """Raise ConfigError if what an option of a verb says makes no sense."""
    if not fulfilled:
        raise ConfigError(
            "an option makes no sense", where=f"--{option}", expected=expected, got=str(got)
        )


Structure = Annotated[Path, Input("extxyz file of the snapshot; Å")]
Structures = Annotated[list[Path], Input("extxyz files of the snapshots; Å")]
Dft = Annotated[Path, Input("JSON of the DFT run: energies in eV, grid, electrons")]
LdosStores = Annotated[
    list[Path], Input("LDOS stores (*.zarr.zip) of the same snapshots; 1/(eV Å³)")
]
DescriptorStores = Annotated[
    list[Path], Input("SNAP descriptor stores (*.zarr.zip) of the same snapshots; dimensionless")
]
FinishedPath = Annotated[
    Path | None, Input("finished calculation to read, where snapshots.method is finished")
]
NaswotChoice = Annotated[Path, Input("JSON: the choice of the naswot stage")]
HeldOutDescriptors = Annotated[
    list[Path] | None, Input("descriptor stores of held-out snapshots, for scores that learn")
]
HeldOutLdos = Annotated[
    list[Path] | None, Input("LDOS stores of the same held-out snapshots; 1/(eV Å³)")
]
JudgedStructures = Annotated[
    list[Path] | None,
    Input("extxyz files of the snapshots whose energies are judged; Å; none for the LDOS loss"),
]
JudgedDft = Annotated[list[Path] | None, Input("JSON of the DFT runs of the same snapshots")]
JudgedPotentials = Annotated[list[Path] | None, Input("UPF files, where energies are judged")]
ChunkNumber = Annotated[int, Argument("number of the chunk, from 0")]
ChunkResults = Annotated[Path, Output("JSON: what this chunk has found, by score and network")]
ChunkFiles = Annotated[list[Path], Input("JSON: what all chunks have found")]
AuditState = Annotated[Path, State("folder of the finished scores and trainings of a chunk")]
ScanState = Annotated[Path, State("folder of the finished scores of a chunk")]
SnapshotName = Annotated[str, Argument("name of the snapshot, e.g. training-0000")]
AcsdScores = Annotated[Path, Input("CSV of the acsd stage: scores of all candidates")]
AcsdChoice = Annotated[Path, Input("JSON of the acsd stage: what was chosen")]
FigureSvg = Annotated[Path, Output("SVG: the figure")]
FigurePdf = Annotated[Path, Output("PDF: the same")]
FigureTable = Annotated[Path, Output("CSV: the numbers of the figure")]
CandidateState = Annotated[Path, State("folder of the finished trainings of a chunk")]
StudyState = Annotated[Path, State("folder of the study's journal and checkpoints")]

# How commands predict structures.
ElectronicTemperature = Annotated[
    float | None, Option("K, for the occupations; that of the training if left out")
]
GridPoints = Annotated[
    list[int] | None, Option("points along each cell vector; as the training's if left out")
]
DescriptorEngine = Annotated[
    str, Option("of the descriptors: native, torch or lammps; native if left out")
]
DescriptorPrecision = Annotated[
    str, Option("of the descriptors' arithmetic: float64 or, faster, float32; float64 if left out")
]
UseGpu = Annotated[bool, Option("descriptors (engine torch) and networks on CUDA")]
BlockPoints = Annotated[int, Option("grid points in memory at a time; 16384")]
Threads = Annotated[int, Option("CPU threads; 1")]
Anew = Annotated[bool, Option("remove what an earlier run has left in the folder")]

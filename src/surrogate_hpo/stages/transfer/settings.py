"""The `transfer` section: structures of known energy that the surrogate is judged on as well."""

from pydantic import Field, field_validator

from surrogate_hpo.config.base import FileName, Section
from surrogate_hpo.config.frames import file_of, frame_problems


class TransferSettings(Section):
    """Cells beyond the run of known energies, not LDOS; without any, there is no such stage."""

    structures: list[FileName] = Field(
        [],
        description="files that ASE reads, with `total_free_energy_ev` (eV per cell) in the "
        "comment line of each frame or a calculator's `free_energy`; `file` stands for all of its "
        "frames, `file@7` and `file@0:12` for some",
    )

    forces: bool = Field(
        True,
        description="judge forces, too, where a frame has them: such a frame takes about five "
        "times as long with four networks",
    )

    @field_validator("structures")
    @classmethod
    def _frames_are_numbers(cls, sources: list[FileName]) -> list[FileName]:
        if problems := list(frame_problems("structures", sources)):
            raise ValueError("; ".join(problems))
        return sources

    @property
    def files(self) -> list[str]:
        """The files of the structures, each once."""
        return list(dict.fromkeys(file_of(source) for source in self.structures))

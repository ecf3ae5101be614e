"""The methods section of a paper, filled in from what a run was told and what it found.

A citation is written as pandoc reads it, ``[@key]``, with a key of the bibliography.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from surrogate_hpo.errors import DataError
from surrogate_hpo.report.error_summary import QuantityError
from surrogate_hpo.report.methods_data import (
    describe_dft,
    describe_ldos,
    describe_snapshots,
    to_complete,
)
from surrogate_hpo.report.methods_model import (
    describe_architecture,
    describe_descriptors,
    describe_evaluation,
    describe_search,
    describe_training,
)
from surrogate_hpo.report.references import BIBLIOGRAPHY, Reference

Document = Mapping[str, Any]
CITATION = re.compile(r"\[((?:@\w+)(?:; @\w+)*)\]")


@dataclass(frozen=True)
class MethodsSection:
    """A methods section.

    Attributes
    ----------
    paragraphs
        Heading to text, in order.
    open_points
        What the run cannot know and an author must add.
    """

    paragraphs: Mapping[str, str]
    open_points: Sequence[str]

    @property
    def cited(self) -> dict[str, Reference]:
        """Exactly what the text cites, in the order of first mention."""
        keys = re.findall(r"@(\w+)", " ".join(_citations(self.paragraphs.values())))
        unknown = sorted(set(keys) - set(BIBLIOGRAPHY))
        if unknown:
            raise DataError(
                "the methods cite what the bibliography does not know",
                where="report",
                got=", ".join(unknown),
            )
        return {key: BIBLIOGRAPHY[key] for key in dict.fromkeys(keys)}

    def markdown(self) -> str:
        """The section as Markdown for pandoc."""
        text = "# Methods\n\n"
        text += "".join(f"## {name}\n\n{words}\n\n" for name, words in self.paragraphs.items())
        if self.open_points:
            text += "<!-- To be completed by the authors:\n"
            text += "".join(f"* {point}\n" for point in self.open_points) + "-->\n"
        return text.rstrip("\n") + "\n"

    def bibtex(self) -> str:
        """The cited references as BibTeX."""
        return "\n".join(reference.bibtex(key) for key, reference in self.cited.items())


def _citations(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        yield from CITATION.findall(text)


def write_methods(
    *,
    settings: Mapping[str, Document],
    dft: Document,
    material: str,
    snapshots: Mapping[str, int],
    acsd: Document,
    naswot: Document,
    search: Document,
    architectures: int,
    descriptor_candidates: int,
    error: QuantityError,
    seeds: int,
    software: str,
) -> MethodsSection:
    """Describe a run in the words of a methods section.

    Parameters
    ----------
    settings
        Settings per stage.
    dft
        What a DFT run left: functional, grid, version, pseudopotentials; ``None`` where it is
        not known.
    material
        Composition of the cell, with its volume.
    snapshots
        Number of snapshots per split.
    acsd
        Choice of the acsd stage.
    naswot
        Choice of the naswot stage.
    search
        Choice of the search stage.
    architectures
        Number of architectures that were scored.
    descriptor_candidates
        Number of descriptors that were scored.
    error
        Errors of the total free energy.
    seeds
        Number of final networks.
    software
        Name and version of this package.

    Returns
    -------
    MethodsSection
        Paragraphs with citations.
    """
    paragraphs = {
        "Atomic configurations": describe_snapshots(settings["snapshots"], material, snapshots),
        "Density functional theory": describe_dft(settings["dft"], dft),
        "Local density of states": describe_ldos(settings["ldos"], dft),
        "Descriptors": describe_descriptors(
            settings["acsd"], settings["descriptors"], acsd, descriptor_candidates
        ),
        "Neural network": describe_architecture(settings["naswot"], naswot, architectures),
        "Hyperparameters of the optimisation": describe_search(settings["search"], search),
        "Training": describe_training(settings["train"], search["hyperparameters"], seeds),
        "Energies and their errors": describe_evaluation(error, snapshots["test"], seeds),
        "Software": f"All steps ran in one workflow of {software} on Snakemake [@molder2021].",
    }
    return MethodsSection(paragraphs, to_complete(settings["snapshots"], dft))

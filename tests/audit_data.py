"""Synthetic snapshots whose LDOS is a smooth function of their descriptors, and small settings."""

from pathlib import Path

import numpy as np

from surrogate_hpo.data.descriptor_store import DescriptorData, write_descriptors
from surrogate_hpo.data.ldos_store import LdosData, write_ldos
from surrogate_hpo.descriptors.definition import DescriptorDefinition
from surrogate_hpo.dft.ldos_axis import LdosAxis
from surrogate_hpo.stages.audit.settings import AuditSettings

GRID, CELL = (8, 8, 8), 4.0 * np.eye(3)
COMPONENTS, ENERGIES = 14, 9
SPLITS = {"training": 3, "validation": 2}


def write_snapshots(folder: Path) -> Path:
    generator = np.random.default_rng(3)
    directions = generator.normal(size=(COMPONENTS, ENERGIES)) / np.sqrt(COMPONENTS)
    for split, count in SPLITS.items():
        for number in range(count):
            values = generator.normal(size=(*GRID, COMPONENTS)).astype(np.float32)
            ldos = 1 + np.sin(0.7 * values @ directions) + 0.3 * np.cos(values[..., :1])
            write_descriptors(
                folder / "descriptors" / f"{split}-{number:04d}.zarr.zip",
                DescriptorData(values, CELL, DescriptorDefinition(4.0, 4)),
                {},
            )
            write_ldos(
                folder / "ldos" / f"{split}-{number:04d}.zarr.zip",
                LdosData(
                    ldos.astype(np.float32),
                    LdosAxis(np.arange(float(ENERGIES)), "gaussian", 1.0),
                    CELL,
                    3.0,
                ),
                {},
            )
    return folder


def stores(folder: Path) -> dict[str, list[Path]]:
    def files(kind: str, split: str) -> list[Path]:
        return sorted((folder / kind).glob(f"{split}-*.zarr.zip"))

    return {
        "descriptors": files("descriptors", "training"),
        "ldos": files("ldos", "training"),
        "validation_descriptors": files("descriptors", "validation"),
        "validation_ldos": files("ldos", "validation"),
    }


def audit_settings(**changes: object) -> AuditSettings:
    values = {
        "architectures": 10,
        "layers": [1],
        "widths": [2, 4, 8, 32, 64],
        "activations": ["relu", "tanh"],
        "scores": ["naswot", "parameters", "short_training"],
        "initialisations": 2,
        "batch_size": 10,
        "points": 400,
        "held_out_points": 200,
        "resamples": 200,
        "training": {"seeds": 2, "points": 1200, "validation_points": 600, "epochs": 5}
        | {"batch_size": 100, "learning_rate": 1e-2, "optimiser": "adam", "weight_decay": 0.0},
    }
    return AuditSettings.model_validate(values | changes)


def figure_files(folder: Path) -> dict[str, Path]:
    """What a stage with one figure writes."""
    names = {"figure": "figure.svg", "figure_pdf": "figure.pdf", "figure_table": "figure.csv"}
    return {key: folder / name for key, name in names.items()}

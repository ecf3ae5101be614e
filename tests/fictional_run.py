"""A fictional but plausible run on aluminium: the numbers that every figure test draws."""

import xml.etree.ElementTree as ET
from functools import cache
from types import SimpleNamespace

import numpy as np

from surrogate_hpo.report.error_summary import QuantityError, error_summary
from surrogate_hpo.report.errors import (
    ClassError,
    ForceErrors,
    SnapshotEnergies,
    snapshot_errors_table,
)
from surrogate_hpo.report.methods import write_methods
from surrogate_hpo.report.page import Notice, Provenance, ReportContext, ReportTable
from surrogate_hpo.report.verdict import Targets
from surrogate_hpo.run.graph import STAGES as STAGE_NAMES
from surrogate_hpo.run.graph import SUMMARIES, edges
from surrogate_hpo.stages.acsd.figure import SCORES, acsd_map
from surrogate_hpo.stages.acsd.figure_clouds import similarity_clouds, similarity_spread
from surrogate_hpo.stages.audit.figure import score_agreement
from surrogate_hpo.stages.compare.method_costs import METHOD_COLUMNS, method_costs_table
from surrogate_hpo.stages.evaluate.figure_dos import dos_overlay
from surrogate_hpo.stages.evaluate.figure_error_by_size import error_by_size
from surrogate_hpo.stages.evaluate.figure_forces import force_figures
from surrogate_hpo.stages.evaluate.figure_ldos import ldos_overlay
from surrogate_hpo.stages.evaluate.figure_parity import parity
from surrogate_hpo.stages.naswot.figure import naswot_ranking
from surrogate_hpo.stages.report.figure_cost import cost_per_stage
from surrogate_hpo.stages.report.figure_dag import dag
from surrogate_hpo.stages.search.figure import search_history
from surrogate_hpo.stages.train.figure import learning_curves, validation_losses_table

STAGES = {stage: SUMMARIES[stage] for stage in STAGE_NAMES}
FLOW = """
dft=snapshots ldos=dft acsd=ldos,snapshots descriptors=acsd,dft,snapshots naswot=descriptors,ldos
search=descriptors,ldos,naswot train=descriptors,dft,ldos,naswot,search,snapshots
surrogate=descriptors,dft,snapshots,train evaluate=descriptors,dft,ldos,snapshots,surrogate,train
report=acsd,descriptors,dft,evaluate,ldos,naswot,search,snapshots,train
"""
EDGES = edges(FLOW.split(), STAGE_NAMES)
SEEDS, HELD_OUT = 3, 20
SVG = "{http://www.w3.org/2000/svg}"


def acsd_arrays():
    """25 candidates; 5.5 Å with 2J_max 8 is chosen, one candidate has failed."""
    radius, degree = np.meshgrid([3.0, 3.5, 4.676, 5.5, 6.5], [2, 4, 6, 8, 10], indexing="ij")
    radius, degree = radius.ravel(), degree.ravel()
    mean = 0.008 + 0.0012 * (6.4 - radius) ** 2 * 0.4 + 0.02 / degree**1.5
    mean[3] = np.nan
    return {
        "cutoff_radius_angstrom": radius,
        "twojmax": degree,
        "acsd_mean": mean,
        "acsd_std": 0.15 * mean,
        "within_spread": mean < np.nanmin(mean) * 1.15,
        "chosen": (6.5, 6),
        "constant_descriptor_acsd": 0.012,
    }


def similarity_arrays():
    """900 pairs: a descriptor near the diagonal and one that is far below it."""
    generator = np.random.default_rng(4)
    ldos = 1 - generator.gamma(2, 0.008, 900)
    good = np.clip(ldos + generator.normal(0, 0.005, 900), -1, 1)
    return {
        "snapshot": "training-0000",
        "candidate": [
            "chosen, best: 4.676 Å, 2J_max 10, ACSD 0.0083 ± 0.0016",
            "worst: 3 Å, 2J_max 4, ACSD 0.084 ± 0.004",
        ],
        "ldos_similarity": ldos,
        "descriptor_similarity": np.array([good, 1 - 9 * (1 - ldos)]),
    }


def spread_arrays():
    """The same descriptors, judged without an LDOS."""
    arrays = similarity_arrays()
    del arrays["ldos_similarity"]
    return arrays


def naswot_arrays():
    """40 architectures, scores over two decades, two without a finite score."""
    generator = np.random.default_rng(3)
    width, layers = generator.integers(25, 400, 40), generator.integers(1, 5, 40)
    count = 55 * width + (layers - 1) * width**2 + 77 * width
    score = 2.5e5 * np.exp(-width / 90) + 1500 * generator.lognormal(0, 0.4, 40)
    score[[4, 17]] = np.nan, np.inf
    names = ["ReLU", "LeakyReLU", "sigmoid", "tanh"]
    return {
        "architecture": [f"{n} × {w}" for n, w in zip(layers, width, strict=True)],
        "activation": [names[i % 4] for i in range(40)],
        "parameter_count": count,
        "score": score,
        "score_std": 0.1 * score,
        "chosen": int(np.nanargmin(score)),
        "direction": "minimise",
    }


def audit_arrays():
    """Seven scores of 60 architectures: one rejected score, and one diverged training."""
    generator = np.random.default_rng(6)
    labels = {
        "naswot": "NASWOT (Fiedler 2022, eq. 14)",
        "naswot_original": "NASWOT (Mellor 2020)",
        "activation_patterns": "activation patterns (Mellor 2021)",
        "zico": "gradient statistics (ZiCo)",
        "parameters": "number of parameters",
        "readout": "random features, ridge readout",
        "short_training": "short training",
    }
    error = 1e-4 * generator.lognormal(0, 1, 60)
    error[7] = np.inf
    finite = np.where(np.isfinite(error), error, 1e-3)
    value = {
        "naswot": 2000 + 1e5 * generator.lognormal(0, 1, 60),
        "naswot_original": -2000 - 1e5 * generator.lognormal(0, 1, 60),
        "activation_patterns": generator.normal(-80, 40, 60),
        "zico": generator.normal(12, 3, 60),
        "parameters": np.round(1 / finite),
        "readout": finite * generator.lognormal(0, 0.6, 60),
        "short_training": 3 * finite * generator.lognormal(0, 0.2, 60),
    }
    value["naswot"][3] = np.nan
    return {
        "score": [name for name in labels for _ in range(60)],
        "architecture": [f"{i}x{i}" for i in range(60)] * 7,
        "activation": ["relu", "leaky_relu", "sigmoid", "tanh"] * 105,
        "value": np.concatenate([value[name] for name in labels]),
        "error": np.tile(error, 7),
        "labels": labels,
        "tau": dict.fromkeys(labels, (-0.318, -0.51, -0.102)) | {"zico": (np.nan,) * 3},
    }


def descriptor_audit_arrays():
    """24 candidates, of which one diverged and one has no score."""
    radius, degree = np.meshgrid([3.0, 3.5, 4.0, 4.676, 5.5, 6.5], [4, 6, 8, 10], indexing="ij")
    error = 1e-4 * (1 + (radius - 4.5) ** 2) * 8 / degree
    error[2, 1] = np.inf
    score = 0.01 * (1 + (6.5 - radius) ** 2) * 8 / degree
    score[4, 2] = np.nan
    return {
        "cutoff_radius_angstrom": radius.ravel(),
        "twojmax": degree.ravel(),
        "score": score.ravel(),
        "error": error.ravel(),
        "error_std": 0.1 * np.where(np.isfinite(error), error, np.nan).ravel(),
        "score_label": "ACSD",
        "tau": (0.41, -0.123, 0.62),
    }


def search_arrays():
    """24 trials, two failed and three pruned ones."""
    generator = np.random.default_rng(5)
    rate = 10 ** generator.uniform(-4.5, -2, 24)
    value = 4 + 9 * (np.log10(rate) + 2.9) ** 2 + generator.gamma(2, 1, 24)
    state = ["COMPLETE"] * 24
    for index in (3, 11):
        state[index], value[index] = "FAIL", np.nan
    for index in (8, 14, 19):
        state[index] = "PRUNED"
    return {
        "trial": np.arange(24),
        "value": value,
        "state": state,
        "learning_rate": rate,
        "objective": "validation error of the band energy",
        "objective_unit": "meV/atom",
    }


def learning_arrays():
    """Three seeds that stopped after 50, 55 and 60 epochs."""
    generator = np.random.default_rng(7)
    names = ("seed", "epoch", "training_loss", "validation_loss", "used")
    columns = {name: [] for name in names}
    for seed in range(SEEDS):
        epoch = np.arange(1, 51 + 5 * seed)
        fall = 8e-4 * np.exp(-epoch / 6) + 1e-5 * (1 + 0.1 * seed)
        columns["seed"].append(np.full(epoch.size, seed))
        columns["epoch"].append(epoch)
        columns["training_loss"].append(fall * generator.lognormal(0, 0.05, epoch.size))
        columns["validation_loss"].append(1.2 * fall * generator.lognormal(0, 0.08, epoch.size))
        columns["used"].append(epoch == epoch[-1])
    return {name: np.concatenate(parts) for name, parts in columns.items()}


def ldos_arrays():
    """Two grid points with a free-electron LDOS, three predictions near it."""
    generator = np.random.default_rng(12)
    energy = np.arange(-6, 13.01, 0.25)
    reference = np.array([[0.02], [0.05]]) * np.sqrt(np.clip(energy + 3, 0, None))
    noise = generator.normal(0, 0.002, (SEEDS, *reference.shape))
    return {
        "snapshot": "test-0000",
        "point": ["few states", "many states"],
        "energy_ev": energy,
        "reference": reference,
        "predicted": reference + noise,
    }


def dos_arrays():
    """A free-electron DOS with a bump, three predictions near it."""
    generator = np.random.default_rng(11)
    energy = np.arange(-6, 13.01, 0.25)
    reference = 1.1 * np.sqrt(np.clip(energy + 3.1, 0, None)) + 0.4 * np.exp(-((energy - 4) ** 2))
    wiggle = np.cumsum(generator.normal(0, 0.02, (SEEDS, energy.size)), axis=1) * (reference > 0)
    return {
        "snapshot": "al-043",
        "energy_ev": energy,
        "reference_per_ev": reference,
        "predicted_per_ev": reference + wiggle,
        "fermi_energy_reference_ev": 7.612,
        "fermi_energy_predicted_ev": [7.605, 7.598, 7.604],
    }


def energies(quantity="total_free_energy", level=-57.2, spread=0.035):
    """Energies of 20 held-out snapshots in eV/atom, and the errors they imply."""
    generator = np.random.default_rng(len(quantity))
    dft = level + generator.normal(0, spread, HELD_OUT)
    surrogate = dft + generator.normal(-0.002, 0.0028, (SEEDS, HELD_OUT))
    floor = dft + generator.normal(0.0003, 0.0002, HELD_OUT)
    baseline = np.full(HELD_OUT, level + 0.004)
    mae = 1000 * np.abs(surrogate - dft).mean(axis=1)
    error = QuantityError(
        quantity=quantity,
        mae_mev_per_atom=float(mae.mean()),
        std_over_seeds_mev_per_atom=float(mae.std(ddof=1)),
        discretisation_error_mev_per_atom=float(1000 * np.abs(floor - dft).mean()),
        baseline_mev_per_atom=float(1000 * np.abs(baseline - dft).mean()),
        ensemble_mae_mev_per_atom=float(1000 * np.abs(surrogate.mean(axis=0) - dft).mean()),
        correlation=float(np.corrcoef(surrogate.mean(axis=0), dft)[0, 1]),
        control_mae_mev_per_atom=0.41 if quantity == "total_free_energy" else float("nan"),
    )
    return {
        "snapshot": [f"al-{index:03d}" for index in range(44, 44 + HELD_OUT)],
        "dft_ev_per_atom": dft,
        "surrogate_ev_per_atom": surrogate,
        "floor_ev_per_atom": floor,
        "baseline_ev_per_atom": baseline,
        "error": error,
    }


def force_arrays():
    """Forces of 20 cells of four atoms of two elements, large ones with larger errors."""
    generator = np.random.default_rng(9)
    dft = generator.normal(0, 0.6, 12 * HELD_OUT)
    size = 0.01 + 0.03 * np.abs(dft)
    return {
        "element": ["Al", "Al", "Al", "Al", "Al", "Al", "Mg", "Mg", "Mg", "Al", "Al", "Al"]
        * HELD_OUT,
        "dft": dft,
        "mean": dft + size * generator.normal(size=dft.shape),
        "spread": size,
    }


def class_errors():
    """Errors of three sizes at one temperature, and of one of them at another."""
    nan = float("nan")
    total = ("total_free_energy", 2.4, 0.3, 0.2)
    return [
        ClassError(4, 298.0, 12, QuantityError(*total, 31.0, 2.1, 0.99, "training_mean", 0.41)),
        ClassError(32, 298.0, 9, QuantityError(*total, 11.0, 2.2, 0.97, "training_mean", 1.2)),
        ClassError(108, 298.0, 1, QuantityError(*total, 0.0, 2.3, nan, "class_mean", 1.9)),
        ClassError(32, 933.0, 8, QuantityError(*total, 19.0, 8.4, 0.8, "class_mean", nan)),
    ]


def cost_arrays():
    """CPU and GPU seconds of the eleven stages."""
    return {
        "stage": list(STAGES),
        "jobs": [1, 64, 64, 1, 64, 1, 1, 3, 1, 3, 1],
        "cpu_seconds": [4.1, 153.6, 12.3, 8.8, 31.2, 18.4, 212.0, 341.5, 6.3, 9.6, 5.2],
        "gpu_seconds": [0, 0, 0, 0, 0, 2.1, 24.0, 41.0, 0, 0.8, 0],
        "wall_seconds": [4.4, 160.2, 14.0, 9.1, 33.0, 19.9, 120.1, 180.7, 6.6, 10.4, 5.6],
        "allocated_cpu_seconds": [4.4, 160.2, 14.0, 9.1, 33.0, 19.9, 240.2, 361.4, 6.6, 10.4, 5.6],
        "allocated_gpu_seconds": [0, 0, 0, 0, 0, 19.9, 120.1, 180.7, 0, 10.4, 0],
    }


@cache
def fictional_run():
    """Draw every figure of the fictional run."""
    total, band = energies(), energies("band_energy", 4.9, 0.05)
    small = QuantityError("hartree_energy", 0.8, 0.1, 0.05, 12.0)
    errors = (total["error"], band["error"], small)
    return SimpleNamespace(
        errors=errors,
        figures=(
            dag(nodes=list(STAGES), edges=EDGES, descriptions=STAGES),
            acsd_map(**acsd_arrays()),
            acsd_map(**acsd_arrays(), score=SCORES["kernel-spread"]),
            similarity_clouds(**similarity_arrays()),
            similarity_spread(**spread_arrays()),
            naswot_ranking(**naswot_arrays()),
            score_agreement(**audit_arrays()),
            search_history(**search_arrays()),
            learning_curves(**learning_arrays()),
            dos_overlay(**dos_arrays()),
            ldos_overlay(**ldos_arrays()),
            parity(**total),
            parity(**band),
            error_summary(errors),
            error_by_size(class_errors()),
            *force_figures(**force_arrays()),
            cost_per_stage(**cost_arrays()),
        ),
    )


def methods_arguments(**changes):
    """What the methods section of the fictional run is written from."""
    arguments = {
        "settings": {
            "snapshots": {
                "method": "displacements",
                "temperature_kelvin": 298.0,
                "debye_waller_b_angstrom2": 0.86,
                "debye_waller_temperature_kelvin": 300.0,
                "equilibration_steps": 1000,
                "time_step_femtosecond": 2.0,
            },
            "dft": {
                "cutoff_rydberg": 16.0,
                "density_cutoff_rydberg": None,
                "kpoints": [4, 4, 4],
                "kpoints_shift": [1, 1, 1],
                "bands": 20,
                "electronic_temperature_kelvin": 5000.0,
                "convergence_rydberg": 1e-9,
            },
            "ldos": {
                "source": "wavefunctions",
                "kernel": "gaussian",
                "width_ev": 0.5,
                "minimum_ev": -6.0,
                "maximum_ev": 13.0,
                "spacing_ev": 0.25,
            },
            "acsd": {"definition": "fiedler2022", "draws": 5, "points": 200, "snapshots": 3},
            "descriptors": {"engine": "native"},
            "naswot": {"score": "naswot", "initialisations": 5},
            "search": {"trials": 10, "initialisations": 2, "maximum_epochs": 3, "points": 120000},
            "train": {"maximum_epochs": 10},
        },
        "dft": {
            "run": True,
            "version": "7.2",
            "functional": "lda_pw92",
            "fft_grid": [20, 20, 20],
            "pseudopotentials": {"Al.hgh-lda.UPF": "parameters of C. Hartwigsen et al."},
        },
        "material": "4 Al atoms per periodic cell (16.6 Å³ per atom)",
        "snapshots": {"training": 40, "validation": 4, "test": HELD_OUT},
        "acsd": {
            "objective": "acsd",
            "cutoff_radius_angstrom": 6.5,
            "twojmax": 6,
            "decision": {"components": 30},
            "element_weights": {"Al": 1.0},
        },
        "naswot": {
            "architecture": {"hidden_widths": [192, 192], "activation": "tanh"},
            "parameters": 69581,
            "direction": "minimise",
        },
        "search": {
            "objective": "validation loss of the scaled LDOS",
            "hyperparameters": {
                "optimiser": "soap",
                "learning_rate": 0.0086,
                "batch_size": 1000,
                "schedule": "cosine",
                "weight_decay": 0.3,
                "input_scaling": "standardised",
                "output_scaling": "maximum",
            },
        },
        "architectures": 40,
        "descriptor_candidates": 25,
        "error": energies()["error"],
        "seeds": SEEDS,
        "software": "surrogate-hpo 0.1.0",
    }
    return {**arguments, **changes}


def fictional_tables(run):
    """One table that a figure has beside it, and two of their own."""
    arrays = energies()
    total = SnapshotEnergies(
        tuple(arrays["snapshot"]),
        arrays["dft_ev_per_atom"],
        arrays["surrogate_ev_per_atom"],
        arrays["floor_ev_per_atom"],
        arrays["baseline_ev_per_atom"],
    )
    cost = next(figure.table for figure in run.figures if figure.name == "cost_per_stage")
    row = dict.fromkeys(METHOD_COLUMNS, "1.5") | {"label": "random search", "mae_ratio": ""}
    errors, methods = snapshot_errors_table({"total free energy": total}), method_costs_table([row])
    losses = validation_losses_table([[{"points": "9000", "loss": "2e-5", "common": "5e-6"}]])
    return (
        ReportTable("errors_per_snapshot", "evaluate", "Errors of each snapshot.", errors),
        ReportTable("validation_loss_split", "train", "Loss of each network.", losses),
        ReportTable("cost_per_stage", "cost", "Computing time.", cost),
        ReportTable("cost_per_method", "cost", "Cost of each search method.", methods),
    )


def fictional_context(**changes):
    """The report context of the fictional run, with changes."""
    run = fictional_run()
    values = {
        "title": "Surrogate of aluminium",
        "material": "fcc aluminium, 4 atoms, displacements of 298 K, electrons at 5000 K",
        "headline_quantity": "total_free_energy",
        "errors": run.errors,
        "targets": Targets(5.0, 0.2, 1.0, 16),
        "held_out_snapshots": HELD_OUT,
        "training_seeds": SEEDS,
        "figures": run.figures,
        "classes": class_errors(),
        "forces": ForceErrors(26.5, 607.0, 0.9992, 31.1, 0.51),
        "tables": fictional_tables(run),
        "methods": write_methods(**methods_arguments()),
        "settings": {
            "seed": 42,
            "dft": {"kpoints": [4, 4, 4], "temperature_kelvin": 5000.0, "smearing": None},
            "acsd": {"cutoff_radius_angstrom": [3.0, 3.5, 4.676, 5.5, 6.5], "form": "absolute"},
            "train": {"seeds": 3, "resume": True},
        },
        "provenance": Provenance(
            package_version="0.1.0",
            engine_version="Quantum ESPRESSO 7.2",
            versions={"numpy": "2.4.0", "torch": "2.13.0"},
            code_digests={stage: f"{index:02d}" * 20 for index, stage in enumerate(STAGES)},
            seeds={"snapshots": 1234567, "train/0": 99},
            checksums={"config/config.yaml": "ab" * 32, "results/dft/al-043.json": "cd" * 32},
        ),
        "key_numbers": {
            "snapshots": {"training": 40, "validation": 4, "held out": HELD_OUT},
            "ldos": {"kernel": "Gaussian", "width (eV)": 0.5, "window (eV)": "−6 to 13"},
            "acsd": {"cutoff radius (Å)": 6.5, "2J_max": 6},
        },
        "notes": {"naswot": ["This run minimises the score."]},
        "warnings": (
            Notice("naswot", "N_batch was clipped from 100 to 30, the number of features."),
            Notice("acsd", "9 candidates lie within the spread of the best."),
        ),
    }
    return ReportContext(**{**values, **changes})


def words(figure):
    """Every text in a drawing, in order."""
    root = ET.fromstring(figure.svg)  # noqa: S314 - our own drawing
    return ["".join(element.itertext()).strip() for element in root.iter(f"{SVG}text")]

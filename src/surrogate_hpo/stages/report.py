"""One self-contained HTML page with every figure, table and setting of the run."""

from collections import Counter
from pathlib import Path
from typing import Annotated, Any

from ase import Atoms

from surrogate_hpo.config.report import ReportSettings
from surrogate_hpo.dft.result import known
from surrogate_hpo.figures.error_summary import QuantityError
from surrogate_hpo.figures.report import Notice, Provenance, ReportContext, render_report
from surrogate_hpo.figures.verdict import Targets
from surrogate_hpo.io.atomic import write_text
from surrogate_hpo.io.cost import total_cost
from surrogate_hpo.io.documents import read_document
from surrogate_hpo.io.models import read_state
from surrogate_hpo.io.provenance import provenance
from surrogate_hpo.io.structures import read_structure, read_structure_provenance
from surrogate_hpo.io.zarr_zip import read_provenance
from surrogate_hpo.stages.drawings import save_figures
from surrogate_hpo.stages.graph import STAGES
from surrogate_hpo.stages.interface import DescriptorStores, Input, LdosStores, Output, Structures
from surrogate_hpo.stages.report_figures import Sources, draw_all
from surrogate_hpo.units import BOLTZMANN_EV_PER_KELVIN

HEADLINE = "total_free_energy"
EVALUATED = (HEADLINE, "held_out_snapshots", "initialisations")
Documents = dict[str, dict[str, Any]]
_OWN_IONS = {"files": "own structures", "finished": "finished calculations"}


def report(
    *,
    settings: ReportSettings,
    seed: int,
    structures: Structures,
    dft: Annotated[list[Path], Input("JSON of the DFT runs of the same snapshots")],
    ldos: LdosStores,
    descriptors: DescriptorStores,
    acsd_scores: Annotated[Path, Input("CSV of the acsd stage")],
    acsd_choice: Annotated[Path, Input("JSON of the acsd stage")],
    acsd_similarities: Annotated[Path, Input("store of the acsd stage: similarities of pairs")],
    naswot_scores: Annotated[Path, Input("CSV of the naswot stage")],
    naswot_choice: Annotated[Path, Input("JSON of the naswot stage")],
    trials: Annotated[Path, Input("CSV of the search stage")],
    search_choice: Annotated[Path, Input("JSON of the search stage")],
    models: Annotated[list[Path], Input("trained models (*.pt)")],
    histories: Annotated[list[Path], Input("CSV per initialisation: loss per epoch")],
    energies: Annotated[Path, Input("CSV of the evaluate stage, eV per cell")],
    dos: Annotated[Path, Input("CSV of the evaluate stage, 1/eV")],
    ldos_samples: Annotated[Path, Input("CSV of the evaluate stage, 1/(eV Å³)")],
    summary: Annotated[Path, Input("JSON of the evaluate stage, meV/atom")],
    audit_scores: Annotated[
        list[Path] | None, Input("CSV of the audit stage, where naswot.direction is audit")
    ] = None,
    audit_agreement: Annotated[list[Path] | None, Input("CSV of the audit stage")] = None,
    audit_verdict: Annotated[list[Path] | None, Input("JSON of the audit stage")] = None,
    costs: Annotated[list[Path], Input("JSON: cost records of all jobs, in seconds")],
    report: Annotated[Path, Output("HTML, openable from disk")],
    figures: Annotated[Path, Output("folder: each figure as SVG with its table as CSV")],
) -> None:
    """Draw what the run found, each figure beside its table, and say whether targets are met."""
    documents = {
        "dft": read_document(dft[0], keys=("provenance", "version", "smearing_width_ev")),
        "acsd": read_document(acsd_choice),
        "naswot": read_document(naswot_choice),
        "search": read_document(search_choice),
        "evaluate": read_document(summary, keys=EVALUATED),
    }
    records = _records(documents, structures[0], ldos[0], descriptors[0], models[0])
    records["report"] = provenance("report", settings, seed, [])
    if audit_verdict:
        records["audit"] = read_document(audit_verdict[0])["provenance"]
    sources = Sources(
        acsd=acsd_scores,
        similarities=acsd_similarities,
        naswot=naswot_scores,
        trials=trials,
        histories=histories,
        energies=energies,
        dos=dos,
        ldos_samples=ldos_samples,
        audit=[*(audit_scores or []), *(audit_agreement or [])],
    )
    context = _context(
        settings,
        seed,
        read_structure(structures[0]),
        sources,
        documents,
        records,
        total_cost(costs),
    )
    save_figures(figures, context.figures)
    write_text(report, render_report(context))


def _records(
    documents: Documents, structure: Path, ldos: Path, descriptors: Path, model: Path
) -> Documents:
    """Provenance of each stage that has run, in their order."""
    stores = {
        "snapshots": read_structure_provenance(structure),
        "ldos": read_provenance(ldos),
        "descriptors": read_provenance(descriptors),
        "train": read_state(model)["provenance"],
    }
    found = stores | {stage: document["provenance"] for stage, document in documents.items()}
    return {stage: found[stage] for stage in STAGES if stage in found}


def _context(
    settings: ReportSettings,
    seed: int,
    atoms: Atoms,
    sources: Sources,
    documents: Documents,
    records: Documents,
    cost: dict[str, dict[str, float]],
) -> ReportContext:
    acsd, naswot, search, evaluated = (
        documents[stage] for stage in ("acsd", "naswot", "search", "evaluate")
    )
    errors = _errors(evaluated)
    return ReportContext(
        title=settings.title,
        material=_material(atoms, records, documents["dft"]["smearing_width_ev"]),
        headline_quantity=HEADLINE,
        errors=errors,
        targets=_targets(settings),
        held_out_snapshots=evaluated["held_out_snapshots"],
        training_seeds=evaluated["initialisations"],
        figures=draw_all(sources, acsd, naswot, search, errors, cost),
        settings={"seed": seed} | {stage: record["settings"] for stage, record in records.items()},
        provenance=_provenance(records, documents["dft"]["version"], seed),
        facts=_facts(acsd, naswot, search, evaluated, cost),
        notes={"acsd": acsd["decision"]["reasons"], "naswot": naswot["reasons"]},
        warnings=_warnings(acsd, naswot),
    )


def _targets(settings: ReportSettings) -> Targets:
    return Targets(
        mae_mev_per_atom=settings.target_mev_per_atom,
        baseline_fraction=settings.target_baseline_fraction,
        floor_mev_per_atom=settings.target_floor_mev_per_atom,
        held_out_snapshots=settings.target_held_out_snapshots,
    )


def _errors(evaluated: dict[str, Any]) -> list[QuantityError]:
    """Errors of the energies; the Fermi energy's is in meV and stands among the facts."""
    return [
        QuantityError(
            quantity=name,
            mae_mev_per_atom=known(values["mae_mev_per_atom"]),
            std_over_seeds_mev_per_atom=known(values["std_over_seeds"]),
            discretisation_error_mev_per_atom=known(values["discretisation_error_mev_per_atom"]),
            baseline_mev_per_atom=known(values["baseline_mev_per_atom"]),
        )
        for name, values in evaluated.items()
        if isinstance(values, dict) and "mae_mev_per_atom" in values and name != "ewald_energy"
    ]


def _material(atoms: Atoms, records: Documents, smearing_width: float) -> str:
    formula = ", ".join(f"{n} {s}" for s, n in Counter(atoms.symbols).items())
    snapshots = records["snapshots"]["settings"]
    ions = _OWN_IONS.get(snapshots["method"], f"ions at {snapshots['temperature_kelvin']:g} K")
    kelvin = smearing_width / BOLTZMANN_EV_PER_KELVIN
    return f"{formula} atoms per cell, {ions}, electrons at {kelvin:.6g} K"


def _provenance(records: Documents, version: str | None, seed: int) -> Provenance:
    return Provenance(
        package_version=records["report"]["package"],
        engine_version=f"Quantum ESPRESSO {version or 'of a version that is not known'}",
        versions=records["report"]["libraries"],
        code_digests={stage: record["code"] for stage, record in records.items()},
        seeds={"root (all others are derived from it)": seed},
        checksums=records["evaluate"]["inputs"],
    )


def _facts(
    acsd: dict[str, Any],
    naswot: dict[str, Any],
    search: dict[str, Any],
    evaluated: dict[str, Any],
    cost: dict[str, dict[str, float]],
) -> dict[str, dict[str, str | float | int | bool | None]]:
    facts: dict[str, dict[str, str | float | int | bool | None]] = {
        stage: {
            "jobs": total["jobs"],
            "wall time of all jobs (s)": total["wall_seconds"],
            "CPU time (s)": total["cpu_seconds"],
        }
        for stage, total in cost.items()
        if stage in STAGES
    }
    fermi = evaluated["fermi_energy"]
    facts["acsd"] |= {
        "chosen cutoff radius (Å)": acsd["cutoff_radius_angstrom"],
        "chosen 2J_max": acsd["twojmax"],
    }
    facts["naswot"] |= {"chosen architecture": naswot["label"], "direction": naswot["direction"]}
    if "audit" in cost:
        facts["naswot"]["audit of the score, CPU time (s)"] = cost["audit"]["cpu_seconds"]
    facts["search"] |= {f"chosen {key}": value for key, value in search["hyperparameters"].items()}
    facts["evaluate"] |= {
        "held-out snapshots": evaluated["held_out_snapshots"],
        "Fermi energy, mean absolute error (meV)": fermi["mae_mev"],
        "Fermi energy, floor (meV)": fermi["discretisation_error_mev"],
    }
    return facts


def _warnings(acsd: dict[str, Any], naswot: dict[str, Any]) -> list[Notice]:
    notices = [Notice("naswot", message) for message in naswot["warnings"]]
    if acsd["decision"]["ambiguous"]:
        close = ", ".join(
            f"{radius:g} Å / {twojmax}" for radius, twojmax in acsd["decision"]["close"]
        )
        notices.append(
            Notice(
                "acsd",
                "The draws cannot safely tell these candidates (cutoff radius / 2J_max) apart: "
                f"{close}.",
            )
        )
    return notices

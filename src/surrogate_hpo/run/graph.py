"""The stages and what flows between them."""

from collections.abc import Iterable, Sequence
from pathlib import PurePath

STAGES = (
    "snapshots",
    "dft",
    "ldos",
    "acsd",
    "descriptors",
    "naswot",
    "search",
    "train",
    "surrogate",
    "evaluate",
    "report",
)

# They compare choices with trainings; run when asked for, or when a setting needs their verdict.
AUDITS = ("audit", "acsd_audit")

# They let search methods compete, or make the table that any search can be replayed on; run when
# asked for.
CONTESTS = ("contest", "compare", "table")

# They ask how far labels and number of snapshots are converged, and what the LDOS of the labels
# loses; run when asked for, the floor also where calculations are finished.
CONVERGENCE = ("knoise", "learning_curve", "floor")

# Models of atoms instead of points of the grid, from the same runs; run when asked for.
COMPANIONS = ("ados", "potential")

# They say which structures to compute next, and whether the rule is worth it; run when asked for.
SELECTIONS = ("select", "select_audit")

# They predict structures beyond the run: `transfer` judges some, and is part of the run where
# `transfer.structures` names them; `predict_large` shares one among many jobs, when asked for.
TRANSFERS = ("transfer", "predict_large")

# All that runs when asked for, or when a setting needs it.
ON_REQUEST = (*AUDITS, *CONTESTS, *CONVERGENCE, *COMPANIONS, *SELECTIONS, *TRANSFERS)

# They choose further snapshots to learn from; part of a run where `rounds.number` is more than 0.
GROWTH = ("rounds",)

# They take the whole run away; run when asked for.
ARCHIVES = ("archive",)

EVERY_STAGE = (*STAGES, *ON_REQUEST, *GROWTH, *ARCHIVES)

# Jobs that do the parts of a stage, whose own job puts together what they have found: they share
# its config section, its folder and its costs.
HELPERS = {
    "naswot_chunk": "naswot",
    "search_worker": "search",
    "evaluate_snapshot": "evaluate",
    "knoise_snapshot": "knoise",
    "learning_curve_network": "learning_curve",
    "rounds_choice": "rounds",
    "ados_atoms": "ados",
    "ados_network": "ados",
    "audit_chunk": "audit",
    "acsd_audit_chunk": "acsd_audit",
    "table_chunk": "table",
    "predict_large_bracket": "predict_large",
    "predict_large_slab": "predict_large",
    "predict_large_gradient": "predict_large",
    "predict_large_pull": "predict_large",
}
# Jobs that draw what a stage has found, so that an edited figure repeats nothing of it; run when
# asked for. They share its folder and its costs, and no setting decides them.
FIGURES = {
    "audit_figure": "audit",
    "acsd_audit_figure": "acsd_audit",
    "learning_curve_figure": "learning_curve",
    "ados_figure": "ados",
    "potential_figure": "potential",
    "select_figure": "select",
    "select_audit_figure": "select_audit",
}

# Commands for people, who give them files.
TOOLS = ("predict", "analyse", "relax", "dynamics", "export", "verify", "pseudopotential")
# Commands that read the config, and what lies in the results, and answer.
QUESTIONS = ("check", "estimate", "status")


def home(verb: str) -> str:
    """The module that holds the function of a verb, under the package's name.

    Parameters
    ----------
    verb
        Name of a stage, of a job that does part of one, or of a command.

    Returns
    -------
    str
        Such as `stages.naswot.stage`, `stages.naswot.chunk`, `stages.audit.draw`, `verbs.predict`.
    """
    if verb in HELPERS:
        return f"stages.{HELPERS[verb]}.{verb.removeprefix(HELPERS[verb] + '_')}"
    if verb in FIGURES:
        return f"stages.{FIGURES[verb]}.draw"
    if verb in (*TOOLS, *QUESTIONS):
        return f"verbs.{verb}.verb"
    return f"stages.{verb}.stage"


SUMMARIES = {
    "snapshots": "atomic configurations",
    "dft": "Quantum ESPRESSO",
    "ldos": "local density of states",
    "acsd": "descriptor, without training",
    "descriptors": "SNAP on the grid",
    "naswot": "architecture, without training",
    "search": "reduced Optuna study",
    "train": "final networks",
    "surrogate": "one file to predict with",
    "transfer": "cells beyond the run",
    "predict_large": "one large cell, by many jobs",
    "evaluate": "total free energy",
    "report": "figures and tables",
    "audit": "scores against trainings",
    "acsd_audit": "descriptors against trainings",
    "contest": "one search method",
    "compare": "search methods side by side",
    "table": "networks trained all at once",
    "knoise": "denser mesh of k points",
    "learning_curve": "errors with fewer snapshots",
    "floor": "energies of the reference LDOS",
    "ados": "density of states by atom",
    "potential": "energies and forces from atoms",
    "select": "what to compute next",
    "select_audit": "rules against random choices",
    "rounds": "snapshots chosen in turn",
    "archive": "the run in one file",
}


def flow(
    rules: Iterable[tuple[Iterable[object], Iterable[object]]], stages: Iterable[str]
) -> list[str]:
    """Which of some stages reads what others of them write, as the rules say it.

    Parameters
    ----------
    rules
        Inputs and outputs of each rule: paths, perhaps with wildcards. What follows from the
        wildcards of a job, and so is no path here, is left out; so are cost records.
    stages
        Their names.

    Returns
    -------
    list of str
        Such as `acsd=ldos,snapshots`, by name of the stage that reads; `edges` reads it.
    """
    reads: dict[str, set[str]] = {stage: set() for stage in stages}
    for inputs, outputs in rules:
        for stage in _stages(outputs) & reads.keys():
            reads[stage] |= _stages(inputs) & reads.keys() - {stage}
    return [f"{stage}={','.join(sorted(sources))}" for stage, sources in reads.items() if sources]


def edges(words: Iterable[str], stages: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs of some stages of which the second reads what the first writes.

    Parameters
    ----------
    words
        As `flow` gives them.
    stages
        Names of those that are to be shown.

    Returns
    -------
    list of tuple
        Source and target.
    """
    reads = (word.partition("=") for word in words)
    found = [(source, target) for target, _, names in reads for source in names.split(",")]
    return [edge for edge in found if set(edge) <= {*stages}]


def _stages(paths: Iterable[object]) -> set[str]:
    """Stages in whose folders the paths lie."""
    parts = [PurePath(path).parts for path in paths if isinstance(path, str)]
    return {folder[0] for root, *folder in filter(None, parts) if root == "results" and folder}

"""The stages and what flows between them."""

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

# They judge structures beyond the run; part of it where `transfer.structures` names some.
TRANSFERS = ("transfer",)

# They take the whole run away; run when asked for.
ARCHIVES = ("archive",)

# Jobs that do the parts of a stage, whose own job puts together what they have found: they share
# its config section, its folder and its costs.
HELPERS = {
    "naswot_chunk": "naswot",
    "search_worker": "search",
    "evaluate_snapshot": "evaluate",
    "knoise_snapshot": "knoise",
    "learning_curve_network": "learning_curve",
    "audit_chunk": "audit",
    "acsd_audit_chunk": "acsd_audit",
    "table_chunk": "table",
}
# Jobs that draw what a stage has found, so that an edited figure repeats nothing of it; run when
# asked for. They share its folder and its costs, and no setting decides them.
FIGURES = {
    "audit_figure": "audit",
    "acsd_audit_figure": "acsd_audit",
    "learning_curve_figure": "learning_curve",
}
# What shows results, and computes none that anything but another of these reads.
SHOWING = ("report", "compare", *FIGURES, *ARCHIVES)

# Commands for people, who give them files.
TOOLS = ("predict", "relax", "dynamics", "export", "verify", "potential")
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


# Which stage reads what which stage writes; a test compares it with Snakemake's own graph.
DEPENDENCIES: tuple[tuple[str, str], ...] = (
    ("snapshots", "dft"),
    ("snapshots", "acsd"),
    ("snapshots", "descriptors"),
    ("snapshots", "train"),
    ("snapshots", "evaluate"),
    ("snapshots", "report"),
    ("dft", "ldos"),
    ("dft", "descriptors"),
    ("dft", "train"),
    ("dft", "evaluate"),
    ("dft", "report"),
    ("ldos", "acsd"),
    ("ldos", "naswot"),
    ("ldos", "search"),
    ("ldos", "train"),
    ("ldos", "evaluate"),
    ("ldos", "report"),
    ("acsd", "descriptors"),
    ("acsd", "report"),
    ("descriptors", "naswot"),
    ("descriptors", "search"),
    ("descriptors", "train"),
    ("descriptors", "evaluate"),
    ("descriptors", "report"),
    ("naswot", "search"),
    ("naswot", "train"),
    ("naswot", "report"),
    ("search", "train"),
    ("search", "report"),
    ("snapshots", "surrogate"),
    ("dft", "surrogate"),
    ("descriptors", "surrogate"),
    ("train", "surrogate"),
    ("train", "evaluate"),
    ("surrogate", "evaluate"),
    ("train", "report"),
    ("evaluate", "report"),
)

# What the audits read; the last two only where naswot.direction is `audit`.
AUDIT_DEPENDENCIES: tuple[tuple[str, str], ...] = (
    ("descriptors", "audit"),
    ("ldos", "audit"),
    ("audit", "naswot"),
    ("audit", "report"),
)
ACSD_AUDIT_DEPENDENCIES: tuple[tuple[str, str], ...] = (
    ("snapshots", "acsd_audit"),
    ("ldos", "acsd_audit"),
    ("acsd", "acsd_audit"),
)

# What the search reads beside the LDOS where it judges by energies.
SEARCH_ENERGY_DEPENDENCIES: tuple[tuple[str, str], ...] = (
    ("snapshots", "search"),
    ("dft", "search"),
)

CONTEST_DEPENDENCIES: tuple[tuple[str, str], ...] = (
    ("snapshots", "contest"),
    ("dft", "contest"),
    ("ldos", "contest"),
    ("descriptors", "contest"),
    ("contest", "compare"),
)

# Of these the first two only where `table.energies` is true.
TABLE_DEPENDENCIES: tuple[tuple[str, str], ...] = (
    ("snapshots", "table"),
    ("dft", "table"),
    ("ldos", "table"),
    ("descriptors", "table"),
)

CONVERGENCE_DEPENDENCIES: tuple[tuple[str, str], ...] = (
    ("snapshots", "knoise"),
    ("dft", "knoise"),
    ("ldos", "knoise"),
    ("snapshots", "floor"),
    ("dft", "floor"),
    ("ldos", "floor"),
)

LEARNING_CURVE_DEPENDENCIES: tuple[tuple[str, str], ...] = (
    ("snapshots", "learning_curve"),
    ("dft", "learning_curve"),
    ("ldos", "learning_curve"),
    ("descriptors", "learning_curve"),
    ("naswot", "learning_curve"),
    ("search", "learning_curve"),
    ("train", "learning_curve"),
)

# Where structures beyond the run are judged.
TRANSFER_DEPENDENCIES: tuple[tuple[str, str], ...] = (
    ("surrogate", "transfer"),
    ("transfer", "evaluate"),
    ("transfer", "report"),
)

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
    "archive": "the run in one file",
}

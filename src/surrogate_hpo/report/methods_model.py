"""The sentences of a methods section about the model: descriptor, network, training, energies."""

import math
from collections.abc import Mapping
from typing import Any

from surrogate_hpo.report.error_summary import BASELINES, QuantityError
from surrogate_hpo.report.known_worth import worth_of_known_trials, worth_of_score
from surrogate_hpo.report.table import format_number

Document = Mapping[str, Any]

ENGINES = {
    "native": "with compiled Python code [@lam2015]",
    "torch": "with PyTorch [@paszke2019]",
    "lammps": "with LAMMPS [@thompson2022]",
}
OBJECTIVES = {
    "fiedler2022": "the smallest average cosine similarity distance to the LDOS [@fiedler2022]",
    "mala2024": (
        "the smallest average cosine similarity distance to the LDOS [@fiedler2022] in the "
        "one-sided form of MALA [@cangi2025]"
    ),
}
SCORES = {
    "naswot": "the NASWOT score [@mellor2021] in the form of [@fiedler2022]",
    "naswot_original": "the NASWOT score in its original form [@mellor2021]",
    "activation_patterns": "the kernel of their activation patterns [@mellor2021]",
    "zico": "the statistics of their gradients (ZiCo) [@li2023]",
    "parameters": "their number of parameters",
    "readout": "the error of a linear readout from their untrained layers",
    "short_training": "the error after a short training",
}
ACTIVATIONS = {"relu": "ReLU", "leaky_relu": "leaky ReLU", "sigmoid": "sigmoid", "tanh": "tanh"}
OPTIMISERS = {
    "soap": "SOAP [@vyas2024], which is Adam [@kingma2015] in the eigenbasis of the second "
    "moments of the gradients",
    "adamw": "AdamW [@loshchilov2019]",
    "adam": "Adam [@kingma2015]",
}
SCHEDULES = {
    "cosine": "lowered to zero along a cosine",
    "constant": "kept constant",
    "plateau": "lowered whenever the validation loss stood still",
}
INPUTS = {
    "none": "as they are",
    "standardised": "standardised to zero mean and unit variance",
    "whitened": "rotated to uncorrelated components of unit variance",
}
OUTPUTS = {
    "none": "not scaled",
    "maximum": "divided by its largest value",
    "standardised": "standardised",
    "feature_maximum": "divided by the largest value at each energy",
}


def describe_descriptors(
    acsd: Document, descriptors: Document, choice: Document, candidates: int
) -> str:
    """Say what describes a grid point and how it was chosen.

    Parameters
    ----------
    acsd
        Settings of the choice.
    descriptors
        Settings of the full calculation.
    choice
        The descriptor chosen.
    candidates
        Number of descriptors that were scored.

    Returns
    -------
    str
        The paragraph.
    """
    if choice["objective"] == "acsd":
        criterion = OBJECTIVES[acsd["definition"]]
    else:
        criterion = "the widest distribution of its own cosine similarities"
    guard = ""
    if acsd.get("guard"):
        guard = (
            " Only candidates competed whose ridge regression of the LDOS left no more than "
            f"{100 * acsd['guard_tolerance']:g} % more variance of left-out snapshots unexplained "
            "than the best one."
        )
    pooled = ", pooled and paired across them," if acsd.get("pairs") == "across" else ""
    weights = choice.get("element_weights") or {}
    elements = ""
    if len(weights) > 1:
        listed = ", ".join(f"{symbol} {weight:g}" for symbol, weight in weights.items())
        elements = f" Elements entered with the weights {listed}."
    return (
        "Each grid point was described by bispectrum components of the spectral neighbour "
        f"analysis (SNAP) [@thompson2015] of the atoms within {choice['cutoff_radius_angstrom']:g} "
        f"Å up to 2J_max = {choice['twojmax']}, {choice['decision']['components']} components, "
        f"evaluated {ENGINES[descriptors.get('engine', 'native')]}.{elements} Cutoff radius and "
        f"2J_max were chosen without training among {candidates} candidates: the descriptor with "
        f"{criterion}, or, of those that {acsd['draws']} random draws of {acsd['points']} × "
        f"{acsd['points']} pairs of grid points on each of up to {acsd['snapshots']} training "
        f"snapshots{pooled} could not tell from it, the one of the largest cutoff radius and then "
        f"of the smallest 2J_max.{guard}"
    )


def describe_architecture(settings: Document, choice: Document, candidates: int) -> str:
    """Say what the network is and how it was chosen.

    Parameters
    ----------
    settings
        Of the scan.
    choice
        The architecture chosen.
    candidates
        Number of architectures that were scored.

    Returns
    -------
    str
        The paragraph.
    """
    widths = ", ".join(str(width) for width in choice["architecture"]["hidden_widths"])
    layers = "s" if len(choice["architecture"]["hidden_widths"]) > 1 else ""
    activation = ACTIVATIONS[choice["architecture"]["activation"]]
    score = settings.get("score", "naswot")
    preferred = "largest" if choice["direction"] == "maximise" else "smallest"
    if choice.get("direction_source") == "audit":
        preferred += ", by an audit against trained networks,"
    kind = "after a brief training" if score == "short_training" else "without training"
    return (
        "A feed-forward network predicts the LDOS of a grid point at all energies from its "
        f"descriptors [@ellis2021]. Its architecture (hidden layer{layers} of {widths} units, "
        f"{activation} activation, {choice['parameters']} parameters in all) "
        f"was chosen {kind} among {candidates} architectures by {SCORES[score]} ({preferred} score "
        f"preferred; {settings['initialisations']} initialisations each). "
        + worth_of_score(score, choice["direction"])
    )


def describe_search(settings: Document, choice: Document) -> str:
    """Say how the optimisation was tuned.

    Parameters
    ----------
    settings
        Of the study.
    choice
        The hyperparameters chosen.

    Returns
    -------
    str
        The paragraph.
    """
    points = settings.get("points")
    trainings = settings["initialisations"]
    runs = "trainings" if trainings > 1 else "training"
    drawn = f" on {points} training points drawn at random" if points else ""
    folds = settings.get("folds", 1)
    dealt = f", and over {folds} folds of training and validation snapshots" if folds > 1 else ""
    return (
        f"{settings['trials']} trials of the tree-structured Parzen estimator [@bergstra2011] in "
        f"Optuna [@akiba2019] tuned the optimisation. The objective was the "
        f"{choice['objective']}, averaged over {trainings} "
        f"{runs} of {settings['maximum_epochs']} epochs{drawn}{dealt}."
        + worth_of_known_trials(choice.get("known_trials", 0))
    )


def describe_training(settings: Document, recipe: Document, seeds: int) -> str:
    """Say how the final networks were trained.

    Parameters
    ----------
    settings
        Of the final training.
    recipe
        The hyperparameters.
    seeds
        Number of networks.

    Returns
    -------
    str
        The paragraph.
    """
    dos = recipe.get("dos_weight") or 0
    extra = f" with the density of states of a batch at a weight of {dos:g}" if dos else ""
    return (
        f"The final network was trained in PyTorch [@paszke2019] from {seeds} random "
        f"initialisation{'s' if seeds > 1 else ''} by {OPTIMISERS[recipe['optimiser']]}: mean "
        f"squared error of the LDOS{extra}, learning rate "
        f"{format_number(recipe['learning_rate'], 3)}, {SCHEDULES[recipe['schedule']]}, batches "
        f"of {recipe['batch_size']} grid points, weight decay {recipe['weight_decay']:g}, at most "
        f"{settings['maximum_epochs']} epochs. Descriptors were "
        f"{INPUTS[recipe['input_scaling']]}, the LDOS was "
        f"{OUTPUTS[recipe.get('output_scaling', 'maximum')]}."
    )


def describe_evaluation(error: QuantityError, held_out: int, seeds: int) -> str:
    """Say how energies follow from the LDOS, and how good they are.

    Parameters
    ----------
    error
        Of the total free energy.
    held_out
        Number of snapshots.
    seeds
        Number of networks.

    Returns
    -------
    str
        The paragraph.
    """
    spread = (
        f"mean ± standard deviation over {seeds} initialisations"
        if seeds > 1
        else "one initialisation"
    )
    floor, baseline = (
        format_number(value, 3)
        for value in (error.discretisation_error_mev_per_atom, error.baseline_mev_per_atom)
    )
    text = (
        "The LDOS gives the density of states and the electron density, and these the Fermi "
        "energy, the band energy, the entropy and, with the Hartree, exchange-correlation and "
        "Ewald terms, the total free energy [@ellis2021]. Integrals over energy are analytic for a "
        "density of states that is linear between the energies, and corrected for the width of the "
        "kernel."
    )
    if not error.known:
        return f"{text} The error of the {error.label} is not known: the data hold no reference."
    ensemble, skill, correlation, control = (
        format_number(value, 3)
        for value in (
            error.ensemble_mae_mev_per_atom,
            error.skill,
            error.correlation,
            error.control_mae_mev_per_atom,
        )
    )
    text = (
        f"{text} On {held_out} held-out snapshots the mean absolute error of the {error.label} "
        f"against density functional theory is {error.text} meV/atom ({spread}), that of the mean "
        f"of the networks {ensemble} meV/atom. The LDOS of the DFT calculation itself, integrated "
        f"in the same way, gives {floor} meV/atom, and the {BASELINES[error.baseline_of]} as the "
        f"prediction {baseline} meV/atom."
    )
    if math.isfinite(error.skill) and math.isfinite(error.correlation):
        text += f" So the ratio of errors is {skill}, and the correlation with DFT {correlation}."
    if math.isfinite(error.control_mae_mev_per_atom):
        labels = "energies and forces" if error.control_has_forces else "energies alone"
        text += (
            " A potential that is linear in the SNAP components of the atoms [@thompson2015], "
            f"fitted to the training snapshots' {labels}, gives {control} meV/atom."
        )
    return text

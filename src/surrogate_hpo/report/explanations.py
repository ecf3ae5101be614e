"""What the report says about each stage and figure; numbers never stand here."""

from surrogate_hpo.report.explanations_atoms import OF_ATOMS, FigureText

STAGES: dict[str, str] = {
    "snapshots": (
        "Thermal configurations of the atoms: the cells for which electronic structure is "
        "calculated. Each belongs to exactly one split. Training snapshots fit the networks, "
        "validation snapshots steer the search and stop the training, and held-out snapshots "
        "are used once, for the errors in this report."
    ),
    "dft": (
        "Quantum ESPRESSO solves the Kohn-Sham equations for every snapshot at the electronic "
        "temperature of the settings. Its energies are the reference for every error below."
    ),
    "ldos": (
        "The local density of states, in 1/(eV Å³), on the real-space grid: how many states "
        "there are at each point and energy. Integrated over energy it gives the density, over "
        "space the density of states, and from both follow the energies. Each level is "
        "broadened by a kernel whose width is stored with the data, because the energies are "
        "corrected for it."
    ),
    "acsd": (
        "A network learns best from descriptors that are similar where the LDOS is similar. The "
        "average cosine similarity distance (ACSD) measures the mismatch on random pairs of "
        "grid points, and so picks cutoff radius and angular resolution (2J_max) of the SNAP "
        "descriptors without training a network. The kernel spread, its alternative without an "
        "LDOS, only asks how well the descriptors tell points apart."
    ),
    "descriptors": (
        "SNAP bispectrum components on every grid point for the chosen cutoff radius and "
        "2J_max. They describe the neighbourhood of a point and do not change when the "
        "neighbourhood is rotated or shifted, or when equal atoms are exchanged."
    ),
    "naswot": (
        "NASWOT scores a network before training, from how differently its output reacts to "
        "the inputs at a few grid points. This is cheap, but it is an indication only: the "
        "published method maximises the score, whereas on the aluminium data of the tutorial "
        "large scores went with larger errors. The direction is therefore a setting; check it "
        "against trained networks before relying on it for a new material."
    ),
    "search": (
        "Optuna tunes what belongs to the optimisation (learning rate, batch size and the "
        "like) for the chosen descriptor and architecture. This space is smaller than that of "
        "all hyperparameters, so fewer trials are needed. Held-out snapshots are not touched."
    ),
    "train": (
        "The final networks: the same settings from several random initialisations (seeds). "
        "The spread between them is the error bar of the result."
    ),
    "surrogate": (
        "All networks with what their predictions need beside them, in one file: descriptor, "
        "energy axis, ions, functional, grids, and the range of the descriptors that they were "
        "trained on. surrogate-hpo predict reads it without the rest of the run."
    ),
    "evaluate": (
        "The networks predict the LDOS of snapshots they have never seen, and all energies are "
        "computed from it. Some numbers belong together. The MAE is the surrogate's mean "
        "absolute error against DFT. The floor is the error of the same computation from the "
        "reference LDOS: what grid, energy window and broadening cost, with no network "
        "involved. The baseline is the error of always predicting a constant: for sizes and "
        "temperatures that the training has, the mean of its snapshots; for others the mean of "
        "the held-out snapshots themselves, the best that a constant can do. What counts is the "
        "error as a share of the baseline's, and the correlation with DFT: energies per atom vary "
        "less in larger cells, so few meV/atom alone say nothing. The control is a linear "
        "potential fitted to the energies of the training snapshots, and to their forces where "
        "all of them are known, without any LDOS. The k noise is how far the DFT energies "
        "themselves are from those with a denser mesh of k points, which none of the other "
        "numbers can see: both sides of each have the same mesh."
    ),
}
"""One paragraph per stage, in the order of the report."""

FIGURES: dict[str, FigureText] = {
    "dag": FigureText(
        "workflow",
        "Each box is one stage: one rule of the workflow, one command, one folder of results. "
        "An arrow means that the lower stage reads what the upper one has written.",
        "Straight arrows lead to the next stage. Results that are needed further down travel "
        "in a lane of their source's colour. A change in one stage makes the stages run "
        "again to which its arrows lead, directly or through others, and no other. A dashed "
        "arrow leads back: snapshots that the rounds have chosen, one round after the other.",
    ),
    "rounds": FigureText(
        "rounds",
        "Errors of the potential, or of networks, on the validation snapshots against the DFT runs "
        "made for the training by then: one point per round, on a logarithmic axis, and one after "
        "the last. Below: how many structures each round chose, and of how many the calculation "
        "failed.",
        "An error that falls from round to round says that what was chosen taught the potential "
        "something; one that stays or rises, with few snapshots as by chance, says that it did "
        "not. Rounds that find the dashed limits met, all that there are, stay empty, and so do "
        "those after them.",
    ),
    "acsd_map": FigureText(
        "acsd",
        "The ACSD of every candidate, averaged over snapshots and random draws, with its "
        "spread. Smaller is better. The framed candidate was chosen; hatched ones cannot be "
        "told from the best within the spread.",
        "The rule takes, among the hatched candidates, the largest cutoff radius and then the "
        "smallest 2J_max. Compare with the score of a constant descriptor, in the title: it "
        "describes nothing, so where candidates score little better, the ACSD has little to "
        "say and the choice is a weak one. With a guard (acsd.guard) only candidates compete "
        "whose regression predicts left-out snapshots about as well as the best one; the table "
        "has its numbers: far more unexplained there than on fitted snapshots is overfitting.",
    ),
    "kernel_spread_map": FigureText(
        "acsd",
        "The kernel spread of every candidate, σ/(1 + |γ|) with the standard deviation σ and the "
        "skewness γ of the descriptors' similarities, averaged over snapshots and random draws, "
        "with its spread. Larger is better. The framed candidate was chosen; hatched ones cannot "
        "be told from the best within the spread.",
        "No LDOS entered: the score says how well a descriptor tells points apart, not whether "
        "the LDOS differs there. It favours short cutoffs and few components. Compare with "
        "the ACSD as soon as there is an LDOS.",
    ),
    "similarity_clouds": FigureText(
        "acsd",
        "All pairs of points of one draw: cosine similarity of the descriptors against that of "
        "the LDOS, for the chosen candidate, the best and the worst. The diagonal is where both "
        "agree; the ACSD in the title, the mean over all draws with its spread, measures the "
        "distance from it. Horizontal axes are the same, vertical ones differ.",
        "A good descriptor follows the diagonal. Pairs far above it look alike to the descriptor "
        "though their LDOS differ, and no network can repair that; pairs below it only look more "
        "different than they are. Note where most pairs lie: colours are logarithmic.",
    ),
    "similarity_spread": FigureText(
        "acsd",
        "Distribution of the cosine similarity of the descriptors over all pairs of points of one "
        "draw, for the chosen candidate, the best and the worst, on a logarithmic axis.",
        "A peak at 1 means a descriptor to which all points look alike. A wide, even "
        "distribution tells points apart.",
    ),
    "naswot_ranking": FigureText(
        "naswot",
        "One marker per architecture: the score over several random initialisations against "
        "the number of parameters. Bars are the standard deviation over initialisations; the "
        "ring marks the choice.",
        "Scores can span decades, then the axis is logarithmic. If the score merely follows "
        "the number of parameters, it says no more than that number does. Crosses at the lower "
        "edge have no finite score and can never be chosen.",
    ),
    "score_agreement": FigureText(
        "naswot",
        "Every score against the error of the same networks after a brief training, one panel "
        "per score and one marker per architecture. τ is Kendall's rank correlation with its "
        "95 % interval over architectures.",
        "A score of use falls or rises steadily with the error, and its interval does not "
        "contain zero; the sign says which way to read it. Compare with the number of parameters: "
        "a score that ranks no better says no more. Crosses at the upper edge diverged.",
    ),
    "search_history": FigureText(
        "search",
        "Above: the objective of each trial and the best so far. Below: the same objective "
        "against the learning rate, usually the most sensitive parameter.",
        "A best-so-far line that is still falling at the end asks for more trials. A best "
        "learning rate at the edge of its range asks for a wider range. Pruned "
        "trials were stopped early; crosses failed and have no value.",
    ),
    "learning_curves": FigureText(
        "train",
        "Loss on the training points (dashed) and on the validation snapshots (solid) after "
        "each epoch, one colour per seed. The weights of the marked epoch are used.",
        "A validation loss that rises while the training loss falls means over-fitting; both "
        "still falling at the last epoch means that training stopped too early. Seeds should "
        "end close together.",
    ),
    "error_summary": FigureText(
        "evaluate",
        "Mean absolute error of every energy on the held-out snapshots, on a logarithmic axis: "
        "floor, surrogate (with the standard deviation over seeds) and baseline; for the total "
        "free energy the control, too, and the k noise where it was measured.",
        "A useful surrogate lies far to the left of its baseline. One close to its floor can "
        "only improve with a finer grid, a wider window or a narrower kernel. Errors of single "
        "terms may be larger than that of the total, in which they partly cancel.",
    ),
    "error_by_size": FigureText(
        "evaluate",
        "Mean absolute error of the total free energy for each number of atoms among the "
        "held-out snapshots: surrogate, baseline, floor and control, and the k noise where it was "
        "measured, both axes logarithmic.",
        "Energies per atom vary less in larger cells, so the baseline falls. A surrogate that "
        "holds on larger cells falls with it; where it meets the baseline, it predicts no better "
        "than a constant there.",
    ),
    **OF_ATOMS,
    "error_by_snapshots": FigureText(
        "evaluate",
        "Mean absolute error of the total free energy on the held-out snapshots against the number "
        "of training snapshots, both axes logarithmic: the same architecture and recipe, trained "
        "with parts that are spread over all training snapshots.",
        "An error that still falls at the right asks for more snapshots; one that is flat asks "
        "for something else. The dashed baseline is that of the whole training.",
    ),
    "time_by_size": FigureText(
        "evaluate",
        "CPU time of one DFT calculation and of one prediction with all networks, for each number "
        "of atoms, both axes logarithmic. Open circles: calculations of other places, as the file "
        "of the structures tells. Open squares: predictions with forces of each network.",
        "DFT grows with the third power of the number of atoms in the end, the prediction about "
        "linearly. Times of other places belong to other machines. The training is not counted: "
        "it stands in the table of costs.",
    ),
    "parity": FigureText(
        "evaluate",
        "Predicted energy against the DFT energy of each held-out snapshot, per atom and "
        "relative to the mean of the DFT energies of the same size and temperature. Diamonds: "
        "the same computation from the reference LDOS (floor). Dashed line, or dashes: the "
        "baseline.",
        "A perfect prediction lies on the diagonal. Points parallel to it share a common "
        "shift, which cancels in energy differences; scatter does not. The MAE in the title is "
        "the mean over the seeds and its standard deviation.",
    ),
    "force_parity": FigureText(
        "evaluate",
        "Components of the forces on the atoms of the held-out snapshots, and of structures beyond "
        "the run whose forces are known: mean over the networks against DFT, a colour and a marker "
        "per element.",
        "The forces are the derivatives of the predicted total free energy. A slope other than one "
        "is a wrong stiffness; an element off the line is one that the networks know less. There "
        "is no floor: how forces of the reference LDOS itself would differ is not known.",
    ),
    "force_error": FigureText(
        "evaluate",
        "Root mean square error of a component of the forces, and the standard deviation over the "
        "networks, for atoms sorted by the size of their force. Horizontal bars: the sizes in a "
        "bin; bins hold about as many atoms each.",
        "An error that grows with the force belongs to strongly displaced atoms, of which the "
        "training has few. Where the spread lies below the error, the networks share an error that "
        "it does not show.",
    ),
    "ldos_overlay": FigureText(
        "evaluate",
        "LDOS of one held-out snapshot at three grid points that differ in how many states there "
        "are: DFT (solid) and prediction (dashed), with the spread over seeds.",
        "This is what the networks learn. A curve that is off in height at many energies adds "
        "to the density's error, one that is shifted in energy to that of the Fermi energy.",
    ),
    "dos_overlay": FigureText(
        "evaluate",
        "Density of states of one held-out snapshot from the reference LDOS and from the "
        "predicted one, with the Fermi energies; below, their difference. The band is one "
        "standard deviation over the seeds.",
        "Only states below and around the Fermi energy enter the energies. A difference of one "
        "sign over a wide range shifts the energies of all snapshots together.",
    ),
    "cost_per_stage": FigureText(
        "cost",
        "Processor time per stage, summed over all its jobs, before what was allocated: cores, or "
        "GPUs, times wall time. The percentage is how much of it was used; a GPU counts as used "
        "from the start of a job that opens it to the end.",
        "A low percentage means cores that wait: for files, for a GPU, or because the job is too "
        "short for its start-up. Above 100 % a job took more cores than it was given. Stages with "
        "many independent jobs finish sooner with more cores or on a cluster.",
    ),
}
"""Words per figure; ``parity`` serves the parity plots of all quantities."""

ALTERNATIVES = {"kernel_spread_map": "acsd_map", "similarity_spread": "similarity_clouds"}
"""Figures of a score without LDOS, and those of the ACSD whose place they take."""


OPTIONAL = frozenset(
    {
        *("score_agreement", "error_by_size", "error_by_snapshots", "time_by_size"),
        *("force_parity", "force_error", *OF_ATOMS, "rounds"),
    }
)
"""Figures of stages that are not part of every run, of cells of several sizes, or of forces."""

OF_ERRORS = frozenset({"parity", "error_summary"})
"""Figures that need a reference to compare with."""


def figure_text(name: str) -> FigureText | None:
    """Return the words for a figure of this name, if there are any."""
    return FIGURES.get("parity" if name.startswith("parity_") else name)

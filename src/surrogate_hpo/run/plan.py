"""Which jobs a run consists of, as far as they follow from the config alone."""

from collections.abc import Callable
from pathlib import Path

from surrogate_hpo.config.project import Config
from surrogate_hpo.run.graph import FIGURES, HELPERS, STAGES

# Transforms of whole grids, beside jobs of the same stage that have networks.
_ON_THE_GRID = ("predict_large_gradient",)
# What trains and predicts again does it where it was done before.
_GPUS_OF = {"learning_curve": "evaluate", "learning_curve_network": "train"}


def chain(config: Config) -> tuple[str, ...]:
    """Stages of a run, in an order that their inputs allow; some only where they are needed."""
    stages = list(STAGES)
    if config.snapshots.finished:
        stages.insert(stages.index("acsd"), "floor")
    if config.rounds.number:
        stages.insert(stages.index("ldos"), "rounds")
    if config.naswot.direction == "audit":
        stages.insert(stages.index("naswot"), "audit")
    if config.transfer.structures:
        stages.insert(stages.index("evaluate"), "transfer")
    return tuple(stages)


def rules(config: Config) -> list[tuple[str, int]]:
    """Rules of a run with their numbers of jobs, helpers before the stages that they work for.

    Parameters
    ----------
    config
        The whole config.

    Returns
    -------
    list of tuple
        Name and number of jobs.
    """
    return [job for stage in chain(config) for job in _rules_of(stage, config)]


def _rules_of(stage: str, config: Config) -> list[tuple[str, int]]:
    """Rules of a stage with their numbers of jobs.

    Of several helpers each does the parts that have its name, such as `slab-3` of
    `predict_large_slab`; one helper does all.
    """
    shared = parts(stage, config)
    helpers = [helper for helper, of in HELPERS.items() if of == stage and shared]
    kinds = [name.partition("-")[0] for name in shared]
    jobs = {helper: kinds.count(helper.removeprefix(f"{stage}_")) for helper in helpers}
    if len(helpers) == 1:
        jobs = dict.fromkeys(helpers, len(shared))
    asked = ((helper, number) for helper, number in jobs.items() if number)
    return [*asked, (stage, len(items(stage, config)) - len(shared))]


def large_prediction(config: Config) -> list[tuple[str, int]]:
    """Rules of the prediction that many jobs share, with their numbers of jobs.

    Parameters
    ----------
    config
        The whole config.

    Returns
    -------
    list of tuple
        None if the config names no structure for it.
    """
    return _rules_of("predict_large", config) if parts("predict_large", config) else []


def gpus(rule: str, config: Config) -> int:
    """How many GPUs a job of a rule uses.

    Parameters
    ----------
    rule
        Name of a stage, or of a helper, which has the settings of its stage.
    config
        The whole config.

    Returns
    -------
    int
        One per process, if the settings say so; none where nothing is computed.
    """
    if rule in _ON_THE_GRID:
        return 0
    if rule in _GPUS_OF:
        return config.gpus(_GPUS_OF[rule])
    gathering = set(HELPERS.values())
    return 0 if rule in {*gathering, *FIGURES} else config.gpus(HELPERS.get(rule, rule))


def items(stage: str, config: Config) -> list[str]:
    """What the jobs of a stage are called: snapshots, initialisations, methods, or `all`.

    Parameters
    ----------
    stage
        Name of the stage.
    config
        The whole config.

    Returns
    -------
    list of str
        One name per job.
    """
    if names := snapshots_of(stage, config):
        return names
    if stage == "train":
        return [str(seed) for seed in range(config.train.seeds)]
    if stage == "contest":
        return list(config.compare.methods)
    return ["all", *parts(stage, config)]


def snapshots_of(rule: str, config: Config) -> list[str]:
    """Snapshots of which each has a job of the rule.

    Parameters
    ----------
    rule
        Name of a stage or a helper.
    config
        The whole config.

    Returns
    -------
    list of str
        Their names; none if the rule's jobs are others.
    """
    if rule == "snapshots":
        return config.snapshots.all_names()
    if rule in ("dft", "ldos", "descriptors"):
        return config.all_names()
    return config.snapshots.names("test") if rule == "evaluate_snapshot" else []


def parts(stage: str, config: Config) -> list[str]:
    """What the jobs are called that share a stage with `all`.

    Parameters
    ----------
    stage
        Name of the stage.
    config
        The whole config.

    Returns
    -------
    list of str
        One name per job; none for stages that one job does.
    """
    if (named := _NAMED_PARTS.get(stage)) is not None:
        return named(config)
    name, count = {
        "search": ("worker", config.search.workers),
        "naswot": ("chunk", config.naswot.chunks),
        "audit": ("chunk", config.audit.chunks),
        "acsd_audit": ("chunk", config.acsd_audit.chunks),
        "table": ("chunk", config.table.chunks),
    }.get(stage, ("", 0))
    return [f"{name}-{number}" for number in range(count)]


def curve(config: Config) -> list[tuple[int, int]]:
    """Number of training snapshots and initialisation of each network of the learning curve.

    They are the config's own: of those of the rounds it is not known whether they are there.
    """
    counts = config.learning_curve.counts(len(config.snapshots.names("training")))
    return [(count, seed) for count in counts for seed in range(config.learning_curve.seeds)]


def curve_model(config: Config, count: int, seed: int) -> Path:
    """Where such a network lies: with all snapshots it may be one of the run's own."""
    if _trained(config, count, seed):
        return Path("results") / "train" / str(seed) / "model.pt"
    return Path("results") / "learning_curve" / f"{count}-{seed}" / "model.pt"


def _trained(config: Config, count: int, seed: int) -> bool:
    return count == len(config.names("training")) and seed < config.train.seeds


def _size_classes(config: Config) -> list[str]:
    """Snapshots that stand for their size; reading structures takes long to import."""
    from surrogate_hpo.run.case import size_classes  # noqa: PLC0415

    return [] if config.snapshots.finished else list(size_classes(config))


def cost_path(stage: str, item: str) -> Path:
    """Cost record of a job, the file that it writes last; under the folder of the run."""
    return Path("results") / "cost" / stage / f"{item}.json"


def log_path(stage: str, item: str) -> Path:
    """Log of a job, under the folder of the run."""
    return Path("logs") / (f"{stage}.log" if item == "all" else f"{stage}/{item}.log")


def _parts_of_large(config: Config) -> list[str]:
    if config.predict_large.structure is None:
        return []
    slabs = range(config.predict_large.slabs)
    energies = ["bracket", *(f"slab-{number}" for number in slabs)]
    if not config.predict_large.derivatives:
        return energies
    return [*energies, "gradient", *(f"pull-{number}" for number in slabs)]


def _parts_of_curve(config: Config) -> list[str]:
    own = (one for one in curve(config) if not _trained(config, *one))
    return [f"{count}-{seed}" for count, seed in own]


_NAMED_PARTS: dict[str, Callable[[Config], list[str]]] = {
    "evaluate": lambda config: config.snapshots.names("test"),
    "knoise": _size_classes,
    "ados": lambda config: ["atoms", *(f"network-{seed}" for seed in range(config.ados.seeds))],
    "rounds": lambda config: [f"choice-{number}" for number in config.rounds.numbers()],
    "learning_curve": _parts_of_curve,
    "predict_large": _parts_of_large,
}

"""What the rules share: the config, names of snapshots, and what makes a job rerun."""

import ast
import os
import sys
from functools import cache
from pathlib import Path
from shlex import quote

from snakemake.exceptions import WorkflowError
from snakemake.io import IOFile
from snakemake.logging import logger

from surrogate_hpo.run.request import request
from surrogate_hpo.stages.learning_curve.settings import spread
from surrogate_hpo.config.load import load_config
from surrogate_hpo.run.case import case_of, size_classes
from surrogate_hpo.run.graph import FIGURES, HELPERS, STAGES, flow
from surrogate_hpo.run import plan
from surrogate_hpo.verbs.status.verb import refused
from surrogate_hpo.run.plan import cost_path, items
from surrogate_hpo.config.base import SPLITS
from surrogate_hpo.errors import SurrogateHpoError
from surrogate_hpo.interruption import END_TIME_VARIABLES
from surrogate_hpo.archive.source import revision
from surrogate_hpo.run.code_digest import code_digest
from surrogate_hpo.run.content_marks import content_mark
from surrogate_hpo.formats.espresso.engine import decided_engine
from surrogate_hpo.formats.finished.opening import open_finished
from surrogate_hpo.run.module_config import module_config
from surrogate_hpo.run.outputs import changed_outputs
from surrogate_hpo.run.allocation import slurm_end_time

# Jobs call `surrogate-hpo`, also when the environment was not activated.
os.environ |= {
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
}

# A stage that saves itself in time must know when its job ends; this is read within the job, too.
JOB_END = slurm_end_time(os.environ)
os.environ |= {} if JOB_END is None else {END_TIME_VARIABLES[0]: str(JOB_END)}

# The workflow's own folder, whichever Snakefile leads here.
SOURCE = Path(workflow.current_basedir.get_path_or_uri(secret_free=True)).parents[1]
# Whether this is a module of another workflow, which then says what the settings are.
MODULE = not workflow.modifier.is_main_snakefile()
if workflow.modifier.path_modifier.replace_prefix("results") != "results":
    raise WorkflowError(
        "the module has a prefix for its paths, which jobs would not see in what they keep "
        "in results/state; leave it out, and run in a folder of its own: snakemake --directory"
    )
if workflow.config_settings.config and not MODULE:
    raise WorkflowError(
        "settings on the command line (--config) would not be seen by the stages; "
        "put them in a file and add it: --configfile config/config.yaml mine.yaml"
    )


def given_files():
    """The config files, relative to the folder of the run."""
    if MODULE:
        return [str(module_config(workflow.modifier.namespace, config))]
    named = [os.path.relpath(path) for path in workflow.overwrite_configfiles]
    return named or ["config/config.yaml"]


try:
    CONFIG_FILES = given_files()
    CONFIG = load_config([Path(path) for path in CONFIG_FILES])
except SurrogateHpoError as error:
    raise WorkflowError(str(error))

# PATH may change while the run goes on; its pw.x does not.
os.environ |= {} if CONFIG.snapshots.finished else decided_engine(CONFIG.dft.command)

SEEDS = range(CONFIG.train.seeds)
# The split whose LDOS the acsd stage reads: none if its score needs no labels.
ACSD_LABELS = ["training"] if CONFIG.acsd.needs_ldos else []
# A score that learns reads the LDOS of all training snapshots, others that of one for its length.
NASWOT_LABELS = None if CONFIG.naswot.needs_ldos else 1
NASWOT_HELD_OUT = ["validation"] if CONFIG.naswot.needs_ldos else []
# Energies, where the search judges by them, are made of more than the LDOS.
SEARCH_JUDGED = CONFIG.search.judged_splits if CONFIG.search.needs_energies else []
# The same for the table of trained networks.
TABLE_JUDGED = ["validation"] if CONFIG.table.energies else []
# The audit is part of the chain only where the direction of the score is its verdict.
NASWOT_AUDIT = ["audit"] if CONFIG.naswot.direction == "audit" else []
# So is the comparison of search methods where the report shows it.
COMPARISON = ["compare"] if CONFIG.report.comparison else []
# And so is the noise of the labels.
KNOISE = ["knoise"] if CONFIG.report.kpoint_noise else []
CURVE = ["learning_curve"] if CONFIG.report.learning_curve else []
# Networks trained with some of the snapshots, and with all of them perhaps the run's own.
CURVE_MODELS = [str(plan.curve_model(CONFIG, *one)) for one in plan.curve(CONFIG)]
# And the densities of states by atom; they may stand beside the run's surrogate, or alone.
ADOS = ["ados"] if CONFIG.report.ados else []
ADOS_SEEDS = range(CONFIG.ados.seeds)
ADOS_BESIDE = ["evaluate"] if CONFIG.ados.beside_surrogate else []
ADOS_BESIDE_TRAINING = ["train"] if CONFIG.ados.beside_surrogate else []
# Structures beyond the run are predicted only where there are any.
TRANSFER = ["transfer"] if CONFIG.transfer.structures else []
# Snapshots are added in rounds only where some are asked for.
ROUNDS = ["rounds"] if CONFIG.rounds.number else []
ROUND_SNAPSHOTS = CONFIG.rounds.names()
# Networks are trained in a round only where it is judged by them.
ROUND_LEARNT = ["training"] if CONFIG.rounds.needs_ldos else []
ROUND_JUDGED = ["validation"] if CONFIG.rounds.needs_ldos else []
# The user's files that candidates of a round come from.
POOL_FILES = [
    *CONFIG.snapshots.cell_files(),
    *CONFIG.select.own_files,
    *CONFIG.rounds.own_files,
]
# And the energies of the reference LDOS where these were made elsewhere.
FLOOR = ["floor"] if CONFIG.snapshots.finished else []
# And the potential.
POTENTIAL = ["potential"] if CONFIG.report.potential else []
# A potential learns from the run's snapshots, unless the user has others.
POTENTIAL_TRAINING = [] if CONFIG.potential.files else ["training"]
POTENTIAL_TEST = [] if CONFIG.potential.files else ["test"]
# Its descriptor may be chosen beside the densities of states by atom.
POTENTIAL_ATOMS = ["results/ados/atoms.pt"] if CONFIG.potential.needs_dos else []
# The large cell is predicted by the run's own surrogate, or by a file.
LARGE_SURROGATE = CONFIG.predict_large.surrogate or "results/surrogate/surrogate.pt"
LARGE_OWN = [one for one in [CONFIG.predict_large.surrogate] if one]
# Its forces take a job more, and one for each slab.
LARGE_DERIVATIVES, LARGE_FORCES = {}, {}
if CONFIG.predict_large.derivatives:
    LARGE_DERIVATIVES = {
        "gradient": "results/predict_large/gradient.zarr.zip",
        "pulled": [
            f"results/predict_large/pulled/{slab}.zarr.zip"
            for slab in range(CONFIG.predict_large.slabs)
        ],
    }
    LARGE_FORCES = {"forces": "results/predict_large/structure.extxyz"}
# A rule that asks a model has it made first, and judged on snapshots that it has not seen.
SELECT_POTENTIAL = (
    ["results/potential/potential.json"] if CONFIG.select.asks_potential else []
)
SELECT_SURROGATE = (
    ["results/surrogate/surrogate.pt"] if CONFIG.select.asks_networks else []
)
SELECT_JUDGED = ["validation"] if SELECT_POTENTIAL or SELECT_SURROGATE else []
# Choices are replayed on all snapshots, unless the user has other structures.
SELECT_AUDITED = [] if CONFIG.select_audit.files else SPLITS
METHODS = CONFIG.compare.methods
UPF_FILES = list(CONFIG.dft.pseudopotentials.values())


wildcard_constraints:
    snapshot="|".join(CONFIG.all_names()),
    round=r"\d+",
    seed=r"\d+",
    worker=r"\d+",
    chunk=r"\d+",
    number=r"\d+",
    slab=r"\d+",
    method=r"\w+",


def settings(stage):
    """What decides the numbers of a job; a change reruns it."""

    def of_job(wildcards):
        named = (getattr(wildcards, name, None) for name in ("snapshot", "round"))
        return CONFIG.job_settings(stage, next(filter(None, named), None))

    return of_job


def code(stage):
    """Digest of the code behind a stage, made only for jobs that are looked at."""
    return lambda wildcards: code_digest(stage)


@cache
def edited():
    """Results that are no longer what their jobs wrote, by cost record; told once."""
    found = {}
    for one in changed_outputs(Path()) if workflow.is_main_process else []:
        logger.warning(f"{one.line()}: edited? It is made again.")
        found.setdefault(one.record, []).append(one.mark)
    return found


def written(rule):
    """Changes when an output of the job is not what it wrote: the job runs again, once.

    Otherwise it is what Snakemake has kept of the last time, so that this is no change.
    """

    def mark(wildcards):
        record = str(getattr(rules, rule).output.cost).format(**dict(wildcards.items()))
        if record in edited():
            return " ".join(["edited", *edited()[record]])
        kept = workflow.persistence.metadata(IOFile(record))
        texts = [ast.literal_eval(p) for p in (kept.params if kept else None) or []]
        return next((t for t in texts if str(t).startswith("edited ")), "as written")

    return mark


def contents(*sources):
    """Mark of the users' files that a job reads: another content reruns it, whatever its age."""

    def mark(wildcards):
        found = [s(wildcards) if callable(s) else s for s in sources]
        listed = [[one] if isinstance(one, str) else one for one in found]
        return content_mark(Path(path) for paths in listed for path in paths)

    return mark


def config_files(wildcards, input):
    """The config files, as a parameter that reruns nothing: only the settings in them do."""
    return CONFIG_FILES


def files(wildcards, input, output):
    """Options of the command line for a rule's named inputs and outputs, in their order.

    What has no name is only waited for. The cost record ends each line by itself. A parameter that
    depends on the input reruns nothing: what files there are Snakemake sees without it.
    """
    words = []
    for name, paths in (*input.items(), *output.items()):
        if name != "cost":
            listed = [paths] if isinstance(paths, str) else paths
            words += [f"--{name.replace('_', '-')}", *map(quote, listed)]
    return " ".join(words)


def stage_flow(wildcards):
    """Which stage reads what others write in this run; asked when all rules are known."""
    reading = ((rule.input, rule.output) for rule in workflow.rules)
    return flow(reading, plan.chain(CONFIG))


def job(verb, settings_of=None):
    """Parameters of every job: what makes it run again, and what stands on its command line."""
    stage = settings_of or HELPERS.get(verb, verb)
    decided = {} if verb in FIGURES else {"settings": settings(stage)}
    return decided | {
        "code": code(verb),
        "written": written(verb),
        "config": config_files,
        "files": files,
    }


def source_revision(wildcards):
    """Commit of the workflow, and what differs from it; asked only of jobs that are looked at."""
    return revision(SOURCE)


def source(wildcards):
    """Where the source of the workflow is, for its archive; of a module that is only a part."""
    if MODULE:
        raise WorkflowError(
            "an archive holds a run of this workflow alone, and here it is a module of another; "
            "run it by itself: snakemake archive --snakefile its/Snakefile "
            f"--configfile {CONFIG_FILES[0]}"
        )
    return str(SOURCE)


def gpus(rule):
    """GPUs of a rule's jobs: none unless the stage's section says `use_gpu: true`."""
    return plan.gpus(rule, CONFIG)


def of(pattern, *splits, number=None):
    """The pattern's files of all snapshots of some splits, or of some that are spread over them.

    Those are the config's own: of the rounds' it is not known whether they are there.
    """
    if number is None:
        names = [name for split in splits for name in CONFIG.names(split)]
        return expand(pattern, snapshot=names)
    names = [name for split in splits for name in CONFIG.snapshots.names(split)]
    return expand(pattern, snapshot=spread(names, number))


def own(pattern, split):
    """The pattern's files of the config's own snapshots of a split, without those of the rounds."""
    return expand(pattern, snapshot=CONFIG.snapshots.names(split))


def known(pattern, *splits):
    """The pattern's files of splits, without those of the wildcard's round and of later ones."""

    def files_before(wildcards):
        names = [name for split in splits for name in CONFIG.snapshots.names(split)]
        if "training" in splits:
            names += CONFIG.rounds.names_before(int(wildcards.round))
        return expand(pattern, snapshot=names)

    return files_before


def tried(wildcards):
    """Structures of the rounds before, also those whose calculation failed."""
    names = CONFIG.rounds.names_before(int(wildcards.round))
    return expand("results/snapshots/{snapshot}.extxyz", snapshot=names)


def round_before(wildcards):
    """The choice of the round before; none of the first one."""
    number = int(wildcards.round) - 1
    return [f"results/rounds/{number}/choice.json"] if number else []


def some(pattern):
    """The pattern's files of as many training snapshots as the wildcard says, spread over all."""
    names = CONFIG.snapshots.names("training")
    return lambda wildcards: expand(
        pattern, snapshot=spread(names, int(wildcards.number))
    )


def costs(*stages):
    """Cost records of all jobs of some stages."""
    return [
        str(cost_path(stage, item)) for stage in stages for item in items(stage, CONFIG)
    ]


@cache
def case():
    """The size of the case: read from structure files where there are such, so only once."""
    return case_of(CONFIG)


@cache
def requested(rule, attempt, snapshot=None):
    """What a job asks for, by the size of its snapshot or the case; docs/concepts/resources.md."""
    try:
        size = case() if snapshot is None else case().of(snapshot)
        return request(rule, size, attempt=attempt)
    except SurrogateHpoError as error:
        raise WorkflowError(str(error))


def asked(rule, wildcards, attempt):
    """What a job asks for, which has a snapshot of its own or none."""
    return requested(rule, attempt, getattr(wildcards, "snapshot", None))


def cores(rule):
    """CPU cores of a rule's jobs; they do not grow with the attempts."""
    return lambda wildcards: asked(rule, wildcards, 1).threads


def memory(rule):
    """Memory of a rule's jobs in MiB; a retry gets more."""
    return lambda wildcards, attempt: asked(rule, wildcards, attempt).memory_mebibytes


def minutes(rule):
    """Time limit of a rule's jobs; a retry gets more."""
    return lambda wildcards, attempt: asked(rule, wildcards, attempt).minutes


def asking(message):
    """The message of a job, and behind it what the job asks for."""
    return f"{message} (cores {{threads}}, memory {{resources.mem_mb}} MiB, limit {{resources.runtime}} min)"


def noise_records(wildcards):
    """Records of the k noise, one per size of cell; structures are read only if asked for."""
    try:
        names = list(size_classes(CONFIG))
    except SurrogateHpoError as error:
        raise WorkflowError(str(error))
    return expand("results/knoise/{snapshot}.json", snapshot=names)


def large_structure(wildcards):
    """The file of the structure that many jobs predict; asked only of jobs that are looked at."""
    if CONFIG.predict_large.structure is None:
        raise WorkflowError(
            "predict_large.structure names no structure: add it to the config"
        )
    return CONFIG.predict_large.structure_file


# Where calculations are finished, no scratch of Quantum ESPRESSO is made.
SAVE = [] if CONFIG.snapshots.finished else "results/dft/{snapshot}.save"
SCRATCH = [] if CONFIG.snapshots.finished else directory(SAVE)
if SCRATCH and not CONFIG.dft.keep_wavefunctions:
    SCRATCH = temp(SCRATCH)


@cache
def finished_calculation(snapshot):
    """A finished calculation of the config, opened by its names; no file is read."""
    try:
        return open_finished(CONFIG.snapshots.source_of(snapshot))
    except SurrogateHpoError as error:
        raise WorkflowError(str(error))


def finished_description(wildcards):
    """The file that describes a snapshot's finished calculation; none where DFT is run."""
    if not CONFIG.snapshots.finished:
        return []
    return str(finished_calculation(wildcards.snapshot).description)


def finished_files(wildcards):
    """All files that the LDOS of a snapshot's finished calculation comes from."""
    if not CONFIG.snapshots.finished:
        return []
    files = finished_calculation(wildcards.snapshot).files(CONFIG.ldos.request())
    return [str(path) for path in files]


def calculation(wildcards):
    """How a stage is told where the calculation is: in Quantum ESPRESSO's scratch, or finished."""
    if not CONFIG.snapshots.finished:
        return f"--save {SAVE.format(snapshot=wildcards.snapshot)}"
    return f"--finished {quote(CONFIG.snapshots.source_of(wildcards.snapshot))}"


def failure(wildcards):
    """Whether a calculation may fail: of a round's snapshot that is a result."""
    return "--may-fail" if wildcards.snapshot in ROUND_SNAPSHOTS else ""


def own_files(wildcards):
    """The user's files that a snapshot's structure comes from."""
    if CONFIG.snapshots.finished:
        return finished_description(wildcards)
    file = CONFIG.snapshots.own_file(wildcards.snapshot)
    return [] if file is None else [file]


# What sbatch refuses in a group fails without a word about it.
onerror:
    for line in refused(Path()):
        logger.error(line)

"""The command line: one verb per stage, generated from its signature, and verbs that only tell."""

import argparse
import ast
import gc
import importlib
import inspect
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, get_args, get_origin

import surrogate_hpo
from surrogate_hpo.config.load import DEFAULT_CONFIG, load_config
from surrogate_hpo.errors import InterruptedRun, SurrogateHpoError
from surrogate_hpo.files.full_disk import full_disk
from surrogate_hpo.interruption import handling_signals
from surrogate_hpo.loading import loading
from surrogate_hpo.log import configure_logging
from surrogate_hpo.run.allocation import job_header
from surrogate_hpo.run.cost import recording_cost
from surrogate_hpo.run.graph import (
    EVERY_STAGE,
    FIGURES,
    HELPERS,
    QUESTIONS,
    TOOLS,
    home,
)
from surrogate_hpo.run.interface import Argument, Input, Option, Output, Positional, State
from surrogate_hpo.run.left_out import leave_out_outputs, present
from surrogate_hpo.run.plan import gpus
from surrogate_hpo.run.profile import install_profile, profile_folder
from surrogate_hpo.run.signature import declared, gathered

# EX_TEMPFAIL of sysexits.h: nothing is wrong, try again.
INTERRUPTED_STATUS = 75
logger = logging.getLogger(__name__)
_SECTION = "_settings"
# Either names a place for numba's compiled code.
_CACHES = {"NUMBA_CACHE_DIR", "XDG_CACHE_HOME"}
# Verbs that rules call.
JOBS = (*EVERY_STAGE, *HELPERS, *FIGURES)
VERBS = (*JOBS, *TOOLS, *QUESTIONS, "profile")
PACKAGE_FOLDER = Path(surrogate_hpo.__file__).parent
PROFILE_HELP = "Make a profile known to Snakemake by its name, or ask Slurm what it takes of it."
GROUPS = {
    Positional: "files",
    Input: "inputs",
    Output: "outputs (written completely or not at all)",
    State: "state of an interrupted run",
    Argument: "item",
    Option: "options",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of `surrogate-hpo`.

    Exits with 1 on an error that a user can mend, and with 75 if it was asked to stop and goes
    on when it is run again.

    Parameters
    ----------
    arguments
        Command line without the program's name; `sys.argv` by default.
    """
    if os.path.expanduser("~") == "~" and not _CACHES & os.environ.keys():  # noqa: PTH111
        # Of a user without a home, numba would make a cache folder that is called ~.
        os.environ.setdefault("NUMBA_CACHE_LOCATOR_CLASSES", "InTreeCacheLocator")
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    chosen = arguments[0] if arguments else None
    options = vars(_parser(chosen).parse_args(arguments))
    configure_logging()
    try:
        if options.pop("stage") in QUESTIONS:
            _answer(str(chosen), options["config"])
        elif chosen == "profile":
            _profile(**options)
        elif chosen in TOOLS:
            with handling_signals():
                function = _stage_function(str(chosen))
                _print(function(**gathered(function, options)))
        else:
            _run_stage(str(chosen), options)
    except InterruptedRun as stop:
        sys.stderr.write(f"{type(stop).__name__}: {stop}\n")
        sys.exit(INTERRUPTED_STATUS)
    except (SurrogateHpoError, OSError) as error:
        shown = full_disk(error) or error
        if not isinstance(shown, SurrogateHpoError):
            raise
        sys.exit(f"{shown.kind}: {shown}")


def _answer(verb: str, config: list[Path]) -> None:
    _print(_stage_function(verb)(load_config(config)))


def _print(answer: str | None) -> None:
    if answer is not None:
        sys.stdout.write(f"{answer}\n")


def _profile(action: str, name: str, profiles: Path) -> None:
    if action == "check":
        # Jobs need neither.
        from surrogate_hpo.run.slurm.profile import read_slurm_profile  # noqa: PLC0415
        from surrogate_hpo.run.slurm.refusals import check_with_slurm  # noqa: PLC0415

        profile = read_slurm_profile(profile_folder(name, profiles=profiles))
        _print("\n".join(check_with_slurm(profile)))
        return
    link = install_profile(name, profiles=profiles)
    sys.stdout.write(f"{link} -> {link.resolve()}\nuse it: snakemake --profile {name}\n")


def _run_stage(stage: str, options: dict[str, Any]) -> None:
    config_files = options.pop("config")
    config = load_config(config_files)
    cost, threads = options.pop("cost"), options.pop("threads")
    function = _stage_function(stage)
    whole = (HELPERS | FIGURES).get(stage, stage)
    given = {
        "settings": config.section(whole),
        "seed": config.seed,
        "threads": threads,
        "config": config,
        "config_files": config_files,
    }
    parameters = inspect.signature(function).parameters.keys()
    # A section of another stage, where one decides a job as well.
    others = {name: name.removesuffix(_SECTION) for name in parameters if name.endswith(_SECTION)}
    given |= {name: config.section(other) for name, other in others.items()}
    options |= {name: given[name] for name in given.keys() & parameters}
    written = _outputs(function, options)
    with (
        handling_signals(),
        recording_cost(cost, stage=whole, threads=threads, outputs=written),
    ):
        for line in job_header(stage, threads=threads, use_gpu=gpus(stage, config) > 0):
            logger.info(line)
        seen = present(function, options)
        for name, reason in seen.left_out.items():
            logger.info("%s is left out: %s", name, reason)
        if seen.own_reason is not None:
            logger.info("left out: %s", seen.own_reason)
            leave_out_outputs(function, options, seen.own_reason)
            return
        function(**gathered(function, seen.options))


def _outputs(function: Callable[..., str | None], options: Mapping[str, Any]) -> list[Path]:
    """Paths that a stage writes, of those that it was given."""
    found: list[Path] = []
    for name, argument in declared(function).items():
        if isinstance(argument.role, Output):
            value = options.get(name) or []
            found += value if isinstance(value, list) else [value]
    return found


def _stage_function(stage: str) -> Callable[..., str | None]:
    with loading():
        module = importlib.import_module(f"surrogate_hpo.{home(stage)}")
        gc.freeze()
    function: Callable[..., str | None] = getattr(module, stage)
    return function


def _parser(chosen: str | None) -> argparse.ArgumentParser:
    """Parser of the chosen verb, else of all; only the chosen stage is imported."""
    parser = argparse.ArgumentParser(
        prog="surrogate-hpo",
        description="From DFT snapshots to a surrogate of the electronic structure. Each stage "
        "reads and writes files; `snakemake` runs them in order.",
    )
    parser.add_argument("--version", action="version", version=surrogate_hpo.__version__)
    verbs = parser.add_subparsers(dest="stage", required=True, metavar="stage")
    # Summaries are read from the files of the stages, and only the list of all verbs shows them.
    shown = [chosen] if chosen in VERBS else VERBS
    for name in map(str, shown):
        summary = PROFILE_HELP if name == "profile" else _summary(name)
        verb = verbs.add_parser(name, help=summary, description=summary)
        if name in JOBS:
            _add_common(verb)
        if name == chosen and name in (*JOBS, *TOOLS):
            verb.description = inspect.getdoc(_stage_function(name))
            verb.formatter_class = argparse.RawDescriptionHelpFormatter
            _add_stage_options(verb, _stage_function(name))
        if name in QUESTIONS:
            verb.add_argument(
                "config",
                nargs="*",
                type=Path,
                default=DEFAULT_CONFIG,
                help="config files, later win",
            )
        if name == "profile":
            _add_profile(verb)
    return parser


def _summary(stage: str) -> str:
    module = PACKAGE_FOLDER.joinpath(*home(stage).split(".")).with_suffix(".py")
    tree = ast.parse(module.read_text(encoding="utf-8"))
    return (ast.get_docstring(tree) or "").splitlines()[0]


def _add_common(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--config",
        nargs="+",
        type=Path,
        default=DEFAULT_CONFIG,
        help="config files, later ones win; the stage sees its own section only",
    )
    verb.add_argument("--threads", type=int, default=1, help="CPU threads (default 1)")
    verb.add_argument("--cost", type=Path, help="JSON that receives wall, CPU and GPU seconds")


def _add_profile(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("action", choices=["install", "check"])
    verb.add_argument("name", help="slurm, for example")
    verb.add_argument("--profiles", type=Path, default=Path("profiles"), help="their folder")


def _add_stage_options(verb: argparse.ArgumentParser, function: Callable[..., str | None]) -> None:
    groups = {kind: verb.add_argument_group(title) for kind, title in GROUPS.items()}
    for name, argument in declared(function).items():
        group, option = groups[type(argument.role)], f"--{name.replace('_', '-')}"
        told = argument.role.help
        if isinstance(argument.role, Positional):
            group.add_argument(name, type=argument.kind, help=told)
            continue
        if argument.kind is bool:
            group.add_argument(option, action="store_true", help=told)
            continue
        kind, several = _kind(argument.kind)
        required = argument.required
        group.add_argument(
            option,
            nargs=("+" if required else "*") if several else None,
            type=kind,
            required=required,
            default=None if required else argument.default,
            metavar={Path: "PATH", int: "N", float: "X"}.get(kind, "NAME"),
            help=told,
        )


def _kind(base: Any) -> tuple[type, bool]:  # noqa: ANN401 (a type expression)
    """Type of one value, and whether there may be several; `None` only says: may be absent."""
    if get_origin(base) is UnionType:
        (base,) = (part for part in get_args(base) if part is not NoneType)
    if get_origin(base) in (list, Sequence):
        return get_args(base)[0], True
    return base, False

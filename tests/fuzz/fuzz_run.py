"""Damage files of every form and see what their readers say: a table of outcomes.

Each reader works in a process of its own with a GiB more memory than it starts with, and ten
seconds for a file. A clear error is one of the package; anything else is a traceback.
"""

import argparse
import logging
import os
import resource
import shutil
import signal
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path
from random import Random

from fuzz_readers import READERS
from fuzz_samples import samples

from surrogate_hpo.errors import SurrogateHpoError

OUTCOMES = ("accepted", "clear error", "traceback", "hang", "over 1 GiB")
MEMORY_BYTES, SECONDS = 1 << 30, 10


class _Hang(BaseException):
    pass


def _alarm(*_: object) -> None:
    raise _Hang


def _outcome(reader, content: bytes, folder: Path) -> tuple[str, str]:
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        reader(content, folder)
    except SurrogateHpoError:
        return "clear error", ""
    except _Hang:
        return "hang", ""
    except MemoryError:
        return "over 1 GiB", ""
    except Exception as error:  # noqa: BLE001 - what must not come
        while (cause := error.__traceback__) and cause.tb_next:
            error.__traceback__ = cause.tb_next
        place = f"{Path(cause.tb_frame.f_code.co_filename).name}:{cause.tb_lineno}" if cause else ""
        return "traceback", f"{type(error).__name__} in {place}: {str(error)[:100]!r}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return "accepted", ""


def _work(name: str, content: bytes, begin: int, arguments, report: Path, folder: Path) -> None:
    """Go through the damages from `begin` on; a line in the report for each."""
    signal.signal(signal.SIGALRM, _alarm)
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY_BYTES, taken + MEMORY_BYTES))
    mutate, reader = READERS[name]
    with report.open("a") as lines:
        for index in range(begin, arguments.mutations):
            place = folder / f"{name}-{index}"
            place.mkdir()
            random = Random(f"{arguments.seed} {name} {index}")  # noqa: S311
            damaged = mutate(content, random) or b" "
            resource.setrlimit(resource.RLIMIT_CPU, (_cpu() + 3 * SECONDS, -1))
            outcome, said = _outcome(reader, damaged, place)
            if outcome not in OUTCOMES[:2] and arguments.keep:
                shutil.copytree(place, Path(arguments.keep) / place.name, dirs_exist_ok=True)
            shutil.rmtree(place)
            lines.write(f"{outcome}\t{index}\t{said}\n".replace("\r", " "))
            lines.flush()


def _cpu() -> int:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return int(used.ru_utime + used.ru_stime)


def _fork(name: str, content: bytes, begin: int, arguments, folder: Path) -> int:
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 2)
        _work(name, content, begin, arguments, folder / f"{name}.report", folder)
        status = 0
    finally:
        os._exit(status)


def _lines(folder: Path, name: str) -> list[list[str]]:
    report = folder / f"{name}.report"
    text = report.read_text() if report.exists() else ""
    return [line.split("\t") for line in text.split("\n") if line]


def run(arguments, folder: Path) -> dict[str, list[list[str]]]:
    """Outcome, number and words of every damage, by reader."""
    whole = samples(folder)
    for name, content in whole.items():
        (folder / f"whole-{name}").mkdir()
        READERS[name][1](content, folder / f"whole-{name}")
    waiting = [(name, 0) for name in READERS if not arguments.only or name in arguments.only]
    running: dict[int, str] = {}
    done: dict[str, list[list[str]]] = {name: [] for name, _ in waiting}
    while waiting or running:
        while waiting and len(running) < arguments.jobs:
            name, begin = waiting.pop(0)
            running[_fork(name, whole[name], begin, arguments, folder)] = name
        child, status = os.wait()
        name = running.pop(child)
        found = _lines(folder, name)
        if status and len(found) < arguments.mutations:
            killed = os.WTERMSIG(status)
            outcome = "hang" if killed == signal.SIGXCPU else "traceback"
            with (folder / f"{name}.report").open("a") as lines:
                lines.write(f"{outcome}\t{len(found)}\tthe process ended by signal {killed}\n")
            waiting.append((name, len(found) + 1))
        done[name] = _lines(folder, name)
    return done


def table(done: dict[str, list[list[str]]]) -> tuple[str, int]:
    """The outcomes by reader, what was said, and the number of those that must not be."""
    rows = [f"{'reader':14}" + "".join(f"{name:>13}" for name in OUTCOMES)]
    said: Counter[str] = Counter()
    bad = 0
    for name, lines in done.items():
        counts = Counter(line[0] for line in lines)
        rows.append(f"{name:14}" + "".join(f"{counts[outcome]:13}" for outcome in OUTCOMES))
        for outcome, index, words in lines:
            if outcome not in OUTCOMES[:2]:
                bad += 1
                said[f"{name} ({outcome}, as of damage {index}): {words}"] += 1
    return "\n".join([*rows, *said]), bad


def main() -> None:
    """Print the table; exit status 1 if anything but an answer or a clear error came."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutations", type=int, default=200, help="of each form")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", nargs="*", help="names of readers")
    parser.add_argument("--keep", help="folder for what must not be")
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory(prefix="surrogate-hpo-fuzz-") as folder:
        text, bad = table(run(arguments, Path(folder)))
    sys.stdout.write(f"{text}\n")
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()

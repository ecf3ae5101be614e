"""The source of the workflow: what its commit holds, and what differs from it as a patch."""

import hashlib
import io
import os
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from surrogate_hpo.errors import DataError

LARGEST_BYTES = 10 * 2**20
# What runs and tools write; none of it is source, wherever it lies.
_PRODUCTS = (
    "results", "results-flagship", "logs", ".snakemake", ".git", "build", "dist", "__pycache__",
    ".hypothesis", ".venv", ".venv-qe", ".venv-mala", ".pytest_cache", ".mypy_cache", ".ruff_cache",
)  # fmt: skip
# Whatever the user has configured: the same difference is always written with the same bytes.
_DIFF = (
    "-c", "core.quotePath=true", "diff", "--cached", "--binary", "--full-index", "--no-color",
    "--no-ext-diff", "--no-textconv", "--no-renames", "--unified=3", "--diff-algorithm=myers",
    "--src-prefix=a/", "--dst-prefix=b/", "HEAD", "--",
)  # fmt: skip
_SECONDS = 120


@dataclass(frozen=True)
class Source:
    """The source of a workflow.

    Attributes
    ----------
    commit
        Of git; None where there is no git.
    files
        Content by path: what the commit holds, or all files where there is no git.
    programs
        Which of them may be executed.
    patch
        What `git apply` makes of the commit the files that ran; empty if they are the same.
    left_out
        Files that are neither: links, and untracked files of more than 10 MiB.
    """

    commit: str | None
    files: Mapping[str, bytes]
    programs: frozenset[str]
    patch: bytes
    left_out: tuple[str, ...]


def read_source(root: Path, *, without: Path | None = None) -> Source:
    """Read the source of a workflow.

    Parameters
    ----------
    root
        Folder of the Snakefile.
    without
        A folder below that is no source, as that of the run.

    Returns
    -------
    Source
        Untracked files are in the patch, ignored ones are not.
    """
    root = root.resolve()
    inside = without is not None and root in without.resolve().parents
    skipped = str(without.resolve().relative_to(root)) if without and inside else None
    if not _has_git(root):
        return _without_git(root, skipped)
    commit = _git(root, "rev-parse", "HEAD").decode().strip()
    files: dict[str, bytes] = {}
    programs, links = set(), []
    with tarfile.open(fileobj=io.BytesIO(_git(root, "archive", "--format=tar", commit))) as tar:
        for entry in tar:
            content = tar.extractfile(entry) if entry.isreg() else None
            if content is not None:
                files[entry.name] = content.read()
                programs |= {entry.name} if entry.mode & 0o100 else set()
            elif not entry.isdir():
                links.append(entry.name)
    patch, large = _patch(root, skipped)
    return Source(commit, files, frozenset(programs), patch, (*links, *large))


def revision(root: Path) -> str:
    """The commit, and a digest of what differs from it; empty where there is no git."""
    root = root.resolve()
    if not _has_git(root):
        return ""
    patch, _ = _patch(root, None)
    commit = _git(root, "rev-parse", "HEAD").decode().strip()
    return f"{commit} {hashlib.sha256(patch).hexdigest()[:16]}" if patch else commit


def _has_git(root: Path) -> bool:
    """Whether the folder is the top of a checkout with a commit."""
    if not (root / ".git").exists():
        return False
    return bool(_git(root, "rev-list", "--all", "--max-count=1"))


def _patch(root: Path, skipped: str | None) -> tuple[bytes, list[str]]:
    """Difference of the files from the commit, and the untracked files that it leaves out."""
    excluded = [f":(exclude,glob)**/{name}/**" for name in _PRODUCTS]
    excluded += [f":(exclude,literal){skipped}"] if skipped else []
    listed = _git(root, "ls-files", "--others", "--exclude-standard", "-z", "--", ".", *excluded)
    untracked = [os.fsdecode(name) for name in listed.split(b"\0") if name]
    large = [name for name in untracked if (root / name).lstat().st_size > LARGEST_BYTES]
    excluded += [f":(exclude,literal){name}" for name in large]
    objects = os.fsdecode(_git(root, "rev-parse", "--git-path", "objects")).strip()
    with tempfile.TemporaryDirectory() as scratch:
        # An index and objects of its own: the user's repository stays as it is.
        own = {
            "GIT_INDEX_FILE": f"{scratch}/index",
            "GIT_OBJECT_DIRECTORY": scratch,
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(root / objects),
        }
        _git(root, "read-tree", "HEAD", **own)
        _git(root, "-c", "core.safecrlf=false", "add", "--all", "--", ".", *excluded, **own)
        return _git(root, *_DIFF, **own), sorted(large)


def _git(root: Path, *arguments: str, **environment: str) -> bytes:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments],
            capture_output=True,
            check=True,
            timeout=_SECONDS,
            env=os.environ | environment,
        )
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None)
        raise DataError(
            "git cannot tell what the source of the workflow is",
            where=str(root),
            got=f"git {arguments[0]}: {os.fsdecode(said).strip() if said else error}",
            remedy="mend the checkout (`git status`), or copy it without its folder .git",
        ) from error
    return done.stdout


def _without_git(root: Path, skipped: str | None) -> Source:
    files: dict[str, bytes] = {}
    large = []
    for name in _walk(root, skipped):
        path = root / name
        if path.stat().st_size > LARGEST_BYTES:
            large.append(name)
        else:
            files[name] = path.read_bytes()
    programs = frozenset(name for name in files if os.access(root / name, os.X_OK))
    return Source(None, files, programs, b"", tuple(large))


def _walk(root: Path, skipped: str | None) -> Iterator[str]:
    """Files below a folder, sorted; links are followed, but not in circles."""
    seen: set[Path] = set()
    for folder, folders, names in os.walk(root, followlinks=True):
        here = Path(folder)
        if here.resolve() in seen or str(here.relative_to(root)) == skipped:
            folders.clear()
            continue
        seen.add(here.resolve())
        folders[:] = sorted(set(folders) - {*_PRODUCTS})
        folders[:] = [name for name in folders if not name.endswith(".egg-info")]
        yield from (
            str((here / n).relative_to(root)) for n in sorted(names) if (here / n).is_file()
        )


def apply_patch(patch: Path, folder: Path) -> None:
    """Make of the files of a commit those that ran.

    Parameters
    ----------
    patch
        The difference.
    folder
        With the files of the commit; no checkout.

    Raises
    ------
    DataError
        If there is no git, or the patch does not fit.
    """
    command = ["apply", "--binary", "--whitespace=nowarn", str(patch.absolute())]
    # Were it below a checkout, git would apply nothing and say so to nobody.
    _git(folder, *command, GIT_CEILING_DIRECTORIES=str(folder.absolute().parent))

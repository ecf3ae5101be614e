"""MALA (`materials-learning-algorithms` on PyPI) in an environment of its own.

A rival must not decide the versions of this package's dependencies, so it is installed
beside it, with the same torch: a comparison of two programs, not of two versions of torch.
"""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

MALA = "materials-learning-algorithms==1.4.0"
FOLDER = Path(__file__).resolve().parents[1] / ".venv-mala"


def mala_python() -> Path:
    """Make the environment `.venv-mala` if it is missing.

    Returns
    -------
    pathlib.Path
        Its interpreter, in which ``import mala`` works.

    Raises
    ------
    subprocess.CalledProcessError
        The installation failed; pip has said why.
    """
    python = FOLDER / "bin" / "python"
    marker = FOLDER / "installed"
    wanted = f"{MALA} torch=={version('torch').partition('+')[0]}"
    if not (marker.exists() and marker.read_text(encoding="utf-8") == wanted):
        subprocess.run([sys.executable, "-m", "venv", FOLDER], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *wanted.split()], check=True)
        subprocess.run([python, "-c", "import mala"], check=True)
        marker.write_text(wanted, encoding="utf-8")
    return python

"""Exit with 0 if Quantum ESPRESSO is configured or on PATH, with 1 if the wheel is needed."""

import shutil
import sys
from pathlib import Path

import yaml

try:
    config = yaml.safe_load(Path(sys.argv[1]).read_text(encoding="utf-8"))
    configured = bool(config["dft"]["command"])
except (OSError, yaml.YAMLError, KeyError, TypeError):
    configured = False  # `surrogate-hpo check` says what is wrong with the config
sys.exit(0 if configured or shutil.which("pw.x") else 1)

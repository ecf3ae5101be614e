"""Exit with 0 if Quantum ESPRESSO is configured or on PATH, with 1 if the wheel is needed."""

import shutil
import sys
from pathlib import Path

import yaml

config = yaml.safe_load(Path(sys.argv[1]).read_text(encoding="utf-8"))
configured = isinstance(config, dict) and (config.get("dft") or {}).get("command")
sys.exit(0 if configured or shutil.which("pw.x") else 1)

"""A small `train` job that runs as a process of its own, to be stopped at any moment."""

import subprocess
import sys
from pathlib import Path

import yaml
from audit_data import stores, write_snapshots

from surrogate_hpo.files.documents import write_document

REPOSITORY = Path(__file__).parents[1]
HYPERPARAMETERS = {
    "learning_rate": 3e-3,
    "batch_size": 8,
    "input_scaling": "whitened",
    "output_scaling": "standardised",
}


class TrainingCase:
    """A folder with the inputs of the stage, and its command line."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        write_snapshots(folder)

    def prepare(self, *, hyperparameters: dict | None = None, **settings: object) -> None:
        """Write the choices and the config; `settings` are those of the section."""
        architecture = {"architecture": {"hidden_widths": [24, 24], "activation": "tanh"}}
        write_document(self.folder / "naswot.json", architecture)
        chosen = {"hyperparameters": HYPERPARAMETERS | (hyperparameters or {})}
        write_document(self.folder / "search.json", chosen)
        config = yaml.safe_load((REPOSITORY / "config" / "tiny.yaml").read_text())
        config["train"] = {"seeds": 1, "maximum_epochs": 6} | settings
        (self.folder / "config.yaml").write_text(yaml.safe_dump(config))

    def command(self, name: str) -> list[str]:
        """Arguments of a process that writes `<name>/model.pt`; `state` is common to all names."""
        inputs = stores(self.folder)
        options = {key.replace("_", "-"): paths for key, paths in inputs.items()}
        return [
            *(sys.executable, "-m", "surrogate_hpo", "train", "--config", "config.yaml"),
            *("--initialisation", "0", "--naswot", "naswot.json", "--search", "search.json"),
            *(str(word) for key, paths in options.items() for word in (f"--{key}", *paths)),
            *("--model", f"{name}/model.pt", "--history", f"{name}/history.csv"),
            *("--validation-losses", f"{name}/validation_losses.csv", "--state", "state"),
        ]

    def start(self, name: str, **options: object) -> subprocess.Popen[str]:
        """Start a process; its standard error is a pipe."""
        return subprocess.Popen(
            self.command(name), cwd=self.folder, text=True, stderr=subprocess.PIPE, **options
        )

    def run(self, name: str, **options: object) -> str:
        """Run a process to its end, which must be a good one, and return what it said."""
        job = self.start(name, **options)
        _, said = job.communicate()
        assert job.returncode == 0, said
        return said

    def outputs(self, name: str) -> tuple[bytes, bytes]:
        """The bytes of the model and of the history."""
        files = [self.folder / name / file for file in ("model.pt", "history.csv")]
        return files[0].read_bytes(), files[1].read_bytes()

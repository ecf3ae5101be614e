"""What the choice of the descriptor costs, and whether it depends on the seed.

Needs the snapshots and LDOS of a finished run (`make run`). Scores 8 cutoff radii × 5 values of
2 J_max on 10 draws of 200 × 200 pairs from each of 3 snapshots, on one thread.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

from surrogate_hpo.descriptors.elements import element_parameters
from surrogate_hpo.descriptors.triples import nested_columns
from surrogate_hpo.scores.descriptors.choice import choose
from surrogate_hpo.scores.descriptors.scores import Draw, score_candidates
from surrogate_hpo.scores.descriptors.table import ScoreTable
from surrogate_hpo.stages.acsd.points import SampledSnapshot, sample_snapshots
from surrogate_hpo.stages.acsd.settings import AcsdSettings

OUT = Path("benchmarks/out/acsd.json")
CUTOFF_RADII = [3.0, 3.5, 4.0, 4.676, 5.0, 5.5, 6.0, 6.5]
TWOJMAX = [2, 4, 6, 8, 10]
SNAPSHOTS, DRAWS = 3, 10


def table_of(
    snapshots: list[SampledSnapshot], settings: AcsdSettings
) -> tuple[ScoreTable, dict[str, float]]:
    """Score all candidates; also CPU seconds of the descriptors and of the scores."""
    elements = {symbol for snapshot in snapshots for symbol in snapshot.atoms.symbols}
    weights, radii = element_parameters(elements, settings.element_weights, settings.element_radii)
    start = time.process_time()
    draws: list[Draw] = [
        draw
        for snapshot in snapshots
        for draw in snapshot.draws(
            snapshot.descriptors(
                settings.cutoff_radii_angstrom,
                max(TWOJMAX),
                element_weights=weights,
                element_radii=radii,
            )
        )
    ]
    between = time.process_time()
    table = score_candidates(
        draws,
        {twojmax: nested_columns(max(TWOJMAX), twojmax) for twojmax in TWOJMAX},
        objective=settings.objective,
        definition=settings.definition,
    )
    seconds = {"descriptors": between - start, "scores": time.process_time() - between}
    return table, seconds


def row_of(results: Path, settings: AcsdSettings, seed: int) -> dict[str, Any]:
    """Choice and cost with one root seed."""
    structures = sorted((results / "snapshots").glob("training-*.extxyz"))[:SNAPSHOTS]
    ldos = [results / "ldos" / f"{path.stem}.zarr.zip" for path in structures]
    start = time.process_time()
    snapshots = sample_snapshots(
        structures, ldos if settings.needs_ldos else [], settings, seed=seed
    )
    reading = time.process_time() - start
    table, seconds = table_of(snapshots, settings)
    choice = choose(table)
    return {
        "objective": settings.objective,
        "definition": settings.definition,
        "seed": seed,
        "cutoff_radius_angstrom": choice.cutoff_radius,
        "twojmax": choice.twojmax,
        "ambiguous": choice.ambiguous,
        "close_candidates": len(choice.close),
        "best_cutoff_radius_angstrom": choice.best[0],
        "best_twojmax": choice.best[1],
        "cpu_seconds": {"reading": reading} | seconds,
    }


def main() -> None:
    """Print a row per score and seed, and what is stable."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--seeds", type=int, default=10)
    options = parser.parse_args()
    rows = []
    print("| score | seed | chosen Å, 2J_max | ambiguous (close) | best | CPU s: SNAP, scores |")
    print("|---|---|---|---|---|---|")
    for changes in (
        {"definition": "fiedler2022"},
        {"definition": "mala2024"},
        {"objective": "kernel-spread"},
    ):
        settings = AcsdSettings.model_validate(
            {"cutoff_radii_angstrom": CUTOFF_RADII, "twojmax": TWOJMAX, "draws": DRAWS} | changes
        )
        # The first call compiles, or loads what was compiled.
        row_of(options.results, settings.model_copy(update={"draws": 2, "points": 10}), 0)
        for seed in range(options.seeds):
            row = row_of(options.results, settings, seed)
            rows.append(row)
            cpu = row["cpu_seconds"]
            print(
                f"| {next(iter(changes.values()))} | {seed} | {row['cutoff_radius_angstrom']:g}, "
                f"{row['twojmax']} | {row['ambiguous']} ({row['close_candidates']}) "
                f"| {row['best_cutoff_radius_angstrom']:g}, {row['best_twojmax']} "
                f"| {cpu['descriptors']:.2f}, {cpu['scores']:.2f} |",
                flush=True,
            )
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps({"rows": rows} | _summary(rows), indent=2) + "\n", encoding="utf-8")


def _summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Largest CPU time of a table, and per score whether all seeds agree or are ambiguous."""
    scores = sorted({(row["objective"], row["definition"]) for row in rows})
    stable = {}
    for score in scores:
        own = [row for row in rows if (row["objective"], row["definition"]) == score]
        choices = {(row["cutoff_radius_angstrom"], row["twojmax"]) for row in own}
        stable["/".join(score)] = {
            "choices": sorted(choices),
            "unchanged": len(choices) == 1,
            "unchanged_or_ambiguous": len(choices) == 1 or all(r["ambiguous"] for r in own),
        }
    largest = max(sum(row["cpu_seconds"].values()) for row in rows)
    print(f"\nlargest CPU time of a table, LDOS read: {largest:.2f} s")
    for name, found in stable.items():
        print(f"{name}: {found}")
    return {"largest_cpu_seconds": largest, "stability": stable}


if __name__ == "__main__":
    main()

# From DFT to a trained surrogate. Each stage is one word: rule, verb, room, folder, config section.
from snakemake.utils import min_version

min_version("9.27")


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/snapshots.smk"
include: "workflow/rules/rounds.smk"
include: "workflow/rules/dft.smk"
include: "workflow/rules/ldos.smk"
include: "workflow/rules/acsd.smk"
include: "workflow/rules/descriptors.smk"
include: "workflow/rules/naswot.smk"
include: "workflow/rules/search.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/surrogate.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/audit.smk"
include: "workflow/rules/acsd_audit.smk"
include: "workflow/rules/contest.smk"
include: "workflow/rules/compare.smk"
include: "workflow/rules/table.smk"
include: "workflow/rules/knoise.smk"
include: "workflow/rules/learning_curve.smk"
include: "workflow/rules/transfer.smk"
include: "workflow/rules/predict_large.smk"
include: "workflow/rules/floor.smk"
include: "workflow/rules/ados.smk"
include: "workflow/rules/potential.smk"
include: "workflow/rules/select.smk"
include: "workflow/rules/select_audit.smk"


rule all:
    default_target: True
    input:
        rules.report.output,
        "results/evaluate/summary.json",
        "results/surrogate/surrogate.pt",
        # Named here so that each is remade when it is deleted.
        expand("results/{stage}/choice.json", stage=["acsd", "naswot", "search"]),
        expand("results/train/{seed}/model.pt", seed=SEEDS),
        of("results/snapshots/{snapshot}.extxyz", *SPLITS),
        of("results/dft/{snapshot}.json", *SPLITS),
        of("results/ldos/{snapshot}.zarr.zip", *SPLITS),
        of("results/descriptors/{snapshot}.zarr.zip", *SPLITS),


include: "workflow/rules/archive.smk"

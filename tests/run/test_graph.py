"""What flows between stages follows from the files that their rules name."""

from surrogate_hpo.run.graph import edges, flow

RULES = [
    (["own.extxyz", lambda _: "results/search/a.csv"], ["results/snapshots/{name}.extxyz"]),
    (["results/snapshots/{name}.extxyz"], ["results/dft/{name}.json", "results/cost/dft/1.json"]),
    (["results/dft/1.json"], ["results/ldos/chunks/{chunk}.json"]),
    (["results/ldos/chunks/0.json", "results/snapshots/1.extxyz"], ["results/ldos/1.zarr.zip"]),
    (["results/cost/ldos/1.json", "results/dft/1.json"], ["results/report/report.html"]),
    (["results/report/report.html"], []),
    (["results/report/report.html"], ["results/archive.tar.zst"]),
]
STAGES = ["snapshots", "dft", "ldos", "report"]


def test_a_stage_reads_the_folders_of_others_and_costs_are_no_data():
    assert flow(RULES, STAGES) == ["dft=snapshots", "ldos=dft,snapshots", "report=dft"]


def test_only_the_stages_that_are_asked_for():
    assert flow(RULES, ["dft", "report"]) == ["report=dft"]
    words = flow(RULES, STAGES)
    assert edges(words, ["dft", "ldos", "report"]) == [("dft", "ldos"), ("dft", "report")]

rule acsd:
    input:
        structures=of(
            "results/snapshots/{snapshot}.extxyz",
            "training",
            number=CONFIG.acsd.snapshots,
        ),
        ldos=of(
            "results/ldos/{snapshot}.zarr.zip",
            *ACSD_LABELS,
            number=CONFIG.acsd.snapshots,
        ),
    output:
        scores=report(
            "results/acsd/scores.csv",
            caption="../report/scores.rst",
            category="5. Choices",
            labels={"scores of": "descriptors"},
        ),
        choice="results/acsd/choice.json",
        similarities="results/acsd/similarities.zarr.zip",
        cost="results/cost/acsd/all.json",
    log:
        "logs/acsd.log",
    conda:
        "../envs/surrogate-hpo.yaml"
    resources:
        mem_mb=memory("acsd"),
        runtime=minutes("acsd"),
    params:
        **job("acsd"),
    message:
        asking("descriptor chosen by the similarities of points, without training")
    shell:
        "surrogate-hpo acsd --config {params.config:q} {params.files}"
        " --cost {output.cost:q} 2> {log:q}"

rule acsd:
    message:
        "descriptor chosen by average cosine similarity distance, without training"
    input:
        structures=of("results/snapshots/{snapshot}.extxyz", "training", first=CONFIG.acsd.snapshots),
        ldos=of("results/ldos/{snapshot}.zarr.zip", "training", first=CONFIG.acsd.snapshots),
    output:
        scores="results/acsd/scores.csv",
        choice="results/acsd/choice.json",
        cost="results/cost/acsd/all.json",
    params:
        settings=settings("acsd"),
        code=code_digest("acsd"),
    log:
        "logs/acsd.log",
    conda:
        "../envs/surrogate-hpo.yaml"
    resources:
        mem_mb=4000,
        runtime=60,
    shell:
        "surrogate-hpo acsd --config {CONFIG_FILES:q} --structures {input.structures:q}"
        " --ldos {input.ldos:q} --scores {output.scores:q} --choice {output.choice:q}"
        " --cost {output.cost:q} 2> {log:q}"

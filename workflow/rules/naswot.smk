rule naswot:
    message:
        "architecture chosen by NASWOT, without training"
    input:
        descriptors=of("results/descriptors/{snapshot}.zarr.zip", "training"),
        ldos=of("results/ldos/{snapshot}.zarr.zip", "training", first=1),
    output:
        scores="results/naswot/scores.csv",
        choice="results/naswot/choice.json",
        cost="results/cost/naswot/all.json",
    params:
        settings=settings("naswot"),
        code=code_digest("naswot"),
    log:
        "logs/naswot.log",
    conda:
        "../envs/surrogate-hpo.yaml"
    threads: 1
    resources:
        mem_mb=8000,
        runtime=120,
    shell:
        "surrogate-hpo naswot --config {CONFIG_FILES:q} --threads {threads}"
        " --descriptors {input.descriptors:q} --ldos {input.ldos:q}"
        " --scores {output.scores:q} --choice {output.choice:q}"
        " --cost {output.cost:q} 2> {log:q}"

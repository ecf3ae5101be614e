rule naswot:
    input:
        descriptors=of("results/descriptors/{snapshot}.zarr.zip", "training"),
        ldos=of("results/ldos/{snapshot}.zarr.zip", "training", first=1),
    output:
        scores="results/naswot/scores.csv",
        choice="results/naswot/choice.json",
        cost="results/cost/naswot/all.json",
    log:
        "logs/naswot.log",
    conda:
        "../envs/surrogate-hpo.yaml"
    threads: 1
    resources:
        mem_mb=8000,
        runtime=120,
    params:
        settings=settings("naswot"),
        code=code_digest("naswot"),
        config=config_files,
    message:
        "architecture chosen by NASWOT, without training"
    shell:
        "surrogate-hpo naswot --config {params.config:q} --threads {threads}"
        " --descriptors {input.descriptors:q} --ldos {input.ldos:q}"
        " --scores {output.scores:q} --choice {output.choice:q}"
        " --cost {output.cost:q} 2> {log:q}"

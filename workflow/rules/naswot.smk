rule naswot:
    input:
        descriptors=of("results/descriptors/{snapshot}.zarr.zip", "training"),
        ldos=of("results/ldos/{snapshot}.zarr.zip", "training", first=NASWOT_LABELS),
        validation_descriptors=of(
            "results/descriptors/{snapshot}.zarr.zip", *NASWOT_HELD_OUT
        ),
        validation_ldos=of("results/ldos/{snapshot}.zarr.zip", *NASWOT_HELD_OUT),
        verdicts=expand("results/{stage}/verdict.json", stage=NASWOT_AUDIT),
    output:
        scores="results/naswot/scores.csv",
        choice="results/naswot/choice.json",
        cost="results/cost/naswot/all.json",
    log:
        "logs/naswot.log",
    conda:
        "../envs/surrogate-hpo.yaml"
    threads: cores("naswot")
    resources:
        mem_mb=memory("naswot"),
        runtime=minutes("naswot"),
    params:
        settings=settings("naswot"),
        code=code_digest("naswot"),
        config=config_files,
    message:
        asking("architecture chosen by NASWOT, without training")
    shell:
        "surrogate-hpo naswot --config {params.config:q} --threads {threads}"
        " --descriptors {input.descriptors:q} --ldos {input.ldos:q}"
        " --validation-descriptors {input.validation_descriptors:q}"
        " --validation-ldos {input.validation_ldos:q} --verdicts {input.verdicts:q}"
        " --scores {output.scores:q} --choice {output.choice:q}"
        " --cost {output.cost:q} 2> {log:q}"

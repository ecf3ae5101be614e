rule search:
    message:
        "reduced Optuna study of the optimisation hyperparameters"
    input:
        naswot="results/naswot/choice.json",
        descriptors=of("results/descriptors/{snapshot}.zarr.zip", "training"),
        ldos=of("results/ldos/{snapshot}.zarr.zip", "training"),
        validation_descriptors=of("results/descriptors/{snapshot}.zarr.zip", "validation"),
        validation_ldos=of("results/ldos/{snapshot}.zarr.zip", "validation"),
    output:
        trials="results/search/trials.csv",
        choice="results/search/choice.json",
        cost="results/cost/search/all.json",
    params:
        settings=settings("search"),
        code=code_digest("search"),
        # Outside the outputs: Snakemake deletes those of a failed job.
        state="results/state/search",
    log:
        "logs/search.log",
    conda:
        "../envs/surrogate-hpo.yaml"
    threads: 2
    resources:
        mem_mb=8000,
        runtime=720,
    shell:
        "surrogate-hpo search --config {CONFIG_FILES:q} --threads {threads} --naswot {input.naswot:q}"
        " --descriptors {input.descriptors:q} --ldos {input.ldos:q}"
        " --validation-descriptors {input.validation_descriptors:q}"
        " --validation-ldos {input.validation_ldos:q}"
        " --trials {output.trials:q} --choice {output.choice:q} --state {params.state:q}"
        " --cost {output.cost:q} 2> {log:q}"

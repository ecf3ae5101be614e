rule search:
    input:
        naswot="results/naswot/choice.json",
        descriptors=of("results/descriptors/{snapshot}.zarr.zip", "training"),
        ldos=of("results/ldos/{snapshot}.zarr.zip", "training"),
        validation_descriptors=of(
            "results/descriptors/{snapshot}.zarr.zip", "validation"
        ),
        validation_ldos=of("results/ldos/{snapshot}.zarr.zip", "validation"),
    output:
        trials="results/search/trials.csv",
        choice="results/search/choice.json",
        cost="results/cost/search/all.json",
    log:
        "logs/search.log",
    conda:
        "../envs/surrogate-hpo.yaml"
    threads: cores("search")
    resources:
        mem_mb=memory("search"),
        runtime=minutes("search"),
    params:
        settings=settings("search"),
        code=code_digest("search"),
        config=config_files,
        # Outside the outputs: Snakemake deletes those of a failed job.
        state="results/state/search",
    message:
        asking("reduced Optuna study of the optimisation hyperparameters")
    shell:
        "surrogate-hpo search --config {params.config:q} --threads {threads} --naswot {input.naswot:q}"
        " --descriptors {input.descriptors:q} --ldos {input.ldos:q}"
        " --validation-descriptors {input.validation_descriptors:q}"
        " --validation-ldos {input.validation_ldos:q}"
        " --trials {output.trials:q} --choice {output.choice:q} --state {params.state:q}"
        " --cost {output.cost:q} 2> {log:q}"

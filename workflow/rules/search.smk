rule search_worker:
    input:
        naswot="results/naswot/choice.json",
        descriptors=of("results/descriptors/{snapshot}.zarr.zip", "training"),
        ldos=of("results/ldos/{snapshot}.zarr.zip", "training"),
        validation_descriptors=of(
            "results/descriptors/{snapshot}.zarr.zip", "validation"
        ),
        validation_ldos=of("results/ldos/{snapshot}.zarr.zip", "validation"),
        structures=of("results/snapshots/{snapshot}.extxyz", *SEARCH_JUDGED),
        dft=of("results/dft/{snapshot}.json", *SEARCH_JUDGED),
        pseudopotentials=UPF_FILES if SEARCH_JUDGED else [],
    output:
        results="results/search/workers/{worker}.json",
        cost="results/cost/search/worker-{worker}.json",
    log:
        "logs/search/worker-{worker}.log",
    conda:
        "../envs/surrogate-hpo.yaml"
    threads: cores("search_worker")
    resources:
        mem_mb=memory("search_worker"),
        runtime=minutes("search_worker"),
        gpu=gpus("search_worker"),
    params:
        **job("search_worker"),
        own=contents(UPF_FILES if SEARCH_JUDGED else []),
        # Outside the outputs: Snakemake deletes those of a failed job.
        state="results/state/search",
    message:
        asking("worker {wildcards.worker} of the reduced Optuna study")
    shell:
        "surrogate-hpo search_worker --config {params.config:q} --threads {threads}"
        " --worker {wildcards.worker} {params.files} --state {params.state:q}"
        " --cost {output.cost:q} 2> {log:q}"


rule search:
    input:
        workers=expand(
            "results/search/workers/{worker}.json", worker=range(CONFIG.search.workers)
        ),
    output:
        trials=report(
            "results/search/trials.csv",
            caption="../report/scores.rst",
            category="5. Choices",
            labels={"scores of": "trials of the search"},
        ),
        choice="results/search/choice.json",
        cost="results/cost/search/all.json",
    log:
        "logs/search.log",
    conda:
        "../envs/surrogate-hpo.yaml"
    resources:
        mem_mb=memory("search"),
        runtime=minutes("search"),
    params:
        **job("search"),
        # The study, which is deleted now that its trials are written down.
        state="results/state/search",
    message:
        asking("reduced Optuna study of the optimisation hyperparameters")
    shell:
        "surrogate-hpo search --config {params.config:q}"
        " {params.files} --state {params.state:q} --cost {output.cost:q} 2> {log:q}"

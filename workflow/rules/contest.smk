rule contest:
    input:
        descriptors=of("results/descriptors/{snapshot}.zarr.zip", "training"),
        ldos=of("results/ldos/{snapshot}.zarr.zip", "training"),
        validation_descriptors=of(
            "results/descriptors/{snapshot}.zarr.zip", "validation"
        ),
        validation_ldos=of("results/ldos/{snapshot}.zarr.zip", "validation"),
        training_dft=of("results/dft/{snapshot}.json", "training"),
        structures=of("results/snapshots/{snapshot}.extxyz", "test"),
        dft=of("results/dft/{snapshot}.json", "test"),
        test_descriptors=of("results/descriptors/{snapshot}.zarr.zip", "test"),
        test_ldos=of("results/ldos/{snapshot}.zarr.zip", "test"),
        pseudopotentials=UPF_FILES,
    output:
        result="results/contest/{method}/result.json",
        trials="results/contest/{method}/trials.csv",
        history="results/contest/{method}/history.csv",
        cost="results/cost/contest/{method}.json",
    log:
        "logs/contest/{method}.log",
    conda:
        "../envs/surrogate-hpo.yaml"
    # One: the compute of a search is what is compared, and more threads waste some of it.
    threads: cores("contest")
    resources:
        mem_mb=memory("contest"),
        runtime=minutes("contest"),
        gpu=gpus("contest"),
    params:
        **job("contest"),
        own=contents(UPF_FILES),
        # Outside the outputs: Snakemake deletes those of a failed job.
        state="results/state/contest",
    message:
        asking(
            "search method {wildcards.method}, and final trainings of what it recommends"
        )
    shell:
        "surrogate-hpo contest --config {params.config:q} --threads {threads}"
        " --method {wildcards.method} {params.files} --state {params.state:q}"
        " --cost {output.cost:q} 2> {log:q}"

rule train:
    input:
        naswot="results/naswot/choice.json",
        search="results/search/choice.json",
        descriptors=of("results/descriptors/{snapshot}.zarr.zip", "training"),
        ldos=of("results/ldos/{snapshot}.zarr.zip", "training"),
        validation_descriptors=of(
            "results/descriptors/{snapshot}.zarr.zip", "validation"
        ),
        validation_ldos=of("results/ldos/{snapshot}.zarr.zip", "validation"),
        structures=of("results/snapshots/{snapshot}.extxyz", "training"),
        dft=of("results/dft/{snapshot}.json", "training"),
        pseudopotentials=UPF_FILES,
    output:
        model="results/train/{seed}/model.pt",
        history="results/train/{seed}/history.csv",
        validation_losses="results/train/{seed}/validation_losses.csv",
        cost="results/cost/train/{seed}.json",
    log:
        "logs/train/{seed}.log",
    conda:
        "../envs/surrogate-hpo.yaml"
    threads: cores("train")
    resources:
        mem_mb=memory("train"),
        runtime=minutes("train"),
        gpu=gpus("train"),
    params:
        **job("train"),
        own=contents(UPF_FILES),
        # Outside the outputs: Snakemake deletes those of a failed job.
        state="results/state/train",
    message:
        asking("final training, initialisation {wildcards.seed}")
    shell:
        "surrogate-hpo train --config {params.config:q} --threads {threads}"
        " --initialisation {wildcards.seed} {params.files} --state {params.state:q}"
        " --cost {output.cost:q} 2> {log:q}"

rule surrogate:
    input:
        models=expand("results/train/{seed}/model.pt", seed=SEEDS),
        dft=of("results/dft/{snapshot}.json", "training"),
        descriptors=of("results/descriptors/{snapshot}.zarr.zip", "training"),
        pseudopotentials=UPF_FILES,
        validation_structures=of("results/snapshots/{snapshot}.extxyz", "validation"),
        validation_dft=of("results/dft/{snapshot}.json", "validation"),
    output:
        surrogate="results/surrogate/surrogate.pt",
        error_bar="results/surrogate/error_bar.json",
        cost="results/cost/surrogate/all.json",
    log:
        "logs/surrogate.log",
    conda:
        "../envs/surrogate-hpo.yaml"
    resources:
        mem_mb=memory("surrogate"),
        runtime=minutes("surrogate"),
    params:
        **job("surrogate"),
        own=contents(UPF_FILES),
    message:
        asking("one file with all that a prediction needs")
    shell:
        "surrogate-hpo surrogate --config {params.config:q} {params.files}"
        " --cost {output.cost:q} 2> {log:q}"

rule evaluate_snapshot:
    input:
        models=expand("results/train/{seed}/model.pt", seed=SEEDS),
        structure="results/snapshots/{snapshot}.extxyz",
        dft="results/dft/{snapshot}.json",
        descriptors="results/descriptors/{snapshot}.zarr.zip",
        ldos="results/ldos/{snapshot}.zarr.zip",
        pseudopotentials=UPF_FILES,
    output:
        energies="results/evaluate/snapshots/{snapshot}.json",
        cost="results/cost/evaluate/{snapshot}.json",
    log:
        "logs/evaluate/{snapshot}.log",
    conda:
        "../envs/surrogate-hpo.yaml"
    threads: cores("evaluate_snapshot")
    resources:
        mem_mb=memory("evaluate_snapshot"),
        runtime=minutes("evaluate_snapshot"),
        gpu=gpus("evaluate_snapshot"),
    params:
        **job("evaluate_snapshot"),
        own=contents(UPF_FILES),
    message:
        asking("energies and forces of {wildcards.snapshot}")
    shell:
        "surrogate-hpo evaluate_snapshot --config {params.config:q}"
        " --threads {threads} {params.files} --cost {output.cost:q} 2> {log:q}"


rule evaluate:
    input:
        snapshots=of("results/evaluate/snapshots/{snapshot}.json", "test"),
        structures=of("results/snapshots/{snapshot}.extxyz", "test"),
        training_dft=of("results/dft/{snapshot}.json", "training"),
        training_structures=of("results/snapshots/{snapshot}.extxyz", "training"),
        kpoint_noise=expand("results/{stage}/summary.json", stage=KNOISE),
        transfer=expand("results/{stage}/energies.json", stage=TRANSFER),
        error_bar="results/surrogate/error_bar.json",
        costs=costs(
            "snapshots",
            "dft",
            "ldos",
            "acsd",
            "descriptors",
            "naswot",
            "search",
            "train",
            "surrogate",
            *NASWOT_AUDIT,
            *ROUNDS,
            *TRANSFER,
        ),
    output:
        energies="results/evaluate/energies.csv",
        errors="results/evaluate/errors.csv",
        classes="results/evaluate/classes.csv",
        dos="results/evaluate/dos.csv",
        ldos_samples="results/evaluate/ldos_samples.csv",
        forces="results/evaluate/forces.csv",
        summary="results/evaluate/summary.json",
        cost="results/cost/evaluate/all.json",
    log:
        "logs/evaluate.log",
    conda:
        "../envs/surrogate-hpo.yaml"
    resources:
        mem_mb=memory("evaluate"),
        runtime=minutes("evaluate"),
    params:
        **job("evaluate"),
    message:
        asking("energies and forces of the held-out snapshots against DFT")
    shell:
        "surrogate-hpo evaluate --config {params.config:q} {params.files}"
        " --cost {output.cost:q} 2> {log:q}"

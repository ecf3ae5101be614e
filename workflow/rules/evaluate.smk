rule evaluate:
    input:
        models=expand("results/train/{seed}/model.pt", seed=SEEDS),
        training_dft=of("results/dft/{snapshot}.json", "training"),
        structures=of("results/snapshots/{snapshot}.extxyz", "test"),
        dft=of("results/dft/{snapshot}.json", "test"),
        descriptors=of("results/descriptors/{snapshot}.zarr.zip", "test"),
        ldos=of("results/ldos/{snapshot}.zarr.zip", "test"),
        pseudopotentials=UPF_FILES,
        costs=costs(
            "snapshots",
            "dft",
            "ldos",
            "acsd",
            "descriptors",
            "naswot",
            "search",
            "train",
            *NASWOT_AUDIT,
        ),
    output:
        energies="results/evaluate/energies.csv",
        errors="results/evaluate/errors.csv",
        dos="results/evaluate/dos.csv",
        ldos_samples="results/evaluate/ldos_samples.csv",
        summary="results/evaluate/summary.json",
        cost="results/cost/evaluate/all.json",
    log:
        "logs/evaluate.log",
    conda:
        "../envs/surrogate-hpo.yaml"
    threads: cores("evaluate")
    resources:
        mem_mb=memory("evaluate"),
        runtime=minutes("evaluate"),
        gpu=gpus("evaluate"),
    params:
        settings=settings("evaluate"),
        code=code("evaluate"),
        config=config_files,
    message:
        asking("energies of the held-out snapshots against DFT")
    shell:
        "surrogate-hpo evaluate --config {params.config:q} --threads {threads}"
        " --models {input.models:q} --training-dft {input.training_dft:q}"
        " --structures {input.structures:q} --dft {input.dft:q}"
        " --descriptors {input.descriptors:q} --ldos {input.ldos:q}"
        " --pseudopotentials {input.pseudopotentials:q} --costs {input.costs:q}"
        " --energies {output.energies:q} --errors {output.errors:q} --dos {output.dos:q}"
        " --ldos-samples {output.ldos_samples:q}"
        " --summary {output.summary:q} --cost {output.cost:q} 2> {log:q}"

rule ados:
    input:
        CONFIG.transfer.files,
        atoms="results/ados/atoms.pt",
        models=expand("results/ados/{seed}/model.pt", seed=ADOS_SEEDS),
        histories=expand("results/ados/{seed}/history.csv", seed=ADOS_SEEDS),
        structures=of("results/snapshots/{snapshot}.extxyz", "test"),
        dft=of("results/dft/{snapshot}.json", "test"),
        training_structures=of("results/snapshots/{snapshot}.extxyz", "training"),
        training_dft=of("results/dft/{snapshot}.json", "training"),
        surrogate_energies=expand("results/{stage}/energies.csv", stage=ADOS_BESIDE),
        surrogate_summary=expand("results/{stage}/summary.json", stage=ADOS_BESIDE),
        surrogate_costs=costs(*ADOS_BESIDE_TRAINING),
        pseudopotentials=UPF_FILES,
    output:
        table="results/ados/ados.csv",
        dos="results/ados/dos.csv",
        exchange="results/ados/exchange.csv",
        summary="results/ados/summary.json",
        cost="results/cost/ados/all.json",
    log:
        "logs/ados.log",
    conda:
        "../envs/surrogate-hpo.yaml"
    resources:
        mem_mb=memory("ados"),
        runtime=minutes("ados"),
    params:
        **job("ados"),
        own=contents(UPF_FILES, CONFIG.transfer.files),
    message:
        asking("energies from densities of states by atom against DFT")
    shell:
        "surrogate-hpo ados --config {params.config:q} {params.files}"
        " --cost {output.cost:q} 2> {log:q}"


rule ados_atoms:
    input:
        structures=of("results/snapshots/{snapshot}.extxyz", *SPLITS),
        ldos=of("results/ldos/{snapshot}.zarr.zip", *SPLITS),
        acsd="results/acsd/choice.json",
    output:
        atoms="results/ados/atoms.pt",
        cost="results/cost/ados/atoms.json",
    log:
        "logs/ados/atoms.log",
    conda:
        "../envs/surrogate-hpo.yaml"
    resources:
        mem_mb=memory("ados_atoms"),
        runtime=minutes("ados_atoms"),
    params:
        **job("ados_atoms"),
        # Outside the outputs: Snakemake deletes those of a failed job.
        state="results/state/ados",
    message:
        asking("densities of states by atom")
    shell:
        "surrogate-hpo ados_atoms --config {params.config:q} {params.files}"
        " --state {params.state:q} --cost {output.cost:q} 2> {log:q}"


rule ados_network:
    input:
        atoms="results/ados/atoms.pt",
    output:
        model="results/ados/{seed}/model.pt",
        history="results/ados/{seed}/history.csv",
        cost="results/cost/ados/network-{seed}.json",
    log:
        "logs/ados/network-{seed}.log",
    conda:
        "../envs/surrogate-hpo.yaml"
    resources:
        mem_mb=memory("ados_network"),
        runtime=minutes("ados_network"),
        gpu=gpus("ados_network"),
    params:
        **job("ados_network"),
        # Outside the outputs: Snakemake deletes those of a failed job.
        state="results/state/ados",
    message:
        asking("network of atoms, initialisation {wildcards.seed}")
    shell:
        "surrogate-hpo ados_network --config {params.config:q}"
        " --initialisation {wildcards.seed} {params.files} --state {params.state:q}"
        " --cost {output.cost:q} 2> {log:q}"


rule ados_figure:
    input:
        table="results/ados/ados.csv",
        dos="results/ados/dos.csv",
    output:
        figures=report(
            directory("results/ados/figures"),
            patterns=["{name}.svg"],
            caption="../report/ados.rst",
            category="6. Audits",
            labels={"audit of": "{name}"},
        ),
        cost="results/cost/ados/figure.json",
    log:
        "logs/ados/figure.log",
    conda:
        "../envs/surrogate-hpo.yaml"
    resources:
        mem_mb=memory("ados_figure"),
        runtime=minutes("ados_figure"),
    params:
        **job("ados_figure"),
    message:
        asking("figures of ados")
    shell:
        "surrogate-hpo ados_figure --config {params.config:q}"
        " {params.files} --cost {output.cost:q} 2> {log:q}"

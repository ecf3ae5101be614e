rule learning_curve:
    input:
        models=CURVE_MODELS,
        structures=of("results/snapshots/{snapshot}.extxyz", "test"),
        dft=of("results/dft/{snapshot}.json", "test"),
        descriptors=of("results/descriptors/{snapshot}.zarr.zip", "test"),
        ldos=of("results/ldos/{snapshot}.zarr.zip", "test"),
        training_structures=own("results/snapshots/{snapshot}.extxyz", "training"),
        training_dft=own("results/dft/{snapshot}.json", "training"),
        training_costs=own("results/cost/dft/{snapshot}.json", "training"),
        pseudopotentials=UPF_FILES,
    output:
        table="results/learning_curve/learning_curve.csv",
        summary="results/learning_curve/summary.json",
        cost="results/cost/learning_curve/all.json",
    log:
        "logs/learning_curve.log",
    conda:
        "../envs/surrogate-hpo.yaml"
    threads: cores("learning_curve")
    resources:
        mem_mb=memory("learning_curve"),
        runtime=minutes("learning_curve"),
        gpu=gpus("learning_curve"),
    params:
        **job("learning_curve"),
        own=contents(UPF_FILES),
    message:
        asking("errors against the number of training snapshots")
    shell:
        "surrogate-hpo learning_curve --config {params.config:q} --threads {threads}"
        " {params.files} --cost {output.cost:q} 2> {log:q}"


rule learning_curve_network:
    input:
        naswot="results/naswot/choice.json",
        search="results/search/choice.json",
        descriptors=some("results/descriptors/{snapshot}.zarr.zip"),
        ldos=some("results/ldos/{snapshot}.zarr.zip"),
        validation_descriptors=of(
            "results/descriptors/{snapshot}.zarr.zip", "validation"
        ),
        validation_ldos=of("results/ldos/{snapshot}.zarr.zip", "validation"),
        structures=some("results/snapshots/{snapshot}.extxyz"),
        dft=some("results/dft/{snapshot}.json"),
        pseudopotentials=UPF_FILES,
    output:
        model="results/learning_curve/{number}-{seed}/model.pt",
        history="results/learning_curve/{number}-{seed}/history.csv",
        validation_losses="results/learning_curve/{number}-{seed}/validation_losses.csv",
        cost="results/cost/learning_curve/{number}-{seed}.json",
    log:
        "logs/learning_curve/{number}-{seed}.log",
    conda:
        "../envs/surrogate-hpo.yaml"
    threads: cores("learning_curve_network")
    resources:
        mem_mb=memory("learning_curve_network"),
        runtime=minutes("learning_curve_network"),
        gpu=gpus("learning_curve_network"),
    params:
        # It is the training of the run, with fewer snapshots.
        **job("learning_curve_network", settings_of="train"),
        own=contents(UPF_FILES),
        # Outside the outputs: Snakemake deletes those of a failed job.
        state="results/state/learning_curve",
    message:
        asking(
            "training with {wildcards.number} snapshots, initialisation {wildcards.seed}"
        )
    shell:
        "surrogate-hpo learning_curve_network --config {params.config:q}"
        " --threads {threads} --initialisation {wildcards.seed} {params.files}"
        " --state {params.state:q} --cost {output.cost:q} 2> {log:q}"


rule learning_curve_figure:
    input:
        table="results/learning_curve/learning_curve.csv",
    output:
        figure=report(
            "results/learning_curve/figure.svg",
            caption="../report/learning_curve.rst",
            category="6. Audits",
            labels={"audit of": "number of training snapshots"},
        ),
        figure_pdf="results/learning_curve/figure.pdf",
        figure_table="results/learning_curve/figure.csv",
        cost="results/cost/learning_curve/figure.json",
    log:
        "logs/learning_curve/figure.log",
    conda:
        "../envs/surrogate-hpo.yaml"
    resources:
        mem_mb=memory("learning_curve_figure"),
        runtime=minutes("learning_curve_figure"),
    params:
        **job("learning_curve_figure"),
    message:
        asking("figure of learning_curve")
    shell:
        "surrogate-hpo learning_curve_figure --config {params.config:q}"
        " {params.files} --cost {output.cost:q} 2> {log:q}"

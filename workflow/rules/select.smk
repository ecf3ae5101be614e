rule select:
    input:
        CONFIG.select.own_files,
        structures=of("results/snapshots/{snapshot}.extxyz", "training"),
        potential=SELECT_POTENTIAL,
        surrogate=SELECT_SURROGATE,
        validation_structures=of("results/snapshots/{snapshot}.extxyz", *SELECT_JUDGED),
        validation_dft=of("results/dft/{snapshot}.json", *SELECT_JUDGED),
        held_out_structures=of(
            "results/snapshots/{snapshot}.extxyz", "validation", "test"
        ),
    output:
        table="results/select/candidates.csv",
        space="results/select/space.csv",
        choice="results/select/choice.json",
        selected="results/select/selected.extxyz",
        cost="results/cost/select/all.json",
    log:
        "logs/select.log",
    conda:
        "../envs/surrogate-hpo.yaml"
    resources:
        mem_mb=memory("select"),
        runtime=minutes("select"),
    params:
        **job("select"),
        own=contents(CONFIG.select.own_files),
        # Outside the outputs: Snakemake deletes those of a failed job.
        state="results/state/select",
    message:
        asking("which structures to compute next")
    shell:
        "surrogate-hpo select --config {params.config:q} {params.files}"
        " --state {params.state:q} --cost {output.cost:q} 2> {log:q}"


rule select_figure:
    input:
        space="results/select/space.csv",
    output:
        figure=report(
            "results/select/figure.svg",
            caption="../report/select.rst",
            category="6. Audits",
            labels={"audit of": "candidates for DFT"},
        ),
        figure_pdf="results/select/figure.pdf",
        figure_table="results/select/figure.csv",
        cost="results/cost/select/figure.json",
    log:
        "logs/select/figure.log",
    conda:
        "../envs/surrogate-hpo.yaml"
    resources:
        mem_mb=memory("select_figure"),
        runtime=minutes("select_figure"),
    params:
        **job("select_figure"),
    message:
        asking("figure of select")
    shell:
        "surrogate-hpo select_figure --config {params.config:q}"
        " {params.files} --cost {output.cost:q} 2> {log:q}"

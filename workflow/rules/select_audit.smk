rule select_audit:
    input:
        CONFIG.select_audit.own_files,
        structures=of("results/snapshots/{snapshot}.extxyz", *SELECT_AUDITED),
        dft=of("results/dft/{snapshot}.json", *SELECT_AUDITED),
    output:
        curves="results/select_audit/curves.csv",
        worths="results/select_audit/worths.csv",
        taus="results/select_audit/taus.csv",
        summary="results/select_audit/summary.json",
        cost="results/cost/select_audit/all.json",
    log:
        "logs/select_audit.log",
    conda:
        "../envs/surrogate-hpo.yaml"
    resources:
        mem_mb=memory("select_audit"),
        runtime=minutes("select_audit"),
    params:
        **job("select_audit"),
        own=contents(CONFIG.select_audit.own_files),
        # Outside the outputs: Snakemake deletes those of a failed job.
        state="results/state/select_audit",
    message:
        asking("rules that choose structures, replayed against random choices")
    shell:
        "surrogate-hpo select_audit --config {params.config:q} {params.files}"
        " --state {params.state:q} --cost {output.cost:q} 2> {log:q}"


rule select_audit_figure:
    input:
        curves="results/select_audit/curves.csv",
        worths="results/select_audit/worths.csv",
    output:
        figure=report(
            "results/select_audit/figure.svg",
            caption="../report/select_audit.rst",
            category="6. Audits",
            labels={"audit of": "choice of structures"},
        ),
        figure_pdf="results/select_audit/figure.pdf",
        figure_table="results/select_audit/figure.csv",
        cost="results/cost/select_audit/figure.json",
    log:
        "logs/select_audit/figure.log",
    conda:
        "../envs/surrogate-hpo.yaml"
    resources:
        mem_mb=memory("select_audit_figure"),
        runtime=minutes("select_audit_figure"),
    params:
        **job("select_audit_figure"),
    message:
        asking("figure of select_audit")
    shell:
        "surrogate-hpo select_audit_figure --config {params.config:q}"
        " {params.files} --cost {output.cost:q} 2> {log:q}"

rule compare:
    input:
        results=expand("results/contest/{method}/result.json", method=METHODS),
        trials=expand("results/contest/{method}/trials.csv", method=METHODS),
        histories=expand("results/contest/{method}/history.csv", method=METHODS),
    output:
        table=report(
            "results/compare/table.csv",
            caption="../report/comparison.rst",
            category="7. Comparison",
            labels={"search methods": "table"},
        ),
        summary="results/compare/summary.json",
        figures=report(
            directory("results/compare/figures"),
            patterns=["{name}.svg"],
            caption="../report/comparison.rst",
            category="7. Comparison",
            labels={"search methods": "{name}"},
        ),
        cost="results/cost/compare/all.json",
    log:
        "logs/compare.log",
    conda:
        "../envs/surrogate-hpo.yaml"
    resources:
        mem_mb=memory("compare"),
        runtime=minutes("compare"),
    params:
        **job("compare"),
    message:
        asking("search methods side by side")
    shell:
        "surrogate-hpo compare --config {params.config:q} {params.files}"
        " --cost {output.cost:q} 2> {log:q}"

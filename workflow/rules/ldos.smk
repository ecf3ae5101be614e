rule ldos:
    input:
        SAVE,
        finished_files,
        dft="results/dft/{snapshot}.json",
    output:
        ldos="results/ldos/{snapshot}.zarr.zip",
        cost="results/cost/ldos/{snapshot}.json",
    log:
        "logs/ldos/{snapshot}.log",
    conda:
        "../envs/surrogate-hpo.yaml"
    resources:
        mem_mb=memory("ldos"),
        runtime=minutes("ldos"),
    params:
        **job("ldos"),
        own=contents(finished_files),
        calculation=calculation,
    message:
        asking("local density of states of {wildcards.snapshot}")
    shell:
        "surrogate-hpo ldos --config {params.config:q} {params.files}"
        " {params.calculation} --cost {output.cost:q} 2> {log:q}"

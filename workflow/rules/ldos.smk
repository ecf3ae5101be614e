rule ldos:
    input:
        dft="results/dft/{snapshot}.json",
        save=SAVE,
        finished=finished_files,
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
        settings=settings("ldos"),
        code=code("ldos"),
        written=written("ldos"),
        own=contents(finished_files),
        config=config_files,
        calculation=calculation,
    message:
        asking("local density of states of {wildcards.snapshot}")
    shell:
        "surrogate-hpo ldos --config {params.config:q} --dft {input.dft:q}"
        " {params.calculation}"
        " --ldos {output.ldos:q}"
        " --cost {output.cost:q} 2> {log:q}"

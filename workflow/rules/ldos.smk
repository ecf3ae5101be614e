rule ldos:
    message:
        "local density of states of {wildcards.snapshot}"
    input:
        dft="results/dft/{snapshot}.json",
        save="results/dft/{snapshot}.save",
    output:
        ldos="results/ldos/{snapshot}.zarr.zip",
        cost="results/cost/ldos/{snapshot}.json",
    params:
        settings=settings("ldos"),
        code=code_digest("ldos"),
    log:
        "logs/ldos/{snapshot}.log",
    conda:
        "../envs/surrogate-hpo.yaml"
    resources:
        mem_mb=4000,
        runtime=60,
    shell:
        "surrogate-hpo ldos --config {CONFIG_FILES:q} --dft {input.dft:q} --save {input.save:q}"
        " --ldos {output.ldos:q}"
        " --cost {output.cost:q} 2> {log:q}"

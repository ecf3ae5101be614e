rule dft:
    input:
        finished_description,
        structure="results/snapshots/{snapshot}.extxyz",
        pseudopotentials=UPF_FILES,
    output:
        SCRATCH,
        dft="results/dft/{snapshot}.json",
        cost="results/cost/dft/{snapshot}.json",
    log:
        "logs/dft/{snapshot}.log",
    conda:
        "../envs/surrogate-hpo.yaml"
    threads: cores("dft")
    resources:
        mem_mb=memory("dft"),
        runtime=minutes("dft"),
    params:
        **job("dft"),
        own=contents(UPF_FILES, finished_description),
        calculation=calculation,
        failure=failure,
    message:
        asking("Quantum ESPRESSO for {wildcards.snapshot}")
    shell:
        "surrogate-hpo dft --config {params.config:q} --threads {threads}"
        " {params.files} {params.calculation} {params.failure} --cost {output.cost:q}"
        " 2> {log:q}"

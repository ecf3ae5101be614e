rule floor:
    input:
        structures=of("results/snapshots/{snapshot}.extxyz", *SPLITS),
        dft=of("results/dft/{snapshot}.json", *SPLITS),
        ldos=of("results/ldos/{snapshot}.zarr.zip", *SPLITS),
        pseudopotentials=UPF_FILES,
    output:
        table="results/floor/floor.csv",
        summary="results/floor/summary.json",
        cost="results/cost/floor/all.json",
    log:
        "logs/floor.log",
    # Before any training: what is wrong with the data makes that idle.
    priority: 10
    conda:
        "../envs/surrogate-hpo.yaml"
    resources:
        mem_mb=memory("floor"),
        runtime=minutes("floor"),
    params:
        **job("floor"),
        own=contents(UPF_FILES),
    message:
        asking("energies of the reference LDOS")
    shell:
        "surrogate-hpo floor --config {params.config:q} {params.files}"
        " --cost {output.cost:q} 2> {log:q}"

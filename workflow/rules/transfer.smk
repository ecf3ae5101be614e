rule transfer:
    input:
        CONFIG.transfer.files,
        surrogate="results/surrogate/surrogate.pt",
    output:
        energies="results/transfer/energies.json",
        table="results/transfer/transfer.csv",
        cost="results/cost/transfer/all.json",
    log:
        "logs/transfer.log",
    conda:
        "../envs/surrogate-hpo.yaml"
    threads: cores("transfer")
    resources:
        mem_mb=memory("transfer"),
        runtime=minutes("transfer"),
    params:
        **job("transfer"),
        own=contents(CONFIG.transfer.files),
        # Outside the outputs: Snakemake deletes those of a failed job.
        state="results/state/transfer",
    message:
        asking("energies of structures beyond the run")
    shell:
        "surrogate-hpo transfer --config {params.config:q} --threads {threads}"
        " {params.files} --state {params.state:q} --cost {output.cost:q} 2> {log:q}"

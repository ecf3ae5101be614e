"""What slurm.conf and gres.conf of the lab say: its nodes, partitions, limits and ports."""

import socket
from pathlib import Path

# Which partition a node belongs to.
NODES = {"cpu1": "cpu", "cpu2": "cpu", "gpu1": "gpu"}
CPUS_PER_NODE = 16
MEMORY_MB_PER_NODE = 256_000
GPUS_PER_NODE = 2
# The controller's, then one per node; not Slurm's usual ones.
PORTS = (16817, *range(17001, 17001 + len(NODES)))


def slurm_conf(folder: Path) -> str:
    """`slurm.conf` of a lab that keeps its files in a folder."""
    host = socket.gethostname().split(".")[0]
    return f"""\
ClusterName=lab
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={PORTS[0]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/run/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/run/slurmctld.pid
SlurmdPidFile={folder}/run/slurmd-%n.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd-%n.log
# No cgroups in a container: a job is a process group, its memory is polled.
ProctrackType=proctrack/pgid
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
# The nodes have what they say here, whatever the machine has.
SlurmdParameters=config_overrides
ReturnToService=2
SchedulerParameters=sched_interval=1,bf_interval=1,sched_min_interval=0,batch_sched_delay=0
# Finished jobs stay visible to squeue and scontrol: there is no database.
MinJobAge=3600
KillWait=3
MpiDefault=none
MailProg=/bin/true
GresTypes=gpu
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc={folder}/log/accounting.txt
{_nodes(host)}
{_partitions()}
"""


def gres_conf(folder: Path) -> str:
    """`gres.conf`: which device files are the GPUs of a node."""
    devices = f"{folder}/dev/gpu[0-{GPUS_PER_NODE - 1}]"
    return f"NodeName={_members('gpu')} Name=gpu Type=pretended File={devices}\n"


def _members(partition: str) -> str:
    return ",".join(node for node, its in NODES.items() if its == partition)


def _nodes(host: str) -> str:
    gpus = f" Gres=gpu:pretended:{GPUS_PER_NODE}"
    return "\n".join(
        f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={CPUS_PER_NODE}"
        f" RealMemory={MEMORY_MB_PER_NODE} State=UNKNOWN{gpus if NODES[node] == 'gpu' else ''}"
        for node, port in zip(NODES, PORTS[1:], strict=True)
    )


def _partitions() -> str:
    return "\n".join(
        f"PartitionName={name} Nodes={_members(name)} Default={'YES' if name == 'cpu' else 'NO'}"
        " MaxTime=7-0 DefMemPerCPU=100 State=UP"
        for name in dict.fromkeys(NODES.values())
    )

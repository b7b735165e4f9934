#!/usr/bin/env bash
# A SLURM of two nodes on this machine, on loopback: slurmctld and two slurmd, no authentication service.
#
#   tests/cluster/slurm.sh start <folder>   starts it; everything it writes is in the folder
#   tests/cluster/slurm.sh stop <folder>    cancels its jobs and stops it
#
# With SLURM_CONF=<folder>/slurm.conf exported, sbatch, squeue and scancel talk to it. Needs Debian's packages:
#   apt-get install --no-install-recommends slurmctld slurmd slurm-client
set -euo pipefail

usage() { sed -n '4,8s/^# \{0,1\}//p' "$0"; exit 2; }
[[ $# == 2 ]] || usage
folder=$(realpath -m "$2")
export SLURM_CONF=$folder/slurm.conf
PATH=$PATH:/usr/sbin

configure() {
    mkdir -p "$folder/state"
    # The nodes are processes of this machine: NodeHostname is its name, and each has a port of its own.
    cat > "$SLURM_CONF" <<CONF
ClusterName=loopback
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmctldPort=$((6900 + RANDOM % 1000 * 4))
AuthType=auth/none
CredType=cred/none
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
StateSaveLocation=$folder/state
SlurmctldPidFile=$folder/slurmctld.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdPidFile=$folder/%n.pid
SlurmdLogFile=$folder/%n.log
SlurmdSpoolDir=$folder/%n
ProctrackType=proctrack/pgid
TaskPlugin=task/none
MpiDefault=none
SchedulerType=sched/builtin
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
JobRequeue=1
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
KillWait=1
SchedulerParameters=batch_sched_delay=0
NodeName=one NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 Port=$((11000 + RANDOM % 4000)) CPUs=2 RealMemory=1000
NodeName=two NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 Port=$((15000 + RANDOM % 4000)) CPUs=2 RealMemory=1000
PartitionName=debug Nodes=one,two Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO
CONF
}

start() {
    configure
    slurmctld -c
    for node in one two; do mkdir -p "$folder/$node"; slurmd -c -N "$node"; done
    for _ in {1..60}; do
        [[ $(sinfo --noheader --states=idle --format=%D 2>/dev/null) == 2 ]] && return
        sleep 0.5
    done
    tail -n 20 "$folder"/*.log >&2
    stop
    echo "slurm.sh: the nodes did not come up" >&2
    exit 1
}

stop() {
    scancel --user="$(id -un)" --signal=KILL --full 2>/dev/null || true
    scancel --user="$(id -un)" 2>/dev/null || true
    pids=$(cat "$folder"/{one,two,slurmctld}.pid 2>/dev/null) || true
    for pid in $pids; do kill "$pid" 2>/dev/null || true; done
    for pid in $pids; do
        for _ in {1..100}; do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
    done
}

case $1 in start) start ;; stop) stop ;; *) usage ;; esac

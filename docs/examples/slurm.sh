#!/bin/bash
# Training on two machines with four GPUs each. From the checkout, which all machines see, as they see RUN:
#
#   sbatch docs/examples/slurm.sh RUN RECIPE DATA…
#   sbatch docs/examples/slurm.sh runs/cluster recipes/release.json 's3://bucket/train-{0000..0063}.tar'
#
# The same command again goes on from the last checkpoint. Give it several times, and each job goes on where the one
# before it ended: --dependency=singleton lets one of a name run at a time.

#SBATCH --job-name=colorize-train
#SBATCH --dependency=singleton
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=32
#SBATCH --time=08:00:00
#SBATCH --requeue

set -euo pipefail
run=$1 recipe=$2
shift 2
if [ -f "$run/config.json" ]; then
    how=(--resume)
else
    how=(--config "$recipe")
fi
first=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
srun torchrun --nnodes "$SLURM_NNODES" --nproc-per-node "$SLURM_GPUS_ON_NODE" \
    --rdzv-backend c10d --rdzv-id "$SLURM_JOB_ID" --rdzv-endpoint "$first:${PORT:-29500}" \
    train.py "$@" --folder "$run" "${how[@]}"

"""The examples for clusters: what can be tried of them on one machine, which stands for two."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from torch.distributed.run import get_args_parser

from colorize.training import cli
from tests.training.runs import ROOT, SMALL, free_port, log

pytestmark = pytest.mark.process

SLURM = ROOT / "docs" / "examples" / "slurm.sh"
KUBERNETES = ROOT / "docs" / "examples" / "kubernetes.yaml"

# One machine is a torchrun of its own, whose number is noted to kill it.
SRUN = """#!/bin/bash
for _ in $(seq "$SLURM_NNODES"); do "$@" & echo $! >> "$MACHINES"; done
status=0
for machine in $(jobs -p); do wait "$machine" || status=$?; done
exit $status
"""


def scripts() -> dict[str, str]:
    job = list(yaml.safe_load_all(KUBERNETES.read_text()))[1]
    (container,) = job["spec"]["template"]["spec"]["containers"]
    return {"slurm": SLURM.read_text(), "kubernetes": container["args"][0]}


@pytest.mark.parametrize("name", ["slurm", "kubernetes"])
def test_an_example_is_a_script_whose_options_torchrun_and_train_py_know(name: str) -> None:
    script = scripts()[name]
    subprocess.run(["bash", "-n", "-c", script], check=True)
    command = re.search(r"torchrun .*", script.replace("\\\n", " "))
    assert command is not None
    words = [re.sub(r"^\$\w+.*", "2", word) for word in shlex.split(command[0].replace('"${how[@]}"', "--resume"))]
    given = get_args_parser().parse_args(words[1:])
    assert (given.training_script, given.rdzv_backend) == ("train.py", "c10d")
    options = cli._parser().parse_args(given.training_script_args)
    assert options.resume and options.run


def test_the_pods_find_the_first_one_by_the_names_that_the_service_gives() -> None:
    service, job = yaml.safe_load_all(KUBERNETES.read_text())
    name, pods = service["metadata"]["name"], job["spec"]
    assert service["spec"]["selector"]["job-name"] == job["metadata"]["name"] == name
    assert pods["template"]["spec"]["subdomain"] == name
    machines, gpus = pods["completions"], pods["template"]["spec"]["containers"][0]["resources"]["limits"]
    started = f"--nnodes {machines} --nproc-per-node {gpus['nvidia.com/gpu']} "
    assert started in scripts()["kubernetes"]
    assert f"--rdzv-endpoint {name}-0.{name}:" in scripts()["kubernetes"]


@pytest.mark.slow
def test_when_a_machine_is_lost_the_other_says_so_in_one_line_and_the_same_command_goes_on(
    shard: Path, tmp_path: Path
) -> None:
    run, recipe, machines = tmp_path / "run", tmp_path / "recipe.json", tmp_path / "machines"
    settings = {"generator_steps": 300, "discriminator_steps": 0, "adversarial_steps": 0, "holdout": 4}
    recipe.write_text(json.dumps(config_of(SMALL) | settings))
    for name, content in {"srun": SRUN, "scontrol": "#!/bin/bash\necho 127.0.0.1\n"}.items():
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / name).write_text(content)
        (tmp_path / "bin" / name).chmod(0o755)

    def job(nodes: int) -> subprocess.Popen[str]:
        machines.unlink(missing_ok=True)
        path = os.pathsep.join([str(tmp_path / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
        slurm = {"NNODES": nodes, "GPUS_ON_NODE": 1, "JOB_ID": 1, "JOB_NODELIST": "node[1-2]"}
        environment = {f"SLURM_{name}": str(value) for name, value in slurm.items()}
        environment |= {"PATH": path, "MACHINES": str(machines), "PORT": free_port(), "OMP_NUM_THREADS": "1"}
        command = ["bash", str(SLURM), str(run), str(recipe), str(shard)]
        return subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment}, stderr=subprocess.PIPE, text=True)

    with job(nodes=2) as first:
        wait_for_step(run, 8)
        machine = psutil.Process(int(machines.read_text().split()[-1]))
        for process in [machine, *machine.children(recursive=True)]:
            process.kill()
        told = first.communicate(timeout=200)[1]
    assert first.returncode != 0
    (line,) = [line for line in told.splitlines() if line.startswith("train.py: ")]
    assert re.search("process [01] of 2 lost another one, .* go on with the same command and --resume", line)
    with job(nodes=1) as second:
        told = second.communicate(timeout=200)[1]
    assert second.returncode == 0, told
    assert re.search(r"from step [1-9]\d* of 300, on 1 × cpu", told)
    assert log(run)[-1]["step"] == 300


def config_of(options: list[str]) -> dict[str, Any]:
    """Options of train.py as the settings of a recipe."""
    given = vars(cli._parser().parse_args(["photos", *options]))
    return {name: value for name, value in given.items() if f"--{name.replace('_', '-')}" in options}


def wait_for_step(run: Path, step: int) -> None:
    deadline = time.monotonic() + 200
    while not ((run / "log.jsonl").is_file() and any(entry["step"] >= step for entry in log(run))):
        assert time.monotonic() < deadline
        time.sleep(0.1)

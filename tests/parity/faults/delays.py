#!/usr/bin/env python3
"""Trains a pipeline while its ranks dawdle at random, and holds it to the bytes of a run in which none does.

  delays.py --shardc BIN --work DIR [--runs 20, 200 with SHARDC_SLOW_TESTS] [--first-seed 1]

SHARDC_DELAYS makes each rank sleep at a third of its messages and meetings. No run may hang, on one node or, every
fourth time, with each stage on a node of its own; none may change a bit.
"""
import os
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from support import Failure, Workplace, differing, main, parser  # noqa: E402

RANKS = 4
STEPS = 3
PATIENCE = 60  # seconds: a run takes one


def train(place, trainer, name, **environment):
    """What is trained, in folder `name`. The trainer is started as mpirun starts it: no run needs a compilation."""
    words = ["mpirun", "--allow-run-as-root", "--oversubscribe", "--bind-to", "none", "-n", str(RANKS), trainer,
             "--quiet", "--steps", str(STEPS), "--dump", name]
    done = subprocess.run(words, cwd=place.dir, env=dict(place.environment, OMP_NUM_THREADS="1", **environment),
                          timeout=PATIENCE, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        raise Failure(f"{environment}: ended with code {done.returncode}:\n{done.stdout}")
    return place.dir / name


def test(arguments):
    place = Workplace(arguments.shardc, arguments.work, "delays", "tiny-pipeline.yaml")
    trainer = place.shard("run", options=["--only-build"]).split()[-1]
    expected = train(place, trainer, "undelayed")
    began = time.monotonic()
    for seed in range(arguments.first_seed, arguments.first_seed + arguments.runs):
        nodes = {"SHARDC_FORCE_REMOTE": str(RANKS // 2)} if seed % 4 == 0 else {}
        found = train(place, trainer, "delayed", SHARDC_DELAYS=f"{seed}:500", **nodes)
        if others := differing(expected, found):
            raise Failure(f"SHARDC_DELAYS={seed} {nodes} changes {others}")
    seconds = time.monotonic() - began
    print(f"{arguments.runs} runs with delays: none hangs, all leave the same bytes; {seconds:.0f} s")


if __name__ == "__main__":
    arguments = parser()
    arguments.add_argument("--runs", type=int, default=200 if os.environ.get("SHARDC_SLOW_TESTS") else 20)
    arguments.add_argument("--first-seed", type=int, default=1)
    main(lambda: test(arguments.parse_args()))

#!/usr/bin/env python3
"""Trains one small GPT-2 under 1F1B and under another schedule: gradients, moments and weights have to be the same bytes.

  check.py SCHEDULE --shardc BIN --work DIR [--all]

A schedule says when a stage does what, and some cut the model into more parts, lay these on stages in another order, or split the backward;
none may change a sum, also where rules place tensors inside of stages. By default weights and activations are placed; --all (or
SHARDC_SLOW_TESTS) takes every mesh.
"""
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from support import MEGATRON, Failure, Workplace, differing, main, parser  # noqa: E402

MESHES = {
    "tp2_sp": f"mesh: {{pp: 2, tp: 2}}, shard: [{MEGATRON}, {{seq: tp}}]",
    "alone": "mesh: {pp: 2}",
    "dp2": "mesh: {pp: 2, dp: 2}, shard: [{batch: dp}]",
    "dp2_zero3": "mesh: {pp: 2, dp: 2}, shard: [{batch: dp}], zero: 3",
    "dp2_tp2_sp_zero1": f"mesh: {{dp: 2, pp: 2, tp: 2}}, shard: [{{batch: dp}}, {MEGATRON}, {{seq: tp}}], zero: 1",
}
# Four layers, so that each of four parts has one.
SIZES = ["config.num_hidden_layers=4", "train.steps=10", "train.global_batch_size=16", "plan.microbatches=4"]


def train(place, mesh, schedule):
    out = place.dir / mesh / schedule
    plan = f"plan={{{MESHES[mesh]}, pipeline: {{axis: pp, schedule: {schedule}}}}}"
    place.shard("run", [plan, *SIZES], trainer=["--dump", out, "--quiet"])
    return out


def test(arguments):
    place = Workplace(arguments.shardc, arguments.work, f"schedules-{arguments.schedule}", "tiny-gpt2.yaml")
    for mesh in MESHES if arguments.all else ["tp2_sp"]:
        if changed := differing(train(place, mesh, "1f1b"), train(place, mesh, arguments.schedule)):
            raise Failure(f"{mesh}: {arguments.schedule} leaves other {changed} than 1f1b")
        print(f"{mesh}: {arguments.schedule} leaves the same bytes as 1f1b", flush=True)


if __name__ == "__main__":
    arguments = parser()
    arguments.add_argument("schedule")
    arguments.add_argument("--all", action="store_true", default="SHARDC_SLOW_TESTS" in os.environ)
    main(lambda: test(arguments.parse_args()))

#!/usr/bin/env python3
"""Trains one small GPT-2 under every schedule of a pipeline: gradients, moments and weights have to be the same bytes.

  check.py --shardc BIN --work DIR [--all]

A schedule says when a stage does what, and some cut the model into more parts, lay these on stages in another order, or split the backward;
none may change a sum, also where rules place tensors inside of stages. By default the plainest is held against the one that is most unlike
it, where both weights and activations are placed; --all (or SHARDC_SLOW_TESTS) takes every schedule on every mesh.
"""
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from support import Failure, Workplace, differing, main, parser  # noqa: E402

MESHES = {
    "tp2_sp": "mesh: {pp: 2, tp: 2}, shard: [{heads: tp, mlp: tp, vocab: tp}, {seq: tp}]",
    "alone": "mesh: {pp: 2}",
    "dp2": "mesh: {pp: 2, dp: 2}, shard: [{batch: dp}]",
    "dp2_zero3": "mesh: {pp: 2, dp: 2}, shard: [{batch: dp}], zero: 3",
    "dp2_tp2_sp_zero1": "mesh: {dp: 2, pp: 2, tp: 2}, shard: [{batch: dp}, {heads: tp, mlp: tp, vocab: tp}, {seq: tp}], zero: 1",
}
USUAL = ("1f1b", "zero_bubble_v")
ALL = ("1f1b", "gpipe", "interleaved", "zero_bubble_h1", "zero_bubble", "zero_bubble_v")
# Four layers, so that each of four parts has one.
SIZES = ["config.num_hidden_layers=4", "train.steps=10", "train.global_batch_size=16", "plan.microbatches=4"]


def train(place, mesh, schedule):
    out = place.dir / mesh / schedule
    plan = f"plan={{{MESHES[mesh]}, pipeline: {{axis: pp, schedule: {schedule}}}}}"
    place.shard("run", [plan, *SIZES], trainer=["--dump", out, "--quiet"])
    return out


def test(arguments):
    place = Workplace(arguments.shardc, arguments.work, "schedules", "tiny-gpt2.yaml")
    first, *others = ALL if arguments.all else USUAL
    for mesh in MESHES if arguments.all else ["tp2_sp"]:
        wanted = train(place, mesh, first)
        for schedule in others:
            if changed := differing(wanted, train(place, mesh, schedule)):
                raise Failure(f"{mesh}: {schedule} leaves other {changed} than {first}")
            print(f"{mesh}: {schedule} leaves the same bytes as {first}", flush=True)


if __name__ == "__main__":
    arguments = parser()
    arguments.add_argument("--all", action="store_true", default="SHARDC_SLOW_TESTS" in os.environ)
    main(lambda: test(arguments.parse_args()))

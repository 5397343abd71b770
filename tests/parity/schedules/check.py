#!/usr/bin/env python3
"""Trains one small GPT-2 under every schedule of a pipeline: gradients, moments and weights have to be the same bytes.

  check.py --shardc BIN --work DIR [--all]

A schedule says when a stage does what, and some cut the model into more parts or split the backward; none may change a sum. By default the
plainest is held against the one that is most unlike it; --all (or SHARDC_SLOW_TESTS) takes every schedule, tied and untied, on meshes that place
tensors too.
"""
import filecmp
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from support import Failure, Workplace, main, parser  # noqa: E402

USUAL = ("1f1b", "zero_bubble_v")
ALL = ("1f1b", "gpipe", "interleaved", "zero_bubble_h1", "zero_bubble", "zero_bubble_v")
# Four layers, so that each of four parts has one.
SIZES = ["config.num_hidden_layers=4", "train.steps=10", "plan.microbatches=4"]
MESHES = {
    "pp2": "mesh: {pp: 2}",
    "pp2_dp2_zero3": "mesh: {pp: 2, dp: 2}, shard: [{batch: dp}], zero: 3",
    "pp2_tp2_sp": "mesh: {pp: 2, tp: 2}, shard: [{heads: tp, mlp: tp, vocab: tp}, {seq: tp}]",
}
DUMPED = ["gradients", "m", "v", "weights"]


def train(place, mesh, schedule, sets):
    out = place.dir / f"{mesh}-{schedule}"
    plan = "plan={%s, pipeline: {axis: pp, schedule: %s}}" % (MESHES[mesh], schedule)
    place.shard("run", [plan, *SIZES, *sets], trainer=["--dump", out, "--quiet"])
    return out


def check(place, mesh, schedules, sets=()):
    first, *others = schedules
    wanted = train(place, mesh, first, sets)
    for schedule in others:
        got = train(place, mesh, schedule, sets)
        for name in DUMPED:
            if not filecmp.cmp(wanted / f"{name}.safetensors", got / f"{name}.safetensors", shallow=False):
                raise Failure(f"{mesh}{' '.join(['', *sets])}: {schedule} leaves other {name} than {first}")
    print(f"{mesh}{' '.join(['', *sets])}: {', '.join(schedules)} leave the same bytes")


def test(arguments):
    place = Workplace(arguments.shardc, arguments.work, "schedules", "tiny-gpt2.yaml")
    if not arguments.all:
        check(place, "pp2", USUAL)
        return
    for mesh in MESHES:
        for tied in ("true", "false"):
            check(place, mesh, ALL, [f"config.tie_word_embeddings={tied}"])


if __name__ == "__main__":
    arguments = parser()
    arguments.add_argument("--all", action="store_true", default="SHARDC_SLOW_TESTS" in os.environ)
    main(lambda: test(arguments.parse_args()))

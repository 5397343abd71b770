#!/usr/bin/env python3
"""Trains one small GPT-2 under every schedule of a pipeline: gradients, moments and weights have to be the same bytes.

  check.py --shardc BIN --work DIR [--all]

A schedule says when a stage does what, and some cut the model into more parts or split the backward; none may change a sum. By default the
plainest is held against the one that is most unlike it; --all (or SHARDC_SLOW_TESTS) takes every schedule.
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
DUMPED = ["gradients", "m", "v", "weights"]


def train(place, schedule):
    out = place.dir / schedule
    plan = "plan={mesh: {pp: 2}, pipeline: {axis: pp, schedule: %s}}" % schedule
    place.shard("run", [plan, *SIZES], trainer=["--dump", out, "--quiet"])
    return out


def test(arguments):
    place = Workplace(arguments.shardc, arguments.work, "schedules", "tiny-gpt2.yaml")
    first, *others = ALL if arguments.all else USUAL
    wanted = train(place, first)
    for schedule in others:
        got = train(place, schedule)
        for name in DUMPED:
            if not filecmp.cmp(wanted / f"{name}.safetensors", got / f"{name}.safetensors", shallow=False):
                raise Failure(f"{schedule} leaves other {name} than {first}")
        print(f"{schedule} leaves the same bytes as {first}")


if __name__ == "__main__":
    arguments = parser()
    arguments.add_argument("--all", action="store_true", default="SHARDC_SLOW_TESTS" in os.environ)
    main(lambda: test(arguments.parse_args()))

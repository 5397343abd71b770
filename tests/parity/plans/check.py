#!/usr/bin/env python3
"""Builds trainers of one model under every plan, runs them, and holds them to the one numeric rule.

  check.py MODEL --shardc BIN --judge BIN --work DIR [--all]

Plans are run with one or three micro-batches, taking turns; --all (or SHARDC_SLOW_TESTS) runs every plan with both. Of each run also: the memory is
touched up to the planned peak and not beyond, on every rank, what is resident is little more, and the trainer allocates nothing after the first
step (what oneDNN allocates for itself in each product is not counted). Of the largest plan: it starts from the same
weights as one rank, and two runs leave identical bytes.
"""
import argparse
import filecmp
import os
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from support import Failure, Workplace, main  # noqa: E402

PLANS = {
    "single": ["plan=single"],
    "ddp2": ["plan=ddp"],
    "ddp4": ["plan=ddp", "plan.mesh.dp=4"],
    "tp2": ["plan=tp"],
    "tp2_sp": ["plan=tp_sp"],
    "dp2_tp2_sp": ["plan=dp_tp_sp"],
    "vocab4": ["plan={mesh: {tp: 4}, shard: [{vocab: tp}, {seq: tp}]}"],  # 258 tokens, padded to 260
    "zero1": ["plan=zero1"],
    "zero3": ["plan=zero3"],
    "tp_sp_zero3": ["plan=tp_sp_zero3"],
    "scoped": ["plan={mesh: {dp: 2, tp: 2}, shard: [{batch: dp}, {at: '*.*.mlp', mlp: tp}, {at: '*.0', seq: tp}]}"],
    "tp6_sp": ["plan=tp_sp", "plan.mesh.tp=6"],  # of Llama: 2 heads of keys cut tp into 2 x 3
}
RANKS = {"single": 1, "ddp2": 2, "ddp4": 4, "tp2": 2, "tp2_sp": 2, "dp2_tp2_sp": 4, "vocab4": 4,
         "zero1": 2, "zero3": 2, "tp_sp_zero3": 4, "scoped": 4, "tp6_sp": 6}
# What runs without --all.
USUAL = {
    "gpt2": ("single", "ddp2", "tp2_sp", "dp2_tp2_sp", "vocab4", "tp_sp_zero3"),
    "llama": ("single", "ddp4", "tp6_sp"),
    "qwen3": ("single", "tp2", "scoped"),
}
DUMPED = ["gradients", "m", "v", "weights"]


def cases(model, run_all):
    """(plan, micro-batches); which plan gets which number changes from model to model. One rank gets both: its runs
    make the bar."""
    turn = list(USUAL).index(model)
    for index, plan in enumerate(PLANS):
        if plan == "tp6_sp" and model != "llama":
            continue  # 6 divides none of the others' sizes
        for microbatches in (1, 3):
            usual = plan in USUAL[model] and (index + turn) % 2 == microbatches // 2
            if run_all or usual or plan == "single":
                yield plan, microbatches


def sets(plan, microbatches):
    return PLANS[plan] + [f"plan.microbatches={microbatches}"]


def check_arena(said, plan):
    rows = re.findall(r"rank \d+: arena ([\d,]+) bytes planned, ([\d,]+) touched, ([\d,]+) resident in all; "
                      r"allocations after step 1: ([\d,]+) own, ([\d,]+) in libraries", said)
    if len(rows) != RANKS[plan]:
        raise Failure(f"{len(rows)} of {RANKS[plan]} ranks reported their arena:\n{said}")
    for rank, row in enumerate(rows):
        planned, touched, resident, own, _ = (int(number.replace(",", "")) for number in row)
        if planned != touched:
            raise Failure(f"rank {rank}: {planned} bytes are planned, {touched} were touched")
        if resident > 1.05 * planned + (64 << 20):  # what libraries and their code take
            raise Failure(f"rank {rank}: {planned} bytes are planned, {resident} are resident")
        if own:
            raise Failure(f"rank {rank}: {own} allocations after step 1")


def train(place, plan, microbatches, name, threads=1):
    """One run; what it dumped lies in the folder that is returned."""
    out = place.dir / name
    said = place.shard("run", sets(plan, microbatches), threads=threads,
                       trainer=["--dump", out, "--metrics", out / "metrics.jsonl", "--check-arena", "--quiet"])
    check_arena(said, plan)
    return out


def start(place, plan, microbatches):
    out = place.dir / f"start-{plan}"
    place.shard("run", sets(plan, microbatches), trainer=["--steps", 0, "--dump", out])
    return out / "weights.safetensors"


def same_bytes(one, two):
    for name in DUMPED:
        if not filecmp.cmp(one / f"{name}.safetensors", two / f"{name}.safetensors", shallow=False):
            raise Failure(f"{name} differs between {one} and {two}: two runs of one job")


def test(arguments):
    place = Workplace(arguments.shardc, arguments.work, arguments.model, f"tiny-{arguments.model}.yaml")
    runs = {}
    for plan, microbatches in cases(arguments.model, arguments.all):
        runs[plan, microbatches] = train(place, plan, microbatches, f"{plan}-{microbatches}")
    largest = max(runs, key=lambda run: (RANKS[run[0]], run[0], run[1]))
    same_bytes(runs[largest], train(place, *largest, "again", threads=None))
    first = start(place, "single", 1)
    if not filecmp.cmp(first, start(place, *largest), shallow=False):
        raise Failure(f"{largest[0]} starts from other weights than one rank")

    words = [arguments.judge, place.job, "--set", "plan=single", "--start", first]
    for (plan, microbatches), out in runs.items():
        words += ["--single", out] if plan == "single" else [f"{plan}-{microbatches}={out}"]
    print(place.call(words))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--shardc", required=True)
    parser.add_argument("--judge", type=os.path.abspath, required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--all", action="store_true", default="SHARDC_SLOW_TESTS" in os.environ)
    main(lambda: test(parser.parse_args()))

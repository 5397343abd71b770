#!/usr/bin/env python3
"""Builds trainers of one model under every plan, runs them, and holds them to the one numeric rule.

  check.py MODEL --shardc BIN --judge BIN --work DIR [--all] [--plan NAME]...

Plans are run with one or three micro-batches, taking turns; --all (or SHARDC_SLOW_TESTS) runs every plan with both, pipelines of more parts on a deeper
model, and some plans with GPT-2's vocabulary too. --plan runs only the plans of these names, with all their numbers of micro-batches.
Of each run also: the memory is touched up to the planned peak and not beyond, on every rank, what is resident is
little more, and the trainer allocates nothing after the first step (what oneDNN allocates for itself in each product is not
counted). Of the largest plan: it starts from the same weights as one rank, and two runs leave identical bytes.
"""
import filecmp
import os
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from support import MEGATRON, Failure, Workplace, differing, judged, main, other_weights, parser  # noqa: E402

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
    "tp6_sp": ["plan=tp_sp", "plan.mesh.tp=6"],  # 2 heads of keys cut tp into 2 x 3, below into 2 x 2
    "tp4": ["plan=tp", "plan.mesh.tp=4"],
    "tp4_sp": ["plan=tp_sp", "plan.mesh.tp=4"],
    "zero2": ["plan=zero2"],
    "hsdp": ["plan=hsdp"],
    "tp2_pp2": [f"plan={{mesh: {{pp: 2, tp: 2}}, shard: [{MEGATRON}], pipeline: {{axis: pp}}}}"],
    "dp2_pp2": ["plan={mesh: {dp: 2, pp: 2}, shard: [{batch: dp}], pipeline: {axis: pp}}"],
    "pp3": ["plan={mesh: {pp: 3}, pipeline: {axis: pp, schedule: gpipe}}"],
    "pp2_tp2_sp": [f"plan={{mesh: {{pp: 2, tp: 2}}, shard: [{MEGATRON}, {{seq: tp}}], pipeline: {{axis: pp}}}}"],
    "pp2_zero3": ["plan={mesh: {pp: 2, dp: 2}, shard: [{batch: dp}], zero: 3, pipeline: {axis: pp}}"],
    "dp2_tp2_sp_pp2": [f"plan={{mesh: {{pp: 2, dp: 2, tp: 2}}, shard: [{{batch: dp}}, {MEGATRON}, {{seq: tp}}], pipeline: {{axis: pp}}}}"],
    "zero_bubble_h1": ["plan={mesh: {pp: 3}, pipeline: {axis: pp, schedule: zero_bubble_h1}}"],
    "zero_bubble": [f"plan={{mesh: {{pp: 2, tp: 2}}, shard: [{MEGATRON}, {{seq: tp}}], pipeline: {{axis: pp, schedule: zero_bubble}}}}"],
    "zero_bubble_v": ["plan={mesh: {pp: 2, dp: 2}, shard: [{batch: dp}], pipeline: {axis: pp, schedule: zero_bubble_v}}"],
    "pp4": ["plan={mesh: {pp: 4}, pipeline: {axis: pp}}"],
    "interleaved2": ["plan={mesh: {pp: 2, dp: 2}, shard: [{batch: dp}], pipeline: {axis: pp, schedule: interleaved}}"],
    "interleaved3": ["plan={mesh: {pp: 2}, pipeline: {axis: pp, schedule: interleaved, virtual_stages: 3}}"],
}
RANKS = {"single": 1, "ddp2": 2, "ddp4": 4, "tp2": 2, "tp2_sp": 2, "dp2_tp2_sp": 4, "vocab4": 4, "zero1": 2, "zero3": 2,
         "tp_sp_zero3": 4, "scoped": 4, "tp6_sp": 6, "tp4": 4, "tp4_sp": 4, "zero2": 2, "hsdp": 4, "dp2_pp2": 4, "tp2_pp2": 4,
         "pp3": 3, "pp2_tp2_sp": 4, "pp2_zero3": 4, "dp2_tp2_sp_pp2": 8, "zero_bubble_h1": 3,
         "zero_bubble": 4, "zero_bubble_v": 4, "pp4": 4, "interleaved2": 4, "interleaved3": 2}
# What no number of the three layers of these models is enough for, or only just.
DEEP = ("zero_bubble_v", "pp4", "interleaved2", "interleaved3")
DEEPER = ["config.num_hidden_layers=7"]
# What runs without --all.
USUAL = {
    "gpt2": ("single", "dp2_pp2", "tp2_sp", "dp2_tp2_sp", "vocab4", "tp_sp_zero3"),
    "llama": ("single", "ddp4", "tp6_sp"),
    "qwen3": ("single", "tp2", "scoped"),
}
# 50257 tokens, which neither 2 nor 4 ranks divide; all else is small. Qwen3 has a seed of its own: see docs/verification.md.
LONG_VOCABULARY = [f"{key}={value}" for key, value in {
    "config.vocab_size": 50257, "config.hidden_size": 12, "config.num_hidden_layers": 1, "config.num_attention_heads": 4,
    "train.seq_len": 4, "train.global_batch_size": 6, "train.steps": 5}.items()]
LONG_VOCABULARY_BESIDES = {"qwen3": ["train.seed=18"]}
LONG_VOCABULARY_STAGES = ["config.num_hidden_layers=3"]


def numbers(plan):
    """Of micro-batches. One rank has one more: its runs make the bar. Interleaved stages take them in groups of two."""
    return (2, 6) if plan.startswith("interleaved") else (1, 2, 3) if plan == "single" else (1, 3)


def cases(model, run_all):
    """(plan, micro-batches); which plan gets which number changes from model to model, one rank gets all."""
    turn = list(USUAL).index(model)
    for index, plan in enumerate(plan for plan in PLANS if plan not in DEEP):
        for microbatches in numbers(plan):
            usual = plan in USUAL[model] and (index + turn) % 2 == microbatches // 2
            if run_all or usual or plan == "single":
                yield plan, microbatches


def all_of(plans):
    return [(plan, microbatches) for plan in ("single", *plans) for microbatches in numbers(plan)]


def sets(plan, microbatches, sizes):
    return PLANS[plan] + [f"plan.microbatches={microbatches}", *sizes]


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


def train(place, plan, microbatches, name, sizes=(), threads=1, weights=None):
    """One run, from the weights that the seed draws or those of a file; what it dumped lies in the folder that is returned."""
    out = place.dir / name
    given = ["--init-from", weights] if weights else []
    said = place.shard("run", sets(plan, microbatches, sizes), threads=threads,
                       trainer=["--dump", out, "--metrics", out / "metrics.jsonl", "--check-arena", "--quiet", *given])
    check_arena(said, plan)
    return out


def start(place, plan, microbatches, name, sizes=()):
    out = place.dir / name
    place.shard("run", sets(plan, microbatches, sizes), trainer=["--steps", 0, "--dump", out])
    return out / "weights.safetensors"


def same_bytes(one, two):
    if others := differing(one, two):
        raise Failure(f"{others} differ between {one} and {two}: two runs of one job")


def judge(place, binary, wanted, sizes=(), prefix=""):
    """Runs the wanted (plan, micro-batches), all of the same sizes; what the judge says of them. A tensor is wrong if it
    breaks the rule from other weights too."""
    runs = {each: train(place, *each, f"{prefix}{each[0]}-{each[1]}", sizes) for each in wanted}
    largest = max(runs, key=lambda run: (RANKS[run[0]], run[0], run[1]))
    same_bytes(runs[largest], train(place, *largest, f"{prefix}again", sizes, threads=None))
    first = start(place, "single", 1, f"{prefix}start-single", sizes)
    if not filecmp.cmp(first, start(place, *largest, f"{prefix}start", sizes), shallow=False):
        raise Failure(f"{largest[0]} starts from other weights than one rank")

    def say(number, again):
        weights, outs = first, runs
        if number:
            weights = other_weights(first, number)
            outs = {(plan, microbatches): train(place, plan, microbatches, f"start{number}/{plan}-{microbatches}", sizes,
                                                weights=weights)
                    for plan, microbatches in runs if plan == "single" or f"{plan}-{microbatches}" in again}
        words = [binary, place.job, "--set", "plan=single", "--start", weights]
        for size in sizes:
            words += ["--set", size]
        for (plan, microbatches), out in outs.items():
            words += ["--single", out] if plan == "single" else [f"{plan}-{microbatches}={out}"]
        return place.call(words, codes=(0, 1))

    said, wrong = judged(say)
    if wrong:
        raise Failure(f"these break the rule: {wrong}\n{said}")
    return said


def groups(arguments):
    """(what is run, overrides that it is run with, how its folders begin): each is judged beside one rank of its own."""
    run_all, model = arguments.all or arguments.plan, arguments.model
    long_vocabulary = LONG_VOCABULARY + LONG_VOCABULARY_BESIDES.get(model, [])
    yield cases(model, run_all), [], ""
    if run_all:
        yield all_of(DEEP), DEEPER, "deep-"
        yield all_of(("tp2_sp", "tp4_sp")), long_vocabulary, "long-vocabulary-"
        yield all_of(("pp2_tp2_sp",)), long_vocabulary + LONG_VOCABULARY_STAGES, "long-vocabulary-stages-"


def test(arguments):
    place = Workplace(arguments.shardc, arguments.work, arguments.model, f"tiny-{arguments.model}.yaml")
    for wanted, sizes, prefix in groups(arguments):
        wanted = [case for case in wanted if not arguments.plan or case[0] in ("single", *arguments.plan)]
        if any(plan != "single" for plan, _ in wanted):
            print(judge(place, arguments.judge, wanted, sizes, prefix), flush=True)


if __name__ == "__main__":
    arguments = parser(judged=True)
    arguments.add_argument("model")
    arguments.add_argument("--all", action="store_true", default="SHARDC_SLOW_TESTS" in os.environ)
    arguments.add_argument("--plan", action="append", choices=PLANS, default=[])
    main(lambda: test(arguments.parse_args()))

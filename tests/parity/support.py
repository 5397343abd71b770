"""What the tests of built trainers share: a place to work, the text to learn, shardc's command line."""
import argparse
import array
import filecmp
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent


def parser(judged=False):
    """What every test is given: shardc, a place to work and, where one is used, the judge of tensors."""
    words = argparse.ArgumentParser()
    words.add_argument("--shardc", required=True)
    words.add_argument("--work", required=True)
    if judged:
        words.add_argument("--judge", type=os.path.abspath, required=True)
    return words


class Failure(Exception):
    """A check that did not hold; its text says which."""


def write_text(path, size=20_000, seed=7):
    """Words of a small made-up language, of each seed the same each time: something that 20 steps can begin to learn."""
    draw = random.Random(seed)
    words = ["".join(draw.choice("aeioubdfgklmnprst") for _ in range(draw.randint(2, 6))) for _ in range(200)]
    text = []
    while sum(map(len, text)) < size:
        text.append(draw.choice(words) + draw.choice(["", "", ",", "."]) + " ")
    path.write_text("".join(text))


def ccache_dir():
    """ccache's own, which does not move with XDG_CACHE_HOME: generated files change seldom."""
    return os.environ.get("CCACHE_DIR", str(pathlib.Path.home() / ".cache" / "ccache"))


class Workplace:
    """A folder with a copy of one job, its text, and a cache of trainers shared with the other tests."""

    def __init__(self, shardc, root, name, job):
        self.shardc = pathlib.Path(shardc).resolve()
        self.dir = pathlib.Path(root).resolve() / name
        shutil.rmtree(self.dir, ignore_errors=True)
        self.dir.mkdir(parents=True)
        self.job = shutil.copy(HERE / "jobs" / job, self.dir)
        write_text(self.dir / "text.txt")
        self.environment = dict(os.environ, XDG_CACHE_HOME=str(self.dir.parent / "cache"),
                                CMAKE_CXX_COMPILER_LAUNCHER="ccache", CCACHE_DIR=ccache_dir(),
                                CCACHE_BASEDIR=str(self.dir.parent), CCACHE_NOHASHDIR="1")

    def command(self, verb, sets=(), trainer=(), options=()):
        words = [str(self.shardc), verb, str(self.job), *options]
        for override in sets:
            words += ["--set", override]
        return words + (["--", *map(str, trainer)] if trainer else [])

    def call(self, words, threads=1, timeout=300, codes=(0,)):
        """Runs to the end and returns what was said; a code that is not expected is a Failure."""
        environment = dict(self.environment, **({"OMP_NUM_THREADS": str(threads)} if threads else {}))
        done = subprocess.run(words, cwd=self.dir, env=environment, timeout=timeout, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode not in codes:
            raise Failure(f"{' '.join(map(str, words))}\nended with code {done.returncode}:\n{done.stdout}")
        return done.stdout

    def shard(self, verb, sets=(), trainer=(), options=(), threads=1):
        return self.call(self.command(verb, sets, trainer, options), threads)


# Rules of tensor parallelism (Shoeybi et al. 2019).
MEGATRON = "{heads: tp, mlp: tp, vocab: tp}"
# What --dump leaves, each in a file of safetensors.
DUMPED = ["gradients", "m", "v", "weights"]


def differing(one, two):
    """Which of what two runs dumped into these folders are not the same bytes."""
    return [name for name in DUMPED
            if not filecmp.cmp(one / f"{name}.safetensors", two / f"{name}.safetensors", shallow=False)]


def other_weights(path, number):
    """Start number `number` beside the one in `path`, a safetensors file of f32: each weight is up to a tenth more or less."""
    data = path.read_bytes()
    end = 8 + int.from_bytes(data[:8], "little")
    assert all(tensor["dtype"] == "F32" for name, tensor in json.loads(data[8:end]).items() if name != "__metadata__")
    draw = random.Random(number)
    weights = array.array("f", (weight * draw.uniform(0.9, 1.1) for weight in array.array("f", data[end:])))
    other = path.with_name(f"other-{number}.safetensors")
    other.write_bytes(data[:end] + weights.tobytes())
    return other


def broken(said):
    """{run: tensors that break the rule} of what a judge said."""
    wrong, run = {}, None
    for line in said.splitlines():
        if found := re.match(r"(\S.*?) +\d+ of \d+ tensors", line):
            run = found[1]
        elif found := re.match(r"  (\S.*?) *: off by", line):
            wrong.setdefault(run, set()).add(found[1])
    return wrong


def judged(say):
    """What a judge said, and {run: tensors that break the rule, and not by chance}.

    `say(number, runs)` judges draw number `number`: from other weights, or with other sums; `runs` of None are all. What
    rounding does to a tensor is chance, and of thousands some break a sound rule. What is wrong breaks it in every
    draw: a tensor that does is drawn again, twice.
    """
    said = say(0, None)
    wrong = broken(said)
    for number in (1, 2):
        if wrong:
            more = say(number, list(wrong))
            said += f"again:\n{more}"
            again = broken(more)
            wrong = {run: kept for run, tensors in wrong.items() if (kept := tensors & again.get(run, set()))}
    return said, wrong


def main(test):
    """Runs `test`; a Failure is printed and ends with code 1."""
    try:
        test()
    except (Failure, subprocess.TimeoutExpired) as failure:
        print(f"FAILED: {failure}", file=sys.stderr)
        sys.exit(1)

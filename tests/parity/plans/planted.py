#!/usr/bin/env python3
"""Breaks a built trainer the ways that hand-written ones break, and sees the judge refuse each.

  planted.py --shardc BIN --judge BIN --work DIR

A model learns on with any of these; only its numbers are wrong. They are so from other weights too: what the tests of plans
take for chance is none of these.
"""
import pathlib
import re
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from check import start, train  # noqa: E402
from support import Failure, Workplace, judged, main, other_weights, parser  # noqa: E402

PLAN = ["plan=dp_tp_sp"]
# What is broken, a pattern that stands once, what it becomes, and the tensor that must be found wrong.
FAULTS = [
    ("a bucket of norms' gradients is summed over dp alone",
     r"(allReduce\(context\.group\(groups::)dp_tp(\),\s+\{\{block_gradients\.ln_1_weight)", r"\1dp\2",
     "gradient transformer.h.0.ln_1.weight"),
    ("a bias's gradient is not summed",
     r"\{block_gradients\.ln_2_bias, block_gradients\.ln_2_bias, \{\.chunk = \d+\}\},\s*", "",
     "gradient transformer.h.1.ln_2.bias"),
]


def package(place):
    """The cached package of the plan's trainer, copied; and the runtime's library that it was built with."""
    said = place.shard("run", PLAN, trainer=["--help"])
    built = pathlib.Path(re.search(r"usage: mpirun -n RANKS (\S+)/build/trainer", said).group(1))
    copy = place.dir / "package"
    shutil.copytree(built, copy, ignore=shutil.ignore_patterns("build"))
    cached = (built / "build" / "CMakeCache.txt").read_text()
    library = re.search(r"SHARDC_RUNTIME_LIBRARY:\w+=(\S+)", cached).group(1)
    place.call(["cmake", "-G", "Ninja", "-S", copy, "-B", copy / "build", "-DCMAKE_CXX_COMPILER=g++",
                f"-DSHARDC_RUNTIME_LIBRARY={library}"])
    return copy


def plant(copy, pattern, becomes):
    """Changes the one place that matches; returns its file and what that held."""
    for path in sorted((copy / "modules").glob("*.cpp")):
        sound = path.read_text()
        broken, count = re.subn(pattern, becomes, sound)
        if count == 1:
            path.write_text(broken)
            return path, sound
    raise Failure(f"no module has exactly one place for the fault {pattern}")


def test(arguments):
    place = Workplace(arguments.shardc, arguments.work, "planted", "tiny-gpt2.yaml")
    first = start(place, "single", 1, "start")
    starts = [first, other_weights(first, 1), other_weights(first, 2)]
    singles = [train(place, "single", 1, f"single{number}", weights=weights) for number, weights in enumerate(starts)]
    copy = package(place)
    for number, (what, pattern, becomes, found) in enumerate(FAULTS):
        path, sound = plant(copy, pattern, becomes)
        place.call(["cmake", "--build", copy / "build"])

        def say(draw, _):
            out = place.dir / f"broken{number}-{draw}"
            place.call(["mpirun", "--allow-run-as-root", "--oversubscribe", "--bind-to", "none", "-n", "4",
                        copy / "build" / "trainer", "--quiet", "--init-from", starts[draw], "--dump", out, "--metrics",
                        out / "metrics.jsonl"])
            return place.call([arguments.judge, place.job, "--set", "plan=single", "--start", starts[draw], "--single",
                               singles[draw], f"broken={out}"], codes=(0, 1))

        said, wrong = judged(say)
        if found not in wrong.get("broken", ()):
            raise Failure(f"{what}: the judge said\n{said}")
        print(f"{what}: refused; {said.splitlines()[1].strip()}", flush=True)
        path.write_text(sound)


if __name__ == "__main__":
    main(lambda: test(parser(judged=True).parse_args()))

#!/usr/bin/env python3
"""Trains a golden model from its golden weights on its golden batch, and holds what comes out to PyTorch's numbers.

  check.py MODEL --shardc BIN --judge BIN --work DIR

A tensor that breaks the rule is computed again with two micro-batches, then with four: the same sums in another order.
"""
import pathlib
import shutil
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from support import Failure, Workplace, judged, main, parser  # noqa: E402


def test(arguments):
    golden = HERE / arguments.model
    place = Workplace(arguments.shardc, arguments.work, f"golden-{arguments.model}", golden / "job.yaml")
    for name in ("config.json", "text.txt"):
        shutil.copy(golden / name, place.dir)

    def say(number, _):
        out = place.dir / f"run{number}"
        place.shard("run", [f"plan={{mesh: {{}}, microbatches: {2 ** number}}}"],
                    trainer=["--init-from", golden / "model.safetensors", "--dump", out, "--metrics",
                             out / "metrics.jsonl", "--quiet"])
        return place.call([arguments.judge, place.job, "--golden", golden, "--run", out], codes=(0, 1))

    said, wrong = judged(say)
    print(said)
    if wrong:
        raise Failure(f"these break the rule: {wrong}")


if __name__ == "__main__":
    arguments = parser(judged=True)
    arguments.add_argument("model")
    main(lambda: test(arguments.parse_args()))

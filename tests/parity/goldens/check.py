#!/usr/bin/env python3
"""Trains a golden model from its golden weights on its golden batch, and holds what comes out to PyTorch's numbers.

  check.py MODEL --shardc BIN --judge BIN --work DIR
"""
import pathlib
import shutil
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from support import Workplace, main, parser  # noqa: E402


def test(arguments):
    golden = HERE / arguments.model
    place = Workplace(arguments.shardc, arguments.work, f"golden-{arguments.model}", golden / "job.yaml")
    for name in ("config.json", "text.txt"):
        shutil.copy(golden / name, place.dir)
    out = place.dir / "run"
    place.shard("run", trainer=["--init-from", golden / "model.safetensors", "--dump", out, "--metrics",
                                out / "metrics.jsonl", "--quiet"])
    print(place.call([arguments.judge, place.job, "--golden", golden, "--run", out]))


if __name__ == "__main__":
    arguments = parser(judged=True)
    arguments.add_argument("model")
    main(lambda: test(arguments.parse_args()))

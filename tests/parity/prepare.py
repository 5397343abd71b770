#!/usr/bin/env python3
"""Builds the runtime once, before the tests that share it start side by side:  prepare.py --shardc BIN --work DIR"""
from support import Workplace, main, parser

if __name__ == "__main__":
    given = parser().parse_args()
    main(lambda: Workplace(given.shardc, given.work, "prepare", "tiny-gpt2.yaml").shard(
        "run", trainer=["--steps", 1, "--quiet"]))

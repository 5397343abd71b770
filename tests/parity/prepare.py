#!/usr/bin/env python3
"""Builds the runtime once, before the tests that share it start side by side:  prepare.py --shardc BIN --work DIR"""
import argparse

from support import Workplace, main

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--shardc", required=True)
    parser.add_argument("--work", required=True)
    given = parser.parse_args()
    main(lambda: Workplace(given.shardc, given.work, "prepare", "tiny-gpt2.yaml").shard(
        "run", trainer=["--steps", 1, "--quiet"]))

"""Prints how many bytes of scratch each stage's training step takes, for micro-batches as large as each other.

  frames.py JOB SCHEDULE MICROBATCHES...
"""
import re
import subprocess
import sys

job, schedule, *counts = sys.argv[1:]
for count in map(int, counts):
    program = subprocess.run(
        ["shardc", "emit", job, "--stage", "exec", "--set", f"plan.pipeline.schedule={schedule}",
         "--set", f"plan.microbatches={count}", "--set", f"train.global_batch_size={2 * count}"],
        check=True, text=True, stdout=subprocess.PIPE).stdout
    frames = re.findall(r"exec.func @step\(\) entry frame (\d+)", program)
    print(f"{schedule} {count}:", *frames)

#!/usr/bin/env python3
"""Ends ranks of running trainers, one at a time, at random moments, and holds `shardc run` to its word.

  kills.py --shardc BIN --work DIR [--kills 12] [--in-pipelines 8] [--seed 1]

Within five seconds every rank must be gone, shardc must have ended with code 1, and its last line must name the
rank, and the step, the operation and the place in the YAML that its status page holds after its end.
"""
import mmap
import os
import pathlib
import random
import re
import signal
import struct
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from support import Failure, Workplace, main, parser  # noqa: E402

RANKS = 4
LIMIT = 5.0  # seconds from a rank's end to the end of all
SIGNALS = [signal.SIGKILL, signal.SIGSEGV, signal.SIGSTOP, signal.SIGABRT, signal.SIGBUS]
PAGE = struct.Struct("=8s iii i q i")  # StatusPage.h: magic, rank, world, pid, state, step, operation
RUNNING = 1


def read_page(data):
    """(pid, state, step, operation), or nothing while the page is not complete."""
    if len(data) < PAGE.size or data[:8] != b"shardc01":
        return None
    _, _, _, pid, state, step, operation = PAGE.unpack_from(data)
    return pid, state, step, operation


def wait_for(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise Failure(f"{what}: not within {seconds} s")
        time.sleep(0.005)
    return value


def state_of(pid):
    """Of a process, as /proc has it: `T` is stopped; nothing if there is none."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def alive(pid):
    return state_of(pid) not in ("", "Z")


class Run:
    """One `shardc run`, its run directory in a temporary folder of its own."""

    def __init__(self, place, number):
        self.tmp = place.dir / f"tmp{number}"
        self.tmp.mkdir()
        self.errors = self.tmp / "stderr"
        self.process = subprocess.Popen(
            place.command("run", trainer=["--quiet"]), cwd=place.dir, stdout=subprocess.DEVNULL,
            stderr=open(self.errors, "wb"), start_new_session=True,
            env=dict(place.environment, TMPDIR=str(self.tmp), OMP_NUM_THREADS="1"))
        self.dir = None

    def pages(self):
        """The pages of all ranks, once all are training."""
        if self.process.poll() is not None:
            raise Failure(f"shardc ended by itself:\n{self.errors.read_text()}")
        self.dir = next(self.tmp.glob("shardc-run-*"), None)
        pages = [read_page(path.read_bytes()) for path in sorted(self.dir.glob("rank-*.status"))] if self.dir else []
        running = len(pages) == RANKS and all(page and page[1] == RUNNING for page in pages)
        return pages if running else None

    def keep_page(self, rank):
        """A rank's page that can be read when its file is gone."""
        with open(self.dir / f"rank-{rank}.status", "rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def operations(self):
        """`name (place)` of each operation, from the table that rank 0 wrote."""
        names = {-2: "reading data", -3: "writing files", -1: "starting"}
        for line in (self.dir / "operations.tsv").read_text().splitlines():
            number, name, place = line.split("\t")
            names[int(number)] = f"{name} ({place})" if place else name
        return names

    def last_line(self):
        return self.errors.read_text().rstrip("\n").rpartition("\n")[2]


def end_rank(place, number, draw):
    run = Run(place, number)
    try:
        pages = wait_for(run.pages, 60, "all ranks train")
        time.sleep(draw.uniform(0.0, 0.7))
        victim, how = draw.randrange(RANKS), SIGNALS[number % len(SIGNALS)]
        pid, page, names = pages[victim][0], run.keep_page(victim), run.operations()
        began = time.monotonic()
        os.kill(pid, how)
        if how == signal.SIGSTOP:  # who ends it at last wakes it up first
            wait_for(lambda: state_of(pid) == "T", 2, "the rank stops")
            held = page[:]
        wait_for(lambda: not any(alive(other[0]) for other in pages), LIMIT,
                 f"{how.name} of rank {victim}: all gone")
        seconds = time.monotonic() - began
        code = run.process.wait(LIMIT)
        line = run.last_line()
    finally:
        if run.process.poll() is None:
            os.killpg(run.process.pid, signal.SIGKILL)
    _, _, step, operation = read_page(held if how == signal.SIGSTOP else page)
    where = f"in step {step + 1} at {names[operation]}"
    fate = "was stopped" if how == signal.SIGSTOP else rf"(died|was ended by signal {how.value} \([^)]*\))"
    expected = rf"rank {victim}( \(pid {pid}\))? {fate} {re.escape(where)}"
    if code != 1 or not re.search(expected, line):
        raise Failure(f"{how.name} of rank {victim} {where}: code {code}, the last line is\n  {line}\n"
                      f"all of it:\n{run.errors.read_text()}")
    if left := list(run.tmp.glob("shardc-run-*")):
        raise Failure(f"{left[0]} is left behind")
    print(f"{how.name:8} rank {victim}  {seconds:4.1f} s  {line}", flush=True)
    return seconds


def test(arguments):
    draw = random.Random(arguments.seed)
    for name, job, kills in [("kills", "tiny-faults.yaml", arguments.kills),
                             ("pipeline-kills", "tiny-pipeline.yaml", arguments.in_pipelines)]:
        if kills == 0:
            continue
        place = Workplace(arguments.shardc, arguments.work, name, job)
        place.shard("run", trainer=["--steps", 1, "--quiet"])  # builds it
        slowest = max(end_rank(place, number, draw) for number in range(kills))
        print(f"{kills} ranks ended under {job}, all others gone within {slowest:.1f} s")


if __name__ == "__main__":
    arguments = parser()
    arguments.add_argument("--kills", type=int, default=12)
    arguments.add_argument("--in-pipelines", type=int, default=8)
    arguments.add_argument("--seed", type=int, default=1)
    main(lambda: test(arguments.parse_args()))

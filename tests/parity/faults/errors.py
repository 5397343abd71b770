#!/usr/bin/env python3
"""What a user can get wrong around a trainer: each is one error to the letter, code 1, and harms nothing.

  errors.py --shardc BIN --work DIR
"""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from support import Failure, Workplace, main, parser  # noqa: E402

ROOT = os.geteuid() == 0


CODE = "shardc: error: the trainer ended with code 1"


def literal(line):
    """A regular expression for a line; one that is compiled already stays as it is."""
    return line.pattern if isinstance(line, re.Pattern) else re.escape(line)


class Errors:
    def __init__(self, place):
        self.place = place

    def expect(self, what, words, lines, environment=None, only=True):
        """`words` must end with code 1 and say `lines` on stderr, and nothing else where `only`."""
        done = subprocess.run(words, cwd=self.place.dir, text=True, capture_output=True, timeout=60,
                              env=dict(self.place.environment, OMP_NUM_THREADS="1", **(environment or {})))
        said = [line.rstrip() for line in done.stderr.splitlines()]
        heard = said if only else said[:len(lines)]
        if done.returncode != 1 or len(heard) != len(lines) or not all(map(re.fullmatch, map(literal, lines), heard)):
            raise Failure(f"{what}: code {done.returncode}, stderr\n  " + "\n  ".join(said) +
                          "\nexpected code 1 and\n  " + "\n  ".join(map(literal, lines)))
        print(f"{what}: {lines[0]}", flush=True)

    def run(self, what, trainer, lines, sets=(), environment=None):
        self.expect(what, self.place.command("run", sets, ["--quiet", *trainer]), lines, environment)


def data(errors):
    folder = errors.place.dir
    (folder / "empty.txt").touch()
    (folder / "short.txt").write_text("too short")
    (folder / "latin.txt").write_bytes(b"na\xefve " * 1000)
    (folder / "dir.txt").mkdir()
    for name, *lines in [
            ("none.txt", "error: data 'none.txt' cannot be read: No such file or directory"),
            ("empty.txt", "error: data 'empty.txt' is empty"),
            ("dir.txt", "error: data 'dir.txt' is not a regular file"),
            ("short.txt", "error: data 'short.txt' has 9 tokens, too few for windows of 17",
             "note: one window to train on and one to evaluate take 34 tokens"),
            ("latin.txt", "error: text 'latin.txt' is not UTF-8 at byte 2 (0xef)",
             "note: 'iconv -f LATIN1 -t UTF-8' converts a Latin-1 text")]:
        errors.run(name, ["--steps", 1, "--data", name], [*lines, CODE])


def outputs(errors):
    """What stood in a folder before a run that fails stands there after it."""
    place = errors.place
    place.shard("run", trainer=["--steps", 1, "--quiet", "--output", "out"])
    before = (place.dir / "out" / "model.safetensors").read_bytes()
    errors.run("output is a file", ["--output", "text.txt"],
               ["error: text.txt: folder cannot be made: Not a directory", CODE])
    why = "/dev/full: cannot be written: No space left on device"
    errors.run("metrics on a full disk", ["--metrics", "/dev/full"],
               [f"error: {why}", re.compile(rf"shardc: error: rank 0 stopped in step 1 at .*: {why}")])
    errors.run("flag", ["--stepz", 3],
               ["error: flag '--stepz' is not known", "note: '--steps' is near; --help lists all", CODE])
    full_disk(errors, before)
    errors.run("bad data over good weights", ["--output", "out", "--data", "empty.txt"],
               ["error: data 'empty.txt' is empty", CODE])
    if (place.dir / "out" / "model.safetensors").read_bytes() != before:
        raise Failure("a run that failed changed the weights of an earlier one")
    interrupt(errors, before)


def full_disk(errors, weights):
    disk = errors.place.dir / "disk"
    disk.mkdir()
    mounted = ROOT and subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", disk],
                                      capture_output=True).returncode == 0
    if not mounted:
        print("full disk: skipped, a small file system cannot be mounted here")
        return
    try:
        done = subprocess.run(errors.place.command("run", (), ["--quiet", "--steps", 1, "--output", disk]), text=True,
                              cwd=errors.place.dir, env=errors.place.environment, capture_output=True, timeout=60)
        told = re.fullmatch(rf"error: {disk}: ([\d,]+) bytes are to be written, ([\d,]+) are free\n{CODE}\n",
                            done.stderr)
        if done.returncode != 1 or not told or list(disk.iterdir()):
            raise Failure(f"full disk: code {done.returncode}, stderr\n{done.stderr}")
        print(f"full disk: {told[1]} of {len(weights):,} bytes to write, {told[2]} free")
    finally:
        subprocess.run(["umount", disk], check=True)


def interrupt(errors, before):
    """Ctrl-C, as a terminal sends it to all: the step is finished, the weights are written."""
    place = errors.place
    process = subprocess.Popen(place.command("run", trainer=["--quiet", "--output", "out"]), cwd=place.dir,
                               env=dict(place.environment, OMP_NUM_THREADS="1"), stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True, start_new_session=True)
    metrics = place.dir / "out" / "metrics.jsonl"
    metrics.unlink()
    deadline = time.monotonic() + 60
    while not (metrics.exists() and metrics.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    began = time.monotonic()
    _, said = process.communicate(timeout=20)
    seconds = time.monotonic() - began
    after = (place.dir / "out" / "model.safetensors").read_bytes()
    last = said.rstrip().rpartition("\n")[2]
    if process.returncode != 130 or last != "shardc: stopped by signal 2 (Interrupt)" or seconds > 5:
        raise Failure(f"Ctrl-C: code {process.returncode} after {seconds:.1f} s, stderr\n{said}")
    if len(after) != len(before) or after == before:
        raise Failure("Ctrl-C: the weights so far were not written")
    print(f"Ctrl-C: {last}")


def launches(errors):
    place = errors.place
    errors.run("tokens out of range", [], [
        f"{place.job}:14:9: error: the byte tokenizer has 256 tokens, but vocab_size is 100",
        "--set config.vocab_size=100: note: 'vocab_size' is set here"], sets=["config.vocab_size=100"])
    said = place.shard("run", trainer=["--help"])
    trainer = re.search(r"usage: mpirun -n RANKS (\S+)", said).group(1)
    errors.expect("too few ranks", ["mpirun", "--allow-run-as-root", "--oversubscribe", "-n", "3", trainer, "--quiet"],
                  ["error: the plan's mesh needs 4 ranks, 3 were started", "note: use shardc run, or mpirun -n 4"],
                  only=False)
    errors.expect("alone", [trainer, "--quiet"],
                  ["error: the plan's mesh needs 4 ranks, 1 was started", "note: use shardc run, or mpirun -n 4"])
    for missing in ("g++", "cmake", "mpirun"):
        tools = place.dir / f"without-{missing}"
        tools.mkdir()
        for tool in {"g++", "cmake", "ninja", "mpirun"} - {missing}:
            (tools / tool).symlink_to(shutil.which(tool))
        errors.run(f"{missing} is missing", [], [f"shardc: error: {missing} was not found; scripts/setup installs it"],
                   environment={"PATH": str(tools)})


# Starts the trainer as mpirun would one rank, and takes no note of its end.
HUNG_MPIRUN = """#!/usr/bin/env python3
import subprocess, sys, time
subprocess.Popen(sys.argv[sys.argv.index("-n") + 2:])
time.sleep(600)
"""


def hung_launcher(place):
    """mpirun, it happens, hangs when its ranks have ended: what they have done counts, and shardc ends."""
    place.shard("run", trainer=["--steps", 1, "--quiet"])  # builds it
    tools = place.dir / "hung"
    tools.mkdir()
    (tools / "mpirun").write_text(HUNG_MPIRUN)
    (tools / "mpirun").chmod(0o755)
    for data, code in [("text.txt", 0), ("none.txt", 1)]:
        began = time.monotonic()
        done = subprocess.run(place.command("run", trainer=["--quiet", "--steps", 1, "--data", data]), cwd=place.dir, text=True,
                              env=dict(place.environment, PATH=f"{tools}:{os.environ['PATH']}"), capture_output=True, timeout=60)
        seconds = time.monotonic() - began
        if done.returncode != code or seconds > 8 or (code == 0) != (done.stderr == ""):
            raise Failure(f"hung mpirun, --data {data}: code {done.returncode} after {seconds:.1f} s, stderr\n{done.stderr}")
        print(f"hung mpirun, --data {data}: code {code} after {seconds:.1f} s")


def test(arguments):
    hung_launcher(Workplace(arguments.shardc, arguments.work, "hung-launcher", "tiny-gpt2.yaml"))
    place = Workplace(arguments.shardc, arguments.work, "errors", "tiny-faults.yaml")
    place.shard("run", trainer=["--steps", 1, "--quiet"])  # builds it
    errors = Errors(place)
    data(errors)
    outputs(errors)
    launches(errors)


if __name__ == "__main__":
    main(lambda: test(parser().parse_args()))

"""What the examples that mirror hand-written systems share: one job trained under several plans, each beside one rank.

  examples/NAME/run [--full] ...       --help lists what an example takes

Sets up and builds what it needs. Each plan's trainer is run, and its losses, the gradients of the first step and the
weights and optimizer state after the last are held to one rank's: by the numeric rule of docs/verification.md, or in
sizes that the interpreter is too slow for (--full) by what follows from it without the interpreter. Besides, the
largest absolute differences are printed, which is what such systems publish.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "parity"))
from support import Failure, Workplace, judged, main, other_weights  # noqa: E402

TOOLS = {"shardc": "shardc", "judge": "plan-judge", "apart": "plan-apart"}  # flags, and programs in bin


class Case:
    """A plan: what the summary calls it, and its override of the job. What tests/parity builds under other models is
    left out by --usual."""

    def __init__(self, name, plan, usual=True):
        self.name, self.sets, self.usual = name, [f"plan={plan}"], usual
        self.folder = name.replace(" ", "-").replace("=", "")


class Run:
    """What a trainer left: `--dump` of tensors, and its losses."""

    def __init__(self, folder):
        self.folder = folder
        rows = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
        self.losses = [row["loss"] for row in rows if "loss" in row]

    def apart(self, other):
        """The largest and the mean difference of two runs' losses."""
        differences = [abs(a - b) for a, b in zip(self.losses, other.losses, strict=True)]
        return max(differences), sum(differences) / len(differences)


def built(arguments):
    """The programs that the flags leave out, built if need be."""
    if not all(vars(arguments)[tool] for tool in TOOLS):
        preset = ROOT / "build" / ("release" if (ROOT / "build/release/bin/shardc").exists() else "dev")
        for words in (["scripts/setup"], ["cmake", "--preset", preset.name],
                      ["cmake", "--build", "--preset", preset.name, "--target", *TOOLS.values()]):
            subprocess.run(words, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        for tool, program in TOOLS.items():
            vars(arguments)[tool] = vars(arguments)[tool] or str(preset / "bin" / program)
    return arguments


class Comparison:
    """Runs of one example's job under each plan, in a folder of their own."""

    def __init__(self, name, arguments, cases, sets=(), full=False, draws=()):
        """`full`: sizes that the interpreter is too slow for, and one thread too. Nothing runs if one plan does not fit.
        `draws`: numbers of micro-batches that one rank is run with besides; the largest error of its runs makes the bar."""
        if arguments.usual and "SHARDC_SLOW_TESTS" not in os.environ:
            cases, draws = [case for case in cases if case.usual], ()
        self.cases, self.reports, self.holds = cases, {}, {}
        self.arguments, self.sets, self.full = arguments, [*sets, *arguments.set], full
        home = ROOT / "examples" / name
        self.place = Workplace(arguments.shardc, arguments.work, name, home / "job.yaml")
        for model in home.glob("model.yaml"):
            shutil.copy(model, self.place.dir)
        one = Case("one rank", "single")
        self.explained = {case.folder: self.explain(case) for case in [one, *cases]}
        self.refuse_what_does_not_fit([one, *cases])
        self.tokens = self.identity(one, r"= ([\d,]+) tokens")
        self.singles = [one, *(Case(f"one rank m={number}", f"{{mesh: {{}}, microbatches: {number}}}") for number in draws)]
        self.ones = [self.train(case) for case in self.singles]
        self.one = self.ones[0]
        self.runs = {}

    def explain(self, case):
        return json.loads(self.place.shard("explain", self.sets + case.sets, options=["--json"]))

    def identity(self, case, pattern):
        """A number of the first line that shardc says of a job."""
        return int(re.search(pattern, self.explained[case.folder]["identity"]).group(1).replace(",", ""))

    def needed(self, case):
        """Bytes of memory, on all ranks, of which each stage of a pipeline has as many."""
        programs = self.explained[case.folder].get("stages", [self.explained[case.folder]])
        each = self.identity(case, r"world ([\d,]+)") // len(programs)
        return each * sum(program["memory"]["bytes_per_rank"] for program in programs)

    def refuse_what_does_not_fit(self, cases):
        free = available()
        needs = [f"{case.name} needs {self.needed(case) / 2**30:.1f} GiB" for case in cases if self.needed(case) > free]
        if needs:
            raise Failure(f"{', '.join(needs)} of memory; {free / 2**30:.1f} GiB are free. Nothing was run")

    def train(self, case, start=0):
        """`start`: 0, or the number of other weights that it starts from."""
        if case.folder in self.explained and not start:
            print(f"{case.name}: {self.explained[case.folder]['identity']}; {self.needed(case) / 2**30:.2f} GiB", flush=True)
        out = self.place.dir / (f"start{start}" if start else "") / case.folder
        given = ["--init-from", other_weights(self.start, start)] if start else []
        self.place.call(self.place.command("run", self.sets + case.sets,
                                           ["--dump", out, "--metrics", out / "metrics.jsonl", "--quiet", *given]),
                        threads=None if self.full else 1, timeout=3600)
        return Run(out)

    def compare(self):
        """Runs each plan and prints a line of what it came to; whether all of them keep their bar."""
        reports = self.reports
        for case in self.cases:
            self.runs[case.folder] = run = self.train(case)
            reports[case.folder] = self.apart(run)
            if self.full:  # one copy on disk, and none in memory
                for dump in run.folder.glob("*.safetensors"):
                    dump.unlink()
        verdicts = self.bounded(reports) if self.full else self.judged()
        print(f"\n{'PASS' if verdicts['one rank'][0] else 'FAIL'} one rank: {verdicts['one rank'][1]}")
        for case in self.cases:
            holds, why = verdicts[case.folder]
            differences = ", ".join(f"{kind} {values['difference']:.1e} of {values['largest']:.1e}"
                                    for kind, values in reports[case.folder].items())
            print(f"{'PASS' if holds else 'FAIL'} {case.name} (max diff: {differences})\n     {why}")
        self.holds = {name: holds for name, (holds, _) in verdicts.items()}
        return all(self.holds.values())

    def apart(self, run):
        """{losses, or what a file holds: largest difference and value of all tensors, and what plan-apart says besides}.
        Dumped gradients are of the sum of the loss over the step's labels, what is published is of its mean."""
        report = {"losses": {"difference": run.apart(self.one)[0], "largest": max(map(abs, self.one.losses))}}
        said = json.loads(self.place.call([*self.of_one(self.arguments.apart), self.one.folder, run.folder], timeout=3600))
        report |= {kind: said[kind] for kind in sorted(said, key=lambda kind: (kind not in ("gradients", "weights"), kind))}
        for key in ("difference", "largest"):
            report["gradients"][key] /= self.tokens
        return report

    def of_one(self, program):
        """The command of a program of tests/parity/plans, up to its job on one rank."""
        return [program, self.place.job, *(word for override in [*self.sets, "plan=single"] for word in ("--set", override))]

    def bounded(self, reports):
        """{name of a run: (whether each tensor is within what follows from the rule, the one that is farthest off)}"""
        verdicts = {"one rank": (True, "what the plans are compared with")}
        for name, report in reports.items():
            tensors = [values | {"kind": kind} for kind, values in report.items() if "allowed" in values]
            worst = max(tensors, key=lambda values: values["relative"] / values["allowed"])
            verdicts[name] = (worst["relative"] <= worst["allowed"],
                              f"nearest to its bar: {worst['kind']} {worst['tensor']}, {worst['relative']:.1e} of "
                              f"{worst['allowed']:.1e}")
        return verdicts

    def judged(self):
        """{name of a run: (whether it keeps the numeric rule, what the judge said)}, by the f64 interpreter. A tensor is wrong
        if it breaks the rule from other weights too."""
        dumped = self.place.dir / "start"
        self.place.shard("run", [*self.sets, "plan=single"], trainer=["--steps", 0, "--dump", dumped])
        self.start = dumped / "weights.safetensors"

        def say(number, again):
            weights, ones, runs = self.start, self.ones, self.runs
            if number:
                weights = other_weights(self.start, number)
                ones = [self.train(case, number) for case in self.singles]
                runs = {case.folder: self.train(case, number) for case in self.cases if case.folder in again}
            words = [*self.of_one(self.arguments.judge), "--start", weights]
            words += [word for run in ones for word in ("--single", run.folder)]
            return self.place.call([*words, *(f"{name}={run.folder}" for name, run in runs.items())], codes=(0, 1))

        said, wrong = judged(say)
        lines = re.findall(r"^(\S+) +(\d+ of \d+) tensors; (.*(?:\n  .*)*)", said, re.MULTILINE)
        if len(lines) < len(self.ones) + len(self.runs):
            raise Failure(f"the judge said\n{said}")
        verdicts = {}
        for name, kept, rest in lines:
            name = "one rank" if name == self.one.folder.name else name
            more = f"{verdicts[name][1]}\n     from other weights " if name in verdicts else ""
            verdicts[name] = (name not in wrong, f"{more}{kept} tensors keep the numeric rule; {rest}")
        return verdicts


def available():
    """Bytes of memory that a program may still take."""
    for line in pathlib.Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return sys.maxsize


def parser(description):
    """The flags of all examples."""
    flags = argparse.ArgumentParser(description=description)
    flags.add_argument("--work", default=str(ROOT / "out" / "examples"), help="folder for the runs")
    flags.add_argument("--set", metavar="KEY=VALUE", action="append", default=[], help="override a key of the job")
    flags.add_argument("--usual", action="store_true", help="leave out what other tests build, but with SHARDC_SLOW_TESTS")
    for tool in TOOLS:
        flags.add_argument(f"--{tool}", type=os.path.abspath, help="the program; built if left out")
    return flags

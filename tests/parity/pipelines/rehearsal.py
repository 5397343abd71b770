#!/usr/bin/env python3
"""Rehearses pipelines (`--rehearse`: ranks sleep instead of computing) and holds their traces to the theory.

  rehearsal.py --shardc BIN --work DIR [--all] [--forward-ms 20]

Of each: the tasks come in the schedule's order; the bubble that the trace shows is within 15 % of what the schedule
table predicts, with all tasks as long as each other, and not below it; of schedules on as many stages the bubbles
come in the order that theory has. Three schedules on 4 stages by default; --all (or SHARDC_SLOW_TESTS) takes all, on 8 too.
"""
import json
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from support import Failure, Workplace, main, parser  # noqa: E402

SLACK = 0.15  # of the predicted bubble
# The largest bubble first: docs/schedules.md says why.
SCHEDULES = ["1f1b", "interleaved", "zero_bubble_h1"]
ALL_SCHEDULES = ["gpipe", *SCHEDULES, "zero_bubble", "zero_bubble_v"]


def microbatches(stages):
    """As many as the closed forms ask for."""
    return 2 * stages


def idle(schedule, stages):
    """Time of a stage without a task, by the closed form, a forward and each part of a backward taking 1. Those without a bubble
    still begin one after the other, with a forward of the whole stage or, in a V, of half of it."""
    return (stages - 1) * {"interleaved": 3 / 2, "zero_bubble_h1": 1, "zero_bubble": 1, "zero_bubble_v": 1 / 2}.get(schedule, 3)


def ideal(schedule, stages):
    """The bubble by the closed form: idle time over all time."""
    return idle(schedule, stages) / (3 * microbatches(stages) + idle(schedule, stages))


def rehearse(place, schedule, stages, forward_ms):
    trace = place.dir / f"{schedule}-{stages}.json"
    sets = [f"plan.mesh.pp={stages}", f"plan.pipeline.schedule={schedule}", f"plan.microbatches={microbatches(stages)}",
            f"train.global_batch_size={microbatches(stages)}"]
    place.shard("run", sets, options=["--rehearse"],
                trainer=["--quiet", "--forward-ms", forward_ms, "--trace", trace])
    found = json.loads(place.call([str(place.shardc), "trace", str(trace), "--json"]))
    if found["schedule"] != schedule:
        raise Failure(f"{schedule} on {stages} stages: the trace is in the order of '{found['schedule']}'")
    return found


def check(place, stages, schedules, forward_ms):
    last = last_idle = None
    for schedule in schedules:
        found, by_form = rehearse(place, schedule, stages, forward_ms), ideal(schedule, stages)
        measured, predicted = found["bubble"], found["predicted_bubble"]
        print(f"{stages} stages  {schedule:14}  bubble {100 * measured:5.1f} % measured, {100 * predicted:5.1f} % predicted "
              f"from the tasks' times, {100 * by_form:5.1f} % by the closed form", flush=True)
        for name, value in [("the tasks' own times", predicted), ("the closed form", by_form)]:
            if abs(measured - value) > SLACK * value:
                raise Failure(f"{schedule} on {stages} stages: the bubble is {measured:.3f}, by {name} {value:.3f}")
        if last and idle(schedule, stages) < last_idle and measured >= last:
            raise Failure(f"{schedule} on {stages} stages has a bubble of {measured:.3f}, no less than {last:.3f} before")
        last, last_idle = measured, idle(schedule, stages)


def test(arguments):
    place = Workplace(arguments.shardc, arguments.work, "rehearsals", "rehearsed.yaml")
    run_all = arguments.all or "SHARDC_SLOW_TESTS" in os.environ
    check(place, 4, ALL_SCHEDULES if run_all else SCHEDULES, arguments.forward_ms)
    if run_all:
        check(place, 8, ALL_SCHEDULES, arguments.forward_ms)


if __name__ == "__main__":
    arguments = parser()
    arguments.add_argument("--all", action="store_true")
    arguments.add_argument("--forward-ms", type=float, default=20)
    main(lambda: test(arguments.parse_args()))

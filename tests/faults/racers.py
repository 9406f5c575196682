"""Many callers at once: processes with threads, each with its own database connection.

`python -m tests.faults.racers RACE ROUNDS` sets up the database named by DATABASE_URL, runs a race
so many times and prints one JSON object a round. The test that started it judges them.
"""

import json
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, cast

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "testproject.settings")

PROCESSES = int(os.environ.get("RACE_PROCESSES", "4"))
THREADS = int(os.environ.get("RACE_THREADS", "5"))  # of each: 20 callers in all
PATIENCE = 60  # seconds that a caller waits for the others


def part(name: str) -> Callable[..., Any]:
    """What a race prepares, does or finds, by its name in whichever module has it."""
    from tests.faults import races, races_of_prompts, races_of_two_steps

    every = (races, races_of_prompts, races_of_two_steps)
    (found,) = {vars(module)[name] for module in every if name in vars(module)}
    return cast("Callable[..., Any]", found)


def race_process(own: Connection, barrier: Any, act: str) -> None:
    """One process of callers: takes a start order a round, hands back what its callers got."""
    from tests.faults import races

    caller = part(f"{act}_caller")
    while (order := own.recv()) is not None:
        results: list[Any] = [None] * THREADS

        def run(number: int, order: dict[str, Any] = order, results: list[Any] = results) -> None:
            barrier.wait(PATIENCE)
            results[number] = caller(order, order["first"] + number)
            races.close_connections()

        threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        own.send(results)


def main(act: str, rounds: int) -> None:
    import django

    django.setup()
    from tests.faults import races

    prepare, finish = part(f"{act}_prepare"), part(f"{act}_finish")
    # Django is loaded once for them all, and nobody has asked the database yet.
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(PROCESSES * THREADS)
    pipes, processes = [], []
    for _ in range(PROCESSES):
        ours, theirs = context.Pipe()
        process = context.Process(target=race_process, args=(theirs, barrier, act), daemon=True)
        process.start()
        pipes.append(ours)
        processes.append(process)
    races.set_up()
    for _ in range(rounds):
        order = prepare()
        for number, pipe in enumerate(pipes):
            pipe.send({**order, "first": number * THREADS})
        results = [result for pipe in pipes for result in pipe.recv()]
        print(json.dumps({"results": results, **finish(order)}), flush=True)
    for pipe in pipes:
        pipe.send(None)
    for process in processes:
        process.join(PATIENCE)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

"""Counts the instructions that programs execute: the fuel that wasmtime burns, the same on every machine.

usage: python3 fuel.py '{"module": "path", "limit": 1073741824,
                         "jobs": [{"program": "json", "input": "path" or null, "rounds": 3, "fuel": 10000}]}'

Prints one line of JSON for each job. Each job has an instance of its own, which does all its rounds. "fuel" is for all of them,
and it has run out as soon as so many rounds have burnt more than their share. A program that ran out of fuel with one input is not
run with others: it is said to run out with them, too.
A job with "setup": [1000, 9] and "steps": 5000 instead of "input" calls setup_<program>(1000, 9) first, and hands what that
returns to run_<program> together with the steps. Only the latter is counted, but either may burn no more than "fuel".
"""

import json
import sys

from wasmtime import Config, Engine, Func, FuncType, Linker, Module, Store, ValType
from wasmtime import Trap, TrapCode, WasmtimeError

PAGE = 65536


def main():
    order = json.loads(sys.argv[1])
    config = Config()
    config.consume_fuel = True
    # Fuel does not depend on how well the code is compiled, but compiling takes time.
    config.cranelift_opt_level = "none"
    engine = Engine(config)
    module = Module.from_file(engine, order["module"])
    hopeless = set()
    for job in order["jobs"]:
        program = job["program"]
        if program in hopeless:
            result = {"program": program, "error": "timeout", "grown": 0}
        else:
            result = run(engine, module, job, order["limit"])
        if result.get("error") == "timeout" and "input" in job:
            hopeless.add(program)
        print(json.dumps(result), flush=True)


def run(engine, module, job, limit):
    store = Store(engine)
    store.set_fuel(2**63)
    panics = []

    def panicked(start, length):
        panics.append(bytes(memory.read(store, start, start + length)).decode())

    linker = Linker(engine)
    i32 = ValType.i32()
    linker.define(store, "host", "panicked", Func(store, FuncType([i32, i32], []), panicked))
    exports = linker.instantiate(store, module).exports(store)
    memory = exports["memory"]
    initial = memory.size(store) * PAGE

    start = length = None
    if "setup" not in job:
        text = b""
        if job["input"]:
            with open(job["input"], "rb") as file:
                text = file.read()
        start, length = exports["input"](store, len(text)), len(text)
        memory.write(store, text, start)

    work = exports["run_" + job["program"]]
    store.set_fuel(job["fuel"])
    result = {"program": job["program"]}
    checksums = set()
    try:
        if "setup" in job:
            start, length = exports["setup_" + job["program"]](store, *job["setup"]), job["steps"]
        used = 0
        for done in range(job["rounds"]):
            left = job["fuel"] * (done + 1) // job["rounds"] - used
            store.set_fuel(left)
            checksums.add(work(store, start, length) % 2**64)
            used += left - store.get_fuel()
        result["fuel"] = used
        if "peak_live" in exports:
            result["peak_live"] = exports["peak_live"](store)
        result["checksum"] = "/".join(f"{checksum:x}" for checksum in sorted(checksums))
    except (Trap, WasmtimeError) as error:
        if isinstance(error, Trap) and error.trap_code == TrapCode.OUT_OF_FUEL:
            result["error"] = "timeout"
        elif not panics and memory.size(store) * PAGE > limit / 2:
            result["error"] = "out of memory"
        else:
            result["error"] = panics[0] if panics else str(error).splitlines()[-1]
    result["grown"] = memory.size(store) * PAGE - initial
    return result


main()

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Puts named bugs into headers, one at a time, and expects a test to turn red each time.

    python3 tests/mutations/run.py                    all of bugs.txt
    python3 tests/mutations/run.py --sample 6         every n-th, six in all; --seed shifts the choice
    python3 tests/mutations/run.py --only tau_off_by_one [--only ...]
    python3 tests/mutations/run.py --table            the table of docs/mutations.md, from build/mutations/results.txt
    options: --build build/mutations  --jobs 2  --compiler c++

A bug is the header, the text that is replaced (found exactly once), what replaces it, and the test file that must notice.
That file alone is compiled against a copy of include/ with the bug in it, and run. First every test file named is run
against the headers as they are: they must be green. Exit status: 0 when every bug was caught, else 1.
"""
import argparse
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests"
END = "\n----\n"


class Bug:
    def __init__(self, block):
        block = block.strip("\n")
        head, before, after = (block + "\n" if block.endswith("\n--") else block).split("\n--\n")
        self.name, self.header, self.test, self.what = re.split(r"\s*\|\s*", head.strip(), maxsplit=3)
        self.before, self.after = before, after

    def applied(self, include):
        text = (include / "selfpred" / self.header).read_text()
        if text.count(self.before) != 1:
            raise ValueError(f"{self.name}: the text to replace is found {text.count(self.before)} times in "
                             f"{self.header}, expected once:\n{self.before}")
        return text.replace(self.before, self.after)

    def apply(self, include):
        text = self.applied(include)
        (include / "selfpred" / self.header).write_text(text)


def read_bugs():
    text = (TESTS / "mutations" / "bugs.txt").read_text()
    text = "\n".join(line for line in text.split("\n") if not line.startswith("# "))
    bugs = [Bug(block) for block in text.split(END) if block.strip()]
    names = [b.name for b in bugs]
    if len(set(names)) != len(names):
        raise ValueError("two bugs have one name")
    return bugs


class Builder:
    def __init__(self, build, compiler):
        self.build, self.compiler = build, compiler
        build.mkdir(parents=True, exist_ok=True)
        eigen = next((p for p in os.environ.get("SELFPRED_EIGEN", "/usr/include/eigen3 /usr/local/include/eigen3 "
                      f"{ROOT}/build/_sys/usr/include/eigen3").split() if (Path(p) / "Eigen/Core").exists()), None)
        if eigen is None:
            raise ValueError("no Eigen found; SELFPRED_EIGEN names its include folder")
        self.flags = ["-std=c++20", "-w", f"-I{TESTS}", f"-I{ROOT}", f"-I{ROOT}/examples", "-isystem", eigen,
                      f'-DSELFPRED_TESTS_DIR="{TESTS}"', f'-DSELFPRED_GOLDEN_DIR="{TESTS / "golden"}"',
                      f'-DSELFPRED_EXAMPLES_DIR="{ROOT}/examples"']
        self.libraries = []
        probe = subprocess.run([compiler, "-std=c++20", "-xc++", "-fsyntax-only", "-"], text=True, capture_output=True,
                               input="#include <catch2/catch_test_macros.hpp>\n")
        if probe.returncode == 0:
            self.libraries = ["-lCatch2Main", "-lCatch2"]

    def compiled(self, source, include, out, extra=()):
        launcher = ["ccache"] if shutil.which("ccache") else []
        return subprocess.run(launcher + [self.compiler, *self.flags, f"-I{include}", *extra, "-c", str(source), "-o", str(out)],
                              text=True, capture_output=True)

    def common(self, include, folder, names=("main", "engine", "allocations")):
        """Catch2's main function and the engine, compiled once against these headers."""
        objects = []
        for name in names:
            out = folder / f"{name}.o"
            r = self.compiled(TESTS / "support" / f"{name}.cpp", include, out, ["-O1"])
            if r.returncode:
                raise RuntimeError(f"{name}.cpp does not compile:\n{r.stderr[-2000:]}")
            objects.append(out)
        return objects

    def run(self, test, include, folder, objects):
        """'green', 'red', or 'does not compile' with what was printed."""
        folder.mkdir(parents=True, exist_ok=True)
        out = folder / "test.o"
        r = self.compiled(TESTS / test, include, out, ["-O0", "-include", str(TESTS / "support" / "engine.hpp")])
        if r.returncode:
            errors = [line for line in r.stderr.split("\n") if " error: " in line]
            proofs = [line for line in errors if f"tests/{test}" in line and "static assertion failed" in line]
            return ("red" if errors and proofs == errors else "does not compile"), r.stderr
        program = folder / "test"
        r = subprocess.run([self.compiler, str(out), *map(str, objects), *self.libraries, "-o", str(program)],
                           text=True, capture_output=True)
        if r.returncode:
            return "does not link", r.stderr
        try:
            r = subprocess.run([str(program)], text=True, capture_output=True, timeout=120, errors="replace")
        except subprocess.TimeoutExpired:
            return "red", "it did not end within 120 s"
        return ("green" if r.returncode == 0 else "red"), r.stdout


def first_failure(text):
    """The name of the first test case that failed: Catch2 prints it above its first report."""
    if "static assertion failed" in text:
        return "a static_assert"
    lines = text.split("\n")
    for i, line in enumerate(lines):
        if "FAILED:" in line or "due to unexpected exception" in line:
            for j in range(i, 1, -1):
                if re.match(r"^-{70,}$", lines[j]) and not re.match(r"^-{70,}$", lines[j - 1]):
                    k = j - 1
                    while k > 0 and not re.match(r"^-{70,}$", lines[k - 1]):
                        k -= 1
                    return lines[k].strip()
    return "it crashed" if "test cases:" not in text else "?"


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--sample", type=int)
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--only", action="append")
    p.add_argument("--table", action="store_true")
    p.add_argument("--build", type=Path, default=ROOT / "build/mutations")
    p.add_argument("--jobs", type=int, default=os.cpu_count())
    p.add_argument("--compiler", default=os.environ.get("CXX", "c++"))
    a = p.parse_args()
    bugs = read_bugs()
    for bug in bugs:
        bug.applied(ROOT / "include")  # all of them, whichever are run: a text that has moved is found at once
    results_file = a.build / "results.txt"
    if a.table:
        found = dict(line.rstrip("\n").split("\t", 1) for line in results_file.open())
        print("| bug | header | what it is | caught by |\n|---|---|---|---|")
        for b in bugs:
            what = b.what.replace("|", "\\|")
            print(f"| `{b.name}` | `{b.header}` | {what} | {found[b.name]} |")
        return 0
    if a.only:
        unknown = set(a.only) - {b.name for b in bugs}
        if unknown:
            raise ValueError(f"no bug is named {', '.join(sorted(unknown))}")
        bugs = [b for b in bugs if b.name in a.only]
    elif a.sample:
        step = max(1, len(bugs) // a.sample)
        bugs = bugs[a.seed % step::step][:a.sample]

    builder = Builder(a.build, a.compiler)
    objects = builder.common(ROOT / "include", a.build)
    tests = sorted({b.test for b in bugs})

    def sound(test):
        return test, *builder.run(test, ROOT / "include", a.build / "sound" / test.replace("/", "_"), objects)

    def wounded(bug):
        start = time.time()
        folder = a.build / bug.name
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(ROOT / "include", folder / "include")
        bug.apply(folder / "include")
        own = objects
        if bug.header in ("host/engine.hpp", "host/solve.hpp", "host/eigh.hpp", "host/leaf.hpp", "strided/loss_rows.hpp", "host/panels.hpp",
                          "host/prediction.hpp", "host/products.hpp", "host/squares.hpp", "threads.hpp"):
            own = builder.common(folder / "include", folder)  # these are instantiated there
        state, text = builder.run(bug.test, folder / "include", folder, own)
        return bug, state, text, time.time() - start

    failed = 0
    with concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
        for test, state, text in pool.map(sound, tests):
            if state != "green":
                print(f"{test} is {state} without any bug:\n{text[-3000:]}")
                return 1
        print(f"{len(tests)} test files are green on the headers as they are; {len(bugs)} bugs follow", flush=True)
        lines = []
        for bug, state, text, seconds in pool.map(wounded, bugs):
            caught = state == "red"
            failed += not caught
            by = first_failure(text) if caught else state.upper()
            lines.append(f"{bug.name}\t{by} ({bug.test})\n")
            print(f"{'caught' if caught else 'NOT CAUGHT':11} {bug.name:32} {seconds:5.1f} s  {by}", flush=True)
            if state.startswith("does not"):
                print("\n".join(l for l in text.split("\n") if "error" in l)[:800])
            if caught:
                shutil.rmtree(a.build / bug.name)
        if not a.only and not a.sample:
            results_file.write_text("".join(lines))
    print(f"{len(bugs) - failed} of {len(bugs)} bugs turned a test red")
    return int(failed > 0)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (ValueError, RuntimeError) as e:
        sys.exit(f"mutations: {e}")

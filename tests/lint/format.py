#!/usr/bin/env python3
"""Every tracked C++ file is as clang-format (the root's .clang-format) would write it. Exit 1 names those that aren't."""

import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def main() -> int:
    listed = subprocess.run(["git", "ls-files", "*.hpp", "*.cpp"], cwd=ROOT, text=True, capture_output=True, check=True)
    wrong = []
    for path in listed.stdout.split():
        if not (ROOT / path).exists():
            continue
        formatted = subprocess.run(["clang-format", "--style=file", path], cwd=ROOT, capture_output=True, check=True).stdout
        if formatted != (ROOT / path).read_bytes():
            wrong.append(path)
    for path in wrong:
        print(f"{path}: not formatted; run clang-format -i on it")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

"""A benchmark of ours that answers line by line, so that it can take turns with the reference in one run."""
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


class Served:
    """PROGRAM --serve THREADS [MODEL]: each line that it is told brings a line of JSON."""

    def __init__(self, program, *arguments):
        self.program = Path(program)
        if not self.program.exists():
            sys.exit(f"{self.program} is not there; build it: ./run build {self.program.name}")
        self.process = subprocess.Popen([self.program, "--serve", *map(str, arguments)], cwd=ROOT,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, command):
        self.process.stdin.write(f"{command}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.program.name} ended early")
        return json.loads(line)

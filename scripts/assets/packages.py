"""Gets pinned packages through their own clients (pip, npm, apt-get) and checks them against a SHA-256 listed here.

A package is kept in .deps/downloads, put there by a rename, so it is whole or absent: a command that was interrupted goes
on with the package it was at, and one that was complete needs no network. Standard library only.
"""
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from dataclasses import dataclass
from pathlib import Path

# What the conversions import, in an environment that lives as long as one fetch.
TOOLS = ["numpy==2.4.6", "gguf==0.19.0", "safetensors==0.8.0", "pillow==13.0.0", "pyyaml==6.0.4", "hassil==3.12.1"]


def fail(message):
    sys.exit(f"fetch_assets: {message}")


def digest_of(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_digest(name, got, expected):
    if got != expected:
        fail(f"{name}: SHA-256 is {got}, expected {expected}; the package changed or the download is torn, "
             "run the command again and if it stays so do not use it")


def check(name, data, expected):
    check_digest(name, hashlib.sha256(data).hexdigest(), expected)
    return data


def only_file(folder, pattern="*"):
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        fail(f"expected one {pattern} after the download, got {[path.name for path in found]}")
    return found[0]


@dataclass(frozen=True)
class Package:
    client: str        # pip, pip_source, npm or apt
    name: str
    version: str
    sha256: str = ""   # of the package file; empty where that differs between machines and the files inside are checked

    def __str__(self):
        return f"{self.client} package {self.name} {self.version}"


class Fetcher:
    """Downloads packages and runs conversions. Use as a context manager: its scratch folder goes at the end."""

    def __init__(self, deps, reference_python):
        self.deps, self.reference_python = deps, reference_python
        self._python, self._tools = None, False

    def __enter__(self):
        self._scratch = tempfile.TemporaryDirectory()
        self.scratch = Path(self._scratch.name)
        return self

    def __exit__(self, *_):
        self._scratch.cleanup()

    def python(self):
        """An environment of our own, so that the system's Python needs no pip and stays as it is."""
        if not self._python:
            venv.create(self.scratch / "venv", with_pip=True, symlinks=True)
            self._python = self.scratch / "venv/bin/python"
        return self._python

    def run_pip(self, *arguments):
        command = [str(self.python()), "-m", "pip", "--disable-pip-version-check", "--quiet", *map(str, arguments)]
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def package(self, package):
        """Returns the path of the package's file."""
        target = self.deps / "downloads" / f"{package.name.replace('/', '_').replace('@', '')}-{package.version}"
        if not target.exists():
            print(f"    downloading the {package}", flush=True)
            folder = Path(tempfile.mkdtemp(dir=self.scratch))
            result = getattr(self, f"_{package.client}")(package, folder)
            if result.returncode != 0:
                fail(f"{package.client} could not download the {package}; it said:\n{result.stdout.strip()}")
            file = only_file(folder)
            if package.sha256:
                check_digest(f"the {package}", digest_of(file), package.sha256)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(file, f"{target}.part")
            os.replace(f"{target}.part", target)
        elif package.sha256 and digest_of(target) != package.sha256:
            fail(f"{target} is not the {package} that was fetched; remove it and run the command again")
        return target

    def _pip(self, package, folder):
        return self.run_pip("download", "--no-deps", "--only-binary", ":all:", "-d", folder, f"{package.name}=={package.version}")

    def _pip_source(self, package, folder):
        return self.run_pip("download", "--no-deps", "--no-binary", ":all:", "-d", folder, f"{package.name}=={package.version}")

    def _npm(self, package, folder):
        return self._client("npm", ["pack", "--silent", f"{package.name}@{package.version}"], folder)

    def _apt(self, package, folder):
        result = self._client("apt-get", ["-q", "download", f"{package.name}={package.version}"], folder)
        if result.returncode != 0:
            result.stdout += "\n(apt-get update, as root, renews the package lists)"
        return result

    @staticmethod
    def _client(client, arguments, folder):
        if not shutil.which(client):
            fail(f"this needs {client}, which is not installed (Debian: apt-get install {client})")
        return subprocess.run([client, *arguments], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def convert(self, script, *arguments):
        """Runs scripts/assets/SCRIPT with TOOLS at hand."""
        if not self._tools:
            result = self.run_pip("install", *TOOLS)
            if result.returncode != 0:
                fail(f"pip could not install {', '.join(TOOLS)}; it said:\n{result.stdout.strip()}")
            self._tools = True
        self.run(self.python(), Path(__file__).parent / script, *arguments)

    @staticmethod
    def run(*command):
        status = subprocess.run(list(map(str, command))).returncode
        if status != 0:
            fail(f"{Path(command[1]).name} failed with exit code {status}, see above")

"""Run the Dockerfile's steps and its entry command: `make image-check`.

It needs root on Linux, and runs the command as the image's user.

Each stage has an overlay of this host's root file system, in which only what the stage writes is new; this
host's Python lies in /usr/local, as in the base image. Nothing of it outlives the run.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path, PurePosixPath

from tools.image.dockerfile import DOCKERFILE, Stage, health_command, read
from tools.soak.replicas import Replica, ask, digest, free_port, plan

KEPT = ("PIP_CONFIG_FILE", "PIP_CERT", "PIP_FIND_LINKS", "SSL_CERT_FILE", "HTTPS_PROXY", "https_proxy")
PATH = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
MOUNTS = """
set -eu
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
mount --bind "$2" "$1/root/usr/local"
mount --rbind /proc "$1/root/proc"
mount --rbind /dev "$1/root/dev"
"""
BUILD = 'exec chroot "$1/root" sh -euc "cd \\"$3\\" && $4"'
SERVE = """
mount -t tmpfs -o size=256m,mode=1777,noexec,nosuid,nodev tmpfs "$1/root/tmp"
mount -o remount,bind,ro "$1/root/usr/local"
mount -o remount,ro "$1/root"
exec chroot "$1/root" setpriv --reuid "$3" --regid "$3" --clear-groups --no-new-privs --bounding-set=-all \
    --inh-caps=-all sh -euc "cd /tmp; $4"
"""


class Root:
    """The file system of one stage, on a folder of this host."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("upper", "work", "root"):
            (folder / name).mkdir(parents=True)

    def at(self, path: str) -> Path:
        """Where a path that the stage has written lies on this host."""
        return self.folder / "upper" / path.lstrip("/")

    def command(self, script: str, *arguments: str) -> list[str]:
        """The command that runs a script with the stage's mounts made."""
        return [
            "unshare",
            "-m",
            "sh",
            "-c",
            MOUNTS + script,
            "sh",
            str(self.folder),
            sys.base_prefix,
            *arguments,
        ]


def build(stage: Stage, root: Root, others: dict[str, Root], arguments: dict[str, str]) -> None:
    """Run the stage's COPY and RUN."""
    environment = {
        "PATH": PATH,
        "HOME": "/root",
        **{name: os.environ[name] for name in KEPT if name in os.environ},
    }
    environment |= stage.environment(arguments)
    workdir = PurePosixPath("/")
    for instruction in stage.instructions:
        if instruction.name == "WORKDIR":
            workdir = workdir / instruction.value
            root.at(str(workdir)).mkdir(parents=True, exist_ok=True)
        elif instruction.name == "COPY":
            copy(instruction.words(), root, others, workdir)
        elif instruction.name == "RUN":
            print(f"RUN {instruction.value}", flush=True)
            environment["PATH"] = PATH  # ENV's PATH is that of what runs in the end
            subprocess.run(root.command(BUILD, str(workdir), instruction.value), env=environment, check=True)


def copy(words: list[str], root: Root, others: dict[str, Root], workdir: PurePosixPath) -> None:
    """COPY, of files and folders, from the project or from another stage."""
    origin = None
    if words[0].startswith("--from="):
        origin = others[words.pop(0).removeprefix("--from=")]
    *sources, target = words
    for source in sources:
        found = origin.at(source) if origin else DOCKERFILE.parent / source
        to = root.at(str(workdir / target))
        if found.is_dir():
            shutil.copytree(
                found, to, symlinks=True, ignore=shutil.ignore_patterns("__pycache__" if not origin else "")
            )
        else:
            shutil.copy2(found, to / found.name if target.endswith("/") else to)


def serve(stage: Stage, root: Root) -> None:
    """Start the image's command as its user, all but /tmp read-only; ask it; end it by SIGTERM."""
    user = stage.last("USER").value.partition(":")[0]
    port = free_port()
    environment = stage.environment({"PATH": PATH}, build=False) | {"TENSORSEED_PORT": str(port)}
    environment["LD_LIBRARY_PATH"] = "/usr/local/lib"  # this machine's Python may look where its user cannot
    command = stage.last("ENTRYPOINT").words() + stage.last("CMD").words()
    process = subprocess.Popen(root.command(SERVE, user, "exec " + shlex.join(command)), env=environment)
    replica = Replica.attached(process, port)
    try:
        seconds = replica.wait()
        print(f"ready after {seconds:.1f} s, as user {user}, with a read-only root", flush=True)
        print("digest of 1 Mi normals:", digest(port, plan(port, 1 << 20)["url"]))
        assert ask(port, "/healthz").status == 200
        health = root.command(SERVE, user, "exec " + shlex.join(health_command(stage)))
        subprocess.run(health, env=environment, check=True)
        assert f"Uid:\t{user}\t{user}" in Path(f"/proc/{process.pid}/status").read_text()
    finally:
        process.send_signal(getattr(signal, stage.last("STOPSIGNAL").value))
        status = process.wait(60)
    assert status in (0, -signal.SIGTERM), f"the server ended with {status}"
    print("ended by SIGTERM")


def main() -> None:
    """Build every stage, then serve the last."""
    parser = argparse.ArgumentParser(prog="python -m tools.image", description=__doc__)
    parser.add_argument("--build-arg", action="append", default=[], metavar="NAME=VALUE")
    given = dict(argument.split("=", 1) for argument in parser.parse_args().build_arg)
    if os.geteuid() != 0:
        parser.error("mounts and other users need root: run it with sudo")
    stages = read()
    with tempfile.TemporaryDirectory(prefix="tensorseed-image-") as name:
        Path(name).chmod(0o755)
        roots: dict[str, Root] = {}
        for stage in stages:
            roots[stage.name] = Root(Path(name) / stage.name)
            build(stage, roots[stage.name], roots, given)
        serve(stages[-1], roots[stages[-1].name])


if __name__ == "__main__":
    main()

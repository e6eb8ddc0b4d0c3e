"""`make try-container`: build the image with and without the sandbox, start it on port 8000 and check its pages.

Docker starts all of compose.yaml. Without Docker, buildah (as root) starts only the image. Optional argument: seconds
to wait.
"""

import functools
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from environment import ROOT, run, stop

SITE_URL = "http://127.0.0.1:8000"
FIND_SANDBOX = "import importlib.util, sys; sys.exit(not importlib.util.find_spec('stripe_sandbox'))"
IMAGE = "localhost/shop-trial"
# As in compose.yaml: a read-only root file system, no root, no capabilities.
UNPRIVILEGED = (
    "mount -o remount,bind,ro / && exec setpriv --reuid 10001 --regid 10001 --clear-groups --inh-caps=-all "
    '--bounding-set=-all --no-new-privs "$@"'
)
NO_ENGINE = "There is no Docker engine. Start one, or run this as root with buildah (apt install buildah debootstrap)."


def main() -> None:
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 180
    if _succeeds("docker", "info"):
        start = _start_compose
    elif shutil.which("buildah") and os.geteuid() == 0:
        start = _start_image
        print("There is no Docker engine: only the image is tested, not compose.yaml.")
    else:
        stop(NO_ENGINE)
    for sandbox in ("true", "false"):
        values = {
            "SITE_URL": SITE_URL,
            "ALLOWED_HOSTS": "127.0.0.1",
            "STRIPE_SANDBOX": sandbox,
            "SECRET_KEY": secrets.token_urlsafe(50),
            "POSTGRES_PASSWORD": secrets.token_hex(16),
        }
        with start(values, seconds) as execute:
            _check(execute, has_sandbox=sandbox == "true")
        print(f"The image with STRIPE_SANDBOX={sandbox} works", flush=True)


def _check(execute: Callable[..., int], *, has_sandbox: bool) -> None:
    missing = execute("python", "-c", FIND_SANDBOX)
    if has_sandbox == bool(missing):
        stop(f"The image {'lacks' if missing else 'contains'} the sandbox.")
    if has_sandbox:
        execute("python", "manage.py", "bootstrap_ecommerce")
    for path in ("/readyz", "/store/"):
        status, page = _get(path)
        if status != 200:
            stop(f"{path} answers {status}: {page[:500]}")
        print(f"{path} answers 200", flush=True)


@contextmanager
def _start_compose(values: dict[str, str], seconds: int) -> Iterator[Callable[..., int]]:
    with tempfile.TemporaryDirectory(prefix="shop-container-") as folder:
        file = Path(folder, "env")
        file.write_text("".join(f"{name}={value}\n" for name, value in values.items()))
        os.environ["ENVIRONMENT_FILE"] = str(file)
        docker_compose = ("docker", "compose", "--project-name", "shop-trial", "--env-file", file)
        compose = functools.partial(run, *docker_compose)
        try:
            if compose("up", "--build", "--detach", "--wait", f"--wait-timeout={seconds}"):
                compose("logs", "--no-color", "--tail", "50")
                stop("The containers did not start; their log is above.")
            yield functools.partial(compose, "exec", "-T", "web")
        finally:
            compose("down", "--volumes", "--timeout", "40")


@contextmanager
def _start_image(values: dict[str, str], seconds: int) -> Iterator[Callable[..., int]]:
    os.environ["BUILDAH_ISOLATION"] = "chroot"  # needs no container runtime
    _ensure_base_image()
    sandbox = f"STRIPE_SANDBOX={values['STRIPE_SANDBOX']}"
    print(f"Building the image with {sandbox}", flush=True)
    network = "--network=host"
    _buildah("build", "--quiet", "--format=docker", network, "--build-arg", sandbox, "--tag", IMAGE, ".")
    command = json.loads(_buildah("inspect", "--type=image", IMAGE))["Docker"]["config"]["Cmd"]
    container = _buildah("from", "--pull-never", IMAGE)
    environment = [f"--env={name}={value}" for name, value in {**values, "HOST": "127.0.0.1"}.items()]
    options = [network, "--user=0", "--cap-add=CAP_SYS_ADMIN", "--mount=type=tmpfs,dst=/tmp", *environment]
    inside = ["buildah", "run", *options, container, "--", "sh", "-c", UNPRIVILEGED, "sh"]
    server = None
    try:
        if run(*inside, "python", "manage.py", "migrate", "-v0"):
            stop("migrate failed in the image; the reason is above.")
        server = subprocess.Popen([*inside, *command], start_new_session=True)
        deadline = time.monotonic() + seconds
        while _get("/readyz")[0] != 200:
            if server.poll() is not None or time.monotonic() > deadline:
                stop("The image does not answer; its log is above.")
            time.sleep(0.5)
        yield functools.partial(run, *inside)
    finally:
        if server:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(timeout=40)
        _buildah("rm", container)
        _buildah("rmi", IMAGE)


def _ensure_base_image() -> None:
    """Pull the Dockerfile's base image. If that fails, build a similar one from Debian's packages."""
    (base,) = set(re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    if _succeeds("buildah", "inspect", "--type=image", base) or _succeeds("buildah", "pull", base):
        return
    if not shutil.which("debootstrap"):
        stop(f"{base} cannot be pulled. To build a similar image, run: apt install debootstrap")
    print(f"{base} cannot be pulled. Building a similar image (takes minutes, once)", flush=True)
    container = _buildah("from", "scratch")
    folder = _buildah("mount", container)
    packages = "--include=ca-certificates,python3-venv,python-is-python3"
    debootstrap = ["debootstrap", "--variant=minbase", packages, "trixie", folder]
    subprocess.run(debootstrap, stdout=subprocess.DEVNULL, check=True)
    certificates = "/etc/ssl/certs/ca-certificates.crt"  # a company's proxy needs its own
    shutil.copy(certificates, folder + certificates)
    _buildah("commit", "--quiet", "--rm", container, f"localhost/{base}")


def _buildah(*arguments: str) -> str:
    done = subprocess.run(["buildah", *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        stop(f"buildah {arguments[0]} failed; the reason is above.")
    return done.stdout.strip()


def _succeeds(*command: str) -> bool:
    return bool(shutil.which(command[0])) and subprocess.run(command, capture_output=True).returncode == 0


def _get(path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(SITE_URL + path, timeout=20) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")
    except OSError:
        return 0, "no answer"


if __name__ == "__main__":
    main()

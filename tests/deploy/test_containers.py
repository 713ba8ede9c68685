"""The Dockerfile and the Kubernetes manifest: what they say is done here, without either of them."""

import asyncio
import os
import pathlib
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
import yaml

from tests.deploy.kit import EXAMPLES, Site, two_ports
from tests.faults.kit import Load
from tests.support.processes import ROOT, Process, start

pytestmark = pytest.mark.asyncio(loop_factories=["asyncio"])


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile, line by line."""
    lines = (EXAMPLES / "Dockerfile").read_text().replace("\\\n", "").splitlines()
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines if line.strip()) if word != "#"]


def argument(name: str) -> str:
    [value] = [rest for word, rest in instructions() if word == name]
    return value


def manifest() -> dict[str, dict[str, Any]]:
    """The objects of the manifest, by their kind."""
    return {each["kind"]: each for each in yaml.safe_load_all((EXAMPLES / "kubernetes.yaml").read_text())}


class Container:
    """What ``docker run`` does, as process 1 of its own where the machine lets us."""

    def __init__(self, arguments: list[str], command: pathlib.Path, cwd: pathlib.Path) -> None:
        self.port, self.admin_port = two_ports()
        ports = {"0.0.0.0:8000": f"127.0.0.1:{self.port}", "0.0.0.0:9000": f"127.0.0.1:{self.admin_port}"}
        words = [*yaml.safe_load(argument("ENTRYPOINT")), *arguments]
        assert words[0] == "asynchttp"
        text = "\n".join(words[1:])
        for old, new in ports.items():
            assert old in text
            text = text.replace(old, new)
        self.command = [*_alone(), str(command), *text.split("\n")]
        self.cwd = cwd
        self.url, self.admin_url = (f"http://127.0.0.1:{port}" for port in (self.port, self.admin_port))

    def run(self) -> Process:
        # What lies in the checkout isn't in the image.
        return start(self.command, cwd=self.cwd, env={"PYTHONPATH": ""})

    def send_signal(self, process: Process, number: signal.Signals) -> None:
        """To the server, which unshare is the parent of."""
        pid = process.pid
        if _alone():
            pid = int(pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text())
        os.kill(pid, number)


def _alone() -> list[str]:
    command = ["unshare", "--pid", "--fork", "--kill-child"]
    if shutil.which("unshare") and subprocess.run([*command, "true"], capture_output=True).returncode == 0:
        return command
    return []


async def status(url: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status


# -- Docker ----------------------------------------------------------------------------------------------------------


async def test_dockerfile_has_only_what_it_needs() -> None:
    words = [word for word, _ in instructions()]
    assert words[0] == "FROM"
    assert set(words) == {"FROM", "COPY", "RUN", "WORKDIR", "USER", "EXPOSE", "ENTRYPOINT", "CMD"}
    version = argument("FROM").removeprefix("python:").removesuffix("-slim")
    assert f"Programming Language :: Python :: {version}" in (ROOT / "pyproject.toml").read_text()
    assert argument("EXPOSE").split() == ["8000", "9000"]
    # Not root, and Kubernetes can tell.
    assert argument("USER").split(":")[0].isdigit()
    assert argument("USER").split(":")[0] != "0"


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pathlib.Path]:
    """What the Dockerfile's commands make, in a directory and with a venv in the place of the image's Python."""
    root = tmp_path_factory.mktemp("image")
    venv = root / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    cwd = root
    for word, rest in instructions():
        if word == "WORKDIR":
            cwd = root / rest.lstrip("/")
            cwd.mkdir(parents=True)
        elif word == "COPY":
            *sources, target = rest.split()
            place = root / target.lstrip("/") if target.startswith("/") else cwd / target
            for source in sources:
                if (ROOT / source).is_dir():
                    shutil.copytree(ROOT / source, place)
                else:
                    assert target.endswith("/")
                    place.mkdir(parents=True, exist_ok=True)
                    shutil.copy(ROOT / source, place)
        elif word == "RUN":
            assert "/src" in rest
            environment = {**os.environ, "PATH": f"{venv}/bin:{os.environ['PATH']}", "PIP_QUIET": "1"}
            environment.pop("PYTHONPATH", None)
            command = rest.replace("/src", f"{root}/src").replace(" --no-cache-dir", "")
            subprocess.run(["sh", "-ec", command], cwd=cwd, env=environment, check=True)
    yield root


@pytest.mark.timeout(180)  # it installs from an index
async def test_image_serves_as_process_1(image: pathlib.Path) -> None:
    workdir = image / argument("WORKDIR").lstrip("/")
    container = Container(yaml.safe_load(argument("CMD")), image / "venv" / "bin" / "asynchttp", workdir)
    with container.run() as process:
        await asyncio.to_thread(process.wait_for_line, "shows /livez")
        assert await status(container.url) == 200
        assert await status(f"{container.admin_url}/readyz") == 200
        container.send_signal(process, signal.SIGTERM)
        assert await asyncio.to_thread(process.wait) == 0
        assert "Traceback" not in process.stderr


# -- Kubernetes ------------------------------------------------------------------------------------------------------


def pod() -> dict[str, Any]:
    spec = manifest()["Deployment"]["spec"]["template"]["spec"]
    assert isinstance(spec, dict)
    return spec


async def test_manifest_goes_together() -> None:
    deployment, service = manifest()["Deployment"]["spec"], manifest()["Service"]["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    assert deployment["selector"]["matchLabels"] == labels == service["selector"]
    [container] = pod()["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert sorted(map(str, ports.values())) == sorted(argument("EXPOSE").split())
    [exposed] = service["ports"]
    assert ports[exposed["targetPort"]] == 8000
    for probe in ("readinessProbe", "livenessProbe"):
        assert ports[container[probe]["httpGet"]["port"]] == 9000
    flags = dict(flag.removeprefix("--").split("=") for flag in container["args"] if "=" in flag)
    delay, graceful = float(flags["shutdown-delay"]), float(flags["graceful-timeout"])
    assert pod()["terminationGracePeriodSeconds"] > delay + graceful
    readiness = container["readinessProbe"]
    assert delay > readiness["periodSeconds"] * readiness["failureThreshold"]
    # The lame duck phase would come after it.
    assert "lifecycle" not in container
    assert container["securityContext"]["runAsNonRoot"]


async def test_pod_is_not_ready_but_serves_until_its_delay_is_over(site: Site) -> None:
    """Readiness goes at once, liveness stays, and whoever comes or is there is served."""
    [spec] = pod()["containers"]
    arguments = [flag.replace("shutdown-delay=10", "shutdown-delay=1") for flag in spec["args"]]
    assert arguments != spec["args"]
    container = Container(arguments, site.root / ".venv" / "bin" / "asynchttp", site.root)
    ready, live = (container.admin_url + spec[f"{kind}Probe"]["httpGet"]["path"] for kind in ("readiness", "liveness"))
    with start(container.command, cwd=container.cwd) as process:
        await asyncio.to_thread(process.wait_for_line, "shows /livez")
        assert (await status(ready), await status(live)) == (200, 200)
        async with Load(container.port, keep_alive=0, single=4, targets=("/slow?seconds=0.05",)) as load:
            await load.reach(10)
            container.send_signal(process, signal.SIGTERM)
            while await status(ready) == 200:
                pass
            assert await status(live) == 200
            # Others have heard of it by now, and send nobody more. POST in progress is finished.
            slow = asyncio.create_task(status(f"{container.url}/slow?seconds=2"))
            await load.reach(10)
            await load.stop()
        assert (load.lost, load.refused) == ([], 0)
        assert await slow == 200
        assert await asyncio.to_thread(process.wait) == 0

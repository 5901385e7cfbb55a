"""Hopguard as a container of a pod: the binary alone in a root file system that is read-only, its volumes, its user, its seccomp filter."""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request

from .processes import until
from .svids import Authority

CONFINE = pathlib.Path(__file__).with_name("confine.py")
UID, GID, ENVOY = 65531, 101, 101
SOCKET = "unix:/run/hopguard/check.sock"
ADMIN = "/var/lib/hopguard/admin.address"

CONFIG = """
self: spiffe://prod.example/ns/shop/sa/payments
state: {directory: /var/lib/hopguard/state}
listen: [{address: "unix:/run/hopguard/check.sock", mode: "0660", allow: {uids: [101]}}]
admin: {address: "127.0.0.1:0"}
trust: [{trust_domain: prod.example, pem: /etc/hopguard/roots.pem}]
store: {directory: /etc/hopguard/documents}
policy: {directory: /etc/hopguard/policy}
audit: {file: /var/lib/hopguard/audit.jsonl}
"""

DOCUMENTS = """
apiVersion: hopguard.dev/v1alpha1
kind: Purpose
metadata: {name: checkout}
spec: {name: checkout, owner: team-shop, description: take what is owed for an order}
"""

POLICY = "package hopguard.authz\n\ndefault decision := false\n"


def libraries(binary):
    """What a binary loads: nothing, if it is static as the image's is."""
    told = subprocess.run(["ldd", str(binary)], capture_output=True, text=True)
    return re.findall(r"(/\S+) \(0x", told.stdout) if told.returncode == 0 else []


class ConfigMap:
    """A directory as kubelet keeps it: files are links into a directory that is swapped whole."""

    def __init__(self, directory, **files):
        self.directory, self._swaps = directory, 0
        directory.mkdir(parents=True)
        self.update(files)

    def update(self, files):
        """Replaces all of it."""
        self._swaps += 1
        version = self.directory / f"..version-{self._swaps}"
        version.mkdir()
        for name, content in files.items():
            (version / name).write_text(content)
        aside = self.directory / "..data_tmp"
        aside.symlink_to(version.name)
        aside.rename(self.directory / "..data")
        for name in files:
            link = self.directory / name
            if not link.is_symlink():
                link.symlink_to(f"..data/{name}")
        for link in self.directory.iterdir():
            if link.is_symlink() and not link.name.startswith("..") and link.name not in files:
                link.unlink()


class Container:
    """Starts on construction; `ready()` waits until it would get traffic."""

    def __init__(self, directory, binary, profile, *command, roots=None, files=None, volumes=None, config=CONFIG):
        self.directory = directory
        self.config = ConfigMap(directory / "config", **{"hopguard.yaml": config, "roots.pem": roots or Authority(directory / "ca").root.certificate.read_text()})
        # kubelet makes the places of volumes that lie in others.
        for name in ("documents", "policy"):
            (directory / "config" / name).mkdir()
        self.documents = ConfigMap(directory / "documents", **{"purposes.yaml": DOCUMENTS})
        self.policy = ConfigMap(directory / "policy", **{"authz.rego": POLICY})
        (directory / "root").mkdir()
        programs = {"/hopguard": binary, **{library: library for library in libraries(binary)}}
        spec = {
            "root": str(directory / "root"),
            "files": {path: str(source) for path, source in {**programs, **(files or {})}.items()},
            "volumes": {
                "/etc/hopguard": str(directory / "config"),
                "/etc/hopguard/documents": str(directory / "documents"),
                "/etc/hopguard/policy": str(directory / "policy"),
                **{path: str(source) for path, source in (volumes or {}).items()},
            },
            "empty_dirs": {"/run/hopguard": {"size": "1m", "memory": True}, "/var/lib/hopguard": {"size": "16m", "memory": False}},
            "uid": UID,
            "gid": GID,
            "profile": str(profile),
            "command": list(command) or ["/hopguard", "serve", "--config", "/etc/hopguard/hopguard.yaml", "--admin-address-file", ADMIN],
        }
        (directory / "spec.json").write_text(json.dumps(spec))
        self.log = directory / "log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen([sys.executable, "-B", CONFINE, directory / "spec.json"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def said(self):
        return self.log.read_text()

    def inside(self, path):
        """A file as the container sees it."""
        return pathlib.Path(f"/proc/{self.process.pid}/root{path}")

    def own(self, name):
        """A file of its process."""
        return pathlib.Path(f"/proc/{self.process.pid}/{name}")

    def status(self):
        return dict(line.split(":\t", 1) for line in self.own("status").read_text().splitlines() if ":\t" in line)

    def get(self, path):
        """The status and the body that the admin plane answers with."""
        address = self.inside(ADMIN).read_text()
        try:
            with urllib.request.urlopen(f"http://{address}{path}", timeout=10) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def ready(self):
        def is_ready():
            if self.process.poll() is not None:
                raise RuntimeError(f"it ended with {self.process.returncode} and said\n{self.said()}")
            # Until it is there, the paths are those of whoever starts it.
            try:
                return self.own("exe").readlink().name == "hopguard" and self.inside(ADMIN).exists() and self.get("/readyz")[0] == 200
            except FileNotFoundError:
                return False

        until(is_ready, "readiness")
        return self

    def problems(self, part):
        return json.loads(self.get("/readyz?verbose")[1])["parts"][part]["problems"]

    def records(self):
        return [json.loads(line) for line in self.inside("/var/lib/hopguard/audit.jsonl").read_text().splitlines()]

    def ask(self, uid=ENVOY, gid=ENVOY, timeout="20s"):
        """Asks as another container of the pod, which shares the socket's volume."""
        return subprocess.run(
            ["nsenter", "--target", str(self.process.pid), "--mount", "--root", "--wd=/", f"--setgid={gid}", f"--setuid={uid}"]
            + ["/hopguard", "check", "--ask", SOCKET, "--timeout", timeout],
            capture_output=True, text=True, timeout=60, env={},
        )

    def end(self, number=signal.SIGTERM):
        """Its exit code, or the signal that ended it below zero."""
        os.kill(self.process.pid, number)
        return self.process.wait(60)

"""The Envoy of a container's pod: the shipped configuration, as Envoy's user, in the container's root file system and before a workload."""

import http.client
import http.server
import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import threading

from .container import ENVOY, libraries
from .processes import free_port, until
from .tools import ROOT

BINARY = pathlib.Path(os.environ.get("ENVOY_BIN") or ROOT / ".venv/envoy")


class Workload(http.server.BaseHTTPRequestHandler):
    """Says who Hopguard told it is calling."""

    def do_GET(self):
        body = (self.headers.get("x-hopguard-peer") or "nobody").encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Envoy:
    """Envoy's folder, which is mounted at /etc/envoy; `start` runs it beside a container that is ready."""

    @staticmethod
    def files():
        """What it needs of the file system, to be put into the container's."""
        return {"/envoy": BINARY.resolve(), **{library: library for library in libraries(BINARY)}}

    def __init__(self, directory, svid, authority):
        self.directory, self.process, self.log = directory, None, directory.with_suffix(".log")
        self.port, admin = free_port(), free_port()
        self.workload = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Workload)
        threading.Thread(target=self.workload.serve_forever, daemon=True).start()
        shutil.copytree(ROOT / "deploy/envoy", directory)
        plain = (directory / "plain.yaml").read_text()
        for shipped, here in [
            ("0.0.0.0, port_value: 8443", f"127.0.0.1, port_value: {self.port}"),
            ("port_value: 9901", f"port_value: {admin}"),
            ("port_value: 8080", f"port_value: {self.workload.server_port}"),
            # A loaded machine takes longer than a mesh may.
            ("timeout: 0.25s", "timeout: 20s"),
        ]:
            assert shipped in plain, shipped
            plain = plain.replace(shipped, here)
        (directory / "envoy.yaml").write_text(plain)
        tls = directory / "tls"
        tls.mkdir()
        for name, source in [("svid.pem", svid.certificate), ("svid.key", svid.key), ("roots.pem", authority.root.certificate)]:
            shutil.copy(source, tls / name)
            (tls / name).chmod(0o644)

    def start(self, container):
        command = ["nsenter", "--target", str(container.process.pid), "--mount", "--root", "--wd=/", f"--setgid={ENVOY}", f"--setuid={ENVOY}"]
        command += ["/envoy", "--config-path", "/etc/envoy/envoy.yaml", "--disable-hot-restart", "--concurrency", "1", "--log-level", "warning"]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={})

        def listens():
            if self.process.poll() is not None:
                raise RuntimeError(f"Envoy ended and said\n{self.log.read_text()}")
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.port)) == 0

        until(listens, "Envoy")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.workload.shutdown()
        self.workload.server_close()
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def call(self, caller, path, **headers):
        """The status and the body of a call that `caller` makes with its SVID."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # Whom it calls is no matter of this test.
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.load_cert_chain(caller.certificate, caller.key)
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=30, context=context)
        try:
            connection.request("GET", path, headers={"host": "payments.prod.example", **{name.replace("_", "-"): value for name, value in headers.items()}})
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

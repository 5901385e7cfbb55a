"""A real API server with its etcd, on loopback, and nothing else: what it admits, mutates and refuses is real; no pod ever runs."""

import http.client
import json
import secrets
import ssl
import urllib.parse

from harness.charts import HelmError
from harness.processes import Process, free_port, until

ADMIN = ("admin", "system:masters")


class Refused(Exception):
    """What the API server answered instead of doing it."""

    def __init__(self, status, message, reason):
        super().__init__(message)
        self.status = status
        self.reason = reason


class Cluster:
    """The API server: `kubectl` and `helm` as users call it, `create` and its siblings where a process for each call would take too long."""

    def __init__(self, tools, directory):
        self._tools = tools
        self._directory = directory
        self._token = secrets.token_hex(16)
        self._discovered = {}
        self.kubeconfig = directory / "kubeconfig"
        self._etcd = self._start_etcd()
        self._server = None
        try:
            self._server = self._start_server()
        except BaseException:
            self.stop()
            raise

    def stop(self):
        """Ends both."""
        for process in (self._server, self._etcd):
            if process:
                process.stop()

    def kubectl(self, *args, input=None, check=True):
        """Runs kubectl against it; `check=False` where a refusal is looked at."""
        return self._tools.run(self._tools.kubectl, "--kubeconfig", self.kubeconfig, *args, input=input, check=check)

    def helm(self, *args):
        """Runs Helm against it and gives what it printed; raises `HelmError` with what it wrote to stderr."""
        done = self._tools.run(self._tools.helm, "--kubeconfig", self.kubeconfig, *args, check=False)
        if done.returncode != 0:
            raise HelmError(done.stderr.strip())
        return done.stdout

    def create(self, resource, *, dry_run=False):
        """Creates a resource, strictly, and gives what the server made of it."""
        return self._call("POST", self._path(resource, named=False), resource, dry_run)

    def replace(self, resource, *, dry_run=False, subresource=None):
        """Puts a resource in the place of the one with its name, or one of its subresources."""
        return self._call("PUT", self._path(resource) + (f"/{subresource}" if subresource else ""), resource, dry_run)

    def read(self, api_version, kind, name, namespace=None):
        """The resource of that name."""
        return self._call("GET", self._path(_named(api_version, kind, name, namespace)))

    def delete(self, api_version, kind, name, namespace=None):
        """Deletes the resource of that name."""
        return self._call("DELETE", self._path(_named(api_version, kind, name, namespace)))

    def namespace(self, name=None, labels=None):
        """A new namespace with the service account that a controller would have put there; restricted, unless its labels say else."""
        name = name or f"test-{secrets.token_hex(4)}"
        labels = {"pod-security.kubernetes.io/enforce": "restricted", **(labels or {})}
        self.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
        self.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": name}})
        return name

    def _start_etcd(self):
        socket = self._directory / "etcd.sock"
        # What a member would tell others, who are not there: it must look like an address.
        nowhere = "http://127.0.0.1:1"
        process = Process(
            [
                self._tools.etcd, f"--data-dir={self._directory}/etcd", "--unsafe-no-fsync", "--log-level=warn",
                f"--listen-client-urls=unix://{socket}", f"--advertise-client-urls={nowhere}",
                f"--listen-peer-urls=unix://{self._directory}/peers.sock", f"--initial-advertise-peer-urls={nowhere}",
                f"--initial-cluster=default={nowhere}",
            ],
            self._directory / "etcd.log",
        )
        until(socket.exists, "etcd listens", timeout=30, process=process)
        return process

    def _start_server(self):
        (self._directory / "tokens.csv").write_text(f"{self._token},{ADMIN[0]},{ADMIN[0]},{ADMIN[1]}\n")
        key = self._directory / "accounts.pem"
        self._tools.run("ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-m", "PEM", "-N", "", "-f", key)
        # Between finding a port and its use somebody else may take it.
        for attempt in range(3):
            port = free_port()
            process = self._listen(port, key)
            try:
                until(lambda: self._ready(port), "the API server is ready", timeout=120, process=process)
                self._write_kubeconfig(port)
                return process
            except AssertionError:
                if "address already in use" not in process.said() or attempt == 2:
                    raise
        raise AssertionError("unreachable: the last attempt raises")

    def _listen(self, port, key):
        return Process(
            [
                self._tools.kube_apiserver, f"--etcd-servers=unix://{self._directory}/etcd.sock", "--bind-address=127.0.0.1",
                "--advertise-address=127.0.0.1", f"--secure-port={port}", f"--cert-dir={self._directory}",
                f"--token-auth-file={self._directory}/tokens.csv", "--authorization-mode=RBAC", "--anonymous-auth=false",
                "--service-account-issuer=https://kubernetes.test", f"--service-account-key-file={key}",
                f"--service-account-signing-key-file={key}", "--service-cluster-ip-range=10.0.0.0/24",
                # Privileged pods are refused by what is under test, not by the server's own validation.
                "--allow-privileged=true", "--endpoint-reconciler-type=none", "--profiling=false",
            ],
            self._directory / "kube-apiserver.log",
        )

    def _ready(self, port):
        certificate = self._directory / "apiserver.crt"
        if not certificate.exists():
            return False
        try:
            self._port, self._tls = port, ssl.create_default_context(cafile=str(certificate))
            return self._request("GET", "/readyz")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def _write_kubeconfig(self, port):
        self.kubeconfig.touch(mode=0o600)
        self.kubeconfig.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {
                "server": f"https://127.0.0.1:{port}", "certificate-authority": str(self._directory / "apiserver.crt")}}],
            "users": [{"name": "admin", "user": {"token": self._token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
        }))

    def _path(self, resource, named=True):
        plural, namespaced = self._resource(resource["apiVersion"], resource["kind"])
        parts = ["apis" if "/" in resource["apiVersion"] else "api", resource["apiVersion"]]
        if namespaced:
            parts += ["namespaces", resource["metadata"]["namespace"]]
        parts += [plural] + ([resource["metadata"]["name"]] if named else [])
        return "/" + "/".join(urllib.parse.quote(part) for part in parts)

    def _resource(self, api_version, kind):
        key = (api_version, kind)
        if key not in self._discovered:
            listed = self._call("GET", f"/{'apis' if '/' in api_version else 'api'}/{api_version}")
            for entry in listed["resources"]:
                if "/" not in entry["name"]:
                    self._discovered[(api_version, entry["kind"])] = (entry["name"], entry["namespaced"])
        if key not in self._discovered:
            raise Refused(404, f"the API server has no {kind} in {api_version}", "NotFound")
        return self._discovered[key]

    def _call(self, method, path, body=None, dry_run=False):
        query = "" if method == "GET" else "?fieldValidation=Strict" + ("&dryRun=All" if dry_run else "")
        status, text = self._request(method, path + query, body)
        answer = json.loads(text)
        if status >= 300:
            raise Refused(status, answer.get("message", text), answer.get("reason"))
        return answer

    def _request(self, method, path, body=None):
        connection = http.client.HTTPSConnection("127.0.0.1", self._port, context=self._tls, timeout=60)
        try:
            headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()


def _named(api_version, kind, name, namespace):
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": namespace}}

"""What a kubelet makes of the image: what is in it works under its user, root file system, volumes and seccomp filter, and beside the shipped Envoy."""

import datetime
import json
import os
import shutil
import signal
import subprocess

import pytest

from harness.container import CONFIG, DOCUMENTS, GID, UID, Container, libraries
from harness.envoy import Envoy
from harness.processes import until
from harness.svids import Authority
from harness.tools import ROOT

SECCOMP = ROOT / "tests/chart/seccomp"


@pytest.fixture(scope="session")
def root():
    assert os.geteuid() == 0, "run as root: who is to run a program as another user, in a root file system of its own, has to be"


@pytest.fixture(scope="session")
def profile(root, tmp_path_factory):
    """containerd's own: what `seccompProfile: {type: RuntimeDefault}` means on most nodes."""
    said = subprocess.run(["go", "run", "."], cwd=SECCOMP, env={**os.environ, "GOFLAGS": "-mod=readonly"}, check=True, capture_output=True, text=True).stdout
    told = json.loads(said)
    assert told["defaultAction"] == "SCMP_ACT_ERRNO" and len(told["syscalls"]) > 5
    allowed = {name for entry in told["syscalls"] if entry["action"] == "SCMP_ACT_ALLOW" and not entry.get("args") for name in entry["names"]}
    assert "epoll_wait" in allowed and not {"mount", "bpf", "setns", "unshare"} & allowed
    path = tmp_path_factory.mktemp("seccomp") / "profile.json"
    path.write_text(said)
    return path


def test_the_filter_ends_who_makes_a_call_that_it_does_not_allow(tools, profile, tmp_path):
    unshare = shutil.which("unshare")
    files = {"/unshare": unshare, **{library: library for library in libraries(unshare)}}
    with Container(tmp_path, tools.hopguard, profile, "/unshare", "--user", "/hopguard", files=files) as container:
        assert container.process.wait(60) == -signal.SIGSYS, container.said()


def test_it_serves_as_a_container_serves(tools, profile, tmp_path):
    with Container(tmp_path, tools.hopguard, profile) as container:
        container.ready()
        status = container.status()
        assert status["Uid"].split() == [str(UID)] * 4 and status["Gid"].split() == [str(GID)] * 4
        assert status["Groups"].split() == []
        assert {name: int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == dict.fromkeys(
            ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"), 0
        )
        assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
        mounts = [line.split() for line in container.own("mountinfo").read_text().splitlines()]
        assert "ro" in next(fields[5] for fields in mounts if fields[4] == "/").split(",")
        # Of a process that may be dumped, everything would be its own user's.
        assert container.own("environ").stat().st_uid == 0

        asked = container.ask()
        assert (asked.returncode, "denied for `peer_missing`" in asked.stdout) == (0, True), asked
        until(container.records, "its record")
        assert [record["reason"] for record in container.records()] == ["peer_missing"]
        assert container.inside("/var/lib/hopguard/state").stat().st_mode & 0o777 == 0o700
        assert container.end() == 0, container.said()
    assert "Ended" in container.said()


def test_nobody_else_in_the_pod_may_ask(tools, profile, tmp_path):
    with Container(tmp_path, tools.hopguard, profile) as container:
        container.ready()
        # The application: not in the socket's group, or even in it.
        outside = container.ask(uid=1000, gid=1000, timeout="500ms")
        assert (outside.returncode, "Permission denied" in outside.stdout) == (5, True), outside
        inside = container.ask(uid=1000, gid=GID, timeout="500ms")
        assert (inside.returncode, "`listen[].allow`" in inside.stdout) == (5, True), inside
        assert container.records() == []


def test_it_follows_its_config_maps_and_keeps_the_last_good_ones(tools, profile, tmp_path):
    with Container(tmp_path, tools.hopguard, profile) as container:
        container.ready()
        container.policy.update({"authz.rego": "package hopguard.authz\n\ndecision := "})
        until(lambda: container.problems("policy"), "a problem of the policy")
        assert container.ask().returncode == 0
        container.policy.update({"authz.rego": "package hopguard.authz\n\ndecision := true\n"})
        until(lambda: not container.problems("policy"), "its repair")
        container.documents.update({"purposes.yaml": "kind: Purpose\n"})
        until(lambda: container.problems("store"), "a problem of the documents")
        os.kill(container.process.pid, signal.SIGHUP)
        assert container.get("/readyz")[0] == 200
        assert container.end() == 0, container.said()


GRANT = """
apiVersion: hopguard.dev/v1alpha1
kind: Grant
metadata: {{name: orders}}
spec:
  type: standing
  subject: {{spiffeId: "spiffe://prod.example/ns/shop/sa/frontend"}}
  audience: "spiffe://prod.example/ns/shop/sa/payments"
  actions: [{{methods: [GET], paths: ["/orders/*"]}}]
  purposes: [checkout]
  owner: team-payments
  requestedBy: bob@example.com
  approver: alice@example.com
  notBefore: {begin}
  reviewBy: {review}
  expiresAt: {end}
"""

REVOCATION = """
apiVersion: hopguard.dev/v1alpha1
kind: Revocation
metadata: {{name: orders}}
spec: {{target: {{grant: orders}}, reason: found on a laptop, at: {begin}}}
"""


def test_the_shipped_envoy_asks_as_its_own_user_and_what_is_revoked_ends(tools, profile, tmp_path):
    authority = Authority(tmp_path / "ca")
    payments, frontend, stranger = (authority.mint(name, f"spiffe://prod.example/ns/shop/sa/{name}") for name in ("payments", "frontend", "stranger"))
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    begin, review, end = ((now + datetime.timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ") for days in (-1, 1, 2))
    volumes = {"/etc/envoy": tmp_path / "envoy"}
    with (
        Envoy(tmp_path / "envoy", payments, authority) as envoy,
        Container(
            tmp_path, tools.hopguard, profile,
            roots=authority.root.certificate.read_text(), files=Envoy.files(), volumes=volumes, config=CONFIG + "limits: {deadline: 10s}\n",
        ) as container,
    ):
        container.policy.update({"authz.rego": "package hopguard.authz\n\ndecision := true\n"})
        documents = {"purposes.yaml": DOCUMENTS, "grants.yaml": GRANT.format(begin=begin, review=review, end=end)}
        container.documents.update(documents)
        container.ready()
        envoy.start(container)
        allowed = lambda: envoy.call(frontend, "/orders/7", x_hop_purpose="checkout")
        # It follows its files a moment after they are there.
        assert until(lambda: allowed()[0] == 200, "the grant")
        assert allowed() == (200, "spiffe://prod.example/ns/shop/sa/frontend")
        for answer in (
            envoy.call(stranger, "/orders/7", x_hop_purpose="checkout"),
            envoy.call(frontend, "/orders/7"),
            envoy.call(frontend, "/admin", x_hop_purpose="checkout"),
        ):
            assert (answer[0], json.loads(answer[1])["error"]) == (403, "hop_denied")
        container.documents.update({**documents, "revoked.yaml": REVOCATION.format(begin=begin)})
        until(lambda: allowed()[0] == 403, "the revocation")
        until(lambda: container.records()[-1]["reason"] == "revoked", "its record")
        reasons = {record["reason"] for record in container.records()}
        assert {None, "grant_missing", "purpose_missing", "revoked"} <= reasons
        assert container.end() == 0, container.said()


def test_it_does_not_serve_where_it_cannot_write_what_it_must(tools, profile, tmp_path):
    elsewhere = CONFIG.replace("/var/lib/hopguard/audit.jsonl", "/audit.jsonl")
    with Container(tmp_path, tools.hopguard, profile, config=elsewhere) as container:
        assert container.process.wait(60) == 1, container.said()
    assert "audit.file: /audit.jsonl cannot be written" in container.said() and "Read-only file system" in container.said()

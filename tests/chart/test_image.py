"""The image: how it is built, what it says it is made of, and that what is in it works under the user, the root file system and the seccomp
filter that a kubelet gives it."""

import datetime
import fnmatch
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess

import pytest

from harness.container import CONFIG, DOCUMENTS, GID, UID, Container, libraries
from harness.envoy import Envoy
from harness.processes import until
from harness.svids import Authority
from harness.tools import ROOT

DOCKERFILE = ROOT / "deploy/k8s/Dockerfile"
SECCOMP = ROOT / "tests/chart/seccomp"


def make(*targets):
    """Runs targets of the Makefile as a developer would; what they install takes minutes, once."""
    environment = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
    return subprocess.run(["make", *targets], cwd=ROOT, env=environment, check=True, capture_output=True, text=True, timeout=1200).stdout


def instructions():
    """The Dockerfile's instructions, each in one line, as pairs of their name and the rest."""
    lines = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE)).splitlines()
    return [tuple(line.split(" ", 1)) for line in lines if line.strip()]


def last_stage():
    told = instructions()
    return told[max(number for number, (name, _) in enumerate(told) if name == "FROM"):]


# ---- How it is built


def test_the_linter_finds_nothing_and_is_told_to_ignore_nothing(tools):
    assert "hadolint ignore" not in DOCKERFILE.read_text()
    assert not list(ROOT.glob(".hadolint.y*ml"))
    tools.run(tools.hadolint, "--no-color", DOCKERFILE)


def test_the_image_is_the_binary_and_what_belongs_to_it():
    stage = last_stage()
    assert stage[0] == ("FROM", "scratch")
    assert not [rest for name, rest in stage if name in ("RUN", "ADD", "SHELL")]
    copied = [rest.split()[-1] for name, rest in stage if name == "COPY"]
    assert sorted(copied) == ["/etc/ssl/certs/ca-certificates.crt", "/hopguard", "/sbom.cdx.json"]
    assert all("--from=build" in rest for name, rest in stage if name == "COPY")


def test_it_runs_as_a_user_that_is_a_number_and_starts_no_shell():
    stage = dict(last_stage())
    assert stage["USER"] == f"{UID}:{UID}"
    assert json.loads(stage["ENTRYPOINT"]) == ["/hopguard"]
    assert json.loads(stage["CMD"])[0] == "serve"


def test_nobody_builds_it_from_an_image_that_is_not_named_by_its_digest():
    told = instructions()
    assert told[0] == ("ARG", "BUILDER"), "a default would be a builder that nobody has looked at"
    assert [rest for name, rest in told if name == "FROM"] == ["${BUILDER} AS build", "scratch"]
    first = next(rest for name, rest in told if name == "RUN")
    for builder, code in [("rust:1.95.0-bookworm", 1), ("rust:1.95.0-bookworm@sha256:" + "0" * 64, 0)]:
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", first], env={**os.environ, "BUILDER": builder}, capture_output=True, text=True)
        assert done.returncode == code, done
        assert ("name it by its digest" in done.stderr) == bool(code)


def test_the_versions_that_it_names_are_those_of_the_checkout():
    text = DOCKERFILE.read_text()
    rust = re.search(r'^channel = "(.*)"$', (ROOT / "rust-toolchain.toml").read_text(), re.MULTILINE).group(1)
    assert set(re.findall(r"rust:(\d+\.\d+\.\d+)-", text)) == {rust}
    cyclonedx = re.search(r"^CARGO_CYCLONEDX := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE).group(1)
    assert set(re.findall(r"cargo-cyclonedx@(\S+)", text)) == {cyclonedx}
    version = re.search(r'^version = "(.*)"$', (ROOT / "Cargo.toml").read_text(), re.MULTILINE).group(1)
    assert f"ARG VERSION={version}\n" in text


def given():
    """What the build is given."""
    lines = (DOCKERFILE.parent / "Dockerfile.dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*" and all(rule.startswith("!") for rule in rules[1:])
    return [rule[1:] for rule in rules[1:]]


def is_given(path):
    return any(path == rule or path.startswith(f"{rule}/") or fnmatch.fnmatch(path, rule) for rule in given())


def test_the_build_is_given_what_the_sources_include_and_no_secrets():
    included = []
    for source in (ROOT / "src").rglob("*.rs"):
        # Tests are at the bottom of their file, or in a file of that name.
        if source.name == "tests.rs" or "tests" in source.parts:
            continue
        code = source.read_text().split("#[cfg(test)]")[0]
        included += [source.parent / path for path in re.findall(r'include_(?:str|bytes)!\("([^"]+)"\)', code)]
    assert included
    for path in included:
        assert is_given(os.path.relpath(path, ROOT)), f"{path} is not given to the image's build: name it in Dockerfile.dockerignore"
    for path in (".git/config", ".venv/bin/python", "target/debug/hopguard", "hopguard-dev/ca.key", ".env", "deploy/k8s/values.yaml"):
        assert not is_given(path), path


def test_a_build_script_that_is_run_elsewhere_says_what_it_needs(tmp_path):
    bare = tmp_path / "bin"
    bare.mkdir()
    for name in ("bash", "dirname", "mkdir", "uname"):
        (bare / name).symlink_to(shutil.which(name))
    done = subprocess.run([ROOT / "deploy/k8s/build.sh", tmp_path / "out"], env={"PATH": str(bare), "HOME": "/"}, capture_output=True, text=True)
    assert (done.returncode, "install musl-tools" in done.stderr) == (1, True), done


# ---- What it is made of


@pytest.fixture(scope="session")
def sbom():
    make("sbom")
    return json.loads((pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "sbom.cdx.json").read_text())


def test_the_sbom_names_every_crate_below_the_binary_and_no_other(sbom):
    tree = subprocess.run(
        ["cargo", "tree", "--locked", "--package", "hopguard", "--edges", "normal", "--target", "x86_64-unknown-linux-musl", "--prefix", "none", "--format", "{p}"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout.splitlines()
    below = {tuple(line.split(" ")[:2]) for line in tree}
    named = {(component["name"], "v" + component["version"]) for component in sbom["components"]}
    assert named - below == {("rust-std", "v" + compiler())}
    assert {name for name, _ in below - named} == {"hopguard"}
    assert len(sbom["components"]) == len(named)


def compiler():
    return subprocess.run(["rustc", "--version"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()[1]


def test_the_sbom_says_of_each_crate_where_it_is_from_and_what_it_is_under(sbom):
    assert (sbom["bomFormat"], sbom["specVersion"]) == ("CycloneDX", "1.5")
    assert sbom["metadata"]["component"]["purl"].startswith("pkg:cargo/hopguard@")
    locked = dict(re.findall(r'name = "([^"]+)"\nversion = "[^"]+"\nsource = "[^"]+"\nchecksum = "([0-9a-f]+)"', (ROOT / "Cargo.lock").read_text()))
    for component in sbom["components"]:
        if component["name"] == "rust-std":
            continue
        assert component["purl"] == f"pkg:cargo/{component['name']}@{component['version']}"
        assert component["licenses"], component["name"]
        assert [entry["alg"] for entry in component["hashes"]] == ["SHA-256"], component["name"]
        assert component["name"] in locked
    linked = {component["name"] for component in sbom["components"] if component["scope"] == "required"}
    assert {"aws-lc-rs", "regorus", "rustls", "tonic"} <= linked
    assert not {"serde_derive", "syn", "ring"} & linked


def test_the_sbom_is_whole_and_names_no_place_and_no_moment(sbom):
    refs = {component["bom-ref"] for component in sbom["components"]} | {sbom["metadata"]["component"]["bom-ref"]}
    for entry in sbom["dependencies"]:
        assert {entry["ref"], *entry.get("dependsOn", [])} <= refs
    text = json.dumps(sbom)
    assert "file://" not in text and str(ROOT) not in text
    assert "serialNumber" not in sbom
    assert sbom["metadata"]["timestamp"].startswith("1970-01-01T00:00:00")


# ---- What a kubelet makes of it


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

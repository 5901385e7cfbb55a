"""The image: how it is built, and what it says it is made of. What it does is in test_container.py."""

import fnmatch
import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from harness.container import UID
from harness.tools import ROOT

DOCKERFILE = ROOT / "deploy/k8s/Dockerfile"


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

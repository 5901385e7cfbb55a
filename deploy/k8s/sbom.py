#!/usr/bin/env python3
"""Says what is in the binary, as CycloneDX: `sbom.py OUT`, with cargo-cyclonedx in PATH.

cargo-cyclonedx names what Cargo has resolved for the whole workspace, which is more than what is linked: optional dependencies that nobody
turned on, and those of the fuzzer. What `cargo tree` does not find below the binary is taken out, what only runs while it is compiled is marked
as excluded, and what no crate stands for (Rust's standard library, with the C library below it) is added. Nothing in the result depends on
where or when it was made.
"""

import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = f"{platform.machine()}-unknown-linux-musl"


def cargo(*arguments, **more):
    return subprocess.run(["cargo", *arguments], check=True, capture_output=True, text=True, **more).stdout


def tree(edges):
    """Names and versions of the crates below the binary."""
    lines = cargo(
        "tree", "--locked", "--package", "hopguard", "--edges", edges, "--target", TARGET, "--prefix", "none", "--format", "{p}", cwd=ROOT
    ).splitlines()
    return {tuple(line.split(" ")[:2]) for line in lines}


def resolved():
    """What cargo-cyclonedx says of the binary. It writes beside each manifest: it is given a copy of them, and no sources to write beside."""
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        metadata = json.loads(cargo("metadata", "--locked", "--format-version", "1", "--no-deps", cwd=ROOT))
        manifests = [pathlib.Path(package["manifest_path"]) for package in metadata["packages"]]
        for path in [ROOT / "Cargo.lock", *manifests]:
            copy = scratch / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
        for package in metadata["packages"]:
            for target in package["targets"]:
                source = scratch / pathlib.Path(target["src_path"]).relative_to(ROOT)
                source.parent.mkdir(parents=True, exist_ok=True)
                source.touch()
        cargo(
            "cyclonedx", "--describe", "binaries", "--target", TARGET, "--no-build-deps", "--format", "json", "--spec-version", "1.5", "--quiet",
            cwd=scratch, env={**os.environ, "SOURCE_DATE_EPOCH": os.environ.get("SOURCE_DATE_EPOCH", "0")},
        )
        text = (scratch / "hopguard_bin.cdx.json").read_text()
        return json.loads(text.replace(f"path+file://{scratch}#", "pkg:cargo/"))


def pruned(bom):
    there = {(name, version.removeprefix("v")) for name, version in tree("normal")}
    linked = {(name, version.removeprefix("v")) for name, version in tree("normal,no-proc-macro")}
    # The binary itself is the subject, and no component of itself.
    subject = bom["metadata"]["component"]
    there.discard((subject["name"], subject["version"]))
    subject["purl"] = f"pkg:cargo/{subject['name']}@{subject['version']}"
    components = [component for component in bom["components"] if (component["name"], component["version"]) in there]
    missing = there - {(component["name"], component["version"]) for component in components}
    if missing:
        sys.exit(f"cargo-cyclonedx does not know {sorted(missing)}")
    for component in components:
        component["scope"] = "required" if (component["name"], component["version"]) in linked else "excluded"
    compiler = subprocess.run(["rustc", "--version"], check=True, capture_output=True, text=True, cwd=ROOT).stdout.split()[1]
    standard = {
        "type": "library", "bom-ref": f"rust-std@{compiler}", "name": "rust-std", "version": compiler, "scope": "required",
        "description": "Rust's standard library for " + TARGET + ", with the musl libc that it links",
    }
    refs = {component["bom-ref"] for component in components}
    dependencies = []
    for entry in bom["dependencies"]:
        if entry["ref"] in refs | {subject["bom-ref"]}:
            below = [ref for ref in entry.get("dependsOn", []) if ref in refs]
            below += [standard["bom-ref"]] if entry["ref"] == subject["bom-ref"] else []
            dependencies.append({"ref": entry["ref"], **({"dependsOn": below} if below else {})})
    return {**bom, "components": [*components, standard], "dependencies": dependencies}


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: sbom.py OUT")
    out = pathlib.Path(sys.argv[1])
    text = json.dumps(pruned(resolved()), indent=1, ensure_ascii=False) + "\n"
    if "file://" in text:
        sys.exit("the SBOM names a directory: it would be another one elsewhere")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text)


main()

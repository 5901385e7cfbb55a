#!/usr/bin/env python3
"""Puts into the chart's files what is said elsewhere first: the part `config` of its schema, and the file that `hopguard config --sidecar` prints.

Usage: generate.py schema HOPGUARD | generate.py sidecar HELM. Writes to standard output; generate.sh puts it into its place.
"""

import json
import pathlib
import re
import subprocess
import sys

K8S = pathlib.Path(__file__).resolve().parent
CHART = K8S / "charts" / "hopguard"

# What the chart decides itself, so that no value may.
OWNED = {
    "": {"preset", "self", "state", "listen", "admin", "mode", "trust", "facts"},
    "audit": {"file"},
    "peer": {"evidence", "asserted"},
    "peer.xfcc": {"sanitize_set"},
    "policy": {"directory", "bundle", "candidate"},
    "store": {"directory", "bundle"},
}


def kept(schema, path=""):
    """The schema without defaults, without what is not built yet and without what the chart decides."""
    schema = {key: value for key, value in schema.items() if key not in ("default", "$schema")}
    if "properties" in schema:
        inner = {name: kept(of, f"{path}.{name}".lstrip(".")) for name, of in schema["properties"].items() if not is_owned(path, name, of)}
        # A section of which nothing is left has nothing to say.
        schema["properties"] = {name: of for name, of in inner.items() if of.get("properties", True)}
        required = [name for name in schema.pop("required", []) if name in schema["properties"]]
        schema.update({"required": required} if required else {})
    if isinstance(schema.get("items"), dict):
        schema["items"] = kept(schema["items"], path)
    if "anyOf" in schema:
        schema["anyOf"] = [kept(of, path) for of in schema["anyOf"]]
    return schema


def is_owned(path, name, schema):
    """Whether a key is the chart's, or one that can have one value only since it is not built yet."""
    return name in OWNED.get(path, ()) or set(schema) <= {"const", "description"}


def schema(hopguard):
    """values.schema.json with `config` as `hopguard` reads it."""
    said = subprocess.run([hopguard, "config", "--schema"], check=True, capture_output=True, text=True).stdout
    values = json.loads((CHART / "values.schema.json").read_text())
    values["properties"]["config"] = kept(json.loads(said))
    return json.dumps(values, indent=2) + "\n"


def render(helm, template):
    """One rendered template of the chart, without the lines that Helm adds."""
    command = [helm, "template", "hopguard", str(CHART), "--namespace", "hopguard", "--values", str(K8S / "sidecar-values.yaml"), "--show-only", template]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return "\n".join(line for line in text.splitlines() if not line.startswith("# Source: "))


def sidecar(helm):
    """What to paste where nothing injects: the ConfigMaps of a namespace, and the part of a workload."""
    heading = (K8S / "sidecar-heading.txt").read_text()
    of_helm = ("app.kubernetes.io/managed-by: ", "helm.sh/chart: ", "# Made by the chart: ")
    maps = "\n".join(line for line in render(helm, "templates/configmaps.yaml").splitlines() if not line.strip().startswith(of_helm))
    _, _, patch = render(helm, "templates/inject-manual.yaml").partition("  patch.yaml: |\n")
    patch = "\n".join(line[4:] for line in patch.splitlines())
    maps = re.sub(r"\n\n+---", "\n---", maps)
    return f"{heading}{maps.strip()}\n---\n{patch.strip()}\n"


if __name__ == "__main__":
    what, tool = sys.argv[1:]
    sys.stdout.write({"schema": schema, "sidecar": sidecar}[what](tool))

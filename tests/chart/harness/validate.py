"""Holds resources against the schemas of a Kubernetes version, strictly: unknown fields are refused, and so is a kind that nobody knows."""

import functools
import importlib.resources
import json
import re
import subprocess

import jsonschema
import referencing

from harness.tools import ROOT, environment

VERSIONS = ("1.33", "1.35", "1.36", "1.37")
# Kinds that Kubernetes does not have itself, by group: their schemas are npm's.
FOREIGN = (
    "extensions.istio.io", "gateway.networking.k8s.io", "monitoring.coreos.com", "networking.istio.io", "security.istio.io",
    "telemetry.istio.io",
)


class Invalid(Exception):
    """What a schema says against a resource."""


def label(resource):
    """How a resource is named in messages."""
    return f"{resource.get('apiVersion')} {resource.get('kind')} `{resource.get('metadata', {}).get('name')}`"


class Schemas:
    """Every schema there is to hold a resource against."""

    def __init__(self, tools):
        self._foreign = subprocess.Popen(
            [str(tools.node), str(ROOT / "tests/chart/harness/schemas.js"), str(tools.node_modules)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment(),
        )

    def close(self):
        """Ends what was started: closing its input does."""
        self._foreign.stdin.close()
        self._foreign.stdout.close()
        self._foreign.wait(timeout=10)

    def validate(self, resources, version="1.36", unchecked=()):
        """
        Holds Kubernetes' own kinds against that version, the others against their CRDs, and names all that is wrong.

        A group in `unchecked` is one that the caller knows no schema is there for.
        """
        checked = [resource for resource in resources if _group(resource) not in unchecked]
        complaints = [complaint for resource in checked if (complaint := self._complaint(resource, version))]
        if complaints:
            raise Invalid("\n".join(complaints))

    def validate_crs(self, resources):
        """The same where every resource must be one of Istio's, Gateway API's or the Prometheus Operator's."""
        native = [label(resource) for resource in resources if _group(resource) not in FOREIGN]
        if native:
            raise Invalid(f"not of a custom resource's group: {', '.join(native)}")
        self.validate(resources)

    def _complaint(self, resource, version):
        if _group(resource) in FOREIGN:
            said = self._ask(resource)
            return said and f"{label(resource)}: {said}"
        validator = _native(version, resource["apiVersion"], resource["kind"])
        if validator is None:
            return f"{label(resource)}: Kubernetes {version} does not know it"
        errors = sorted(validator.iter_errors(resource), key=lambda error: list(map(str, error.path)))
        return errors and "\n".join(f"{label(resource)}: .{'.'.join(map(str, error.path))}: {error.message}" for error in errors)

    def _ask(self, resource):
        self._foreign.stdin.write(json.dumps(resource) + "\n")
        self._foreign.stdin.flush()
        line = self._foreign.stdout.readline()
        if not line:
            raise RuntimeError("the schemas of custom resources do not answer: see what node wrote above")
        return json.loads(line)


def _group(resource):
    return resource["apiVersion"].partition("/")[0] if "/" in resource["apiVersion"] else ""


# The package's own function takes the nearest older version for one that it does not have, and reads all its definitions for each resource.
@functools.cache
def _native(version, api_version, kind):
    if version not in VERSIONS:
        raise ValueError(f"no matrix holds Kubernetes {version}")
    directory = _directory(version)
    name = re.sub(r"^([^./]*)(?:\.[^/]*)?/", r"\1-", api_version)
    schema = directory / f"{kind.lower()}-{name}.json"
    if not schema.is_file():
        return None
    return jsonschema.Draft202012Validator(json.loads(schema.read_text()), registry=_registry(version))


def _directory(version):
    schemas = importlib.resources.files("kubernetes_validate") / "kubernetes-json-schema"
    found = [path for path in schemas.iterdir() if re.fullmatch(rf"v{re.escape(version)}\.\d+-local-strict", path.name)]
    if len(found) != 1:
        raise RuntimeError(f"kubernetes-validate has {len(found)} strict schemas of {version}")
    return found[0]


@functools.cache
def _registry(version):
    definitions = json.loads((_directory(version) / "_definitions.json").read_text())
    return referencing.Resource.from_contents(definitions) @ referencing.Registry()

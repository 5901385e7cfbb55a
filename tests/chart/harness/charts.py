"""Renders charts as `helm template` does, and keeps what Helm says when it refuses."""

import itertools
import json
import re

import yaml

from harness.tools import CHARTS


class HelmError(Exception):
    """What Helm wrote when it refused."""


class Loader(yaml.SafeLoader):
    """Reads YAML as Kubernetes does: a key that is there twice is a mistake, not a choice."""


def _mapping(loader, node):
    pairs = loader.construct_pairs(node, deep=True)
    twice = {key for key, _ in pairs if sum(1 for other, _ in pairs if other == key) > 1}
    if twice:
        raise yaml.constructor.ConstructorError(None, None, f"found {sorted(twice)} twice", node.start_mark)
    return dict(pairs)


Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
# YAML 1.1 reads a lone `=` as a type that nothing here has.
Loader.add_constructor("tag:yaml.org,2002:value", lambda loader, node: node.value)


def objects(text):
    """Every resource of a stream of YAML documents; a `List` is what it holds."""
    found = [document for document in yaml.load_all(text, Loader=Loader) if document]
    return list(itertools.chain.from_iterable(
        document["items"] if document.get("kind") == "List" else [document] for document in found))


class Charts:
    """Helm, with every call in a directory of its own."""

    def __init__(self, tools, scratch):
        self._tools = tools
        self._scratch = scratch
        self._count = itertools.count()

    def helm(self, *args, input=None, env=None):
        """Runs Helm and gives what it printed; raises `HelmError` with what it wrote to stderr."""
        done = self._tools.run(self._tools.helm, *args, input=input, check=False, env=env)
        if done.returncode != 0:
            raise HelmError(done.stderr.strip())
        return done.stdout

    def values(self, *sources):
        """The `--values` arguments for files and for dicts, the later over the earlier."""
        arguments = []
        for source in sources:
            if isinstance(source, dict):
                path = self._scratch / f"values-{next(self._count)}.yaml"
                path.write_text(json.dumps(source))
                source = path
            arguments += ["--values", str(source)]
        return arguments

    def text(self, values=None, *, files=(), chart="hopguard", kube_version="1.36", release="hopguard", namespace="hopguard",
             api_versions=(), arguments=()):
        """What `helm template` prints."""
        inline = values if isinstance(values, (list, tuple)) else [values] if values else []
        if re.fullmatch(r"\d+\.\d+", kube_version):
            kube_version += ".0"
        return self.helm(
            "template", release, CHARTS / chart, "--namespace", namespace, "--kube-version", kube_version,
            *self.values(*files, *inline),
            *(part for version in api_versions for part in ("--api-versions", version)),
            *arguments,
        )

    def render(self, values=None, **options):
        """Every resource that the chart renders, hooks too: `values` is a dict or a list of dicts and files, laid over `files`."""
        return objects(self.text(values, **options))

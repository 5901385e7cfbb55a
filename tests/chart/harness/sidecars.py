"""Takes Hopguard out of what the chart renders for each way of injection, and puts it into a pod as that way does."""

import copy

import yaml

from harness.charts import Loader


def pasted(resources, pod):
    """The pod with what `injection.mode: manual` gives to paste: containers and volumes merged by name, Hopguard first."""
    patch = _config_map(resources, "patch.yaml")["spec"]["template"]
    return _merged(pod, patch)


def templated(resources, pod, proxy):
    """
    The pod as Istio's injector makes it for `inject.istio.io/templates: hopguard,sidecar`: what our template says of its proxy is merged into
    the native sidecar that its own adds after it, and that comes first.
    """
    template = _config_map(resources, "values.yaml")["sidecarInjectorWebhook"]["templates"]["hopguard"]
    injected = _merged(pod, yaml.load(template, Loader=Loader))
    ours = [container for container in injected["spec"]["containers"] if container["name"] == proxy["name"]]
    injected["spec"]["containers"] = [container for container in injected["spec"]["containers"] if container["name"] != proxy["name"]]
    injected["spec"]["initContainers"].insert(0, {**proxy, **ours[0], "restartPolicy": "Always"})
    return injected


def hopguards(pod):
    """Hopguard's containers in a pod, wherever they are."""
    return [container for container in pod["spec"].get("initContainers", []) + pod["spec"]["containers"] if container["name"] == "hopguard"]


def _config_map(resources, key):
    found = [resource["data"][key] for resource in resources if resource["kind"] == "ConfigMap" and key in resource["data"]]
    if len(found) != 1:
        raise AssertionError(f"{len(found)} ConfigMaps have {key}")
    return yaml.load(found[0], Loader=Loader)


def _merged(pod, patch):
    merged = copy.deepcopy(pod)
    merged["metadata"].setdefault("labels", {}).update(patch["metadata"]["labels"])
    for part in ("initContainers", "containers", "volumes"):
        held = {entry["name"]: entry for entry in merged["spec"].get(part, [])}
        added = []
        for entry in copy.deepcopy(patch["spec"].get(part, [])):
            if entry["name"] in held:
                held[entry["name"]].setdefault("volumeMounts", []).extend(entry.get("volumeMounts", []))
            else:
                added.append(entry)
        if added or held:
            merged["spec"][part] = added + list(held.values())
    return merged

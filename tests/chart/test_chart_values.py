"""The chart refuses what it does not know, what contradicts itself and what strictMode forbids, in words; and no value can end the quotes it stands in."""

import copy
import json
import re

import pytest

from harness.charts import HelmError, objects
from harness.samples import VALUES, combine

BUNDLE = {"source": "bundle", "bundle": {"url": "https://bundles.acme.com/d.tar.gz", "keys": [
    {"id": "release", "algorithm": "ES256", "publicKey": "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n"}]}}
ASKERS = ["spiffe://prod.acme.com/ns/edge/sa/gateway"]

CONTRADICTIONS = [
    ({"trustDomain": ""}, "trustDomain is empty: name the trust domain of your workloads"),
    ({"image": {"repository": ""}}, "image.repository is empty: no image is published, so name the one that you built"),
    ({"image": {"digest": ""}, "strictMode": False}, "image.tag and image.digest are empty: name the image's digest"),
    ({"mode": {"proof": "observe"}, "strictMode": False}, "mode.proof is observe and mode.ceiling enforce: grants are for callers that are proved"),
    ({"trust": {"source": "istioRoot"}}, "trust.source: istioRoot is Istio's own CA, and mesh is envoy: choose workloadApi or pem"),
    ({"trust": {"source": "pem"}}, "trust.pem.configMap is empty: name the ConfigMap that holds the root certificates"),
    ({"trust": {"source": "pem", "pem": {"configMap": "roots"}, "federated": ["partner.com"]}}, "trust.federated is for trust.source: workloadApi"),
    ({"trust": {"federated": ["prod.acme.com"]}}, "trust.federated names prod.acme.com, which is trustDomain itself: take it out"),
    ({"documents": {"source": "bundle"}}, "documents.bundle.url is empty: name where the bundle is served"),
    ({"documents": {"source": "bundle"}}, "documents.bundle.keys is empty: name who may sign the bundle"),
    ({"policy": {"source": "bundle", "bundle": {"url": "https://bundles.acme.com/p.tar.gz"}}}, "policy.bundle.keys is empty: name who may sign the bundle"),
    ({"policy": {"configMap": {"inline": {"authz.rego": None}}}}, "policy.configMap.inline is empty, and without a policy nothing is allowed"),
    ({"policy": {"configMap": {"inline": {"authz.rego": "# To be written.\n"}}}}, "policy.configMap.inline is empty, and without a policy nothing is allowed"),
    ({"files": {"hopguard.yaml": "self: x"}}, "files.hopguard.yaml is a name that the chart gives itself: choose another"),
    ({"files": {"documents-key-0.pem": "mine"}}, "files.documents-key-0.pem is a name that the chart gives itself"),
    ({"deployment": {"enabled": True}}, "deployment.askers is empty: name the SPIFFE IDs of the Envoys that may ask"),
    ({"deployment": {"enabled": True, "askers": ["spiffe://other.com/gateway"]}}, "spiffe://other.com/gateway could never ask, since other.com is neither"),
    ({"deployment": {"enabled": True, "askers": ASKERS}, "trust": {"source": "pem", "pem": {"configMap": "roots"}}}, "deployment.enabled needs an SVID of its own"),
    ({"deployment": {"enabled": True, "askers": ASKERS}, "podDisruptionBudget": {"enabled": True}}, "podDisruptionBudget.maxUnavailable is 1 of 1 replicas"),
    ({"metrics": {"serviceMonitor": {"enabled": True}}}, "metrics.serviceMonitor is for the Deployment, which is not enabled"),
]

STRICT = [
    ({"trustDomain": "example.org"}, "example.org is a trust domain for demonstrations: name your own"),
    ({"trustDomain": "prod.example"}, "prod.example is a trust domain for demonstrations"),
    ({"trust": {"federated": ["partner.test"]}}, "partner.test is a trust domain for demonstrations"),
    ({"image": {"repository": "registry.example/hopguard"}}, "registry.example/hopguard is a registry for demonstrations"),
    ({"image": {"repository": "localhost:5000/hopguard"}}, "localhost:5000/hopguard is a registry for demonstrations"),
    ({"image": {"digest": "", "tag": "0.1.0"}}, "image.digest is empty: a tag can be moved, so pin the digest"),
    ({"mode": {"policy": "skip"}}, "mode.policy is skip, which lets hops through: enforce it"),
    ({"mode": {"proof": "observe", "ceiling": "observe"}}, "mode.ceiling is observe, which lets hops through: enforce it"),
    ({"config": {"response": {"reveal": "full"}}}, "config.response.reveal is full, which tells strangers why they are refused"),
    ({"config": {"hop": {"strict": "observe"}}}, "config.hop.strict is observe, which lets ambiguous requests through"),
    ({"documents": {"configMap": {"inline": {"r.yaml": "kind: Revocation\n"}}}}, r"has a Revocation \(r.yaml\), and a ConfigMap takes 60 to 90 s to reach a pod"),
    ({"documents": {"configMap": {"inline": {"r.yaml": "{\"kind\" : \"Revocation\"}"}}}}, r"has a Revocation \(r.yaml\)"),
]

# Each would mean something else where it is pasted without care: YAML, CEL, Helm's and Istio's templates, a shell.
HOSTILE = ['x" || true || "', "x: y # z", "x\n- y", "{{ .Release.Name }}", "$(id)", "x'", "x\\", "&a *b", "é", "x\u0000", "[]", "- x"]

# Where a person writes text that is given on, and what it may be there is for its reader to say.
FREE = {"documents.configMap.inline", "policy.configMap.inline", "files", "config", "global"}


def strings(schema, root, path=()):
    """Every value that is text, as the path to it and its schema."""
    if "$ref" in schema:
        schema = root["definitions"][schema["$ref"].rsplit("/", 1)[1]]
    if ".".join(map(str, path)) in FREE:
        return
    for option in schema.get("anyOf", []):
        yield from strings(option, root, path)
    for name, inner in schema.get("properties", {}).items():
        yield from strings(inner, root, (*path, name))
    if isinstance(schema.get("items"), dict):
        yield from strings(schema["items"], root, (*path, 0))
    if isinstance(schema.get("additionalProperties"), dict):
        yield from strings(schema["additionalProperties"], root, (*path, "key"))
    if schema.get("type") == "string":
        yield path, schema


def at(path, value):
    """Values that have `value` at `path`, and nothing else."""
    for step in reversed(path):
        value = [value] if step == 0 else {step: value}
    return value


def sections(schema, root, path=()):
    """Every object of fixed keys, by its path."""
    if "$ref" in schema:
        schema = root["definitions"][schema["$ref"].rsplit("/", 1)[1]]
    if schema.get("type") == "object" and "properties" in schema:
        yield path, schema
    for option in schema.get("anyOf", []):
        yield from sections(option, root, path)
    for name, inner in schema.get("properties", {}).items():
        yield from sections(inner, root, (*path, name))
    if isinstance(schema.get("items"), dict):
        yield from sections(schema["items"], root, (*path, 0))


@pytest.fixture(scope="module")
def schema(charts_directory):
    return json.loads((charts_directory / "values.schema.json").read_text())


@pytest.fixture(scope="module")
def charts_directory():
    from harness.tools import CHARTS
    return CHARTS / "hopguard"


@pytest.mark.parametrize("values, words", CONTRADICTIONS)
def test_values_that_contradict_each_other_are_refused_in_words(render, values, words):
    with pytest.raises(HelmError, match=words):
        render(combine(VALUES, values))


@pytest.mark.parametrize("values, words", STRICT)
def test_strict_mode_refuses_what_is_for_a_trial_and_says_how_to_try_it(render, values, words):
    with pytest.raises(HelmError, match=words) as refused:
        render(combine(VALUES, values))
    assert "or set strictMode: false while you try it" in str(refused.value)
    render(combine(VALUES, values, {"strictMode": False}))


def test_everything_that_is_wrong_is_said_at_once(render):
    with pytest.raises(HelmError) as refused:
        render({"mode": {"policy": "observe"}}, kube_version="1.33")
    said = str(refused.value)
    for words in ("trustDomain is empty", "image.repository is empty", "image.digest is empty", "needs Kubernetes 1.36", "mode.policy is observe"):
        assert said.count(words) == 1, words


@pytest.mark.parametrize("repository", ["registry.acme.com/hopguard:1.0", "registry.acme.com:5000/hopguard:1.0", "https://registry.acme.com/hopguard"])
def test_a_repository_is_neither_a_tag_nor_a_link(render, repository):
    with pytest.raises(HelmError, match="at '/image/repository'"):
        render(combine(VALUES, {"image": {"repository": repository}}))
    render(combine(VALUES, {"image": {"repository": "registry.acme.com:5000/team/hopguard"}}))


def test_every_section_refuses_a_key_that_it_does_not_know(render, schema):
    found = list(sections(schema, schema))
    assert len(found) > 60
    for path, section in found:
        assert section["additionalProperties"] is False, path
        with pytest.raises(HelmError, match="additional properties 'nonsense' not allowed"):
            render([VALUES, at(path, {"nonsense": True})])


def test_no_text_that_the_chart_pastes_can_end_its_quotes(render, schema):
    """Each such text has a pattern, and nothing hostile matches it."""
    found = list(strings(schema, schema))
    assert len(found) > 50
    for path, of in found:
        assert "pattern" in of, path
        for hostile in HOSTILE:
            assert re.search(of["pattern"], hostile) is None, (path, hostile)
    for hostile in HOSTILE[:4]:
        with pytest.raises(HelmError, match="does not match pattern"):
            render([VALUES, {"trustDomain": hostile}])


@pytest.mark.parametrize("hostile", [text for text in HOSTILE if "{{" not in text and "\u0000" not in text])
@pytest.mark.parametrize("path", ["image.repository", "envoy.container", "trust.workloadApi.driver", "trust.workloadApi.socket"])
def test_even_without_the_schema_a_value_stays_a_value(charts, path, hostile):
    """As many resources of the same names, and the value whole in them."""
    rendered = objects(charts.text([VALUES, at(path.split("."), hostile)], arguments=["--skip-schema-validation"]))
    plain = objects(charts.text(VALUES))
    name = lambda resource: (resource["kind"], resource["metadata"]["name"], resource["metadata"].get("namespace"))
    assert sorted(map(name, rendered)) == sorted(map(name, plain))
    policy = next(resource for resource in rendered if resource["kind"] == "MutatingAdmissionPolicy")
    before = next(resource for resource in plain if resource["kind"] == "MutatingAdmissionPolicy")
    # Apart from what stands in quotes, the expressions are those that were written.
    assert bare(policy) == bare(before)


def bare(policy):
    """The CEL of a policy without its strings."""
    spec = policy["spec"]
    expressions = [variable["expression"] for variable in spec["variables"]] + [spec["mutations"][0]["jsonPatch"]["expression"]]
    return [re.sub(r'"(?:[^"\\]|\\.)*"', '""', expression) for expression in expressions]


def test_what_istios_injector_would_evaluate_is_refused(charts):
    values = combine(VALUES, {"mesh": "istio", "injection": {"mode": "istioTemplate"}, "image": {"repository": "acme.com/{{ .Values.global }}"}})
    with pytest.raises(HelmError, match="which Istio's injector would evaluate"):
        charts.text(values, arguments=["--skip-schema-validation"])


def test_a_revocation_in_a_bundle_is_nobodys_business(render):
    values = copy.deepcopy(BUNDLE)
    values["configMap"] = {"inline": {"r.yaml": "kind: Revocation\n"}}
    kinds = [(resource["kind"], resource["metadata"]["name"]) for resource in render(combine(VALUES, {"documents": values}))]
    assert ("ConfigMap", "hopguard-documents") not in kinds

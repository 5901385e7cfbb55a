"""Who may edit a namespace may not edit what Hopguard does there, unless that was given too; shown on the real API server."""

import json

import pytest

from harness.processes import until
from harness.samples import INJECTED, MESHES, VALUES, combine, in_namespace
from harness.tools import CHARTS

EDITOR = ("--as=dana", "--as-group=system:authenticated")
REFUSED = "it takes the verb write on configurations.hopguard.dev, which the ClusterRole hopguard-configure gives"


@pytest.fixture
def ledger(fresh_cluster, charts):
    """A labelled namespace with the chart in it, in which dana may write every ConfigMap as far as RBAC knows."""
    home, ledger = fresh_cluster.namespace(), fresh_cluster.namespace(labels=INJECTED)
    values = combine(VALUES, {"namespaces": [ledger], "trust": {"source": "pem", "pem": {"configMap": "roots"}}})
    fresh_cluster.helm("install", "hopguard", CHARTS / "hopguard", "--namespace", home, *charts.values(values))
    fresh_cluster.kubectl("create", "role", "editor", "--verb=*", "--resource=configmaps", "--namespace", ledger)
    fresh_cluster.kubectl("create", "rolebinding", "editor", "--role=editor", "--user=dana", "--namespace", ledger)
    until(lambda: REFUSED in edit(fresh_cluster, ledger, "hopguard-config").stderr, "the policy acts", timeout=30)
    return ledger


def edit(cluster, namespace, name):
    """Dana's attempt to write into a ConfigMap that is there."""
    patch = json.dumps({"data": {"hopguard.yaml": "mode: {proof: skip}"}})
    return cluster.kubectl("patch", "configmap", name, "--namespace", namespace, "--type=merge", f"--patch={patch}", *EDITOR, check=False)


def create(cluster, namespace, name):
    """Dana's attempt to make one."""
    return cluster.kubectl("create", "configmap", name, "--namespace", namespace, "--from-literal=a=b", *EDITOR, check=False)


def test_an_editor_of_the_namespace_edits_its_own_and_not_hopguards(fresh_cluster, ledger):
    for name in ("hopguard-config", "hopguard-documents", "hopguard-policy"):
        assert REFUSED in edit(fresh_cluster, ledger, name).stderr
    # A source of trust that is not there yet is as much worth.
    assert REFUSED in create(fresh_cluster, ledger, "roots").stderr
    assert create(fresh_cluster, ledger, "mine").returncode == 0
    assert edit(fresh_cluster, ledger, "mine").returncode == 0
    # One that was taken away comes back only by who may write it.
    assert fresh_cluster.kubectl("delete", "configmap", "hopguard-policy", "--namespace", ledger, *EDITOR).returncode == 0
    assert REFUSED in create(fresh_cluster, ledger, "hopguard-policy").stderr


def run_in(cluster, namespace, name, verb="exec", who=EDITOR):
    """Somebody's attempt to run a command in a container; no pod runs here, so that even who may is told so."""
    command = ("--", "/hopguard", "serve", "--config", "/dev/stdin") if verb == "exec" else ()
    return cluster.kubectl(verb, "sample", "--namespace", namespace, f"--container={name}", "--stdin", *who, *command, check=False).stderr


def test_only_who_may_configure_hopguard_runs_anything_in_its_place(fresh_cluster, ledger):
    fresh_cluster.create(in_namespace(MESHES["envoy"].pod(), ledger))
    fresh_cluster.kubectl("create", "role", "debugger", "--verb=*", "--resource=pods,pods/exec,pods/attach", "--namespace", ledger)
    fresh_cluster.kubectl("create", "rolebinding", "debugger", "--role=debugger", "--user=dana", "--namespace", ledger)
    refused, taken = "decides in its place", "does not have a host assigned"
    for verb in ("exec", "attach"):
        until(lambda: taken in run_in(fresh_cluster, ledger, "application", verb), "RBAC lets dana", timeout=30)
        until(lambda: refused in run_in(fresh_cluster, ledger, "hopguard", verb), "the policy acts", timeout=30)
        assert refused not in run_in(fresh_cluster, ledger, "hopguard", verb, who=())


def test_the_role_that_ships_is_what_it_takes(fresh_cluster, ledger):
    assert REFUSED in edit(fresh_cluster, ledger, "hopguard-documents").stderr
    fresh_cluster.kubectl("create", "rolebinding", "deliver", "--clusterrole=hopguard-configure", "--user=dana", "--namespace", ledger)
    until(lambda: edit(fresh_cluster, ledger, "hopguard-documents").returncode == 0, "the role acts", timeout=30)


def test_a_namespace_that_takes_no_part_is_nobodys_business(fresh_cluster, ledger):
    elsewhere = fresh_cluster.namespace()
    fresh_cluster.kubectl("create", "role", "editor", "--verb=*", "--resource=configmaps", "--namespace", elsewhere)
    fresh_cluster.kubectl("create", "rolebinding", "editor", "--role=editor", "--user=dana", "--namespace", elsewhere)
    assert create(fresh_cluster, elsewhere, "hopguard-config").returncode == 0

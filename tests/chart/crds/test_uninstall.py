"""The life of the chart on a real API server ends as its values say."""

import pytest
from conftest import CHART, CRD, PLURALS, clear, served

from harness.cluster import Refused
from harness.processes import until


def is_there(cluster, plural):
    try:
        return bool(cluster.read(CRD, "CustomResourceDefinition", f"{plural}.hopguard.dev"))
    except Refused as refused:
        assert refused.status == 404
        return False


@pytest.mark.parametrize("keep", [True, False])
def test_uninstalling_keeps_the_definitions_unless_told_otherwise(cluster, keep):
    clear(cluster)
    cluster.helm("install", "crds", CHART, "--namespace", "kube-system", "--set", f"keep={str(keep).lower()}")
    try:
        until(lambda: served(cluster), "every kind is served")
        cluster.helm("uninstall", "crds", "--namespace", "kube-system")
        if keep:
            assert all(is_there(cluster, plural) for plural in PLURALS)
        else:
            until(lambda: not any(is_there(cluster, plural) for plural in PLURALS), "every kind is gone")
    finally:
        clear(cluster)

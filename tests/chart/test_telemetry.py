"""Metrics, alerts and the dashboard, held against the real Prometheus: what a running Hopguard tells is accepted, every alert fires and
stays silent when it should, and nothing asks for a metric that is not told."""

import json
import pathlib
import re
import urllib.error
import urllib.parse
import urllib.request

import pytest
import yaml

from harness.processes import Process, free_port, until
from harness.tools import CHARTS, ROOT

RULES = CHARTS / "hopguard/alerts/hopguard.rules.yaml"
DASHBOARD = CHARTS / "hopguard/dashboards/hopguard.json"
CASES = sorted((ROOT / "tests/chart/alerts").glob("*.test.yaml"))
RUNBOOKS = ROOT / "docs/runbooks.md"
METRICS = ROOT / "docs/metrics.md"

# What Prometheus itself says of a target.
PROMETHEUS = {"up"}
OPEN_METRICS = "application/openmetrics-text; version=1.0.0"
WORD = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


def get(url, accept="*/*"):
    """The body of an answer, as text; an AssertionError while nobody answers."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers={"Accept": accept}), timeout=10) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            raise AssertionError(f"{url}: {error}: {error.read().decode()}") from None
    except (urllib.error.URLError, ConnectionError) as error:
        raise AssertionError(f"{url}: {error}") from error


def rules():
    """Every rule, in order."""
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


ALERTS = {rule["alert"]: rule for rule in rules() if "alert" in rule}
RECORDED = {rule["record"] for rule in rules() if "record" in rule}


def expressions():
    """Every query of the dashboard, by the title of its panel, and those that fill its variables."""
    dashboard = json.loads(DASHBOARD.read_text())
    panels = [(panel["title"], target["expr"]) for panel in dashboard["panels"] for target in panel.get("targets", [])]
    variables = [(each["name"], each["definition"]) for each in dashboard["templating"]["list"] if each["type"] == "query"]
    return panels, variables


def filled(expr):
    """A query as Grafana sends it."""
    for name, value in (("$__rate_interval", "5m"), ("$__range", "1h"), ("$namespace", ".*"), ("$pod", ".*")):
        expr = expr.replace(name, value)
    assert "$" not in expr, expr
    return expr


def named(expr):
    """The metrics that an expression asks for: names that are followed by neither a call nor a keyword's operands, outside of labels and strings."""
    expr = re.sub(r'"[^"]*"', '""', expr)
    expr = re.sub(r"\{[^}]*\}", "{}", expr)
    expr = re.sub(r"\[[^\]]*\]", "", expr)
    expr = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", " ", expr)
    expr = re.sub(r"\boffset\s+\w+", " ", expr)
    found = set()
    for match in WORD.finditer(expr):
        word, rest = match.group(), expr[match.end():].lstrip()
        if rest.startswith("(") or word in {"and", "or", "unless", "by", "bool"} or not ("_" in word or word == "up"):
            continue
        found.add(word)
    return found


@pytest.fixture(scope="module")
def hopguard(tools, tmp_path_factory):
    """A Hopguard on loopback that denies by default, as `serve` starts it: its admin address."""
    folder = tmp_path_factory.mktemp("hopguard")
    (folder / "documents").mkdir()
    (folder / "documents/purposes.yaml").write_text(
        "apiVersion: hopguard.dev/v1alpha1\nkind: Purpose\nmetadata: {name: checkout}\n"
        "spec: {name: checkout, owner: team-shop, description: pay for what is in the cart}\n"
    )
    (folder / "policy").mkdir()
    (folder / "policy/authz.rego").write_text("package hopguard.authz\n\ndecision := true\n")
    done = tools.run(
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "/dev/null",
        "-days", "2", "-subj", "/CN=root", "-addext", "subjectAltName=URI:spiffe://prod.example", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
    )
    (folder / "roots.pem").write_text(done.stdout[done.stdout.index("-----BEGIN CERTIFICATE"):])
    (folder / "hopguard.yaml").write_text(json.dumps({
        "self": "spiffe://prod.example/ns/shop/sa/web",
        "listen": [{"address": f"unix:{folder}/check.sock"}],
        "admin": {"address": "127.0.0.1:0"},
        "trust": [{"trust_domain": "prod.example", "pem": "roots.pem"}],
        "store": {"directory": "documents"},
        "policy": {"directory": "policy"},
        "audit": {"file": "audit.jsonl"},
    }))
    told = folder / "admin"
    serve = Process(
        [tools.hopguard, "serve", "--config", folder / "hopguard.yaml", "--admin-address-file", told], folder / "log",
    )
    address = until(lambda: told.exists() and told.read_text(), "the admin listener", process=serve)
    until(lambda: get(f"http://{address}/readyz") == "ok\n", "readiness", process=serve)
    yield address
    assert serve.stop() == 0, serve.said()


@pytest.fixture(scope="module")
def told(hopguard):
    """The samples of a scrape, by name: what can be asked for."""
    lines = [line for line in get(f"http://{hopguard}/metrics").splitlines() if not line.startswith("#")]
    return {WORD.match(line).group() for line in lines}


@pytest.fixture(scope="module")
def prometheus(tools, hopguard, tmp_path_factory):
    """A Prometheus that scrapes it every second and evaluates the alerts: `ask(path, **parameters)`."""
    folder = tmp_path_factory.mktemp("prometheus")
    (folder / "prometheus.yaml").write_text(yaml.safe_dump({
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(RULES)],
        "scrape_configs": [{
            "job_name": "hopguard",
            "static_configs": [{"targets": [hopguard], "labels": {"namespace": "shop", "pod": "web-1", "container": "hopguard"}}],
        }],
    }))
    listen = f"127.0.0.1:{free_port()}"
    server = Process(
        [tools.prometheus, f"--config.file={folder}/prometheus.yaml", f"--storage.tsdb.path={folder}/data", f"--web.listen-address={listen}"],
        folder / "log",
    )

    def ask(path, **parameters):
        answer = json.loads(get(f"http://{listen}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"))
        assert answer["status"] == "success", answer
        return answer["data"]

    until(lambda: value(ask, "up") == 1, "a scrape that succeeds", process=server)
    yield ask
    server.stop()


def value(ask, query):
    """The value of a query that has one series."""
    result = ask("query", query=query)["result"]
    assert len(result) == 1, (query, result)
    return float(result[0]["value"][1])


def test_promtool_accepts_the_metrics(tools, hopguard):
    text = get(f"http://{hopguard}/metrics", accept="text/plain")
    assert "# EOF" not in text
    tools.run(tools.promtool, "check", "metrics", input=text)


def test_promtool_would_not_accept_just_anything(tools):
    done = tools.run(tools.promtool, "check", "metrics", input="# TYPE things counter\nthings 1\n", check=False)
    assert done.returncode != 0, done.stdout


def test_who_asks_for_openmetrics_gets_it(hopguard):
    text = get(f"http://{hopguard}/metrics", accept=f"{OPEN_METRICS},text/plain;q=0.5")
    assert text.endswith("# EOF\n")
    assert "# TYPE hopguard_decisions counter\n" in text


def test_prometheus_scrapes_it_without_a_complaint(prometheus):
    [target] = prometheus("targets", state="active")["activeTargets"]
    assert (target["health"], target["lastError"]) == ("up", "")
    assert value(prometheus, "hopguard_ready") == 1
    assert value(prometheus, 'hopguard_decisions_total{answered="deny",reason="internal"}') == 0
    assert value(prometheus, 'hopguard_stage_seconds_bucket{stage="policy",le="+Inf"}') == 0
    assert value(prometheus, 'hopguard_snapshot_age_seconds{part="policy"}') < 60
    assert value(prometheus, "hopguard_build_info") == 1
    assert value(prometheus, "scrape_samples_scraped") > 300
    metadata = prometheus("metadata")
    assert metadata["hopguard_decision_seconds"][0]["type"] == "histogram"
    assert all(entry["help"] for entries in metadata.values() for entry in entries), metadata


def test_prometheus_evaluates_every_alert_without_an_error(prometheus):
    def evaluated():
        loaded = [rule for group in prometheus("rules")["groups"] for rule in group["rules"]]
        assert {rule["name"] for rule in loaded} == set(ALERTS) | RECORDED
        wrong = [rule for rule in loaded if rule["health"] != "ok"]
        assert not wrong, wrong
        return True

    until(evaluated, "every rule")


def test_a_healthy_hopguard_raises_no_alert(prometheus):
    def quiet():
        # Before the first scrape there is none, which is pending until the rules are asked again.
        raised = prometheus("alerts")["alerts"]
        assert not raised, raised
        return prometheus("query", query="hopguard_ready == 1")["result"]

    until(quiet, "silence")


def test_the_rules_are_without_fault(tools):
    tools.run(tools.promtool, "check", "rules", "--lint=all", "--lint-fatal", RULES)


@pytest.mark.parametrize("cases", CASES, ids=lambda path: path.name.removesuffix(".test.yaml"))
def test_alerts_fire_and_stay_silent(tools, cases):
    tools.run(tools.promtool, "test", "rules", cases)


def test_every_alert_is_tested_both_ways():
    fires, silent = set(), set()
    for cases in CASES:
        for case in yaml.safe_load(cases.read_text())["tests"]:
            for expected in case["alert_rule_test"]:
                assert case["input_series"], case["name"]
                (fires if expected["exp_alerts"] else silent).add(expected["alertname"])
    assert fires == set(ALERTS)
    assert silent == set(ALERTS)


def test_every_alert_that_waits_is_tested_while_it_does():
    names = [case["name"] for cases in CASES for case in yaml.safe_load(cases.read_text())["tests"]]
    waiting = {name.partition(":")[0] for name in names if name.endswith(", and not for long enough")}
    assert waiting == {name for name, rule in ALERTS.items() if "for" in rule}


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_what_to_do(name):
    rule = ALERTS[name]
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    assert rule["annotations"]["runbook_url"] == f"docs/runbooks.md#{name.lower()}"
    section = re.search(rf"^### {name}\n(.*?)(?=^##|\Z)", RUNBOOKS.read_text(), re.MULTILINE | re.DOTALL)
    assert section, f"no runbook for {name}"
    for part in ("Means", "At stake", "Look first", "Mend", "Escalate"):
        assert f"- **{part}**: " in section.group(1), f"{name} does not say: {part}"


def test_every_runbook_is_of_an_alert_and_every_link_in_it_leads_somewhere():
    text = RUNBOOKS.read_text()
    assert set(re.findall(r"^### (\w+)$", text, re.MULTILINE)) == set(ALERTS)
    headings = {re.sub(r"[^\w -]", "", each).lower().replace(" ", "-") for each in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}
    for target in re.findall(r"\]\(([^)]+)\)", text):
        path, _, anchor = target.partition("#")
        assert (RUNBOOKS.parent / path).exists() if path else anchor in headings, target


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.get("alert") or rule["record"])
def test_a_rule_asks_only_for_what_is_told(rule, told):
    asked = named(rule["expr"])
    assert asked
    unknown = asked - conditional() - told - RECORDED - PROMETHEUS
    assert not unknown, unknown


def conditional():
    """The metrics that this Hopguard does not tell, because it has no such listener, bundle or issuer; the unit tests hold the table to the registry."""
    kinds = ("hopguard_svid_", "hopguard_bundle_", "hopguard_issuer_")
    return {name for name in re.findall(r"^\| `(\w+)`", METRICS.read_text(), re.MULTILINE) if name.startswith(kinds)}


def test_every_query_of_the_dashboard_asks_only_for_what_is_told(told):
    panels, variables = expressions()
    assert len(panels) > 40
    for title, expr in panels + [(name, re.sub(r"label_values\((.*), \w+\)", r"\1", text)) for name, text in variables]:
        asked = named(expr)
        unknown = asked - conditional() - told
        assert asked and not unknown, (title, unknown)


def test_every_query_of_the_dashboard_is_one(tools, tmp_path):
    panels, _ = expressions()
    recording = [{"record": f"panel:{number}", "expr": filled(expr)} for number, (_, expr) in enumerate(panels)]
    path = tmp_path / "panels.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": recording}]}))
    tools.run(tools.promtool, "check", "rules", path)


def test_prometheus_answers_every_query_of_the_dashboard(prometheus):
    panels, _ = expressions()
    for title, expr in panels:
        prometheus("query", query=filled(expr)), title


def test_every_panel_says_what_it_shows():
    dashboard = json.loads(DASHBOARD.read_text())
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    numbers = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(numbers)) == len(numbers)
    assert len({panel["title"] for panel in panels}) == len(panels)
    for panel in panels:
        assert len(panel["description"]) > 10 and panel["description"].endswith("."), panel["title"]
        assert panel["datasource"]["uid"] == "${datasource}", panel["title"]
        assert all(target["datasource"] == panel["datasource"] for target in panel["targets"]), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
    places = [(p["gridPos"]["x"], p["gridPos"]["y"], p["gridPos"]["w"], p["gridPos"]["h"]) for p in dashboard["panels"]]
    taken = set()
    for x, y, w, h in places:
        cells = {(column, line) for column in range(x, x + w) for line in range(y, y + h)}
        assert x + w <= 24 and not taken & cells, (x, y)
        taken |= cells


def test_names_of_metrics_are_found_in_expressions():
    assert named('sum by (a_b) (rate(c_d{e_f="g_h"}[5m])) and on (i_j) k_l offset 1d > 0.5 * up') == {"c_d", "k_l", "up"}
    assert named('absent(a_b) or vector(0) unless ignoring (c) group_left () a:b_c') == {"a_b", "a:b_c"}

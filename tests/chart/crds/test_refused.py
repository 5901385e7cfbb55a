"""What the directory refuses, the API server refuses, each in its words; what only one of them can see is what the page says."""

import re

import pytest
from conftest import GONE, edited

from harness.cluster import Refused

STANDING, ELIGIBLE, JIT = "renderer-reads-ledgers", "readers-export-on-a-ticket", "agent-for-alice-8812"
EXCEPTION, SEALED, TCP = "jobs-share-a-database", "ledger-emergency", "ledger-database"
ACTIVATION, REVOCATION, FACT = "export-8813", "agent-8812-stopped", "ci-run-8812"
WORKLOAD, PURPOSE, RESOURCE = "renderer", "billing-invoice", "ledger-read"

ACTION, GRPC = "spec/actions/0", "spec/actions/1"
PATH, HOST, METHOD = f"{ACTION}/paths/0", f"{ACTION}/hosts", f"{ACTION}/methods"
AUDIENCE, SUBJECT, BEHALF, WHILE = "spec/audience", "spec/subject", "spec/onBehalfOf", "spec/while/0"
EARLY, LATE = "2026-11-20T08:59:59Z", "2026-11-20T09:00:00Z"
SIGNATURE = {"by": "alice@example.com", "signature": "x"}


def at(path):
    """How the API server writes a path (`spec.actions[0].paths[0]`), as an expression."""
    return re.escape("".join(f"[{part}]" if part.isdigit() else f".{part}" for part in path.split("/"))[1:])


def spelled(path):
    """What it says of a text that is spelled otherwise."""
    return f"{at(path)} in body should match"


def empty(path):
    return f"{at(path)} in body should have at least 1 items"


def required(path):
    return f"{at(path)}: Required value"


REQUIRED, EMPTY = "is required", "is an empty list: name at least one"
ONE_OF_THREE = "needs exactly one of `spiffeId`, `prefix`, `role`"
ONE_REACH = "needs exactly one of `audience` with `actions`, `resources`"
ONE_ACTION = "needs exactly one of `methods` with `paths`, `grpc`, `tcp`"
TOGETHER = "`methods` and `paths` come together"
REQUESTER = "is also the requester: somebody else has to approve"
NOT_LATER = "is not later than `notBefore`"
AGE = "must be between 1ms and 1d"
NOT_ONE = "must validate one and only one schema"

# Which document, with what in it; what the API server says, as an expression; what the directory says.
ROWS = [
    # A grant's type and what it asks for.
    (STANDING, {"spec/type": "permanent"}, 'spec.type: Unsupported value: "permanent"', "is not one of"),
    *((STANDING, {f"spec/{field}": GONE}, required(f"spec/{field}"), f"spec.{field}: {REQUIRED}")
      for field in ("type", "subject", "purposes", "owner", "requestedBy", "approver", "notBefore", "expiresAt")),
    (STANDING, {"spec/reviewBy": GONE}, "spec.reviewBy: .*is required where `type` is one of `standing`", REQUIRED),
    (ELIGIBLE, {"spec/activators": GONE}, "spec.activators: .*is required where `type` is one of `eligible`", REQUIRED),
    (JIT, {"spec/ticket": GONE}, "spec.ticket: .*is required where `type` is one of `jit`, `exception`, `break_glass`", REQUIRED),
    (EXCEPTION, {"spec/ticket": GONE}, "spec.ticket: .*is required", REQUIRED),
    (SEALED, {"spec/ticket": GONE}, "spec.ticket: .*is required", REQUIRED),
    (EXCEPTION, {"spec/exitCriteria": GONE}, "spec.exitCriteria: .*is required where `type` is one of `exception`", REQUIRED),
    *((name, {"spec/activators": ["bob"]}, "spec.activators: .*has nothing to say where `type` is one of",
       "only a grant of type `eligible` has activators") for name in (STANDING, JIT, EXCEPTION, SEALED)),
    (EXCEPTION, {"spec/exitCriteria": []}, empty("spec/exitCriteria"), EMPTY),
    (EXCEPTION, {"spec/exitCriteria": [{"what": "x"}]}, required("spec/exitCriteria/0/owner"), REQUIRED),
    (EXCEPTION, {"spec/exitCriteria": [{"owner": "x"}]}, required("spec/exitCriteria/0/what"), REQUIRED),
    # Who may call.
    (STANDING, {SUBJECT: {}}, ONE_OF_THREE, ONE_OF_THREE),
    (STANDING, {SUBJECT: {"role": "a", "prefix": "spiffe://a/"}}, ONE_OF_THREE, "has several of"),
    (STANDING, {SUBJECT: {"spiffeid": "spiffe://a/b"}}, 'unknown field "spec.subject.spiffeid"', ONE_OF_THREE),
    (STANDING, {SUBJECT: "spiffe://a/b"}, "spec.subject in body must be of type object", "expected a mapping"),
    *((STANDING, {SUBJECT: {"spiffeId": text}}, spelled("spec/subject/spiffeId"), "spec.subject.spiffeId: ") for text in (
        "spiffe://prod.example", "spiffe://Prod.example/a", "SPIFFE://prod.example/a", "spiffe://prod.example/*",
        "spiffe://prod.example/ns/", "spiffe://prod.example/a/../b", "spiffe://prod.example/./b", "spiffe://prod.example//b",
        "spiffe://prod.example:80/b", "spiffe://prod.example/b?c", "spiffe://prod.example/%62", "spiffe:///b", "prod.example/b",
        " spiffe://prod.example/b", "spiffe://prod.example/b\n", "",
    )),
    (STANDING, {SUBJECT: {"spiffeId": "spiffe://td/" + "a" * 2048}}, "Too long: may not be more than 2048", "at most 2048 bytes"),
    *((STANDING, {SUBJECT: {"prefix": text}}, spelled("spec/subject/prefix"), "spec.subject.prefix: ") for text in (
        "spiffe://prod.example/ns", "spiffe://prod.example/n*/", "spiffe:///", "spiffe://prod.example/../", "spiffe://prod.example//",
    )),
    *((STANDING, {SUBJECT: {"role": text}}, spelled("spec/subject/role"), "spec.subject.role: ") for text in ("*", "Admin", "a..b")),
    # Who may be called, with what.
    (ELIGIBLE, {AUDIENCE: GONE}, NOT_ONE, f"spec.audience: {REQUIRED}"),
    (ELIGIBLE, {"spec/actions": GONE}, required("spec/actions"), f"spec.actions: {REQUIRED}"),
    (STANDING, {"spec/resources": GONE}, required("spec/actions"), REQUIRED),
    (ELIGIBLE, {"spec/resources": ["ledger-read"]}, ONE_REACH, "`resources` says it already"),
    (STANDING, {AUDIENCE: "spiffe://a/b"}, NOT_ONE, "`resources` says it already"),
    (STANDING, {"spec/resources": []}, empty("spec/resources"), EMPTY),
    (STANDING, {"spec/resources": "a"}, "must be of type array", "expected a list"),
    (STANDING, {"spec/resources": ["*"]}, spelled("spec/resources/0"), "a name has at most 253"),
    *((ELIGIBLE, {AUDIENCE: text}, spelled(AUDIENCE), "spec.audience: ") for text in ("spiffe://prod.example/", "*", "")),
    (ELIGIBLE, {AUDIENCE: []}, empty(AUDIENCE), EMPTY),
    (ELIGIBLE, {AUDIENCE: ["spiffe://a/b", "spiffe://a/"]}, spelled(f"{AUDIENCE}/1"), "spec.audience[1]: "),
    (ELIGIBLE, {AUDIENCE: [1]}, "must be of type string", "is a number, not a string"),
    (ELIGIBLE, {AUDIENCE: [["spiffe://a/b"]]}, "must be of type string", "expected a string, found a list"),
    *((ELIGIBLE, {AUDIENCE: odd}, "spec.audience", "spec.audience: ") for odd in ({}, {"a": "b"}, 0, 5, -1.5, True, False)),
    (ELIGIBLE, {METHOD: GONE}, TOGETHER, f"spec.actions[0].methods: {REQUIRED}"),
    (ELIGIBLE, {f"{ACTION}/paths": GONE}, TOGETHER, f"spec.actions[0].paths: {REQUIRED}"),
    (ELIGIBLE, {"spec/actions": []}, empty("spec/actions"), EMPTY),
    (ELIGIBLE, {ACTION: {}}, ONE_ACTION, REQUIRED),
    (ELIGIBLE, {f"{ACTION}/grpc": ["a.B/C"]}, ONE_ACTION, "`grpc` says it already"),
    (ELIGIBLE, {ACTION: {"tcp": {"ports": [1]}, "grpc": ["a.B/C"]}}, ONE_ACTION, "`tcp` says it already"),
    (ELIGIBLE, {ACTION: {"tcp": {"ports": [1]}, "hosts": ["a"]}}, r"actions\[0\].hosts: .*`tcp` says it already", "`tcp` says it already"),
    (ELIGIBLE, {ACTION: {"grpc": ["a.B/C"], "upgrade": ["websocket"]}}, "is said of `methods` and `paths` only", "`grpc` says it already"),
    (ELIGIBLE, {ACTION: {"connect": True}}, 'unknown field "spec.actions', "is not built yet"),
    (ELIGIBLE, {METHOD: []}, empty(METHOD), EMPTY),
    *((ELIGIBLE, {METHOD: [text]}, spelled(f"{METHOD}/0"), "spec.actions[0].methods[0]: ") for text in ("get", "*", "GET ", "-GET", "")),
    (ELIGIBLE, {METHOD: ["GET", "CONNECT"]}, "`connect` is not built yet", "`connect` is not built yet"),
    *((ELIGIBLE, {PATH: text}, spelled(PATH), "spec.actions[0].paths[0]: ") for text in (
        "/orders/{id}", "orders", "/a//b", "/../a", "/a/.", "/a?b", "/a#b", "/%41", "/%2e", "/%5C", "/%00", "/%2", "/a*", "/**/a", "/***",
        "/a;b", "/a\\b", "/a b", "/é", "//",
    )),
    (ELIGIBLE, {PATH: ""}, "should be at least 1 chars long", "must not be empty"),
    (ELIGIBLE, {HOST: []}, empty(HOST), EMPTY),
    *((ELIGIBLE, {HOST: [text]}, spelled(f"{HOST}/0"), "spec.actions[0].hosts[0]: ") for text in (
        "Orders", "orders:443", "orders:80", "orders:0", "orders:65536", "orders:08", "*.orders", "*", "a,b", "a b", "a@b", "a.", "-a", "a..b",
        "[::1]:443", "[]", "",
    )),
    *((JIT, {f"{GRPC}/grpc": [text]}, spelled(f"{GRPC}/grpc/0"), "spec.actions[1].grpc[0]: ")
      for text in ("ledger.v1.Ledger/*", "Read", "/ledger.v1.Ledger/Read", "ledger..v1/Read", "")),
    (JIT, {f"{ACTION}/upgrade": []}, empty(f"{ACTION}/upgrade"), EMPTY),
    (JIT, {f"{ACTION}/upgrade": ["WebSocket"]}, spelled(f"{ACTION}/upgrade/0"), "in lower case"),
    (JIT, {f"{ACTION}/upgrade": ["h2c"]}, "would carry hops that are not decided", "would carry hops that are not decided"),
    *((EXCEPTION, {f"{ACTION}/tcp/ports": [port]}, r"ports\[0\]", "spec.actions[0].tcp.ports[0]: ") for port in (0, 65_536, -1, "5432", 1.5)),
    (EXCEPTION, {f"{ACTION}/tcp/ports": []}, empty(f"{ACTION}/tcp/ports"), EMPTY),
    (EXCEPTION, {f"{ACTION}/tcp": {}}, required(f"{ACTION}/tcp/ports"), REQUIRED),
    # What for, for whom, through whom, and while what is so.
    (STANDING, {"spec/purposes": []}, empty("spec/purposes"), EMPTY),
    *((STANDING, {"spec/purposes": [text]}, spelled("spec/purposes/0"), "a purpose is lower-case words") for text in ("a.*", "Billing", "a.")),
    (STANDING, {"spec/purposes": ["a" * 129]}, "Too long: may not be more than 128", "a purpose is lower-case words"),
    (STANDING, {"spec/purposeBinding": "implied"}, "Unsupported value", "is not one of"),
    (JIT, {BEHALF: {}}, required(f"{BEHALF}/from"), REQUIRED),
    (JIT, {BEHALF: "alice"}, "must be of type object", "expected a mapping"),
    (JIT, {f"{BEHALF}/from": []}, empty(f"{BEHALF}/from"), EMPTY),
    (JIT, {f"{BEHALF}/from/0/subjects": GONE}, required(f"{BEHALF}/from/0/subjects"), REQUIRED),
    (JIT, {f"{BEHALF}/maxDepth": 0}, "should be greater than or equal to 1", "must be between 1 and 16"),
    (JIT, {f"{BEHALF}/maxDepth": 17}, "should be less than or equal to 16", "must be between 1 and 16"),
    (JIT, {"spec/relays": ["gw"]}, spelled("spec/relays/0"), "begins with `spiffe://`"),
    (JIT, {"spec/while": []}, empty("spec/while"), EMPTY),
    (JIT, {f"{WHILE}/fact": GONE}, required(f"{WHILE}/fact"), REQUIRED),
    (JIT, {f"{WHILE}/equals": GONE}, required(f"{WHILE}/equals"), REQUIRED),
    (JIT, {f"{WHILE}/equals": None}, required(f"{WHILE}/equals"), "is empty"),
    (JIT, {f"{WHILE}/fact": "A"}, spelled(f"{WHILE}/fact"), "a fact's key is lower-case words"),
    *((JIT, {f"{WHILE}/maxAge": text}, AGE, AGE) for text in ("0s", "2d", "25h", "1441m", "86401s", "86400001ms", "99999999999999h")),
    *((JIT, {f"{WHILE}/maxAge": text}, spelled(f"{WHILE}/maxAge"), "expected a duration") for text in ("60", "1w", "1h30m", "-1s", "")),
    (JIT, {f"{WHILE}/maxage": "60s"}, "unknown field", "did you mean `maxAge`?"),
    # Who answers for it.
    *((STANDING, {"spec/owner": text}, spelled("spec/owner"), "spec.owner: ") for text in (" team", "team ", "te\nam", "te\tam", "\u00a0team", "")),
    (STANDING, {"spec/owner": "a" * 257}, "Too long: may not be more than 256", "is not one line of at most 256 bytes"),
    *((STANDING, {"spec/approver": name}, f"spec.approver: .*{REQUESTER}", REQUESTER) for name in (
        "bob@example.com", "BOB@EXAMPLE.COM", "bob+admin@example.com", "Bob+a+b@Example.com", "bob@example.com.", "bob+x@example.com..",
    )),
    (STANDING, {"spec/approver": "Team-A", "spec/requestedBy": "team-a"}, REQUESTER, REQUESTER),
    (STANDING, {"spec/approver": "+a@b", "spec/requestedBy": "+A@B."}, REQUESTER, REQUESTER),
    # From when, until when.
    *((STANDING, {"spec/expiresAt": text}, f"spec.expiresAt: .*{NOT_LATER}", NOT_LATER) for text in (EARLY, LATE)),
    *((name, {"spec/expiresAt": f"{end}T09:00:01Z"}, f"a grant of type `{kind}` ends {longest} after `notBefore` at the latest",
       f"a grant of type `{kind}` ends {longest} after `notBefore` at the latest")
      for name, kind, end, longest in (
          (STANDING, "standing", "2027-11-20", "365d"), (ELIGIBLE, "eligible", "2027-11-20", "365d"), (JIT, "jit", "2026-11-21", "1d"),
          (EXCEPTION, "exception", "2027-02-18", "90d"), (SEALED, "break_glass", "2027-11-20", "365d"))),
    *((STANDING, {"spec/expiresAt": text}, spelled("spec/expiresAt"), "expected a time in UTC") for text in (
        "2026-11-20T10:00:00+01:00", "2026-11-20T10:00:00", "never", "9999-12-31T23:59:59Z", "2027-01-01", "")),
    *((STANDING, {"spec/expiresAt": text}, "spec.expiresAt", "expected a time in UTC") for text in (
        "2027-02-30T09:00:00Z", "2027-01-01T24:00:00Z", "2027-13-01T09:00:00Z", 0)),
    (STANDING, {"spec/expiresAt": None}, required("spec/expiresAt"), "is empty"),
    (STANDING, {"spec/reviewBy": "2027-05-19T09:00:00Z"}, "spec.reviewBy: .*a review comes before the end", "a review comes before the end"),
    # Signatures.
    (SEALED, {"spec/signatures": []}, empty("spec/signatures"), EMPTY),
    (SEALED, {"spec/signatures": [{"by": "a"}]}, required("spec/signatures/0/signature"), REQUIRED),
    (SEALED, {"spec/signatures": [{"signature": "a"}]}, required("spec/signatures/0/by"), REQUIRED),
    (SEALED, {"spec/signatures": [{"by": "a", "signature": ""}]}, "should be at least 1 chars long", "must not be empty"),
    (SEALED, {"spec/signatures": [{**SIGNATURE, "date": "x"}]}, "unknown field", "unknown field `date`"),
    (SEALED, {"spec/signatures": [SIGNATURE] * 17}, "must have at most 16 items", "has more than 16 signatures"),
    (SEALED, {"spec/signatures": [{"by": "a", "signature": "x" * 16_385}]}, "Too long: may not be more than 16384", "has more than 16384 bytes"),
    # The other kinds.
    (WORKLOAD, {"spec/spiffeId": GONE}, "needs exactly one of `spiffeId`, `prefix`", "needs exactly one of `spiffeId`, `prefix`"),
    (WORKLOAD, {"spec/prefix": "spiffe://a/"}, "needs exactly one of `spiffeId`, `prefix`", "has several of"),
    *((WORKLOAD, {f"spec/{field}": GONE}, required(f"spec/{field}"), REQUIRED) for field in ("kind", "owner")),
    (WORKLOAD, {"spec/kind": "pod"}, "Unsupported value", "is not one of"),
    (WORKLOAD, {"spec/state": "gone"}, "Unsupported value", "is not one of"),
    (WORKLOAD, {"spec/roles": []}, empty("spec/roles"), EMPTY),
    (WORKLOAD, {"spec/roles": ["a", "b", "a"]}, "spec.roles: .*is there twice: leave it out", "is there twice: leave it out"),
    (WORKLOAD, {"spec/labels": {"tier": 1}}, "must be of type string", "is a number, not a string"),
    (WORKLOAD, {"spec/labels": {"tier": "x" * 1025}}, "Too long: may not be more than 1024", "has more than 1024 bytes"),
    (PURPOSE, {"spec/name": "Shop"}, spelled("spec/name"), "a purpose is lower-case words"),
    *((PURPOSE, {f"spec/{field}": GONE}, required(f"spec/{field}"), REQUIRED) for field in ("name", "owner")),
    (PURPOSE, {"spec/describtion": "x"}, "unknown field", "did you mean `description`?"),
    (PURPOSE, {"spec/description": ""}, "should be at least 1 chars long", "must not be empty"),
    *((RESOURCE, {f"spec/{field}": GONE}, required(f"spec/{field}"), REQUIRED) for field in ("audience", "actions", "owner", "sensitivity")),
    (RESOURCE, {AUDIENCE: ["spiffe://a/b"]}, "must be of type string", "expected a string, found a list"),
    (RESOURCE, {"spec/sensitivity": "extreme"}, "Unsupported value", "is not one of"),
    (TCP, {f"{ACTION}/hosts": ["a"]}, "`tcp` says it already", "`tcp` says it already"),
    *((ACTIVATION, {f"spec/{field}": GONE}, required(f"spec/{field}"), REQUIRED)
      for field in ("grant", "requestedBy", "reason", "ticket", "from", "until")),
    (ACTIVATION, {"spec/grant": "Ledger"}, spelled("spec/grant"), "a name has at most 253"),
    (ACTIVATION, {"spec/reason": ""}, "should be at least 1 chars long", "must not be empty"),
    *((ACTIVATION, {"spec/until": text}, "spec.until: .*is not later than `from`", "is not later than `from`") for text in (EARLY, LATE)),
    (ACTIVATION, {"spec/until": "2026-11-21T09:00:01Z"}, "ends 1d after `from` at the latest", "ends 1h after `from` at the latest"),
    (ACTIVATION, {"spec/reviewedAt": GONE}, "come together", "comes with `reviewedAt`"),
    (ACTIVATION, {"spec/reviewedBy": GONE}, "come together", "comes with `reviewedBy`"),
    (ACTIVATION, {"spec/reviewedAt": EARLY}, "a review comes afterwards", "a review comes afterwards"),
    *((REVOCATION, {f"spec/{field}": GONE}, required(f"spec/{field}"), REQUIRED) for field in ("target", "reason", "at")),
    (REVOCATION, {"spec/target": {}}, "needs exactly one of `grant`, `spiffeId`", "needs exactly one of `grant`, `spiffeId`"),
    (REVOCATION, {"spec/target": {"grant": "a", "jti": "b"}}, "needs exactly one of", "has several of"),
    (REVOCATION, {"spec/until": "2026-11-20T10:00:00Z"}, "nothing would be revoked", "nothing would be revoked"),
    *((REVOCATION, {"spec/target": {"serial": text}}, spelled("spec/target/serial"), "a serial number is") for text in (
        "00ff", "0xff", "abc", "AB", "ab:cd")),
    *((REVOCATION, {"spec/target": {"fingerprint": text}}, spelled("spec/target/fingerprint"), "a fingerprint is") for text in (
        "AB" * 32, "ab" * 31, "ab:" * 21)),
    (REVOCATION, {"spec/target": {"trustDomain": "spiffe://a"}}, spelled("spec/target/trustDomain"), "spec.target.trustDomain: "),
    *((REVOCATION, {"spec/target": {field: ""}}, "should be at least 1 chars long", "must not be empty") for field in ("jti", "txn", "kid", "actor")),
    (REVOCATION, {"spec/target": {"kid": "x" * 4097}}, "Too long: may not be more than 4096", "has more than 4096 bytes"),
    (REVOCATION, {"spec/target": {"subject": {"issuer": "a"}}}, required("spec/target/subject/subject"), REQUIRED),
    *((FACT, {f"spec/{field}": GONE}, required(f"spec/{field}"), REQUIRED) for field in ("key", "value", "source", "observedAt", "maxAge")),
    (FACT, {"spec/value": None}, required("spec/value"), "is empty"),
    (FACT, {"spec/key": "A"}, spelled("spec/key"), "a fact's key is lower-case words"),
    (FACT, {"spec/subject": "spiffe://td"}, spelled("spec/subject"), "spec.subject: "),
    (FACT, {"spec/maxAge": "25h"}, AGE, AGE),
    (FACT, {"spec/observedAt": "now"}, spelled("spec/observedAt"), "expected a time in UTC"),
    *((FACT, {"spec/observedAt": odd}, "spec.observedAt", "expected a time in UTC") for odd in (
        [], ["2026-11-20T09:00:00Z"], {}, 1, True, "2026-02-30T09:00:00Z")),
    *((FACT, {"spec/observedAt": text}, "spec.observedAt: .*expected a time in UTC", "expected a time in UTC") for text in (
        "2262-04-11T23:47:17Z", "1677-09-21T00:12:43.145224191Z")),
    # The frame.
    (PURPOSE, {"spec": GONE}, "spec: Required value", "spec: is required"),
    (PURPOSE, {"status": {}}, 'unknown field "status"', "unknown field `status`"),
    *((PURPOSE, {"metadata/name": name}, "RFC 1123 subdomain", "a name has at most 253") for name in ("A", "a_b", "a..b", "a-", "a.-b")),
    (PURPOSE, {"metadata/name": "a" * 254}, "must be no more than 253", "a name has at most 253"),
]


def label(row):
    name, edits, *_ = row
    return f"{name} " + ", ".join(f"{path}={'-' if value is GONE else str(value)[:40]!r}" for path, value in edits.items())


@pytest.fixture(scope="module")
def verdicts(documents, directory):
    """What the directory says of every row, asked at once."""
    return directory([edited(documents[name], edits) for name, edits, *_ in ROWS])


@pytest.mark.parametrize("number", range(len(ROWS)), ids=[f"{number} {label(row)}" for number, row in enumerate(ROWS)])
def test_both_refuse_and_say_why(installed, documents, verdicts, page, number):
    name, edits, server, read = ROWS[number]
    document = edited(documents[name], edits)
    document["metadata"].update(namespace=page, **({} if "metadata/name" in edits else {"name": "one"}))
    with pytest.raises(Refused) as refused:
        installed.create(document, dry_run=True)
    assert re.search(server, str(refused.value)), str(refused.value)
    said = verdicts.get(number, [])
    assert any(read in message for message in said), said


# What needs more than one value, or the meaning of one, to be seen: the page lists it.
ONLY_THE_DIRECTORY = [
    (STANDING, {"spec/approver": "\u212aim@example.com", "spec/requestedBy": "kim@example.com"}, REQUESTER),
    (STANDING, {"spec/approver": "bob\u200b@example.com"}, REQUESTER),
    (STANDING, {"spec/owner": "é" * 200}, "is not one line of at most 256 bytes"),
    (ELIGIBLE, {HOST: ["[0:0::1]"]}, "a host is one name or address"),
    (ELIGIBLE, {PATH: "/%FF"}, "the escapes are not UTF-8"),
    (FACT, {"spec/value": [[[[[[[[[1]]]]]]]]]}, "is nested deeper than 8"),
    (FACT, {"spec/value": "x" * 16_384}, "has more than 16384 bytes as JSON"),
    (ACTIVATION, {"spec/until": "2026-11-20T10:00:01Z"}, "ends 1h after `from` at the latest"),
]


@pytest.mark.parametrize("name, edits, read", ONLY_THE_DIRECTORY, ids=[label(row) for row in ONLY_THE_DIRECTORY])
def test_only_the_directory_sees_it(installed, documents, directory, page, name, edits, read):
    document = edited(documents[name], {**edits, "metadata/namespace": page, "metadata/name": "one"})
    installed.create(document, dry_run=True)
    [said] = directory([edited(documents[name], edits)]).values()
    assert any(read in message for message in said), said


# What an API server cannot leave without a bound, and how it reads a time.
ONLY_THE_API_SERVER = [
    (STANDING, {"spec/purposes": [f"a{number}" for number in range(257)]}, "must have at most 256 items"),
    (ELIGIBLE, {AUDIENCE: [f"spiffe://a/{number}" for number in range(257)]}, "must have at most 256 items"),
    (WORKLOAD, {"spec/labels": {f"a{number}": "b" for number in range(257)}}, "must have at most 256 items"),
    (STANDING, {"spec/justification": "x" * 16_385}, "may not be more than 16384"),
    (STANDING, {"spec/notBefore": "2026-11-20 09:00:00Z"}, spelled("spec/notBefore")),
    (STANDING, {"spec/notBefore": "2026-12-31T23:59:60Z"}, "spec.notBefore"),
    (ELIGIBLE, {"spec/actions/0": {"grpc": ["/".join(["a" * 255 + "." + ".".join(["b" * 255] * 8), "C"])]}}, "may not be more than 2048"),
]


@pytest.mark.parametrize("name, edits, server", ONLY_THE_API_SERVER, ids=[label(row) for row in ONLY_THE_API_SERVER])
def test_only_the_api_server_refuses_it(installed, documents, directory, page, name, edits, server):
    with pytest.raises(Refused, match=server):
        installed.create(edited(documents[name], {**edits, "metadata/namespace": page, "metadata/name": "one"}), dry_run=True)
    assert directory([edited(documents[name], edits)]) == {}

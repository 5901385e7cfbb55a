#!/usr/bin/env bash
# Makes these bundles anew with OPA and new keys; the private keys are thrown away.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
opa=${OPA:-opa}
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
cd "$work"
mkdir -p src/policy src/roles
cat > src/policy/a.rego <<'REGO'
package policy.a

import data.roles

allow if input.role == roles.admin
REGO
cat > src/policy/a_test.rego <<'REGO'
package policy.a_test

test_an_admin_is_allowed if data.policy.a.allow with input as {"role": data.roles.admin}
REGO
cat > src/data.json <<'JSON'
{"top": {"z": [1, 1.0, 1e3, -0.5, 12345678901234567890123, true, null], "a": "<b>&\u2028é \" \\ \n\t\u0007\u007f", "": {}, "e": []}}
JSON
printf 'admin: "root"\nratio: 1.50\nhuge: 1e30\ntiny: 0.0000001\ncount: 7\nnone:\nlist: [a, true]\n' > src/roles/data.yaml
echo '{"revision": "r1", "roots": ["policy", "top", "roles"], "metadata": {"team": "edge"}}' > src/.manifest
echo 'nothing to a policy' > src/README.md

"$opa" build -b src -o "$here/plain.tar.gz"
"$opa" build src -o "$here/loose.tar.gz"
"$opa" build -b src -t plan -e policy/a/allow -o "$here/plan.tar.gz"
openssl genrsa -out rsa.pem 2048 2> /dev/null
openssl rsa -in rsa.pem -pubout -out "$here/rsa.pub" 2> /dev/null
for curve in prime256v1:es256 secp384r1:es384 secp521r1:es512; do
  openssl ecparam -name "${curve%%:*}" -genkey -noout -out "${curve##*:}.pem"
  openssl ec -in "${curve##*:}.pem" -pubout -out "$here/${curve##*:}.pub" 2> /dev/null
done
secret=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
for algorithm in RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 HS256 HS384 HS512; do
  name=${algorithm,,}
  case $algorithm in
    ES*) key=$name.pem ;;
    HS*) key=$secret ;;
    *) key=rsa.pem ;;
  esac
  "$opa" build -b src --signing-key "$key" --signing-alg "$algorithm" -o "$here/$name.tar.gz"
done
# As it stands, with YAML and a file that is nothing to a policy, packed by tar.
echo '{"scope": "write", "iat": 1795262000, "exp": 1795263000, "keyid": "default"}' > claims.json
(cd src && "$opa" sign -b . --signing-key ../rsa.pem --claims-file ../claims.json && tar -czf "$here/packed.tar.gz" --owner=0 --group=0 .)

seeds=$here/../../fuzz/corpus/bundle_archive
mkdir -p "$seeds"
for name in plain rs256 plan; do
  cp "$here/$name.tar.gz" "$seeds"
  gzip -dc "$here/$name.tar.gz" > "$seeds/$name.tar"
done
cp "$here/packed.tar.gz" "$seeds"

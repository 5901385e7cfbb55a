// schemas.js MODULES: reads resources, one in a line of JSON, and answers each with what its schema says against it, `null` if nothing.
// Kept running, because loading a schema takes longer than asking it.
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const packages = {
  "extensions.istio.io": "istio",
  "gateway.networking.k8s.io": "gateway-api",
  "monitoring.coreos.com": "prometheus-operator",
  "networking.istio.io": "istio",
  "security.istio.io": "istio",
  "telemetry.istio.io": "istio",
};
// What is below these is the author's own, not the schema's.
const free = new Set(["annotations", "labels", "matchLabels", "metadata", "value"]);

async function complaint(resource) {
  const [group, version] = resource.apiVersion.split("/");
  if (!packages[group]) return `nothing here knows ${resource.apiVersion} ${resource.kind}`;
  const model = resolve(process.argv[2], "@kubernetes-models", packages[group], group, version, resource.kind);
  let models;
  try {
    models = await import(pathToFileURL(`${model}.js`).href);
  } catch (error) {
    return `${resource.apiVersion} has no ${resource.kind}: ${error.message}`;
  }
  try {
    new models[resource.kind](resource).validate();
  } catch (error) {
    return String(error.message);
  }
  const unknown = stranger(resource, [...declarations(`${model}.d.ts`)].join("\n"));
  return unknown && `${resource.kind} has no field ${unknown}`;
}

// The text of a declaration and of those that it is made of.
function declarations(path, found = new Map()) {
  if (!found.has(path)) {
    const text = readFileSync(path, "utf8");
    found.set(path, text);
    for (const [, name] of text.matchAll(/from "(\.[^"]+)\.js"/g)) declarations(resolve(dirname(path), `${name}.d.ts`), found);
    for (const [, name] of text.matchAll(/from "(@kubernetes-models\/apimachinery\/[^"]+)"/g)) {
      declarations(resolve(process.argv[2], `${name}.d.ts`), found);
    }
  }
  return found.values();
}

// The schemas are those of CRDs, which prune what they do not know: a misspelt field would be one that is not there. Its name, if any.
function stranger(value, declared, path = "") {
  if (typeof value !== "object" || value === null) return undefined;
  for (const [key, inner] of Object.entries(value)) {
    const at = `${path}.${key}`;
    if (!Array.isArray(value) && !new RegExp(`["\\s]${key}"?\\??:`).test(declared)) return at;
    const found = free.has(key) ? undefined : stranger(inner, declared, at);
    if (found) return found;
  }
  return undefined;
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify((await complaint(JSON.parse(line))) ?? null));
}

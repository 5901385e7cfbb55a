{{/* Hopguard's configuration, made of the values as data and printed once: no value is ever pasted into it. */}}

{{- define "hopguard.workloadApi" -}}
unix:/run/spiffe/workload/{{ .Values.trust.workloadApi.socket }}
{{- end -}}

{{/* Whether a Workload API tells this workload who it is; else `--self` does. */}}
{{- define "hopguard.hasWorkloadApi" -}}
{{- if eq .Values.trust.source "workloadApi" }}true{{ end -}}
{{- end -}}

{{- define "hopguard.trust" -}}
{{- $trust := .Values.trust -}}
{{- $sources := list -}}
{{- if eq $trust.source "workloadApi" -}}
{{- range concat (list .Values.trustDomain) $trust.federated -}}
{{- $sources = append $sources (dict "trust_domain" . "workload_api" (include "hopguard.workloadApi" $) "max_stale" $trust.maxStale) -}}
{{- end -}}
{{- else -}}
{{- $key := ternary "root-cert.pem" $trust.pem.key (eq $trust.source "istioRoot") -}}
{{- $source := dict "trust_domain" .Values.trustDomain "pem" (printf "trust/%s" $key) "max_stale" $trust.maxStale -}}
{{- if and (eq $trust.source "pem") $trust.pem.intermediates }}{{ $_ := set $source "intermediates" (printf "trust/%s" $trust.pem.intermediates) }}{{ end -}}
{{- $sources = append $sources $source -}}
{{- end -}}
{{- dict "sources" $sources | toJson -}}
{{- end -}}

{{/* A bundle's section. Arguments: `of` (documents or policy), `bundle`. */}}
{{- define "hopguard.bundle" -}}
{{- $of := .of -}}
{{- $keys := list -}}
{{- range $i, $key := .bundle.keys -}}
{{- $keys = append $keys (dict "id" $key.id "algorithm" $key.algorithm "file" (printf "%s-key-%d.pem" $of $i)) -}}
{{- end -}}
{{- $bundle := dict "url" .bundle.url "keys" $keys "poll" .bundle.poll -}}
{{- with .bundle.scope }}{{ $_ := set $bundle "scope" . }}{{ end -}}
{{- with .bundle.longPoll }}{{ $_ := set $bundle "long_poll" . }}{{ end -}}
{{- if .bundle.ca }}{{ $_ := set $bundle "ca" (printf "%s-ca.pem" $of) }}{{ end -}}
{{- if .bundle.tokenSecret.name }}{{ $_ := set $bundle "token_file" (printf "%s-token/token" $of) }}{{ end -}}
{{- $bundle | toJson -}}
{{- end -}}

{{/* The whole file. Arguments: `root`, `form` (sidecar or deployment). */}}
{{- define "hopguard.config" -}}
{{- $values := .root.Values -}}
{{- $mesh := include "hopguard.mesh" .root | fromJson -}}
{{- $config := deepCopy $values.config -}}
{{- $_ := set $config "mode" $values.mode -}}
{{- $_ := set $config "admin" (dict "address" "0.0.0.0:9192") -}}
{{- /* In a volume that anybody may write to: Hopguard makes a directory of its own there. */ -}}
{{- $_ := set $config "state" (dict "directory" "/var/lib/hopguard/state") -}}
{{- $_ := set $config "trust" (include "hopguard.trust" .root | fromJson).sources -}}
{{- $_ := set $config "audit" (merge (dict "file" "-") ($config.audit | default dict)) -}}
{{- $peer := deepCopy $mesh.peer -}}
{{- if has "xfcc_uri" $peer.evidence }}{{ $_ := set $peer "asserted" (dict "trust_domains" (concat (list $values.trustDomain) $values.trust.federated)) }}{{ end -}}
{{- $_ := set $config "peer" (mergeOverwrite ($config.peer | default dict) $peer) -}}
{{- if eq .form "deployment" -}}
{{- $mtls := dict "workload_api" (include "hopguard.workloadApi" .root) -}}
{{- $_ := set $config "listen" (list (dict "address" "0.0.0.0:9443" "mtls" $mtls "allow" (dict "spiffe_ids" $values.deployment.askers))) -}}
{{- /* Whoever asks it answers callers by its own name, which is not Hopguard's. */ -}}
{{- $_ := set $config "hop" (merge (dict "self_check" "none") ($config.hop | default dict)) -}}
{{- else -}}
{{- $allow := dict "uids" (list $mesh.uid) -}}
{{- $_ := set $config "listen" (list (dict "address" "unix:/run/hopguard/check.sock" "mode" "0660" "allow" $allow)) -}}
{{- end -}}
{{- if ne $values.mode.ceiling "skip" -}}
{{- $source := dict "directory" "documents" -}}
{{- if eq $values.documents.source "bundle" -}}
{{- $source = dict "bundle" (include "hopguard.bundle" (dict "of" "documents" "bundle" $values.documents.bundle) | fromJson) -}}
{{- end -}}
{{- $_ := set $config "store" (merge $source ($config.store | default dict)) -}}
{{- end -}}
{{- if ne $values.mode.policy "skip" -}}
{{- $source := dict "directory" "policy" -}}
{{- if eq $values.policy.source "bundle" -}}
{{- $source = dict "bundle" (include "hopguard.bundle" (dict "of" "policy" "bundle" $values.policy.bundle) | fromJson) -}}
{{- end -}}
{{- $_ := set $config "policy" (merge $source ($config.policy | default dict)) -}}
{{- end -}}
# Made by the chart: change its values, not this file. `hopguard config --explain KEY` says what a key means.
{{ $config | toYaml }}
{{- end -}}

{{/* The files beside it: keys and roots of bundle servers, and what `files` holds. */}}
{{- define "hopguard.files" -}}
{{- $files := deepCopy .Values.files -}}
{{- range $of := list "documents" "policy" -}}
{{- $from := get $.Values $of -}}
{{- if eq $from.source "bundle" -}}
{{- range $i, $key := $from.bundle.keys }}{{ $_ := set $files (printf "%s-key-%d.pem" $of $i) $key.publicKey }}{{ end -}}
{{- with $from.bundle.ca }}{{ $_ := set $files (printf "%s-ca.pem" $of) . }}{{ end -}}
{{- end -}}
{{- end -}}
{{- $files | toJson -}}
{{- end -}}

{{/* The ConfigMap that holds documents or policy; nothing if a bundle does, or nobody asks. Arguments: `root`, `of`. */}}
{{- define "hopguard.configMapOf" -}}
{{- $from := get .root.Values .of -}}
{{- $mode := ternary .root.Values.mode.ceiling .root.Values.mode.policy (eq .of "documents") -}}
{{- if and (eq $from.source "configMap") (ne $mode "skip") -}}
{{- $from.configMap.existing | default (printf "%s-%s" (include "hopguard.name" .root) .of) -}}
{{- end -}}
{{- end -}}

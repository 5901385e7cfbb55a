{{/* Names and labels, and what follows from the mesh: the one place that knows both. */}}

{{- define "hopguard.name" -}}
{{- if .Values.nameOverride -}}
{{- .Values.nameOverride | trunc 48 | trimSuffix "-" -}}
{{- else if contains "hopguard" .Release.Name -}}
{{- .Release.Name | trunc 48 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-hopguard" .Release.Name | trunc 48 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "hopguard.selector" -}}
app.kubernetes.io/name: hopguard
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "hopguard.labels" -}}
{{ include "hopguard.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | quote }}
{{- end -}}

{{- define "hopguard.image" -}}
{{- .Values.image.repository -}}
{{- with .Values.image.tag }}:{{ . }}{{ end -}}
{{- with .Values.image.digest }}@{{ . }}{{ end -}}
{{- end -}}

{{/* The namespaces of the workloads, each once. */}}
{{- define "hopguard.namespaces" -}}
{{- $namespaces := .Values.namespaces | default (list .Release.Namespace) | uniq -}}
{{- $namespaces | toJson -}}
{{- end -}}

{{/*
What each mesh means. `proxyComesLater`: its Envoy is not in the pod yet when ours is injected. `companions` run as Envoy's user too; `init`
says that they do so before anything else runs.
*/}}
{{- define "hopguard.meshes" -}}
envoy:
  container: envoy
  id: 101
  companions: []
  podLabels: {}
  proxyComesLater: false
  # The header lends intermediate certificates to the certificate that proves, and must agree with it: it speaks for nobody.
  peer: {evidence: [certificate], xfcc: {sanitize_set: true}}
istio:
  container: istio-proxy
  id: 1337
  companions: [istio-validation]
  podLabels: {}
  proxyComesLater: true
  peer: {evidence: [certificate, xfcc], xfcc: {sanitize_set: true}}
ambient:
  container: istio-proxy
  id: 1337
  companions: []
  podLabels: {gateway.networking.k8s.io/gateway-class-name: istio-waypoint}
  proxyComesLater: false
  peer: {evidence: [xfcc_uri], xfcc: {sanitize_set: true}}
envoyGateway:
  container: envoy
  id: 65532
  companions: [shutdown-manager]
  podLabels: {app.kubernetes.io/managed-by: envoy-gateway, app.kubernetes.io/component: proxy}
  proxyComesLater: false
  peer: {evidence: [certificate, xfcc], xfcc: {sanitize_set: true}}
{{- end -}}

{{/* The mesh of this release, with what the values say otherwise. */}}
{{- define "hopguard.mesh" -}}
{{- $mesh := get (include "hopguard.meshes" . | fromYaml) .Values.mesh -}}
{{- $envoy := .Values.envoy -}}
{{- $uid := $mesh.id -}}
{{- if not (kindIs "invalid" $envoy.uid) }}{{ $uid = $envoy.uid }}{{ end -}}
{{- $gid := $mesh.id -}}
{{- if not (kindIs "invalid" $envoy.gid) }}{{ $gid = $envoy.gid }}{{ end -}}
{{- $_ := set $mesh "uid" (int64 $uid) -}}
{{- $_ := set $mesh "gid" (int64 $gid) -}}
{{- if $envoy.container }}{{ $_ := set $mesh "container" $envoy.container }}{{ end -}}
{{- if not (kindIs "invalid" $envoy.companions) }}{{ $_ := set $mesh "companions" $envoy.companions }}{{ end -}}
{{- if not (kindIs "invalid" .Values.injection.podLabels) }}{{ $_ := set $mesh "podLabels" .Values.injection.podLabels }}{{ end -}}
{{- $mesh | toJson -}}
{{- end -}}

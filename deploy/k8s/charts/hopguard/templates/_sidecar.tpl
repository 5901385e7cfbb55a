{{/* Hopguard's container, its volumes and mounts, written once for every way into a pod. Arguments: `root`, `form` (sidecar or deployment). */}}

{{- define "hopguard.container" -}}
{{- $root := .root -}}
{{- $values := .root.Values -}}
{{- $mesh := include "hopguard.mesh" .root | fromJson -}}
{{- $isSidecar := eq .form "sidecar" -}}
name: hopguard
image: {{ include "hopguard.image" $root | quote }}
imagePullPolicy: {{ $values.image.pullPolicy | quote }}
{{- if $isSidecar }}
restartPolicy: Always
{{- end }}
args: {{ include "hopguard.args" . }}
{{- if not (include "hopguard.hasWorkloadApi" $root) }}
env:
  - name: POD_NAMESPACE
    valueFrom: {fieldRef: {apiVersion: v1, fieldPath: metadata.namespace}}
  - name: POD_SERVICE_ACCOUNT
    valueFrom: {fieldRef: {apiVersion: v1, fieldPath: spec.serviceAccountName}}
{{- end }}
ports:
  - {name: hopguard-admin, containerPort: 9192, protocol: TCP}
  {{- if not $isSidecar }}
  - {name: hopguard-grpc, containerPort: 9443, protocol: TCP}
  {{- end }}
startupProbe:
  httpGet: {path: /readyz, port: hopguard-admin}
  periodSeconds: 1
  timeoutSeconds: 1
  failureThreshold: {{ int64 $values.sidecar.startupSeconds }}
readinessProbe:
  httpGet: {path: /readyz, port: hopguard-admin}
  periodSeconds: 5
  timeoutSeconds: 1
  failureThreshold: 2
livenessProbe:
  httpGet: {path: /livez, port: hopguard-admin}
  periodSeconds: 10
  timeoutSeconds: 2
  failureThreshold: 6
{{- if not $isSidecar }}
# Gateways learn that it goes before it stops to take their connections.
lifecycle:
  preStop: {sleep: {seconds: 5}}
{{- end }}
resources: {{ toJson $values.sidecar.resources }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65531
  runAsGroup: {{ ternary $mesh.gid 65531 $isSidecar | int64 }}
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
  seccompProfile: {type: RuntimeDefault}
volumeMounts:
  {{- range include "hopguard.mounts" . | fromJsonArray }}
  - {{ toJson . }}
  {{- end }}
{{- end -}}

{{- define "hopguard.args" -}}
{{- $args := list "serve" "--config" "/etc/hopguard/hopguard.yaml" -}}
{{- if not (include "hopguard.hasWorkloadApi" .root) -}}
{{- $args = concat $args (list "--self" (printf "spiffe://%s/ns/$(POD_NAMESPACE)/sa/$(POD_SERVICE_ACCOUNT)" .root.Values.trustDomain)) -}}
{{- end -}}
{{- $args | toJson -}}
{{- end -}}

{{/* Each volume with where Hopguard mounts it. A volume's name begins with `hopguard-`, which the guard policy watches. */}}
{{- define "hopguard.parts" -}}
{{- $values := .root.Values -}}
{{- $name := include "hopguard.name" .root -}}
{{- $parts := list -}}
{{- $config := dict "name" (ternary (printf "%s-config" $name) (printf "%s-deployment" $name) (eq .form "sidecar")) -}}
{{- $parts = append $parts (dict "name" "hopguard-config" "at" "/etc/hopguard" "is" (dict "configMap" $config)) -}}
{{- range $of := list "documents" "policy" -}}
{{- with include "hopguard.configMapOf" (dict "root" $.root "of" $of) -}}
{{- $parts = append $parts (dict "name" (printf "hopguard-%s" $of) "at" (printf "/etc/hopguard/%s" $of) "is" (dict "configMap" (dict "name" .))) -}}
{{- end -}}
{{- $from := get $values $of -}}
{{- if and (eq $from.source "bundle") $from.bundle.tokenSecret.name -}}
{{- $secret := dict "secretName" $from.bundle.tokenSecret.name "items" (list (dict "key" $from.bundle.tokenSecret.key "path" "token")) -}}
{{- $parts = append $parts (dict "name" (printf "hopguard-%s-token" $of) "at" (printf "/etc/hopguard/%s-token" $of) "is" (dict "secret" $secret)) -}}
{{- end -}}
{{- end -}}
{{- if include "hopguard.hasWorkloadApi" .root -}}
{{- $csi := dict "driver" $values.trust.workloadApi.driver "readOnly" true -}}
{{- $parts = append $parts (dict "name" "hopguard-spiffe" "at" "/run/spiffe/workload" "is" (dict "csi" $csi)) -}}
{{- else -}}
{{- $map := ternary "istio-ca-root-cert" $values.trust.pem.configMap (eq $values.trust.source "istioRoot") -}}
{{- $parts = append $parts (dict "name" "hopguard-trust" "at" "/etc/hopguard/trust" "is" (dict "configMap" (dict "name" $map))) -}}
{{- end -}}
{{- if eq .form "sidecar" -}}
{{- /* Memory: such a directory is sticky, so that nobody but its owner can replace the socket. */ -}}
{{- $parts = append $parts (dict "name" "hopguard-socket" "at" "/run/hopguard" "writable" true "is" (dict "emptyDir" (dict "medium" "Memory" "sizeLimit" "1Mi"))) -}}
{{- end -}}
{{- $parts = append $parts (dict "name" "hopguard-state" "at" "/var/lib/hopguard" "writable" true "is" (dict "emptyDir" (dict "sizeLimit" $values.sidecar.stateSize))) -}}
{{- if eq .form "sidecar" -}}
{{- /* Where the pod has a service account's token, the kubelet would show it here too, unless something is mounted already. */ -}}
{{- $parts = append $parts (dict "name" "hopguard-no-token" "at" "/var/run/secrets/kubernetes.io/serviceaccount" "is" (dict "emptyDir" (dict "sizeLimit" "1Mi"))) -}}
{{- end -}}
{{- dict "parts" $parts | toJson -}}
{{- end -}}

{{- define "hopguard.mounts" -}}
{{- $mounts := list -}}
{{- range (include "hopguard.parts" . | fromJson).parts -}}
{{- $mount := dict "name" .name "mountPath" .at -}}
{{- if not .writable }}{{ $_ := set $mount "readOnly" true }}{{ end -}}
{{- $mounts = append $mounts $mount -}}
{{- end -}}
{{- $mounts | toJson -}}
{{- end -}}

{{- define "hopguard.volumes" -}}
{{- $volumes := list -}}
{{- range (include "hopguard.parts" . | fromJson).parts -}}
{{- $volumes = append $volumes (merge (dict "name" .name) .is) -}}
{{- end -}}
{{- $volumes | toJson -}}
{{- end -}}

{{/* How Envoy sees the socket. */}}
{{- define "hopguard.socketMount" -}}
{{- dict "name" "hopguard-socket" "mountPath" "/run/hopguard" "readOnly" true | toJson -}}
{{- end -}}

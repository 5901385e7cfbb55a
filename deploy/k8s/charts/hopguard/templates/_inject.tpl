{{/* Which namespaces and pods the admission policies are for. */}}

{{- define "hopguard.namespaceSelector" -}}
{{- $never := list "kube-system" "kube-public" "kube-node-lease" -}}
{{- if .Values.deployment.enabled }}{{ $never = append $never .Release.Namespace }}{{ end -}}
matchExpressions:
  - {key: hopguard.dev/injection, operator: In, values: [{{ .Values.injection.label | toJson }}]}
  - {key: kubernetes.io/metadata.name, operator: NotIn, values: {{ $never | uniq | toJson }}}
{{- end -}}

{{- define "hopguard.objectSelector" -}}
{{- with (include "hopguard.mesh" . | fromJson).podLabels -}}
matchLabels: {{ toJson . }}
{{- else -}}
{}
{{- end -}}
{{- end -}}

{{/* Whether a pod's label keeps Hopguard out, in CEL. */}}
{{- define "hopguard.optedOut" -}}
{{- if .Values.injection.allowOptOut -}}
object.metadata.?labels[?"hopguard.dev/inject"].orValue("") == "false"
{{- else -}}
false
{{- end -}}
{{- end -}}

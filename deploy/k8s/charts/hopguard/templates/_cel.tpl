{{/*
Writes a value as a CEL literal. Strings are written as JSON strings, whose escapes CEL shares, so that no value can end its quotes. What
mixes types, as the Kubernetes API does, CEL allows only of `dyn`. Arguments: `is`, `indent` (a count of spaces).
*/}}
{{- define "hopguard.cel" -}}
{{- $inner := add .indent 2 | int -}}
{{- $mixed := false -}}
{{- if or (kindIs "map" .is) (kindIs "slice" .is) -}}
{{- range $item := .is }}{{ if not (kindIs "string" $item) }}{{ $mixed = true }}{{ end }}{{ end -}}
{{- end -}}
{{- $open := ternary "dyn(" "" $mixed -}}
{{- $close := ternary ")" "" $mixed -}}
{{- if kindIs "map" .is -}}
{{- if not .is }}{}{{ else -}}
{
{{- range $i, $key := keys .is | sortAlpha }}{{ if $i }},{{ end }}
{{ repeat $inner " " }}{{ $key | toJson }}: {{ $open }}{{ include "hopguard.cel" (dict "is" (get $.is $key) "indent" $inner) }}{{ $close }}
{{- end }}
{{ repeat (int .indent) " " }}}
{{- end -}}
{{- else if kindIs "slice" .is -}}
[{{ range $i, $item := .is }}{{ if $i }}, {{ end }}{{ $open }}{{ include "hopguard.cel" (dict "is" $item "indent" $.indent) }}{{ $close }}{{ end }}]
{{- else if kindIs "string" .is -}}
{{ .is | toJson }}
{{- else if kindIs "bool" .is -}}
{{ .is }}
{{- else if or (kindIs "float64" .is) (kindIs "int64" .is) (kindIs "int" .is) -}}
{{- if ne (printf "%v" (float64 .is)) (printf "%v" (int64 .is | float64)) }}{{ fail (printf "%v is not a whole number" .is) }}{{ end -}}
{{ int64 .is }}
{{- else -}}
{{ fail (printf "a value of kind %s cannot be written into the admission policy" (kindOf .is)) }}
{{- end -}}
{{- end -}}

{{/* What no schema can tell: values that contradict each other, and those that strictMode refuses. All of it is said at once. */}}

{{- define "hopguard.checks" -}}
{{- $values := .Values -}}
{{- $problems := list -}}
{{- if not $values.trustDomain -}}
{{- $problems = append $problems "trustDomain is empty: name the trust domain of your workloads, such as prod.acme.com" -}}
{{- end -}}
{{- if not $values.image.repository -}}
{{- $problems = append $problems "image.repository is empty: no image is published, so name the one that you built" -}}
{{- end -}}
{{- /* With strictMode a tag does not do, which is said below. */ -}}
{{- if not (or $values.strictMode $values.image.tag $values.image.digest) -}}
{{- $problems = append $problems "image.tag and image.digest are empty: name the image's digest" -}}
{{- end -}}
{{- /* Helm would install the rest, and leave a release that failed. Where Helm only renders, it sees no namespace at all. */ -}}
{{- if lookup "v1" "Namespace" "" "kube-system" -}}
{{- range $namespace := without (include "hopguard.namespaces" . | fromJsonArray) .Release.Namespace -}}
{{- if not (lookup "v1" "Namespace" "" $namespace) -}}
{{- $problems = append $problems (printf "namespaces: %s is not there: create it first (kubectl create namespace %s)" $namespace $namespace) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- /* Each guard wants the volumes of its own release, so that two of them would refuse every pod. */ -}}
{{- $guard := printf "%s-guard" (include "hopguard.name" .) -}}
{{- range (lookup "admissionregistration.k8s.io/v1" "ValidatingAdmissionPolicy" "" "").items -}}
{{- if and (eq (index (.metadata.labels | default dict) "app.kubernetes.io/name" | default "") "hopguard") (hasSuffix "-guard" .metadata.name) (ne .metadata.name $guard) -}}
{{- $other := .metadata.name -}}
{{- range (.spec.matchConstraints.namespaceSelector | default dict).matchExpressions -}}
{{- if and (eq .key "hopguard.dev/injection") (has $values.injection.label (.values | default list)) -}}
{{- $problems = append $problems (printf "injection.label: %s guards namespaces labelled hopguard.dev/injection=%s already, and two guards refuse each other's pods: set another label for this release" $other $values.injection.label) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $version := .Capabilities.KubeVersion.Version -}}
{{- if and (eq $values.injection.mode "admissionPolicy") (semverCompare "<1.36.0-0" $version) -}}
{{- $problems = append $problems (printf "injection.mode: admissionPolicy needs Kubernetes 1.36, and this is %s: choose istioTemplate or manual" $version) -}}
{{- end -}}
{{- if and (eq $values.injection.mode "istioTemplate") (ne $values.mesh "istio") -}}
{{- $problems = append $problems (printf "injection.mode: istioTemplate is for mesh: istio, and mesh is %s: choose admissionPolicy or manual" $values.mesh) -}}
{{- end -}}
{{- if and (eq $values.mode.ceiling "enforce") (ne $values.mode.proof "enforce") -}}
{{- $problems = append $problems (printf "mode.proof is %s and mode.ceiling enforce: grants are for callers that are proved, so enforce both, or let the ceiling observe too" $values.mode.proof) -}}
{{- end -}}
{{- if and (eq $values.trust.source "istioRoot") (not (has $values.mesh (list "istio" "ambient"))) -}}
{{- $problems = append $problems (printf "trust.source: istioRoot is Istio's own CA, and mesh is %s: choose workloadApi or pem" $values.mesh) -}}
{{- end -}}
{{- if and (eq $values.trust.source "pem") (not $values.trust.pem.configMap) -}}
{{- $problems = append $problems "trust.pem.configMap is empty: name the ConfigMap that holds the root certificates" -}}
{{- end -}}
{{- if and $values.trust.federated (ne $values.trust.source "workloadApi") -}}
{{- $problems = append $problems "trust.federated is for trust.source: workloadApi, which gives the bundles of federated trust domains: leave it empty" -}}
{{- end -}}
{{- if has $values.trustDomain $values.trust.federated -}}
{{- $problems = append $problems (printf "trust.federated names %s, which is trustDomain itself: take it out" $values.trustDomain) -}}
{{- end -}}
{{- range $of := list "documents" "policy" -}}
{{- $from := get $values $of -}}
{{- $mode := ternary $values.mode.ceiling $values.mode.policy (eq $of "documents") -}}
{{- if and (eq $from.source "bundle") (ne $mode "skip") -}}
{{- if not $from.bundle.url }}{{ $problems = append $problems (printf "%s.bundle.url is empty: name where the bundle is served" $of) }}{{ end -}}
{{- if not $from.bundle.keys }}{{ $problems = append $problems (printf "%s.bundle.keys is empty: name who may sign the bundle" $of) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- if and (eq $values.policy.source "configMap") (ne $values.mode.policy "skip") (not $values.policy.configMap.existing) (not (include "hopguard.written" $values.policy.configMap.inline)) -}}
{{- $problems = append $problems "policy.configMap.inline is empty, and without a policy nothing is allowed: write a module, or set mode.policy: skip" -}}
{{- end -}}
{{- range $name := keys $values.files | sortAlpha -}}
{{- if or (eq $name "hopguard.yaml") (regexMatch `^(documents|policy)-(key-[0-9]+|ca)\.pem$` $name) (has $name (list "documents" "policy" "trust" "documents-token" "policy-token")) -}}
{{- $problems = append $problems (printf "files.%s is a name that the chart gives itself: choose another" $name) -}}
{{- end -}}
{{- end -}}
{{- if $values.deployment.enabled -}}
{{- if not $values.deployment.askers -}}
{{- $problems = append $problems "deployment.askers is empty: name the SPIFFE IDs of the Envoys that may ask" -}}
{{- end -}}
{{- if ne $values.trust.source "workloadApi" -}}
{{- $problems = append $problems (printf "deployment.enabled needs an SVID of its own, and trust.source is %s: choose workloadApi" $values.trust.source) -}}
{{- end -}}
{{- range $values.deployment.askers -}}
{{- $domain := index (splitList "/" .) 2 -}}
{{- if not (has $domain (concat (list $values.trustDomain) $values.trust.federated)) -}}
{{- $problems = append $problems (printf "deployment.askers: %s could never ask, since %s is neither trustDomain nor in trust.federated" . $domain) -}}
{{- end -}}
{{- end -}}
{{- if and $values.podDisruptionBudget.enabled (le (int $values.deployment.replicas) (int $values.podDisruptionBudget.maxUnavailable)) -}}
{{- $problems = append $problems (printf "podDisruptionBudget.maxUnavailable is %d of %d replicas, which keeps none: run more replicas" (int $values.podDisruptionBudget.maxUnavailable) (int $values.deployment.replicas)) -}}
{{- end -}}
{{- else if $values.metrics.serviceMonitor.enabled -}}
{{- $problems = append $problems "metrics.serviceMonitor is for the Deployment, which is not enabled: use metrics.podMonitor for injected pods" -}}
{{- end -}}
{{- if $values.strictMode }}{{ $problems = concat $problems (include "hopguard.strict" . | fromJson).problems }}{{ end -}}
{{- if $problems -}}
{{- fail (printf "\n\nThese values cannot be installed:\n- %s\n" (join "\n- " $problems)) -}}
{{- end -}}
{{- end -}}

{{- define "hopguard.strict" -}}
{{- $values := .Values -}}
{{- $problems := list -}}
{{- $unless := ", or set strictMode: false while you try it" -}}
{{- $demo := `(^|[.])(example|test|invalid|localhost)$|(^|[.])example[.](org|com|net)$` -}}
{{- range $domain := concat (list $values.trustDomain) $values.trust.federated -}}
{{- if regexMatch $demo $domain -}}
{{- $problems = append $problems (printf "%s is a trust domain for demonstrations: name your own%s" $domain $unless) -}}
{{- end -}}
{{- end -}}
{{- if regexMatch (printf "(^|/)([a-z0-9.-]+[.])?(%s)(:[0-9]+)?/" `example|test|invalid|localhost|example[.](org|com|net)`) $values.image.repository -}}
{{- $problems = append $problems (printf "image.repository: %s is a registry for demonstrations: name your own%s" $values.image.repository $unless) -}}
{{- end -}}
{{- if not $values.image.digest -}}
{{- $problems = append $problems (printf "image.digest is empty: a tag can be moved, so pin the digest%s" $unless) -}}
{{- end -}}
{{- range $layer := list "proof" "ceiling" "policy" -}}
{{- $mode := get $values.mode $layer -}}
{{- if ne $mode "enforce" }}{{ $problems = append $problems (printf "mode.%s is %s, which lets hops through: enforce it%s" $layer $mode $unless) }}{{ end -}}
{{- end -}}
{{- $reveal := ($values.config.response | default dict).reveal | default "none" -}}
{{- if ne $reveal "none" -}}
{{- $problems = append $problems (printf "config.response.reveal is %s, which tells strangers why they are refused: take it out%s" $reveal $unless) -}}
{{- end -}}
{{- if eq (($values.config.hop | default dict).strict | default "enforce") "observe" -}}
{{- $problems = append $problems (printf "config.hop.strict is observe, which lets ambiguous requests through: enforce it%s" $unless) -}}
{{- end -}}
{{- if and (eq $values.documents.source "configMap") (include "hopguard.inlineRevocations" .) -}}
{{- $problems = append $problems (printf "documents.configMap.inline has a Revocation (%s), and a ConfigMap takes 60 to 90 s to reach a pod: publish it in a bundle (documents.source: bundle)%s" (include "hopguard.inlineRevocations" .) $unless) -}}
{{- end -}}
{{- dict "problems" $problems | toJson -}}
{{- end -}}

{{/* What inline files say besides comments and separators: nothing, if that is all there is. */}}
{{- define "hopguard.written" -}}
{{- regexReplaceAll `(?m)^\s*(#.*|---)?\s*$` (join "\n" (values (. | default dict))) "" | trim -}}
{{- end -}}

{{/* The names of inline files that hold a revocation. */}}
{{- define "hopguard.inlineRevocations" -}}
{{- $names := list -}}
{{- range $name, $text := .Values.documents.configMap.inline -}}
{{- if regexMatch `kind["']?\s*:\s*["']?Revocation\b` $text }}{{ $names = append $names $name }}{{ end -}}
{{- end -}}
{{- join ", " $names -}}
{{- end -}}

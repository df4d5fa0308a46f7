{{/* What cannot work is refused here, with what to do about it; values.schema.json refuses wrong types and unknown keys. */}}

{{- define "gcm-sentinel.validate" -}}
{{- $modes := list "recommend" "annotate" "execute" "approve" -}}
{{- if not (has .Values.sentinel.actionMode $modes) -}}
{{- fail (printf "Invalid sentinel.actionMode: %q. Must be one of: %s" .Values.sentinel.actionMode (join ", " $modes)) -}}
{{- end -}}
{{- if and (gt (int .Values.replicaCount) 1) (not .Values.database.existingSecret) -}}
{{- fail (printf "replicaCount is %d, but SQLite serves one process: set database.existingSecret to a Secret with the URL of a PostgreSQL database" (int .Values.replicaCount)) -}}
{{- end -}}
{{- if and .Values.prompts.files .Values.prompts.existingConfigMap -}}
{{- fail "prompts.files and prompts.existingConfigMap are both set: choose one" -}}
{{- end -}}
{{- if ne (empty .Values.plugins.configMap) (empty .Values.plugins.wheels) -}}
{{- fail "plugins.configMap and plugins.wheels belong together: the ConfigMap, and the names of the wheels in it" -}}
{{- end -}}
{{- include "gcm-sentinel.validateActions" . -}}
{{- include "gcm-sentinel.validateSecrets" . -}}
{{- include "gcm-sentinel.validateGateway" . -}}
{{- end }}

{{- define "gcm-sentinel.validateActions" -}}
{{- $known := .Files.Get "files/operations.yaml" | fromYaml | keys | sortAlpha -}}
{{- range (include "gcm-sentinel.actions" . | fromJsonArray) -}}
{{- if not (has . $known) -}}
{{- fail (printf "sentinel.actions: there is no operation %q. There are: %s" . (join ", " $known)) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "gcm-sentinel.validateSecrets" -}}
{{- $secrets := .Values.sentinel.secretSettings -}}
{{- if and .Values.llm.apiKey .Values.llm.existingSecret -}}
{{- fail "llm.apiKey and llm.existingSecret are both set: choose one" -}}
{{- end -}}
{{- if and .Values.sentinel.webhookUrl (hasKey $secrets "webhook_url") -}}
{{- fail "sentinel.webhookUrl and sentinel.secretSettings.webhook_url are both set: choose one" -}}
{{- end -}}
{{- end }}

{{- define "gcm-sentinel.validateGateway" -}}
{{- $gateway := .Values.sentinel.gateway -}}
{{- $access := $gateway.config.access | default dict -}}
{{- if and $gateway.enabled (not (or $gateway.tls.existingSecret $gateway.config.tls $access.insecure)) -}}
{{- fail "sentinel.gateway.enabled needs sentinel.gateway.tls.existingSecret: a Secret with tls.crt, tls.key and ca.crt" -}}
{{- end -}}
{{- end }}

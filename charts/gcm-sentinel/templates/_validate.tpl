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
{{- if .Values.sentinel.node.enabled -}}
{{- include "gcm-sentinel.validateNodeService" . -}}
{{- include "gcm-sentinel.validateNodeGateway" . -}}
{{- if and (eq (toString .Values.sentinel.node.probes) "deep") (not .Values.sentinel.node.hostPID) -}}
{{- fail "sentinel.node.probes is deep, but without sentinel.node.hostPID nobody can tell whether a GPU is idle, so no deep probe would run: set one of them otherwise" -}}
{{- end -}}
{{- end -}}
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

{{- define "gcm-sentinel.validateNodeService" -}}
{{- $node := .Values.sentinel.node -}}
{{- $certified := or $node.tls.existingSecret $node.settings.tls_cert_file -}}
{{- $callers := or $node.tokens.existingSecret $node.settings.tokens_file $node.settings.certificate_roles -}}
{{- if and $node.service.enabled (not $certified) -}}
{{- fail "sentinel.node.enabled needs sentinel.node.tls.existingSecret: a Secret with tls.crt, tls.key and ca.crt. Without callers, for scheduled probes and reports alone, set sentinel.node.service.enabled=false" -}}
{{- end -}}
{{- if and $node.service.enabled (not $callers) -}}
{{- fail "nobody could call the node agents: set sentinel.node.settings.certificate_roles, such as {gcm-sentinel: [reader, prober]}, or sentinel.node.tokens.existingSecret" -}}
{{- end -}}
{{- if and (not $node.service.enabled) (or $certified $callers $node.service.hostPort) -}}
{{- fail "sentinel.node.service.enabled is false, so nobody calls the node agents: sentinel.node.tls, tokens, service.hostPort and settings.certificate_roles mean nothing then; remove them" -}}
{{- end -}}
{{- end }}

{{- define "gcm-sentinel.validateNodeGateway" -}}
{{- $node := .Values.sentinel.node -}}
{{- $gateway := or (include "gcm-sentinel.nodeNamedGateway" .) .Values.sentinel.gateway.enabled -}}
{{- if and $node.gateway.endpoint (not (include "gcm-sentinel.nodeIdentity" .)) -}}
{{- fail "sentinel.node.gateway.endpoint needs sentinel.node.client.existingSecret: a Secret with the certificate that the gateway knows node agents by" -}}
{{- end -}}
{{- if and (not $gateway) (or $node.client.existingSecret $node.hmac.existingSecret) -}}
{{- fail "sentinel.node.client and sentinel.node.hmac are for a gateway, and there is none: set sentinel.gateway.enabled, or sentinel.node.gateway.endpoint" -}}
{{- end -}}
{{- end }}

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
{{- include "gcm-sentinel.validateRights" . -}}
{{- include "gcm-sentinel.validatePods" . -}}
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
{{- if $gateway.enabled -}}
{{- include "gcm-sentinel.refuseSecrets" (list "" $gateway.config (include "gcm-sentinel.gatewaySecrets" . | fromYaml)) -}}
{{- include "gcm-sentinel.refusePorts" . -}}
{{- end -}}
{{- end }}

{{/* Settings of the gateway that are secret, and how they are given instead; a test holds them against its code. */}}
{{- define "gcm-sentinel.gatewaySecrets" -}}
database.url: put it into a Secret and name that in sentinel.gateway.database.existingSecret
probes.hmac_key: put it into a Secret and name that in sentinel.gateway.hmac.existingSecret
alerting.slack.webhook_url: set webhook_url_file, a file of a Secret that sentinel.gateway.extraVolumes and extraVolumeMounts mount
alerting.pagerduty.routing_key: set routing_key_file, a file of a Secret that sentinel.gateway.extraVolumes and extraVolumeMounts mount
alerting.email.password: set password_file, a file of a Secret that sentinel.gateway.extraVolumes and extraVolumeMounts mount
alerting.webhooks[].url: take the whole list as JSON from a Secret, as SENTINEL_GATEWAY__ALERTING__WEBHOOKS in sentinel.gateway.extraEnv
alerting.webhooks[].secret: take the whole list as JSON from a Secret, as SENTINEL_GATEWAY__ALERTING__WEBHOOKS in sentinel.gateway.extraEnv
alerting.webhooks[].headers: take the whole list as JSON from a Secret, as SENTINEL_GATEWAY__ALERTING__WEBHOOKS in sentinel.gateway.extraEnv
alerting.proxy_url: take it from a Secret, as SENTINEL_GATEWAY__ALERTING__PROXY_URL in sentinel.gateway.extraEnv
{{- end }}

{{/* Walks settings: where it is, what stands there, what to do instead. JSON in a text may hide a secret, so it is refused where one could be. */}}
{{- define "gcm-sentinel.refuseSecrets" -}}
{{- $path := index . 0 -}}
{{- $here := index . 1 -}}
{{- $instead := index . 2 -}}
{{- if and $here (hasKey $instead $path) -}}
{{- fail (printf "sentinel.gateway.config.%s would stand in a ConfigMap for all to read: %s" $path (get $instead $path)) -}}
{{- else if kindIs "map" $here -}}
{{- range $name, $value := $here -}}
{{- include "gcm-sentinel.refuseSecrets" (list (printf "%s.%s" $path $name | trimPrefix ".") $value $instead) -}}
{{- end -}}
{{- else if kindIs "slice" $here -}}
{{- range $here -}}
{{- include "gcm-sentinel.refuseSecrets" (list (printf "%s[]" $path) . $instead) -}}
{{- end -}}
{{- else if $here -}}
{{- range $secret := keys $instead -}}
{{- if or (hasPrefix (printf "%s." $path) $secret) (hasPrefix (printf "%s[]" $path) $secret) -}}
{{- fail (printf "sentinel.gateway.config.%s may hold a secret and cannot be looked through: write it as YAML, not as text" $path) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* Service, probes and the agent know the gateway's ports by number. */}}
{{- define "gcm-sentinel.refusePorts" -}}
{{- $given := .Values.sentinel.gateway.config -}}
{{- range $group, $port := dict "grpc" 50051 "rest" 8080 "metrics" 9090 -}}
{{- $settings := get $given $group | default dict -}}
{{- if hasKey $settings "listen" -}}
{{- if not (hasSuffix (printf ":%d" $port) (toString $settings.listen | trim)) -}}
{{- fail (printf "sentinel.gateway.config.%s.listen is %q: its port must be %d, which Service and probes use" $group (toString $settings.listen) $port) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $tokens := get ($given.grpc | default dict) "token_listen" | default list -}}
{{- if kindIs "string" $tokens }}{{ $tokens = splitList "," $tokens }}{{ end -}}
{{- range $tokens -}}
{{- if not (hasSuffix ":50054" (toString . | trim)) -}}
{{- fail (printf "sentinel.gateway.config.grpc.token_listen is %q: its port must be 50054, which the Service uses" (toString .)) -}}
{{- end -}}
{{- end -}}
{{- if and $tokens (not .Values.sentinel.gateway.tokens.existingSecret) -}}
{{- fail "sentinel.gateway.config.grpc.token_listen: the Service has a port for tokens only with sentinel.gateway.tokens.existingSecret" -}}
{{- end -}}
{{- end }}

{{- define "gcm-sentinel.validateRights" -}}
{{- if and .Values.rbac.create (not .Values.serviceAccount.create) (not .Values.serviceAccount.name) -}}
{{- fail "rbac.create would give its rights to every pod that runs as the ServiceAccount `default`: set serviceAccount.name, or rbac.create=false" -}}
{{- end -}}
{{- if and .Values.sentinel.actions (not (include "gcm-sentinel.actions" . | fromJsonArray)) -}}
{{- fail (printf "sentinel.actions is %q, which names no operation: leave it empty for every one" (toString .Values.sentinel.actions)) -}}
{{- end -}}
{{- end }}

{{- define "gcm-sentinel.validatePods" -}}
{{- $type := get (.Values.strategy | default dict) "type" | default "RollingUpdate" -}}
{{- if and .Values.strategy (ne $type "Recreate") (not .Values.database.existingSecret) -}}
{{- fail (printf "strategy is %s, but SQLite serves one process and a new pod would start beside the old one: leave it empty, or set database.existingSecret" $type) -}}
{{- end -}}
{{- range $name, $_ := include "gcm-sentinel.selector" . | fromYaml -}}
{{- if hasKey ($.Values.podLabels | default dict) $name -}}
{{- fail (printf "podLabels: %s selects the pods, so it stays as it is" $name) -}}
{{- end -}}
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

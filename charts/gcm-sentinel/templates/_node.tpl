{{/* sentinel-node on the GPU nodes: names, its settings, and the files they name. */}}

{{- define "gcm-sentinel.nodeSelector" -}}
app: sentinel-node
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "gcm-sentinel.nodeLabels" -}}
{{ include "gcm-sentinel.nodeSelector" . }}
app.kubernetes.io/name: sentinel-node
app.kubernetes.io/component: node
{{ include "gcm-sentinel.chartLabels" . }}
{{- end }}

{{- define "gcm-sentinel.nodeServiceAccountName" -}}
{{- ternary (printf "%s-node" (include "gcm-sentinel.fullname" .)) "default" .Values.serviceAccount.create }}
{{- end }}

{{- define "gcm-sentinel.nodeImage" -}}
{{- with .Values.sentinel.node.image -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{/* Whether node agents can say who they are to a gateway, or need not; empty where they cannot. */}}
{{- define "gcm-sentinel.nodeIdentity" -}}
{{- $node := .Values.sentinel.node -}}
{{- $given := $node.settings -}}
{{- if or $node.client.existingSecret $given.gateway_cert_file $given.gateway_token_file $given.gateway_plaintext }}yes{{ end }}
{{- end }}

{{/* host:port of a gateway that was named; empty where it would be this chart's own. */}}
{{- define "gcm-sentinel.nodeNamedGateway" -}}
{{- .Values.sentinel.node.gateway.endpoint | default .Values.sentinel.gateway.endpoint }}
{{- end }}

{{/* host:port of the gateway that node agents report to; empty for none. */}}
{{- define "gcm-sentinel.nodeGateway" -}}
{{- $node := .Values.sentinel.node -}}
{{- $own := and .Values.sentinel.gateway.enabled (not (include "gcm-sentinel.nodeNamedGateway" .)) -}}
{{- $byToken := and $node.settings.gateway_token_file (not $node.client.existingSecret) -}}
{{- if not (include "gcm-sentinel.nodeIdentity" .) -}}
{{- else if $own -}}
{{ include "gcm-sentinel.fullname" . }}-gateway.{{ .Release.Namespace }}.svc:{{ ternary 50054 50051 (not (empty $byToken)) }}
{{- else -}}
{{ include "gcm-sentinel.nodeNamedGateway" . }}
{{- end }}
{{- end }}

{{/* The Secret with the key that results are signed with; empty for none. */}}
{{- define "gcm-sentinel.nodeHmac" -}}
{{- if include "gcm-sentinel.nodeGateway" . -}}
{{- $own := and .Values.sentinel.gateway.enabled (not (include "gcm-sentinel.nodeNamedGateway" .)) -}}
{{- .Values.sentinel.node.hmac.existingSecret | default (ternary .Values.sentinel.gateway.hmac.existingSecret "" $own) }}
{{- end }}
{{- end }}

{{/* Settings that follow from the values; `settings` goes over them. */}}
{{- define "gcm-sentinel.nodeConfig" -}}
{{- $node := .Values.sentinel.node -}}
listen: {{ ternary "0.0.0.0:9102" "127.0.0.1:9102" $node.service.enabled }}
metrics_listen: 0.0.0.0:9101
probes: {{ toJson $node.probes }}
{{- if $node.journal.hostPath }}
journal_dir: /host/journal
{{- end }}
state_dir: /var/lib/sentinel-node
buffer_dir: /var/lib/sentinel-node/buffer
{{- if $node.tls.existingSecret }}
tls_cert_file: /etc/sentinel/tls/tls.crt
tls_key_file: /etc/sentinel/tls/tls.key
{{- if $node.settings.certificate_roles }}
tls_ca_file: /etc/sentinel/tls/ca.crt
{{- end }}
{{- end }}
{{- if $node.tokens.existingSecret }}
tokens_file: /etc/sentinel/tokens
{{- end }}
{{- with include "gcm-sentinel.nodeGateway" . }}
gateway: {{ . }}
{{- if $node.client.existingSecret }}
gateway_ca_file: /etc/sentinel/gateway/ca.crt
gateway_cert_file: /etc/sentinel/gateway/tls.crt
gateway_key_file: /etc/sentinel/gateway/tls.key
{{- end }}
{{- end }}
{{- if include "gcm-sentinel.nodeHmac" . }}
hmac_key_file: /etc/sentinel/hmac-key
{{- end }}
{{- end }}

{{/* Everything under /etc/sentinel, as sources of one projected volume. */}}
{{- define "gcm-sentinel.nodeFiles" -}}
{{- $node := .Values.sentinel.node -}}
- configMap:
    name: {{ include "gcm-sentinel.fullname" . }}-node
{{- with $node.tls.existingSecret }}
- secret:
    name: {{ . }}
    items:
      - {key: tls.crt, path: tls/tls.crt}
      - {key: tls.key, path: tls/tls.key}
      {{- if $node.settings.certificate_roles }}
      - {key: ca.crt, path: tls/ca.crt}
      {{- end }}
{{- end }}
{{- with $node.client.existingSecret }}
- secret:
    name: {{ . }}
    items:
      - {key: ca.crt, path: gateway/ca.crt}
      - {key: tls.crt, path: gateway/tls.crt}
      - {key: tls.key, path: gateway/tls.key}
{{- end }}
{{- range $key, $secret := dict "tokens" $node.tokens.existingSecret "hmac-key" (include "gcm-sentinel.nodeHmac" .) }}
{{- if $secret }}
- secret:
    name: {{ $secret }}
    items:
      - {key: {{ $key }}, path: {{ $key }}}
{{- end }}
{{- end }}
{{- end }}

{{/* Variables; what extraEnv names as well is left to it, for a name may come once. */}}
{{- define "gcm-sentinel.nodeEnv" -}}
{{- $given := list -}}
{{- range .Values.sentinel.node.extraEnv }}{{ $given = append $given .name }}{{ end -}}
{{- $all := list -}}
{{- range (include "gcm-sentinel.nodeOwnEnv" . | fromYamlArray) }}{{ if not (has .name $given) }}{{ $all = append $all . }}{{ end }}{{ end -}}
{{- toYaml (concat $all .Values.sentinel.node.extraEnv) }}
{{- end }}

{{- define "gcm-sentinel.nodeOwnEnv" -}}
- name: SENTINEL_NODE_NODE_NAME
  valueFrom:
    fieldRef:
      fieldPath: spec.nodeName
# For NVIDIA's runtime: every GPU, whoever else was given it, and the libraries to compute with and to ask the driver.
- name: NVIDIA_VISIBLE_DEVICES
  value: all
- name: NVIDIA_DRIVER_CAPABILITIES
  value: compute,utility
{{- end }}

{{/* Root and privileged where the kernel's messages are read: the runtime gives /dev/kmsg to no other container. */}}
{{- define "gcm-sentinel.nodeSecurityContext" -}}
{{- if .Values.sentinel.node.kernelMessages -}}
privileged: true
runAsNonRoot: false
runAsUser: 0
readOnlyRootFilesystem: true
{{- else -}}
{{ toYaml .Values.containerSecurityContext }}
{{- end }}
{{- end }}

{{/* Seconds until the kubelet kills: the grace for calls, as long again for what hangs in the driver, and a little. */}}
{{- define "gcm-sentinel.nodeGrace" -}}
{{- $given := .Values.sentinel.node.settings -}}
{{- add 10 (mul 2 ($given.stop_grace_seconds | default 10 | ceil | int64)) }}
{{- end }}

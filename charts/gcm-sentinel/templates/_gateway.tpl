{{/* What agent and gateway must agree about. */}}

{{- define "gcm-sentinel.gatewaySelector" -}}
app: sentinel-gateway
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "gcm-sentinel.gatewayLabels" -}}
{{ include "gcm-sentinel.gatewaySelector" . }}
app.kubernetes.io/name: sentinel-gateway
app.kubernetes.io/component: gateway
{{ include "gcm-sentinel.chartLabels" . }}
{{- end }}

{{/* The Secret whose ca.crt signed the gateway's certificate, as far as this chart knows it. */}}
{{- define "gcm-sentinel.gatewayAuthority" -}}
{{- $gateway := .Values.sentinel.gateway -}}
{{- if include "gcm-sentinel.gatewayEndpoint" . -}}
{{- $gateway.client.existingSecret | default (ternary $gateway.tls.existingSecret "" (and $gateway.enabled (not $gateway.endpoint))) }}
{{- end }}
{{- end }}

{{/* Variables of the agent that name the files by which it and the gateway know each other. */}}
{{- define "gcm-sentinel.gatewayTrust" -}}
{{- if include "gcm-sentinel.gatewayAuthority" . }}
GCM_SENTINEL_SENTINEL_CA_CERT: /etc/gcm-sentinel/sentinel/ca.crt
{{- if .Values.sentinel.gateway.client.existingSecret }}
GCM_SENTINEL_SENTINEL_CLIENT_CERT: /etc/gcm-sentinel/sentinel/tls.crt
GCM_SENTINEL_SENTINEL_CLIENT_KEY: /etc/gcm-sentinel/sentinel/tls.key
{{- end }}
{{- end }}
{{- end }}

{{/* Settings of the gateway that follow from the values; `config` goes over them. */}}
{{- define "gcm-sentinel.gatewayConfig" -}}
{{- $gateway := .Values.sentinel.gateway -}}
grpc:
  listen: 0.0.0.0:50051
  {{- if $gateway.tokens.existingSecret }}
  token_listen: [0.0.0.0:50054]
  {{- end }}
rest:
  listen: 0.0.0.0:8080
metrics:
  listen: 0.0.0.0:9090
database:
  state_dir: /var/lib/sentinel
{{- if $gateway.tls.existingSecret }}
tls:
  cert_file: /etc/sentinel/tls/tls.crt
  key_file: /etc/sentinel/tls/tls.key
  ca_file: /etc/sentinel/tls/ca.crt
{{- end }}
{{- if $gateway.tokens.existingSecret }}
access:
  tokens_file: /etc/sentinel/tokens
{{- end }}
{{- if $gateway.hmac.existingSecret }}
probes:
  hmac_key_file: /etc/sentinel/hmac-key
{{- end }}
{{- if $gateway.signingKey.existingSecret }}
ledger:
  signing_key_file: /run/sentinel/signing-key.pem
{{- end }}
{{- end }}

{{- define "gcm-sentinel.gatewayEnv" -}}
{{- with .Values.sentinel.gateway }}
{{- if .database.existingSecret }}
{{ include "gcm-sentinel.secretEnv" (list "SENTINEL_GATEWAY__DATABASE__URL" .database.existingSecret .database.secretKey) }}
{{- end }}
{{- with .extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}
{{- end }}

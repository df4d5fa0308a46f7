{{/* What the agent's pod and the pod of `helm test` have in common. */}}

{{/* Variables that do not stand in the ConfigMap; what extraEnv names as well is left to it, for a name may come once. */}}
{{- define "gcm-sentinel.env" -}}
{{- $given := list -}}
{{- range .Values.extraEnv }}{{ $given = append $given .name }}{{ end -}}
{{- $all := list -}}
{{- range (include "gcm-sentinel.ownEnv" . | fromYamlArray) }}{{ if not (has .name $given) }}{{ $all = append $all . }}{{ end }}{{ end -}}
{{- toYaml (concat $all .Values.extraEnv) }}
{{- end }}

{{- define "gcm-sentinel.ownEnv" -}}
{{- $own := include "gcm-sentinel.fullname" . -}}
- name: GCM_SENTINEL_REPLICA_ID
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
{{- with .Values.llm }}
{{- if or .existingSecret .apiKey }}
{{ include "gcm-sentinel.secretEnv" (list "GCM_SENTINEL_API_KEY" (.existingSecret | default $own) (ternary .secretKey "api-key" (ne .existingSecret ""))) }}
{{- end }}
{{- end }}
{{- if .Values.sentinel.webhookUrl }}
{{ include "gcm-sentinel.secretEnv" (list "GCM_SENTINEL_WEBHOOK_URL" $own "webhook-url") }}
{{- end }}
{{- with .Values.database }}
{{- if .existingSecret }}
{{ include "gcm-sentinel.secretEnv" (list "GCM_SENTINEL_DATABASE_URL" .existingSecret .secretKey) }}
{{- end }}
{{- end }}
{{- range $name, $where := .Values.sentinel.secretSettings }}
{{ include "gcm-sentinel.secretEnv" (list (printf "GCM_SENTINEL_%s" (upper $name)) $where.name $where.key) }}
{{- end }}
{{- with include "gcm-sentinel.pythonPath" . }}
- name: PYTHONPATH
  value: {{ . | quote }}
{{- end }}
{{- end }}

{{/* A variable from a Secret: its name, the Secret's, the key. */}}
{{- define "gcm-sentinel.secretEnv" -}}
- name: {{ index . 0 }}
  valueFrom:
    secretKeyRef:
      name: {{ index . 1 | quote }}
      key: {{ index . 2 | quote }}
{{- end }}

{{- define "gcm-sentinel.envFrom" -}}
- configMapRef:
    name: {{ include "gcm-sentinel.fullname" . }}
{{- with .Values.extraEnvFrom }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Everything under /etc/gcm-sentinel is one projected volume, so that all of it is changed at once; empty for nothing. */}}
{{- define "gcm-sentinel.files" -}}
{{- $own := printf "%s-prompt" (include "gcm-sentinel.fullname" .) -}}
{{- if or .Values.prompts.system .Values.prompts.files }}
- configMap:
    name: {{ $own }}
    items:
      {{- if .Values.prompts.system }}
      - {key: system-prompt.txt, path: system-prompt.txt}
      {{- end }}
      {{- range $name, $_ := .Values.prompts.files }}
      - {key: {{ printf "prompts.%s" ($name | replace "/" ".") | quote }}, path: {{ printf "prompts/%s" $name | quote }}}
      {{- end }}
{{- end }}
{{- with .Values.approvers.existingSecret }}
- secret:
    name: {{ . }}
    items:
      - {key: approvers, path: approvers}
{{- end }}
{{- with include "gcm-sentinel.gatewayAuthority" . }}
- secret:
    name: {{ . }}
    items:
      - {key: ca.crt, path: sentinel/ca.crt}
      {{- if $.Values.sentinel.gateway.client.existingSecret }}
      - {key: tls.crt, path: sentinel/tls.crt}
      - {key: tls.key, path: sentinel/tls.key}
      {{- end }}
{{- end }}
{{- end }}

{{- define "gcm-sentinel.volumeMounts" -}}
- name: tmp
  mountPath: /tmp
{{- with include "gcm-sentinel.stateDir" . }}
- name: state
  mountPath: {{ . }}
{{- end }}
{{- if include "gcm-sentinel.files" . }}
- name: files
  mountPath: /etc/gcm-sentinel
  readOnly: true
{{- end }}
{{- if .Values.prompts.existingConfigMap }}
- name: prompts
  mountPath: /etc/gcm-sentinel-prompts
  readOnly: true
{{- end }}
{{- if .Values.plugins.configMap }}
- name: plugin-wheels
  mountPath: /opt/plugins/wheels
  readOnly: true
{{- end }}
{{- if .Values.plugins.image }}
- name: plugin-image
  mountPath: /opt/plugins/image
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* All volumes but the one for state, of which the test has its own. */}}
{{- define "gcm-sentinel.volumes" -}}
- name: tmp
  emptyDir: {}
{{- with include "gcm-sentinel.files" . | trim }}
- name: files
  projected:
    defaultMode: 0440
    sources:
      {{- . | nindent 6 }}
{{- end }}
{{- with .Values.prompts.existingConfigMap }}
- name: prompts
  configMap:
    name: {{ . }}
{{- end }}
{{- with .Values.plugins.configMap }}
- name: plugin-wheels
  configMap:
    name: {{ . }}
{{- end }}
{{- with .Values.plugins }}
{{- if .image }}
- name: plugin-image
  image:
    reference: {{ .image | quote }}
    pullPolicy: {{ .imagePullPolicy }}
{{- end }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

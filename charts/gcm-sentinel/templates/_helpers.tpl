{{/* Names, labels, and the pieces that more than one object needs. */}}

{{- define "gcm-sentinel.fullname" -}}
{{- .Values.fullnameOverride | default (printf "%s-gcm-sentinel" .Release.Name) | trunc 52 | trimSuffix "-" }}
{{- end }}

{{/* Selectors cannot be changed, and these are the original chart's: an installed one can be upgraded. */}}
{{- define "gcm-sentinel.selector" -}}
app: gcm-sentinel
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "gcm-sentinel.labels" -}}
{{ include "gcm-sentinel.selector" . }}
app.kubernetes.io/name: gcm-sentinel
app.kubernetes.io/component: agent
{{ include "gcm-sentinel.chartLabels" . }}
{{- end }}

{{- define "gcm-sentinel.chartLabels" -}}
app.kubernetes.io/part-of: gcm-sentinel
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name (.Chart.Version | replace "+" "_") }}
{{- end }}

{{- define "gcm-sentinel.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (ternary (include "gcm-sentinel.fullname" .) "default" .Values.serviceAccount.create) }}
{{- end }}

{{- define "gcm-sentinel.image" -}}
{{- with .Values.image -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{/* A value as the agent reads it: text as it is, everything else as JSON, which also keeps large numbers whole. */}}
{{- define "gcm-sentinel.value" -}}
{{- if kindIs "string" . }}{{ . }}{{ else }}{{ toJson . }}{{ end }}
{{- end }}

{{/* Operations that may be done: `sentinel.actions` as a JSON list, whichever way it was written. */}}
{{- define "gcm-sentinel.actions" -}}
{{- $given := .Values.sentinel.actions -}}
{{- if kindIs "string" $given }}{{ $given = splitList "," $given }}{{ end -}}
{{- $names := list -}}
{{- range $given }}{{ with trim . }}{{ $names = append $names . }}{{ end }}{{ end -}}
{{- toJson $names }}
{{- end }}

{{/* Whether the mode acts at all; empty where it does not. */}}
{{- define "gcm-sentinel.acts" -}}
{{- if has .Values.sentinel.actionMode (list "approve" "execute") }}yes{{ end }}
{{- end }}

{{/* Where SQLite is; empty with PostgreSQL. */}}
{{- define "gcm-sentinel.stateDir" -}}
{{- if not .Values.database.existingSecret }}/var/lib/gcm-sentinel{{ end }}
{{- end }}

{{/* host:port of the SENTINEL gateway that the agent asks; empty for none. */}}
{{- define "gcm-sentinel.gatewayEndpoint" -}}
{{- $gateway := .Values.sentinel.gateway -}}
{{- $token := hasKey .Values.sentinel.secretSettings "sentinel_token" -}}
{{- $plain := get .Values.sentinel.settings "sentinel_plaintext" -}}
{{- if $gateway.endpoint -}}
{{ $gateway.endpoint }}
{{- else if and $gateway.enabled (or $gateway.client.existingSecret $token $plain) -}}
{{ include "gcm-sentinel.fullname" . }}-gateway.{{ .Release.Namespace }}.svc:{{ ternary 50054 50051 (and $token (empty $gateway.client.existingSecret)) }}
{{- end }}
{{- end }}

{{/* The Secret that this chart makes: whether there is anything to keep in it. */}}
{{- define "gcm-sentinel.ownSecret" -}}
{{- if or (and .Values.llm.apiKey (not .Values.llm.existingSecret)) .Values.sentinel.webhookUrl }}yes{{ end }}
{{- end }}

{{/* Wheels first, so that one of them may take the place of what the image brings. */}}
{{- define "gcm-sentinel.pythonPath" -}}
{{- $paths := list -}}
{{- range .Values.plugins.wheels }}{{ $paths = append $paths (printf "/opt/plugins/wheels/%s" .) }}{{ end -}}
{{- if .Values.plugins.image }}{{ $paths = append $paths "/opt/plugins/image" }}{{ end -}}
{{- join ":" $paths }}
{{- end }}

{{- define "gcm-sentinel.priority" -}}
{{- $chosen := dict }}
{{- with .Values.priorityClassName }}{{ $_ := set $chosen "priorityClassName" . }}{{ end }}
{{- with .Values.imagePullSecrets }}{{ $_ := set $chosen "imagePullSecrets" . }}{{ end }}
{{- with $chosen }}{{ toYaml . }}{{ end }}
{{- end }}

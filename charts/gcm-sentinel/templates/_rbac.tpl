{{/* A ClusterRole and its binding to the agent's ServiceAccount: context, suffix of the name, rules as YAML. */}}
{{- define "gcm-sentinel.clusterRole" -}}
{{- $context := index . 0 -}}
{{- $name := printf "%s%s" (include "gcm-sentinel.fullname" $context) (index . 1) -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: {{ $name }}
  labels:
    {{- include "gcm-sentinel.labels" $context | nindent 4 }}
rules:
  {{- index . 2 | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: {{ $name }}
  labels:
    {{- include "gcm-sentinel.labels" $context | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: {{ $name }}
subjects:
  {{- include "gcm-sentinel.subjects" $context | nindent 2 }}
{{- end }}

{{- define "gcm-sentinel.subjects" -}}
- kind: ServiceAccount
  name: {{ include "gcm-sentinel.serviceAccountName" . }}
  namespace: {{ .Release.Namespace }}
{{- end }}

{{/* What the operations that may be done need, one rule for each resource. files/operations.yaml is made from the code. */}}
{{- define "gcm-sentinel.operationRules" -}}
{{- $declared := .Files.Get "files/operations.yaml" | fromYaml -}}
{{- $verbs := dict -}}
{{- range (include "gcm-sentinel.actions" . | fromJsonArray | default (keys $declared)) -}}
{{- range index $declared . -}}
{{- $what := printf "%s/%s" .group .resource -}}
{{- $_ := set $verbs $what (append (get $verbs $what | default list) .verb | uniq) -}}
{{- end -}}
{{- end -}}
{{- range $what, $all := $verbs }}
- apiGroups: [{{ index (splitn "/" 2 $what) "_0" | quote }}]
  resources: [{{ index (splitn "/" 2 $what) "_1" }}]
  verbs: [{{ join ", " (sortAlpha $all) }}]
{{- end }}
{{- end }}

{{/* What the agent reads in every mode. */}}
{{- define "gcm-sentinel.readRules" -}}
- apiGroups: [""]
  resources: [nodes]
  verbs: [get, list, watch]
- apiGroups: [""]
  resources: [pods, events]
  verbs: [list]
- apiGroups: [""]
  resources: [pods/log]
  verbs: [get]
{{- if .Values.rbac.kubeletLogs }}
- apiGroups: [""]
  resources: [nodes/proxy]
  verbs: [get]
{{- end }}
- apiGroups: [apps]
  resources: [daemonsets]
  verbs: [list]
# Whose a pod is: its owners, by name.
- apiGroups: [apps]
  resources: [replicasets, statefulsets]
  verbs: [get]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get]
- apiGroups: [jobset.x-k8s.io]
  resources: [jobsets]
  verbs: [get]
- apiGroups: [ray.io]
  resources: [rayclusters]
  verbs: [get]
{{- with .Values.rbac.extraRules }}
{{ toYaml . }}
{{- end }}
{{- end }}

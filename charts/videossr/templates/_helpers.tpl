{{- define "videossr.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "videossr.fullname" -}}
{{- $name := include "videossr.name" . -}}
{{- if contains $name .Release.Name -}}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{- else -}}{{ printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" }}{{- end -}}
{{- end -}}

{{/* Labels that never change: selectors are made of them. Call with (dict "root" $ "component" NAME). */}}
{{- define "videossr.selectorLabels" -}}
app.kubernetes.io/name: {{ include "videossr.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "videossr.labels" -}}
{{ include "videossr.selectorLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* An image with its tag or digest. Call with (dict "root" $ "image" .Values.image.cpu). */}}
{{- define "videossr.image" -}}
{{- $tag := default .root.Chart.AppVersion .image.tag -}}
{{- if hasPrefix "sha256:" $tag -}}{{ .image.repository }}@{{ $tag }}{{- else -}}{{ .image.repository }}:{{ $tag }}{{- end -}}
{{- end -}}

{{- define "videossr.pullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "videossr.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "videossr.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{- define "videossr.executionNamespace" -}}
{{ .Values.flyte.project }}-{{ .Values.flyte.domain }}
{{- end -}}

{{- define "videossr.mlflowUri" -}}
{{- if .Values.mlflow.enabled -}}
http://{{ include "videossr.fullname" . }}-mlflow.{{ .Release.Namespace }}.svc.cluster.local:{{ .Values.mlflow.service.port }}
{{- else -}}
{{ required "mlflow.externalUri: name an MLflow server, or set mlflow.enabled to true" .Values.mlflow.externalUri }}
{{- end -}}
{{- end -}}

{{/* What finds the object store, as NAME: VALUE. */}}
{{- define "videossr.storeVariables" -}}
AWS_DEFAULT_REGION: {{ .Values.objectStore.region | quote }}
{{- with .Values.objectStore.endpoint }}
AWS_ENDPOINT_URL: {{ . | quote }}
MLFLOW_S3_ENDPOINT_URL: {{ . | quote }}
{{- end }}
{{- end -}}

{{/* What finds Flyte, as NAME: VALUE. */}}
{{- define "videossr.flyteVariables" -}}
FLYTE_PLATFORM_URL: {{ .Values.flyte.endpoint | quote }}
FLYTE_PLATFORM_INSECURE: {{ .Values.flyte.insecure | quote }}
{{- with .Values.flyte.clientId }}
FLYTE_CREDENTIALS_CLIENT_ID: {{ . | quote }}
FLYTE_CREDENTIALS_AUTH_MODE: client_credentials
{{- end }}
{{- end -}}

{{/* The environment of a container. Call with NAME: VALUE, as text. */}}
{{- define "videossr.env" -}}
{{- $lines := list }}
{{- range $name, $value := fromYaml . }}
{{- $lines = append $lines (printf "- {name: %s, value: %q}" $name $value) }}
{{- end }}
{{- join "\n" $lines }}
{{- end -}}

{{/* Secrets whose keys become the environment of a container. Call with a list of names; empty ones count for nothing. */}}
{{- define "videossr.envFrom" -}}
{{- with compact . | uniq }}
envFrom:
{{- range . }}
  - secretRef: {name: {{ . }}}
{{- end }}
{{- end }}
{{- end -}}

{{/* Rules of egress; each template gives a list. Ports are those of pods: a service's own may be another. */}}

{{/* Names, and what the values add. */}}
{{- define "videossr.egress.always" -}}
- ports: [{protocol: UDP, port: 53}, {protocol: TCP, port: 53}]
{{- with .Values.networkPolicy.egress.extra }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* A part of the release. Call with (dict "root" $ "component" NAME "port" PORT). */}}
{{- define "videossr.egress.component" -}}
- to:
    - namespaceSelector:
        matchLabels: {kubernetes.io/metadata.name: {{ .root.Release.Namespace }}}
      podSelector:
        matchLabels: {{- include "videossr.selectorLabels" . | nindent 10 }}
  ports: [{protocol: TCP, port: {{ .port }}}]
{{- end -}}

{{/* What the release does not deploy. Call with (dict "place" VALUES "address" ADDRESS): its port is allowed too. */}}
{{- define "videossr.egress.outside" -}}
- ports:
    {{- $ports := .place.ports }}
    {{- with .address }}
    {{- $ports = append $ports (include "videossr.egress.port" . | int) }}
    {{- end }}
    {{- range $ports | uniq }}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
  {{- with .place.to }}
  to: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{/* Of host:port, or of an address with a scheme. */}}
{{- define "videossr.egress.port" -}}
{{- $url := urlParse (ternary . (printf "https://%s" .) (contains "://" .)) }}
{{- regexFind ":[0-9]+$" $url.host | trimPrefix ":" | default (ternary "80" "443" (eq $url.scheme "http")) }}
{{- end -}}

{{- define "videossr.egress.flyte" -}}
{{ include "videossr.egress.outside" (dict "place" .Values.networkPolicy.egress.flyte "address" .Values.flyte.endpoint) }}
{{- end -}}

{{- define "videossr.egress.objectStore" -}}
{{ include "videossr.egress.outside" (dict "place" .Values.networkPolicy.egress.objectStore "address" .Values.objectStore.endpoint) }}
{{- end -}}

{{- define "videossr.egress.mlflow" -}}
{{- if .Values.mlflow.enabled -}}
{{ include "videossr.egress.component" (dict "root" $ "component" "mlflow" "port" .Values.mlflow.service.port) }}
{{- else -}}
{{ include "videossr.egress.outside" (dict "place" .Values.networkPolicy.egress.mlflow "address" (include "videossr.mlflowUri" .)) }}
{{- end -}}
{{- end -}}

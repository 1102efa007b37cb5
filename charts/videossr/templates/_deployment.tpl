{{/* What is registered with Flyte, and under which version. */}}

{{/* Service account of the stages' pods. */}}
{{- define "videossr.stageAccount" -}}
{{ default (ternary .Values.executions.serviceAccount.name "" .Values.executions.enabled) .Values.executions.pods.serviceAccount }}
{{- end -}}

{{/* What the cluster decides for the workflows, as JSON (VIDEOSSR_DEPLOYMENT). */}}
{{- define "videossr.deployment" -}}
{{- $register := .Values.flyte.register }}
{{- $nightly := dict "cron" $register.cron "arrival_cron" $register.arrivalCron "videos" $register.videos "preset" $register.preset "overrides" (toJson $register.overrides) "data_root" .Values.objectStore.dataRoot "tracking_uri" (include "videossr.mlflowUri" .) }}
{{- dict "size" $register.size "stages" (include "videossr.stages" . | fromJson) "nightly" $nightly "min_success_ratio" $register.minSuccessRatio "pods" (include "videossr.pods" . | fromJson) | toJson }}
{{- end -}}

{{/* The values' stages with the chart's priority classes, where they are made and no other is given. */}}
{{- define "videossr.stages" -}}
{{- $stages := deepCopy .Values.flyte.register.stages }}
{{- if and .Values.executions.enabled .Values.executions.priorityClasses.enabled }}
{{- range $stage, $kind := dict "light" "data" "cpu" "data" "gpu" "data" "train" "training" }}
{{- $class := dict "priority_class" (printf "%s-%s" (include "videossr.fullname" $) $kind) }}
{{- $_ := set $stages $stage (merge dict (default dict (get $stages $stage)) $class) }}
{{- end }}
{{- end }}
{{- toJson $stages }}
{{- end -}}

{{/* What every stage's pod gets. */}}
{{- define "videossr.pods" -}}
{{- $own := .Values.executions.pods }}
{{- $console := dict }}
{{- with .Values.flyte.consoleUrl }}
{{- $_ := set $console "VIDEOSSR_FLYTE_CONSOLE" . }}
{{- end }}
{{- $image := dict "VIDEOSSR_IMAGE" (include "videossr.image" (dict "root" . "image" .Values.image.cpu)) }}
{{- $env := merge dict .Values.executions.env $console $image (include "videossr.flyteVariables" . | fromYaml) (include "videossr.storeVariables" . | fromYaml) }}
{{- $secrets := concat (list .Values.objectStore.secretName .Values.flyte.clientSecretName .Values.mlflow.clientSecretName) .Values.executions.secrets | compact | uniq }}
{{- dict "env" $env "secrets" $secrets "labels" $own.labels "annotations" $own.annotations "service_account" (include "videossr.stageAccount" .) "volumes" $own.volumes "mounts" $own.mounts | toJson }}
{{- end -}}

{{/* The arguments of pyflyte register, but for the version; a list. */}}
{{- define "videossr.registerArguments" -}}
{{- $image := include "videossr.image" (dict "root" . "image" .Values.image.cpu) -}}
- register
- --copy=none
- --project={{ .Values.flyte.project }}
- --domain={{ .Values.flyte.domain }}
- --image={{ $image }}
- --image=cpu={{ $image }}
- --image=gpu={{ include "videossr.image" (dict "root" . "image" .Values.image.gpu) }}
{{- with include "videossr.stageAccount" . }}
- --service-account={{ . }}
{{- end }}
{{- end -}}

{{/* Tag and digest of all that is registered: Flyte refuses a version that it knows with other contents. */}}
{{- define "videossr.version" -}}
{{- $tag := .Values.image.cpu.tag }}
{{- $base := default (ternary .Chart.AppVersion $tag (or (empty $tag) (hasPrefix "sha256:" $tag))) .Values.flyte.register.version }}
{{- printf "%s-%s" $base (printf "%s\n%s" (include "videossr.deployment" .) (include "videossr.registerArguments" .) | sha256sum | trunc 10) }}
{{- end -}}

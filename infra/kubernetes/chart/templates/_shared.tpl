{{- define "trimtab.name" -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "trimtab.labels" -}}
app.kubernetes.io/name: trimtab
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "trimtab.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}{{ .repository }}@{{ .digest }}{{- else -}}{{ .repository }}:{{ .tag }}{{- end -}}
{{- end -}}
{{- end -}}

{{/* What Pod Security calls restricted, and no writing but where a volume is. */}}
{{- define "trimtab.pod" -}}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
enableServiceLinks: false
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end -}}

{{- define "trimtab.container" -}}
image: {{ include "trimtab.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  capabilities: {drop: [ALL]}
{{- end -}}

{{/* Where the store is, and how it is reached: (dict "root" $ "secret" name). */}}
{{- define "trimtab.store" -}}
- {name: TRIMTAB_STORE, value: {{ .root.Values.store.url | quote }}}
{{- with .root.Values.store.ledger }}
- {name: TRIMTAB_LEDGER, value: {{ . | quote }}}
{{- end }}
{{- with .root.Values.store.endpoint }}
- {name: AWS_ENDPOINT_URL, value: {{ . | quote }}}
{{- end }}
{{- with .root.Values.store.region }}
- {name: AWS_REGION, value: {{ . | quote }}}
{{- end }}
{{- if .root.Values.store.caConfigMap }}
- {name: SSL_CERT_FILE, value: /etc/trimtab/ca/ca.crt}
{{- end }}
{{- if .secret }}
{{- range tuple "AWS_ACCESS_KEY_ID" "AWS_SECRET_ACCESS_KEY" }}
- name: {{ . }}
  valueFrom: {secretKeyRef: {name: {{ $.secret }}, key: {{ . }}}}
{{- end }}
{{- end }}
{{- end -}}

{{- define "trimtab.mounts" -}}
- {name: tmp, mountPath: /tmp}
{{- if .Values.store.caConfigMap }}
- {name: ca, mountPath: /etc/trimtab/ca, readOnly: true}
{{- end }}
{{- end -}}

{{- define "trimtab.volumes" -}}
- {name: tmp, emptyDir: {}}
{{- with .Values.store.caConfigMap }}
- name: ca
  configMap: {name: {{ . }}}
{{- end }}
{{- end -}}

{{/* The secrets of some functions, as files/secrets.json gives them: (dict "root" $ "functions" list). */}}
{{- define "trimtab.secrets" -}}
{{- $table := .root.Files.Get "files/secrets.json" | fromJson -}}
{{- $mine := list -}}
{{- range .functions }}{{- $mine = concat $mine (get $table .) -}}{{- end -}}
{{- range $setting := $mine | uniq | sortAlpha }}
{{- with get $.root.Values.everything.secrets $setting }}
- name: TRIMTAB_{{ $setting | upper }}
  valueFrom: {secretKeyRef: {name: {{ .name }}, key: {{ .key }}}}
{{- end }}
{{- end }}
{{- end -}}

{{/* One rule of egress: (dict "root" $ "name" "store"). Nothing named is a mistake where it is needed, else no rule. */}}
{{- define "trimtab.egress" -}}
{{- $reach := get .root.Values.networkPolicy .name -}}
{{- if $reach.to }}
- to:
    {{- toYaml $reach.to | nindent 4 }}
  ports:
    {{- range $reach.ports }}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
{{- else if .needed }}
{{- fail (printf "networkPolicy.%s.to: say where it is (ipBlock, or podSelector with namespaceSelector), or set networkPolicy.enabled=false" .name) }}
{{- end }}
{{- end -}}

{{- define "trimtab.lookups" -}}
- ports:
    - {protocol: UDP, port: 53}
    - {protocol: TCP, port: 53}
{{- end -}}

{{/* receive, and a worker, as containers; the same in a Pod of their own and in one together. */}}
{{- define "trimtab.receive" -}}
- name: receive
  {{- include "trimtab.container" . | nindent 2 }}
  args: [receive, --host, 0.0.0.0, --port, "8080"]
  ports:
    - {name: http, containerPort: 8080}
  env:
    {{- include "trimtab.store" (dict "root" . "secret" (.Values.everything.receive.storeSecret | default .Values.store.secret)) | nindent 4 }}
    - {name: TRIMTAB_SETTINGS, valueFrom: {configMapKeyRef: {name: {{ include "trimtab.name" . }}-settings, key: receive.json}}}
    {{- include "trimtab.secrets" (dict "root" . "functions" (list "receive")) | nindent 4 }}
  startupProbe:
    tcpSocket: {port: http}
    failureThreshold: 30
  readinessProbe:
    tcpSocket: {port: http}
  livenessProbe:
    tcpSocket: {port: http}
    periodSeconds: 30
  resources: {{- toYaml .Values.everything.receive.resources | nindent 4 }}
  volumeMounts:
    {{- include "trimtab.mounts" . | nindent 4 }}
    {{- include "trimtab.mounts.volume" . | nindent 4 }}
{{- end -}}

{{- define "trimtab.worker" -}}
- name: {{ .name }}
  {{- include "trimtab.container" .root | nindent 2 }}
  args: [work, --functions, {{ .worker.functions | join "," | quote }}, --name, {{ printf "$(POD)-%s" .name | quote }}]
  env:
    - {name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
    {{- include "trimtab.store" (dict "root" .root "secret" .root.Values.store.secret) | nindent 4 }}
    - {name: TRIMTAB_SETTINGS, valueFrom: {configMapKeyRef: {name: {{ include "trimtab.name" .root }}-settings, key: settings.json}}}
    {{- include "trimtab.secrets" (dict "root" .root "functions" .worker.functions) | nindent 4 }}
    {{- $table := .root.Files.Get "files/secrets.json" | fromJson }}
    {{- $reads := false }}
    {{- range .worker.functions }}{{- if has "github_writer_key" (get $table .) }}{{- $reads = true }}{{- end }}{{- end }}
    {{- if not $reads }}
    # Nobody in it holds a key of the forge: the rules are read as verify left them in the store.
    - {name: TRIMTAB_RULES_FROM, value: store}
    {{- end }}
  resources: {{- toYaml .worker.resources | nindent 4 }}
  volumeMounts:
    {{- include "trimtab.mounts" .root | nindent 4 }}
    {{- include "trimtab.mounts.volume" .root | nindent 4 }}
{{- end -}}

{{- define "trimtab.mounts.volume" -}}
{{- if hasPrefix "file://" .Values.store.url }}
- {name: store, mountPath: /var/lib/trimtab}
{{- end }}
{{- end -}}

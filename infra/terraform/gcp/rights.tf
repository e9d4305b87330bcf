# rights.json in words of Google: roles on the two buckets, each bound to beginnings of names by a condition. "ledger:", "store:" and
# "usage:" are such beginnings; what has no place here allows nothing.
locals {
  roles = {
    create  = "roles/storage.objectCreator" # and no delete: what lies there cannot be written over either
    read    = "roles/storage.objectViewer"
    replace = "roles/storage.objectUser" # writing over an object is deleting it, to Google
  }
  buckets    = { ledger = module.ledger.name, store = module.store.name }
  folders    = { ledger = "${var.tenant}/", store = "${var.tenant}/", usage = "usage/", exports = "exports/" }
  objects_of = { for place in keys(local.folders) : place => "projects/_/buckets/${local.names[place == "ledger" ? "ledger" : "store"]}/objects/" }

  # A place of the table => which objects that is, in CEL.
  places = toset(flatten([for each in local.rights : [for right in each.rights : [for place in right.on : place if contains(keys(local.folders), split(":", place)[0])]]]))
  paths  = { for place in local.places : place => "${local.objects_of[split(":", place)[0]]}${local.folders[split(":", place)[0]]}${split(":", place)[1]}" }
  conditions = { for place, path in local.paths : place => (
    endswith(path, "*") ? "resource.name.startsWith(\"${trimsuffix(path, "*")}\")" :
    strcontains(path, "*") ? "(resource.name.startsWith(\"${split("*", path)[0]}\") && resource.name.endsWith(\"${split("*", path)[1]}\"))" :
    "resource.name == \"${path}\""
  ) }

  # One line for each right on objects: who, role, bucket, and which of its objects.
  objects = flatten([for name in keys(local.table) : [for right in local.rights[name].rights : [for may in right.may : [for place in right.on : {
    function  = name
    role      = local.roles[may]
    bucket    = startswith(place, "ledger:") ? "ledger" : "store"
    condition = local.conditions[place]
  } if contains(local.places, place)] if contains(keys(local.roles), may)]]])

  # Google takes twelve operators in a condition, so a role may need more than one binding.
  bindings = merge([for each in distinct([for each in local.objects : { function = each.function, role = each.role, bucket = each.bucket }]) : {
    for number, conditions in chunklist(sort(distinct([for right in local.objects : right.condition if right.function == each.function && right.role == each.role && right.bucket == each.bucket])), 10) :
    "${each.function} ${each.bucket} ${each.role} ${number}" => merge(each, { condition = join(" || ", conditions) })
  }]...)

  # Listing is a right on the bucket itself; the condition keeps the role from reading objects.
  lists = merge([for name in keys(local.table) : merge([for right in local.rights[name].rights : {
    for place in right.on : "${name} ${split(":", place)[0]}" => { function = name, bucket = split(":", place)[0] }
  } if contains(right.may, "list")]...)]...)

  # Metrics of Google Managed Prometheus lie in projects, which the URLs name.
  metrics = distinct([for found in [for endpoint in try(var.settings.metrics, []) :
    try(regex("^https://monitoring[.]googleapis[.]com/v1/projects/([a-z0-9:.-]+)/", endpoint.url)[0], null) if try(endpoint.auth, "none") == "google"
  ] : found if found != null])
  queries = merge([for name in keys(local.table) : { for project in local.metrics : "${name} ${project}" => { function = name, project = project } }
    if anytrue([for right in local.rights[name].rights : contains(right.may, "query")])
  ]...)
}

resource "google_storage_bucket_iam_member" "function" {
  for_each = local.bindings
  bucket   = local.buckets[each.value.bucket]
  role     = each.value.role
  member   = google_service_account.function[each.value.function].member
  condition {
    title      = "rights.json"
    expression = each.value.condition
  }
}

resource "google_storage_bucket_iam_member" "lists" {
  for_each = local.lists
  bucket   = local.buckets[each.value.bucket]
  role     = "roles/storage.objectViewer"
  member   = google_service_account.function[each.value.function].member
  condition {
    title      = "names, not objects"
    expression = "resource.type == \"storage.googleapis.com/Bucket\""
  }
}

resource "google_project_iam_member" "metrics" {
  for_each = local.queries
  project  = each.value.project
  role     = "roles/monitoring.viewer"
  member   = google_service_account.function[each.value.function].member
}

# ── Others ────────────────────────────────────────────────────────────────────────────────────────────────────────────
resource "google_storage_bucket_iam_member" "collector" {
  for_each = var.collectors
  bucket   = module.store.name
  role     = "roles/storage.objectCreator"
  member   = "serviceAccount:${each.value}"
  condition {
    title      = "drops of ${each.key}"
    expression = "resource.name.startsWith(\"${local.objects_of.usage}usage/${each.key}/\")"
  }
}

# People: what `trimtab status`, `resume`, `stop`, `erase` and a replay need.
locals {
  operating = merge([for member in var.operators : {
    "${member} reads the ledger" = { member = member, bucket = "ledger", role = "roles/storage.objectViewer", folders = [""] }
    "${member} reads the store"  = { member = member, bucket = "store", role = "roles/storage.objectViewer", folders = [""] }
    "${member} adds"             = { member = member, bucket = "ledger", role = "roles/storage.objectCreator", folders = ["permit/", "streams/people/", "streams/access/", "inbox/again/"] }
    "${member} erases"           = { member = member, bucket = "ledger", role = "roles/storage.objectUser", folders = ["people/", "inbox/"] }
  }]...)
  hands_back         = { for pair in setproduct(sort(var.operators), concat(["inbox", "drops", "notices"], [for name, each in local.table : "${name}-clock" if each.schedule != null])) : "${pair[0]} ${pair[1]}" => { member = pair[0], topic = pair[1] } }
  reads_dead_letters = { for pair in setproduct(sort(var.operators), [for name in keys(local.table) : name if name != "receive"]) : "${pair[0]} ${pair[1]}" => { member = pair[0], function = pair[1] } }
}

resource "google_storage_bucket_iam_member" "operator" {
  for_each = local.operating
  bucket   = local.buckets[each.value.bucket]
  role     = each.value.role
  member   = each.value.member
  condition {
    title = "operator"
    expression = join(" || ", concat(
      [for folder in each.value.folders : "resource.name.startsWith(\"${local.objects_of[each.value.bucket]}${var.tenant}/${folder}\")"],
      each.value.role == "roles/storage.objectViewer" ? ["resource.type == \"storage.googleapis.com/Bucket\""] : [],
    ))
  }
}

resource "google_pubsub_subscription_iam_member" "operator" {
  for_each     = local.reads_dead_letters
  subscription = module.function[each.value.function].dead_letters
  role         = "roles/pubsub.subscriber"
  member       = each.value.member
}

# A message there names an object or a time, and whoever serves it looks for itself: to publish one again decides nothing.
resource "google_pubsub_topic_iam_member" "operator" {
  for_each   = local.hands_back
  topic      = "${var.prefix}-${each.value.topic}"
  role       = "roles/pubsub.publisher"
  member     = each.value.member
  depends_on = [google_pubsub_topic.notified, google_pubsub_topic.notices, module.function]
}

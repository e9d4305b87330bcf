# The one public door. Senders prove themselves by signatures over the body, which `receive` checks first of all.
locals {
  senders = { for sender, secret in {
    slack        = "slack_signing_secret"
    github       = "github_webhook_secret"
    gitlab       = "gitlab_webhook_secret"
    palette      = "palette_webhook_secret"
    azure        = "azure_webhook_secret"
    alertmanager = "alertmanager_webhook_secret"
  } : sender => secret if contains(var.secrets, secret) || (sender == "azure" && try(var.settings.azure_entra, null) != null) }
  # Palette's and forges' largest are far below.
  most_bytes = 5 * 1024 * 1024
}

resource "google_cloud_run_v2_service_iam_member" "public" {
  location = var.region
  name     = module.function["receive"].name
  role     = "roles/run.invoker"
  member   = "allUsers"
}

# ── Load balancer and Cloud Armor, where there is a domain ────────────────────────────────────────────────────────────
resource "google_compute_region_network_endpoint_group" "receive" {
  count                 = var.domain == null ? 0 : 1
  name                  = "${var.prefix}-receive"
  region                = var.region
  network_endpoint_type = "SERVERLESS"
  cloud_run {
    service = module.function["receive"].name
  }
}

resource "google_compute_security_policy" "webhooks" {
  #checkov:skip=CKV_GCP_73:it is no Java, and nothing but posts to our own few paths gets through
  count       = var.domain == null ? 0 : 1
  name        = "${var.prefix}-webhooks"
  description = "A path for each sender, with a rate and a size of its own; nothing else"

  rule {
    priority    = 100
    action      = "deny(403)"
    description = "Webhooks are posted, say how long they are, and are not that long"
    match {
      expr {
        expression = "request.method != 'POST' || !has(request.headers['content-length']) || int(request.headers['content-length']) > ${local.most_bytes}"
      }
    }
  }

  # One sender's flood is not another's: a click gets through while a forge is flooded.
  dynamic "rule" {
    for_each = { for place, sender in sort(keys(local.senders)) : sender => 200 + place }
    content {
      priority    = rule.value
      action      = "throttle"
      description = rule.key
      match {
        expr {
          expression = "request.path == '/${rule.key}'"
        }
      }
      rate_limit_options {
        conform_action = "allow"
        exceed_action  = "deny(429)"
        enforce_on_key = "ALL"
        rate_limit_threshold {
          count        = var.webhook_rate
          interval_sec = 60
        }
      }
    }
  }

  rule {
    priority    = 2147483647
    action      = "deny(404)"
    description = "No such path"
    match {
      versioned_expr = "SRC_IPS_V1"
      config {
        src_ip_ranges = ["*"]
      }
    }
  }
}

resource "google_compute_backend_service" "receive" {
  count                 = var.domain == null ? 0 : 1
  name                  = "${var.prefix}-receive"
  load_balancing_scheme = "EXTERNAL_MANAGED"
  protocol              = "HTTPS"
  security_policy       = google_compute_security_policy.webhooks[0].id
  backend {
    group = google_compute_region_network_endpoint_group.receive[0].id
  }
  log_config {
    enable      = true
    sample_rate = 1
  }
}

resource "google_compute_url_map" "webhooks" {
  count           = var.domain == null ? 0 : 1
  name            = "${var.prefix}-webhooks"
  default_service = google_compute_backend_service.receive[0].id
}

resource "google_compute_managed_ssl_certificate" "webhooks" {
  count = var.domain == null ? 0 : 1
  name  = "${var.prefix}-${substr(sha256(coalesce(var.domain, "-")), 0, 8)}"
  managed {
    domains = [var.domain]
  }
  lifecycle {
    create_before_destroy = true
  }
}

resource "google_compute_ssl_policy" "webhooks" {
  count           = var.domain == null ? 0 : 1
  name            = "${var.prefix}-webhooks"
  profile         = "RESTRICTED"
  min_tls_version = "TLS_1_2"
}

resource "google_compute_target_https_proxy" "webhooks" {
  count            = var.domain == null ? 0 : 1
  name             = "${var.prefix}-webhooks"
  url_map          = google_compute_url_map.webhooks[0].id
  ssl_certificates = google_compute_managed_ssl_certificate.webhooks[*].id
  ssl_policy       = google_compute_ssl_policy.webhooks[0].id
}

resource "google_compute_global_address" "webhooks" {
  count = var.domain == null ? 0 : 1
  name  = "${var.prefix}-webhooks"
}

resource "google_compute_global_forwarding_rule" "webhooks" {
  count                 = var.domain == null ? 0 : 1
  name                  = "${var.prefix}-webhooks"
  load_balancing_scheme = "EXTERNAL_MANAGED"
  ip_address            = google_compute_global_address.webhooks[0].id
  port_range            = "443"
  target                = google_compute_target_https_proxy.webhooks[0].id
}

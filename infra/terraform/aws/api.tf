# The one public door: a path for each sender whose proof is set up, and nothing beside.
locals {
  senders = { for sender, secret in {
    slack        = "slack_signing_secret"
    github       = "github_webhook_secret"
    gitlab       = "gitlab_webhook_secret"
    palette      = "palette_webhook_secret"
    azure        = "azure_webhook_secret"
    alertmanager = "alertmanager_webhook_secret"
  } : sender => secret if contains(var.secrets, secret) || (sender == "azure" && try(var.settings.azure_entra, null) != null) }
}

resource "aws_apigatewayv2_api" "this" {
  name                         = var.prefix
  description                  = "Webhooks of ${var.prefix}"
  protocol_type                = "HTTP"
  disable_execute_api_endpoint = false
}

resource "aws_apigatewayv2_integration" "receive" {
  api_id                 = aws_apigatewayv2_api.this.id
  integration_type       = "AWS_PROXY"
  integration_uri        = module.function["receive"].arn
  payload_format_version = "2.0"
  timeout_milliseconds   = 10000
}

resource "aws_apigatewayv2_route" "sender" {
  #checkov:skip=CKV_AWS_309:senders prove themselves by signatures over the body, which no authorizer sees; `receive` checks them first of all
  for_each  = local.senders
  api_id    = aws_apigatewayv2_api.this.id
  route_key = "POST /${each.key}"
  target    = "integrations/${aws_apigatewayv2_integration.receive.id}"
}

resource "aws_apigatewayv2_stage" "this" {
  api_id      = aws_apigatewayv2_api.this.id
  name        = "$default"
  auto_deploy = true

  default_route_settings {
    throttling_rate_limit  = var.webhook_rate.per_second
    throttling_burst_limit = var.webhook_rate.burst
  }

  # One sender's flood is not another's: a click gets through while a forge is flooded.
  dynamic "route_settings" {
    for_each = aws_apigatewayv2_route.sender
    content {
      route_key              = route_settings.value.route_key
      throttling_rate_limit  = var.webhook_rate.per_second
      throttling_burst_limit = var.webhook_rate.burst
    }
  }

  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.api.arn
    # Neither path nor query: Azure's secret may be in it.
    format = jsonencode({
      at       = "$context.requestTime"
      request  = "$context.requestId"
      from     = "$context.identity.sourceIp"
      route    = "$context.routeKey"
      status   = "$context.status"
      bytes    = "$context.responseLength"
      took_ms  = "$context.responseLatency"
      function = "$context.integration.status"
    })
  }
}

resource "aws_cloudwatch_log_group" "api" {
  #checkov:skip=CKV_AWS_338:log_days decides
  name              = "/aws/apigateway/${var.prefix}"
  retention_in_days = var.log_days
  kms_key_id        = local.key_arn
}

resource "aws_lambda_permission" "api" {
  statement_id  = "webhooks"
  action        = "lambda:InvokeFunction"
  function_name = module.function["receive"].name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.this.execution_arn}/$default/POST/*"
}

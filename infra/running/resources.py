"""Every type of resource in both Terraform trees: charged by the month, charged by use, or free, and why."""

from collections.abc import Mapping

MONTHLY: Mapping[str, str] = {
    "aws_cloudwatch_dashboard": "cloudwatch.dashboard",
    "aws_cloudwatch_metric_alarm": "cloudwatch.alarm",
    "aws_kms_key": "kms.key",
    "aws_secretsmanager_secret": "secretsmanager.secret",
    "google_cloud_scheduler_job": "scheduler.job",
    "google_monitoring_alert_policy": "monitoring.condition",
    "google_secret_manager_secret": "secretmanager.version",
}
"""Type → its price for each one. An alert policy of ours has one condition, a secret one version in use."""

BY_USE: Mapping[str, str] = {
    "aws_apigatewayv2_api": "its requests",
    "aws_cloudwatch_log_group": "what is written to it and kept",
    "aws_lambda_event_source_mapping": "the requests of its pollers",
    "aws_lambda_function": "its time and calls",
    "aws_s3_bucket": "what lies in it, and requests",
    "aws_scheduler_schedule": "its calls",
    "aws_secretsmanager_secret_version": "with its secret",
    "aws_sqs_queue": "requests",
    "google_artifact_registry_repository": "the images in it",
    "google_cloudfunctions2_function": "its time and calls",
    "google_logging_metric": "the samples that are made of lines",
    "google_logging_project_bucket_config": "what is written to it and kept",
    "google_pubsub_subscription": "the messages that it delivers",
    "google_pubsub_topic": "the messages that are published",
    "google_storage_bucket": "what lies in it, and operations",
}
"""Type → what of it is counted below."""

OPTIONAL: Mapping[str, str] = {
    "aws_emrserverless_application": "only with `spark`: vCPU and memory of the jobs that run",
    "google_bigquery_data_transfer_config": "only with `billing_exports`: the bytes that its query scans, twice the bill's size each time",
    "google_bigquery_dataset": "only with `billing_exports`: it holds no row",
    "google_bigquery_table": "only with `billing_exports`: it holds no row",
    "google_compute_backend_service": "only with `domain`: with the forwarding rule",
    "google_compute_global_address": "only with `domain`: free while the rule uses it",
    "google_compute_global_forwarding_rule": "only with `domain`: 730 hours a month",
    "google_compute_managed_ssl_certificate": "only with `domain`: free",
    "google_compute_region_network_endpoint_group": "only with `domain`: free",
    "google_compute_security_policy": "only with `domain`: Cloud Armor charges the policy, its rules and its requests",
    "google_compute_ssl_policy": "only with `domain`: free",
    "google_compute_target_https_proxy": "only with `domain`: with the forwarding rule",
    "google_compute_url_map": "only with `domain`: with the forwarding rule",
}
"""Not made at the defaults, and not counted below."""

_RIGHTS = "rights are free"
_SETTING = "a setting of something that is counted"
_WIRE = "names who calls whom; the calls are counted"
FREE: Mapping[str, str] = {
    "aws_apigatewayv2_integration": _WIRE,
    "aws_apigatewayv2_route": _WIRE,
    "aws_apigatewayv2_stage": _SETTING,
    "aws_budgets_budget": "budgets that only notify are free",
    "aws_ce_anomaly_monitor": "anomaly detection is free",
    "aws_ce_anomaly_subscription": "anomaly detection is free",
    "aws_cloudwatch_log_metric_filter": "a filter is free; the metric that it makes is counted as one",
    "aws_iam_policy": _RIGHTS,
    "aws_iam_role": _RIGHTS,
    "aws_iam_role_policy": _RIGHTS,
    "aws_kms_alias": "a name of the key",
    "aws_lambda_code_signing_config": "code signing is free",
    "aws_lambda_permission": _RIGHTS,
    "aws_s3_bucket_lifecycle_configuration": "expiry is free",
    "aws_s3_bucket_notification": "free; the messages that it sends are counted",
    "aws_s3_bucket_object_lock_configuration": _SETTING,
    "aws_s3_bucket_ownership_controls": _SETTING,
    "aws_s3_bucket_policy": _RIGHTS,
    "aws_s3_bucket_public_access_block": _SETTING,
    "aws_s3_bucket_server_side_encryption_configuration": _SETTING,
    "aws_s3_bucket_versioning": _SETTING,
    "aws_s3_object": "the bundles, together below one gigabyte",
    "aws_scheduler_schedule_group": "a folder of schedules",
    "aws_sns_topic": "alarms and notices: a few messages a month, below a cent",
    "aws_sns_topic_policy": _RIGHTS,
    "aws_sns_topic_subscription": "deliveries to Lambda are free, a mail is 0.00002 dollars",
    "aws_sqs_queue_policy": _RIGHTS,
    "google_bigquery_connection": "free",
    "google_bigquery_dataset_iam_member": _RIGHTS,
    "google_billing_budget": "budgets are free",
    "google_artifact_registry_repository_iam_member": _RIGHTS,
    "google_cloud_run_v2_service_iam_member": _RIGHTS,
    "google_logging_project_exclusion": "routing is free",
    "google_logging_project_sink": "routing is free; what arrives is counted",
    "google_monitoring_notification_channel": "mail is free",
    "google_project_iam_custom_role": _RIGHTS,
    "google_project_iam_member": _RIGHTS,
    "google_pubsub_subscription_iam_member": _RIGHTS,
    "google_pubsub_topic_iam_member": _RIGHTS,
    "google_secret_manager_secret_iam_member": _RIGHTS,
    "google_secret_manager_secret_version": "with its secret",
    "google_service_account": "accounts are free",
    "google_service_account_iam_member": _RIGHTS,
    "google_storage_bucket_iam_member": _RIGHTS,
    "google_storage_bucket_object": "the bundles, together below one gigabyte",
    "google_storage_notification": "free; the messages that it sends are counted",
}
"""Type → why nothing is counted for it."""

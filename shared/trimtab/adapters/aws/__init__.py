"""Amazon Web Services, as far as files in buckets are not enough. The only place with boto3."""

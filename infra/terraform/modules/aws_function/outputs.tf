output "name" {
  description = "Name of the function."
  value       = aws_lambda_function.this.function_name
}

output "arn" {
  description = "ARN of the function."
  value       = aws_lambda_function.this.arn
}

output "invoke_arn" {
  description = "What API Gateway calls it by."
  value       = aws_lambda_function.this.invoke_arn
}

output "role_arn" {
  description = "ARN of its role; buckets and roles of other accounts name it."
  value       = aws_iam_role.this.arn
}

output "log_group" {
  description = "Name of its log group."
  value       = aws_cloudwatch_log_group.this.name
}

output "dead_queue" {
  description = "Its dead letters: name and ARN."
  value       = { name = aws_sqs_queue.dead.name, arn = aws_sqs_queue.dead.arn }
}

output "queue_arn" {
  description = "ARN of the queue that wakes it; null = none."
  value       = one(aws_sqs_queue.this[*].arn)
  depends_on  = [aws_sqs_queue_policy.this]
}

-- What the samples are made for; filled from model.py, in its order.
CREATE TEMP TABLE node (
  id INTEGER, cluster_uid VARCHAR, cluster VARCHAR, project VARCHAR, pool VARCHAR, node VARCHAR, provider_id VARCHAR, instance_type VARCHAR,
  cpu_capacity BIGINT, memory_capacity BIGINT, gpu_capacity BIGINT, first_step INTEGER, is_measured BOOLEAN,
  zone VARCHAR, gpu_model VARCHAR, gpu_rest BIGINT, gpu_full BIGINT
);
CREATE TEMP TABLE pod (
  id INTEGER, cluster_uid VARCHAR, cluster VARCHAR, project VARCHAR, pool VARCHAR, node VARCHAR, provider_id VARCHAR, instance_type VARCHAR,
  namespace VARCHAR, workload VARCHAR, workload_kind VARCHAR, pod VARCHAR, labels VARCHAR, number INTEGER,
  cpu_request BIGINT, memory_request BIGINT, gpu_request BIGINT,
  vm VARCHAR, at_full BIGINT, shift INTEGER, memory_used BIGINT, activity BIGINT, swing BIGINT, gpu_memory BIGINT,
  queue VARCHAR, capacity BIGINT, first_step INTEGER, disruptions_allowed BIGINT, local_volume BOOLEAN,
  annotations VARCHAR, gpu_sharing VARCHAR, gpu_shares BIGINT, gpu_shares_of BIGINT, sent BIGINT
);
CREATE TEMP TABLE asset (
  id INTEGER, cluster_uid VARCHAR, cluster VARCHAR, project VARCHAR, namespace VARCHAR, workload VARCHAR, workload_kind VARCHAR,
  labels VARCHAR, annotations VARCHAR, provider_id VARCHAR, asset VARCHAR, asset_bytes BIGINT
);

// Package metrics shows a broker to Prometheus, under the names and labels of
// Apache's metrics, so that dashboards made for those go on working
// (RocketMQ: BrokerMetricsManager, DefaultStoreMetricsManager):
//
//	rocketmq_messages_in_total, rocketmq_throughput_in_total    topic, message_type, is_system
//	rocketmq_messages_out_total, rocketmq_throughput_out_total  topic, consumer_group, is_retry, is_system
//	rocketmq_send_to_dlq_messages_total                         topic, consumer_group, is_system
//	rocketmq_consumer_lag_messages, rocketmq_consumer_lag_latency
//	                                                            topic, consumer_group, is_retry, is_system
//	rocketmq_consumer_connections                               consumer_group, language, version, consume_mode, …
//	rocketmq_broker_permission, rocketmq_topic_number, rocketmq_consumer_group_number
//	rocketmq_storage_size, rocketmq_storage_flush_behind_bytes, rocketmq_storage_message_reserve_time
//
// and what Apache does not show:
//
//	actormq_replication_lag_bytes                               replica
//	actormq_replication_slaves, actormq_replication_in_sync_slaves
//
// All of them carry node_type, cluster and node_id, and what metricsLabel adds.
//
// A Collector is no actor: it runs on the goroutine of whoever scrapes, reads
// snapshots and counters, and asks Offsets for the lags. Nothing waits for it.
package metrics

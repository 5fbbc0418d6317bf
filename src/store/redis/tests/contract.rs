//! The contract suite on one server and on a cluster.

use super::{fresh, server, settings};
use crate::redis_lab::RedisCluster;
use crate::store::contract::{Processes, Rows, run_all};
use crate::store::redis::Settings;
use std::sync::Arc;
use switchyard_actors::ports::store::Store;

#[tokio::test]
async fn one_server_keeps_the_contract() {
    let server = server();
    let settings = settings(vec![server.url()]);
    let make = async || Arc::new(fresh(settings.clone()).await) as Arc<dyn Store>;
    run_all(make, Rows::SpanTags, Processes::Many).await;
}

#[tokio::test]
async fn a_cluster_of_three_primaries_keeps_the_contract() {
    let cluster = RedisCluster::start(3).expect("a cluster");
    let settings = Settings { cluster: true, command_ms: 2_000, ..settings(cluster.urls()) };
    let make = async || Arc::new(fresh(settings.clone()).await) as Arc<dyn Store>;
    run_all(make, Rows::GoTagByTag, Processes::Many).await;
}

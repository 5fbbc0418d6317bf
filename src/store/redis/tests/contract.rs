//! The contract suite on a real server and on a real cluster.

use super::{Servers, fresh};
use crate::store::contract::{Processes, Rows, run_all};

#[tokio::test]
async fn one_server_keeps_the_contract() {
    let servers = Servers::one();
    run_all(async || fresh(servers.settings()).await, Rows::SpanTags, Processes::Many).await;
}

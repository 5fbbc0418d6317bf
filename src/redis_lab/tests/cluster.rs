use crate::redis_lab::{Account, Encryption, RedisCluster, RedisServer, Reply, Settings};

fn other_than<'c>(cluster: &'c RedisCluster, owner: &RedisServer) -> &'c RedisServer {
    cluster.nodes().iter().find(|node| node.port() != owner.port()).expect("there are several")
}

fn ask(node: &RedisServer, words: &[&str]) -> String {
    node.command(words).expect("an answer").to_string()
}

#[test]
fn a_key_is_with_its_owner_and_the_others_redirect_to_it() {
    let cluster = RedisCluster::start(3).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((cluster.nodes().len(), cluster.urls().len()), (3, 3));
    for key in ["port", "{switch-1}:jobs", "{partner-7}:outbox"] {
        let owner = cluster.owner_of(key).expect("it is known");
        let moved = ask(other_than(&cluster, owner), &["SET", key, "1"]);
        assert!(moved.starts_with("MOVED "), "{moved}");
        assert!(moved.ends_with(&format!(" {}", owner.address())), "{moved}");
        assert_eq!(ask(owner, &["SET", key, "1"]), "OK");
    }
}

#[test]
fn a_cluster_is_down_without_a_node_and_up_with_its_data_after_the_restart() {
    let account = Account::Password("b1tterOrange".to_owned());
    let cluster = RedisCluster::start_with(3, Settings { account, ..Settings::default() })
        .unwrap_or_else(|error| panic!("{error}"));
    let owner = cluster.owner_of("port").expect("it is known");
    assert_eq!(ask(owner, &["SET", "port", "1"]), "OK");
    owner.kill();
    cluster.wait_until_down().expect("slots are missing");
    let refused = ask(other_than(&cluster, owner), &["GET", "port"]);
    assert!(refused.starts_with("CLUSTERDOWN"), "{refused}");

    owner.restart().expect("it starts again");
    cluster.wait_until_up().expect("all slots are there");
    assert_eq!(owner.command(&["GET", "port"]).expect("an answer"), Reply::bulk("1"));
}

#[test]
fn a_cluster_may_have_one_node() {
    let cluster = RedisCluster::start(1).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(ask(&cluster.nodes()[0], &["SET", "port", "1"]), "OK");
}

#[test]
fn the_nodes_of_a_cluster_find_each_other_over_tls() {
    let settings = Settings { encryption: Encryption::Tls, ..Settings::default() };
    let cluster = RedisCluster::start_with(2, settings).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(cluster.nodes()[0].authority(), cluster.nodes()[1].authority());
    let owner = cluster.owner_of("port").expect("it is known");
    let moved = ask(other_than(&cluster, owner), &["GET", "port"]);
    assert!(moved.ends_with(&format!(" {}", owner.address())), "{moved}");
}

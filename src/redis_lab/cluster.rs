//! A Redis Cluster of primaries: every slot is somebody's, and each node knows the others.
//!
//! A node that dies takes its slots with it, since there is no replica: until it is back, the cluster says that it is
//! down. That is what a fault run wants to see.

use super::LabError;
use super::client::Reply;
use super::patience::wait_for;
use super::server::RedisServer;
use super::settings::{Role, Settings};
use super::tls::Certificates;
use std::ops::{ControlFlow, Range};
use std::time::Duration;

/// How many slots a Redis Cluster has.
const SLOTS: usize = 16_384;
/// After which a silent node is held for dead. Short, so that tests don't wait; a busy machine must not reach it.
const NODE_TIMEOUT: Duration = Duration::from_secs(2);

/// The nodes of a cluster. Gone when dropped.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<RedisServer>,
}

impl RedisCluster {
    /// Starts as many primaries as asked for, at least one, with the slots shared evenly; waits until all of them say
    /// that the cluster is up.
    ///
    /// # Errors
    /// As [`RedisServer::start`], or when they don't find each other in time.
    pub fn start(primaries: usize) -> Result<Self, LabError> {
        Self::start_with(primaries, Settings::default())
    }

    /// The same, each node set up as told, but for its role.
    ///
    /// # Errors
    /// As [`RedisCluster::start`].
    pub fn start_with(primaries: usize, mut settings: Settings) -> Result<Self, LabError> {
        settings.role = Role::ClusterNode { timeout: NODE_TIMEOUT };
        let certificates = Certificates::wanted(settings.encryption)?;
        let start = |_| RedisServer::start_certified(settings.clone(), certificates.clone());
        let nodes = (0..primaries.max(1)).map(start);
        let cluster = Self { nodes: nodes.collect::<Result<_, _>>()? };
        cluster.join()?;
        cluster.wait_until_up()?;
        Ok(cluster)
    }

    fn join(&self) -> Result<(), LabError> {
        for (number, node) in self.nodes.iter().enumerate() {
            // Given before they meet: nodes of one epoch would first have to settle who goes ahead.
            order(node, &["CLUSTER", "SET-CONFIG-EPOCH", &(number + 1).to_string()])?;
            let slots = share(number, self.nodes.len()).map(|slot| slot.to_string());
            order(node, &words(["CLUSTER", "ADDSLOTS"], slots))?;
        }
        let port = self.nodes[0].port().to_string();
        self.nodes[1..].iter().try_for_each(|node| order(node, &["CLUSTER", "MEET", "127.0.0.1", &port]))
    }

    /// Waits until each node says that the cluster is up and that it knows as many nodes as there are.
    ///
    /// # Errors
    /// When one does not in time.
    pub fn wait_until_up(&self) -> Result<(), LabError> {
        let known = format!("cluster_known_nodes:{}", self.nodes.len());
        self.wait_until_all_say(&["cluster_state:ok", &known])
    }

    /// Waits until each node that answers at all says that the cluster is down; that takes a node's timeout after a kill.
    ///
    /// # Errors
    /// When one does not in time, or none answers.
    pub fn wait_until_down(&self) -> Result<(), LabError> {
        wait_for("a cluster that is down", || {
            let answers = || self.nodes.iter().filter_map(|node| information(node).ok());
            let down = answers().all(|said| said.contains("cluster_state:fail"));
            if down && answers().next().is_some() {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(answers().collect())
        })
    }

    fn wait_until_all_say(&self, lines: &[&str]) -> Result<(), LabError> {
        self.nodes.iter().try_for_each(|node| {
            wait_for(&format!("{} from {}", lines.join(", "), node.address()), || match information(node) {
                Ok(said) if lines.iter().all(|line| said.lines().any(|other| other == *line)) => {
                    ControlFlow::Break(())
                }
                Ok(said) | Err(said) => ControlFlow::Continue(said),
            })
        })
    }

    /// Its nodes: the first has the first slots.
    #[must_use]
    pub fn nodes(&self) -> &[RedisServer] {
        &self.nodes
    }

    /// A URL for each node.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(RedisServer::url).collect()
    }

    /// The node that was given the key's slot at the start.
    ///
    /// # Errors
    /// When a node does not tell the slot.
    pub fn owner_of(&self, key: &str) -> Result<&RedisServer, LabError> {
        let command = ["CLUSTER", "KEYSLOT", key];
        let reply = self.nodes[0].command(&command).map_err(LabError::while_doing("ask for a slot"))?;
        let Reply::Integer(slot) = reply else { return Err(refusal(&command, &reply)) };
        let owner = (0..self.nodes.len()).find(|number| {
            usize::try_from(slot).is_ok_and(|slot| share(*number, self.nodes.len()).contains(&slot))
        });
        Ok(&self.nodes[owner.expect("every slot is shared out")])
    }
}

/// The slots of node `number`, from 0, of `nodes`.
fn share(number: usize, nodes: usize) -> Range<usize> {
    number * SLOTS / nodes..(number + 1) * SLOTS / nodes
}

fn words(first: [&str; 2], rest: impl Iterator<Item = String>) -> Vec<String> {
    first.into_iter().map(str::to_owned).chain(rest).collect()
}

fn order<W: AsRef<str> + AsRef<[u8]>>(node: &RedisServer, command: &[W]) -> Result<(), LabError> {
    match node.command(command).map_err(LabError::while_doing("order a cluster's node"))? {
        Reply::Status(_) => Ok(()),
        reply => Err(refusal(command, &reply)),
    }
}

fn refusal<W: AsRef<str>>(command: &[W], reply: &Reply) -> LabError {
    // The first words: the rest can be thousands of slots.
    let command = command.iter().take(3).map(AsRef::as_ref).collect::<Vec<_>>().join(" ");
    LabError::Refused { command, said: reply.to_string() }
}

/// What the node says of its cluster, or why it says nothing.
fn information(node: &RedisServer) -> Result<String, String> {
    node.command(&["CLUSTER", "INFO"]).map(|reply| reply.to_string()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slots_are_shared_evenly_and_none_is_left() {
        for nodes in 1..=7 {
            let shares: Vec<_> = (0..nodes).map(|number| share(number, nodes)).collect();
            assert_eq!((shares[0].start, shares[nodes - 1].end), (0, SLOTS));
            assert!(shares.windows(2).all(|pair| pair[0].end == pair[1].start));
            assert!(shares.iter().all(|share| share.len().abs_diff(SLOTS / nodes) <= 1));
        }
    }
}

//! The lab itself: servers, clusters and the proxy do what their names say.

mod cluster;
mod proxy;
mod server;

//! Real SPIRE on loopback: a trust domain is a server, and perhaps an agent that its workloads find.

mod agent;
mod authority;
mod programs;
mod server;
mod watch;

pub(crate) use self::{
    agent::{Agent, Workload},
    authority::Kind,
    server::{Plan, Server, free_port},
    watch::{Helper, Watch},
};

/// The trust domain of everything that is guarded.
pub(crate) const HOME: &str = "home.test";
/// The trust domain that it is federated with.
pub(crate) const FRIEND: &str = "friend.test";

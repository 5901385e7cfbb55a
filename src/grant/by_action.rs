//! Values by actions: what a hop asks for leads to the few that may cover it, however many there are.

use std::collections::HashMap;

use super::{Action, Requested, action::Shape};
use crate::hop::ByPattern;

/// One value for each path, gRPC method and port that actions name.
///
/// What it shows may cover a hop; whether it does, [`Action::covers`] says.
#[derive(Clone, Debug)]
pub(crate) struct ByAction<T> {
    http: ByPattern<T>,
    grpc: HashMap<Box<str>, T>,
    ports: HashMap<u16, T>,
}

/// By which kind of name a value was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Via {
    /// A gRPC method.
    Grpc,
    /// A path.
    Http,
    /// A port.
    Tcp,
}

impl<T: Default> ByAction<T> {
    /// Shows the value of each name in an action.
    pub(crate) fn entries(&mut self, action: &Action, mut show: impl FnMut(&mut T)) {
        match &action.shape {
            Shape::Grpc(methods) => {
                methods.iter().for_each(|method| show(self.grpc.entry(method.0.clone()).or_default()));
            }
            Shape::Http { paths, .. } => paths.iter().for_each(|path| show(self.http.entry(path))),
            Shape::Tcp(ports) => ports.iter().for_each(|port| show(self.ports.entry(*port).or_default())),
        }
    }
}

impl<T> ByAction<T> {
    /// Shows each value whose name is that of what is asked for.
    pub(crate) fn named<'a>(&'a self, requested: &Requested<'_>, mut show: impl FnMut(Via, &'a T)) {
        match requested {
            Requested::Http(call) => {
                self.http.matching(call.path, &mut |value| show(Via::Http, value));
                if let Some(value) = self.grpc.get(call.path).filter(|_| call.is_grpc()) {
                    show(Via::Grpc, value);
                }
            }
            Requested::Tcp(port) => self.ports.get(port).into_iter().for_each(|value| show(Via::Tcp, value)),
            Requested::Unclear => {}
        }
    }

    /// Shows all values.
    pub(crate) fn each_mut(&mut self, mut show: impl FnMut(Via, &mut T)) {
        self.http.each_mut(&mut |value| show(Via::Http, value));
        self.grpc.values_mut().for_each(|value| show(Via::Grpc, value));
        self.ports.values_mut().for_each(|value| show(Via::Tcp, value));
    }
}

impl<T> Default for ByAction<T> {
    fn default() -> Self {
        Self { http: ByPattern::default(), grpc: HashMap::new(), ports: HashMap::new() }
    }
}

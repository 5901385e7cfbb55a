//! What an action opens, in words: one line for each route.

use super::action::{Action, Shape};

impl Action {
    /// Its routes, each as people would name it: `GET /v1/ledgers/*`.
    pub fn routes(&self) -> Vec<String> {
        let named: Vec<String> = match &self.shape {
            Shape::Grpc(methods) => {
                methods.iter().map(|method| format!("gRPC {}", method.0.trim_start_matches('/'))).collect()
            }
            Shape::Tcp(ports) => ports.iter().map(|port| format!("TCP port {port}")).collect(),
            Shape::Http { methods, paths, upgrades } => {
                let upgrade = match upgrades.as_slice() {
                    [] => String::new(),
                    upgrades => {
                        let names: Vec<_> = upgrades.iter().map(|upgrade| &*upgrade.0).collect();
                        format!(", upgraded to {}", names.join(" or "))
                    }
                };
                let of = |path| methods.iter().map(move |method| (&*method.0, path));
                paths.iter().flat_map(of).map(|(method, path)| format!("{method} {path}{upgrade}")).collect()
            }
        };
        let Some(hosts) = &self.hosts else { return named };
        let hosts: Vec<_> = hosts.iter().map(|host| &*host.0).collect();
        named.into_iter().map(|route| format!("{route} at {}", hosts.join(" or "))).collect()
    }
}

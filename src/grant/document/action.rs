//! Reads one action of a grant or a resource: what it does not say, nobody may do.

use crate::{
    grant::{
        Action,
        action::Shape,
        field::{field, list},
        names::{GrpcPath, Host, Method, Upgrade},
    },
    hop::PathPattern,
    yaml::{Mapping, Value},
};

/// Reads an action.
pub(crate) fn action(item: Value<'_>) -> Option<Action> {
    let mut action = item.mapping();
    action.not_built("connect", "name the methods and paths of requests");
    let unbuilt = action.has("connect");
    let tcp = action.has("tcp");
    let hosts = list(&action.optional("hosts"), |item| item.parsed(Host::parse));
    let shape = if tcp {
        alone(&mut action, "tcp", &["methods", "paths", "upgrade", "grpc", "hosts"]);
        let mut connection = action.required("tcp").mapping();
        let port = |item: Value<'_>| item.integer_in(1..=65_535).and_then(|port| u16::try_from(port).ok());
        let ports = list(&connection.required("ports"), port);
        connection.finish();
        ports.map(Shape::Tcp)
    } else if action.has("grpc") {
        alone(&mut action, "grpc", &["methods", "paths", "upgrade"]);
        list(&action.required("grpc"), |item| item.parsed(GrpcPath::parse)).map(Shape::Grpc)
    } else {
        let methods = list(&field(&mut action, "methods", !unbuilt), |item| item.parsed(Method::parse));
        let paths = list(&field(&mut action, "paths", !unbuilt), |item| item.parsed(PathPattern::parse));
        let upgrades = list(&action.optional("upgrade"), |item| item.parsed(Upgrade::parse)).unwrap_or_default();
        methods.zip(paths).map(|(methods, paths)| Shape::Http { methods, paths, upgrades })
    };
    action.finish();
    Some(Action { shape: shape?, hosts })
}

/// Refuses what an action of one kind cannot also say.
fn alone(action: &mut Mapping<'_>, kind: &str, others: &[&'static str]) {
    for key in others {
        if action.has(key) {
            let message = format!("`{kind}` says it already: leave it out, or make it an action of its own");
            action.optional(key).problem(message);
        }
    }
}

//! Where in a file the listeners, clusters and routes are: a bootstrap, a list of resources, or a configuration dump.

use std::collections::HashMap;

use super::{Refused, at::At};

/// What a file configures.
#[derive(Debug, Default)]
pub(super) struct Source<'t> {
    pub(super) listeners: Vec<At<'t>>,
    /// Clusters by their names.
    clusters: HashMap<&'t str, At<'t>>,
    /// Routes that a listener only names.
    routes: HashMap<&'t str, At<'t>>,
    /// The admin interface.
    pub(super) admin: Option<At<'t>>,
    /// A part of a bootstrap that other files or servers fill.
    pub(super) dynamic: Option<At<'t>>,
    /// Whether what is dynamic is shown too.
    pub(super) is_dump: bool,
}

impl<'t> Source<'t> {
    pub(super) fn of(root: &At<'t>) -> Result<Self, Refused> {
        let mut source = Self::default();
        let configs = root.items("configs");
        if !configs.is_empty() {
            source.is_dump = true;
            configs.iter().for_each(|part| source.dumped(part));
        } else if root.get("resources").is_some() {
            root.items("resources").iter().for_each(|resource| source.resource(resource));
        } else {
            source.bootstrap(root);
        }
        if source.listeners.is_empty() && source.dynamic.is_none() {
            let message =
                "nothing listens here: not a bootstrap, a list of `resources` or a configuration dump with listeners";
            return Err(Refused { line: Some(root.line()), message: message.to_owned() });
        }
        Ok(source)
    }

    fn bootstrap(&mut self, root: &At<'t>) {
        let resources = root.get("static_resources");
        let items = |field| resources.iter().flat_map(|all| all.items(field)).collect::<Vec<_>>();
        self.listeners.extend(items("listeners"));
        self.clusters.extend(items("clusters").into_iter().map(named));
        self.admin = root.get("admin").or_else(|| self.admin.take());
        self.dynamic =
            root.at(&["dynamic_resources", "lds_config"]).or_else(|| root.at(&["dynamic_resources", "ads_config"]));
    }

    fn resource(&mut self, resource: &At<'t>) {
        let kind = resource.word("@type").unwrap_or_default();
        // A resource may come wrapped, with its name and version.
        let inner = if kind.ends_with(".Resource") { resource.get("resource") } else { Some(resource.clone()) };
        let Some(inner) = inner else { return };
        match inner.word("@type").and_then(|kind| kind.rsplit('.').next()) {
            Some("Listener") => self.listeners.push(inner),
            Some("Cluster") => self.clusters.extend([named(inner)]),
            Some("RouteConfiguration") => self.routes.extend([named(inner)]),
            _ => {}
        }
    }

    /// A part of a dump. The static listeners and clusters are in its bootstrap too, but the bootstrap may be filtered out.
    fn dumped(&mut self, part: &At<'t>) {
        if let Some(bootstrap) = part.get("bootstrap") {
            self.admin = bootstrap.get("admin");
        }
        let parts = [
            ("static_listeners", &["listener"][..]),
            ("dynamic_listeners", &["active_state", "listener"]),
            // It will be the active one in a moment.
            ("dynamic_listeners", &["warming_state", "listener"]),
        ];
        self.listeners.extend(found(part, &parts));
        let parts = [("static_clusters", &["cluster"][..]), ("dynamic_active_clusters", &["cluster"])];
        self.clusters.extend(found(part, &parts).into_iter().map(named));
        let parts = [("static_route_configs", &["route_config"][..]), ("dynamic_route_configs", &["route_config"])];
        self.routes.extend(found(part, &parts).into_iter().map(named));
    }

    /// The cluster with this name.
    pub(super) fn cluster(&self, name: &str) -> Option<&At<'t>> {
        self.clusters.get(name)
    }

    /// The routes with this name.
    pub(super) fn routes(&self, name: &str) -> Option<&At<'t>> {
        self.routes.get(name)
    }
}

/// A resource under its name, so that a file of many does not take the square of its time.
fn named<'t>(resource: At<'t>) -> (&'t str, At<'t>) {
    (resource.word("name").unwrap_or_default(), resource)
}

fn found<'t>(part: &At<'t>, parts: &[(&str, &[&str])]) -> Vec<At<'t>> {
    let of = |(list, way): &(&str, &[&str])| {
        part.items(list).into_iter().filter_map(|item| item.at(way)).collect::<Vec<_>>()
    };
    parts.iter().flat_map(of).collect()
}

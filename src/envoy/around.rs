//! No way around: what one listener asks about, no other lets through unasked, and nothing on the way changes it.

use std::collections::BTreeSet;

use super::{
    Lint,
    at::{At, Extension},
    cluster::{addresses, is_here},
    listener::{Chain, HTTP_MANAGER, Role, is_local, role},
    route,
};

impl<'t> Lint<'_, 't> {
    /// Checks where all listeners lead, those of the edge too: they need not ask because others do, behind them.
    pub(super) fn ways_around(&mut self) {
        let (mut asked, mut unasked) = (BTreeSet::new(), Vec::new());
        for listener in &self.source.listeners {
            let (asking, silent): (Vec<_>, Vec<_>) = Chain::all(listener).into_iter().partition(|chain| chain.asks);
            asked.extend(asking.iter().flat_map(|chain| self.leads_to(&chain.filters)));
            // Beside one that asks, a chain that does not is reported for that alone, save at the edge.
            if !is_local(listener) && (asking.is_empty() || role(listener) == Role::Edge) {
                unasked.extend(silent);
            }
        }
        let places = self.places(&asked);
        for chain in unasked {
            let ways = self.places(&self.leads_to(&chain.filters));
            if let Some(place) = ways.iter().find(|place| places.contains(*place)) {
                let message =
                    format!("this leads to `{place}` unasked, where another way leads only after the question");
                let fix = "put the ext_authz filter here too, or take the way away";
                self.error("ext_authz.around", &chain.at, "filters", message, fix);
            }
        }
        for cluster in asked.iter().filter_map(|name| self.source.cluster(name)).cloned().collect::<Vec<_>>() {
            let options = cluster.get("typed_extension_protocol_options");
            for (_, options) in options.iter().flat_map(At::entries) {
                self.upstream_filters(&options.into_extension().config, "http_filters");
            }
        }
    }

    /// The clusters that these filters lead to, by name.
    fn leads_to(&self, filters: &[Extension<'t>]) -> BTreeSet<&'t str> {
        let forwards = filters.iter().filter_map(|filter| match filter.message {
            // Its filters name clusters that they ask, and no request goes there.
            HTTP_MANAGER => self.routes_of(&filter.config),
            _ => Some(filter.config.clone()),
        });
        forwards.flat_map(|at| clusters(&at)).collect()
    }

    /// What is behind these clusters, by their names and the addresses in them: two clusters may be one workload.
    fn places(&self, names: &BTreeSet<&'t str>) -> BTreeSet<String> {
        let known = names.iter().filter_map(|name| self.source.cluster(name));
        let addresses = known.flat_map(addresses).filter_map(|address| written(&address));
        names.iter().map(|name| (*name).to_owned()).chain(addresses).collect()
    }
}

/// The clusters that are named in a place or below it.
pub(super) fn clusters<'t>(at: &At<'t>) -> BTreeSet<&'t str> {
    let mut names = BTreeSet::new();
    route::each(at, &mut |at| {
        names.extend(at.word("cluster"));
        let weighted = at.get("weighted_clusters").map(|all| all.items("clusters")).unwrap_or_default();
        names.extend(weighted.iter().filter_map(|cluster| cluster.word("name")));
    });
    names
}

/// An address in one line, every spelling of this host as one.
fn written(address: &At<'_>) -> Option<String> {
    if let Some(pipe) = address.get("pipe") {
        return pipe.word("path").map(|path| format!("unix:{path}"));
    }
    let socket = address.get("socket_address")?;
    let (host, port) = (socket.word("address")?, socket.word("port_value")?);
    let host = if is_here(host) { "localhost".to_owned() } else { host.to_ascii_lowercase() };
    Some(format!("{host}:{port}"))
}

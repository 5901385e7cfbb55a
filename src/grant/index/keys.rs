//! What grants are filed under and what hops look under: the same number wherever the one may cover the other.
//!
//! The numbers are hashes. Two things that share one by chance cost a look in vain, because what is found is always held against the hop in
//! full.

use std::hash::{BuildHasher, Hash, RandomState};

use super::{
    super::{Grant, action::Shape, by_action::Via},
    Asked, Requested,
};
use crate::purpose::Binding;

/// One place where grants are filed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) action: u64,
    pub(super) purpose: u64,
    pub(super) behalf: u64,
    /// Whether the purpose has to be signed.
    pub(super) signed: bool,
}

/// Where a grant is filed.
#[derive(Debug)]
pub(super) struct Filed {
    http: Vec<u64>,
    grpc: Vec<u64>,
    purposes: Vec<u64>,
    behalves: Vec<u64>,
    signed: bool,
}

/// Where a hop looks.
#[derive(Debug)]
pub(super) struct Sought {
    http: [u64; 2],
    grpc: [u64; 2],
    /// The purpose itself and its ancestors.
    purposes: Vec<u64>,
    behalf: u64,
    signed: bool,
}

/// Which parts of the keys some grant is filed under without a value.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wide {
    pub(super) action: bool,
    pub(super) purpose: bool,
    pub(super) behalf: bool,
}

/// Gives the numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct Hashes(RandomState);

impl Hashes {
    fn of(&self, value: impl Hash) -> u64 {
        // The lowest numbers have meanings of their own.
        self.0.hash_one(value).max(WIDE + 1)
    }

    fn call(&self, method: &str, upgrade: Option<&str>, host: Option<&str>) -> u64 {
        self.of((method, upgrade, host))
    }

    fn behalf(&self, behalf: Option<(&str, &str)>) -> u64 {
        self.of(behalf)
    }
}

impl Filed {
    /// Where to file a grant. What would need very many places is filed more widely.
    pub(super) fn of(grant: &Grant, hashes: &Hashes) -> Self {
        let (mut http, mut grpc, mut places) = (Vec::new(), Vec::new(), 0_usize);
        for action in grant.reach.iter().flat_map(|reach| &reach.actions) {
            let hosts = || match &action.hosts {
                Some(hosts) => hosts.iter().map(|host| Some(&*host.0)).collect(),
                None => vec![None],
            };
            match &action.shape {
                Shape::Grpc(methods) => {
                    places = places.saturating_add(methods.len());
                    grpc.extend(hosts().into_iter().map(|host| hashes.of(host)));
                }
                Shape::Http { methods, paths, upgrades } => {
                    places = places.saturating_add(paths.len());
                    let hosts = hosts();
                    let upgrades = match &**upgrades {
                        [] => vec![None],
                        upgrades => upgrades.iter().map(|upgrade| Some(&*upgrade.0)).collect(),
                    };
                    if methods.len().saturating_mul(hosts.len()).saturating_mul(upgrades.len()) > MAX_PLACES {
                        http.push(WIDE);
                        continue;
                    }
                    for (method, upgrade) in
                        methods.iter().flat_map(|method| upgrades.iter().map(move |it| (method, it)))
                    {
                        http.extend(hosts.iter().map(|host| hashes.call(&method.0, *upgrade, *host)));
                    }
                }
                Shape::Tcp(_) => {}
            }
        }
        let purposes = grant.purposes.iter().map(|purpose| hashes.of(purpose.as_str())).collect();
        let behalves = match &grant.on_behalf_of {
            None => vec![hashes.behalf(None)],
            Some(behalf) => {
                let subjects = behalf
                    .from
                    .iter()
                    .flat_map(|from| from.subjects.iter().map(|name| (from.issuer.as_str(), name.as_str())));
                subjects.map(|(issuer, subject)| hashes.behalf(Some((issuer, subject)))).collect()
            }
        };
        let signed = grant.purpose_binding == Binding::Signed;
        Self { http, grpc, purposes, behalves, signed }.bounded(places)
    }

    /// Files it under no value at all, the longest list of values first, until there are few enough places.
    fn bounded(mut self, places: usize) -> Self {
        let Self { http, grpc, purposes, behalves, .. } = &mut self;
        let mut lists = [http, grpc, purposes, behalves];
        for list in &mut lists {
            list.sort_unstable();
            list.dedup();
            if list.first() == Some(&WIDE) {
                **list = vec![WIDE];
            }
        }
        loop {
            let product = lists.iter().fold(places, |product, list| product.saturating_mul(list.len().max(1)));
            match lists.iter_mut().max_by_key(|list| list.len()) {
                Some(longest) if product > MAX_PLACES && longest.len() > 1 => **longest = vec![WIDE],
                _ => break,
            }
        }
        self
    }

    /// The places under a name that was found so.
    pub(super) fn keys(&self, via: Via) -> impl Iterator<Item = Key> {
        let (actions, purposes) = match via {
            Via::Grpc => (&*self.grpc, &*self.purposes),
            Via::Http => (&*self.http, &*self.purposes),
            // A connection states no purpose and has no host.
            Via::Tcp => (&[WIDE][..], &[WIDE][..]),
        };
        let signed = self.signed;
        actions.iter().flat_map(move |&action| {
            purposes.iter().flat_map(move |&purpose| {
                self.behalves.iter().map(move |&behalf| Key { action, purpose, behalf, signed })
            })
        })
    }
}

impl Sought {
    pub(super) fn by(asked: &Asked<'_>, hashes: &Hashes) -> Self {
        let (http, grpc) = match &asked.requested {
            Requested::Http(call) => (
                [Some(call.host), None].map(|host| hashes.call(call.method, call.upgrade, host)),
                [Some(call.host), None].map(|host| hashes.of(host)),
            ),
            Requested::Tcp(_) | Requested::Unclear => ([WIDE; 2], [WIDE; 2]),
        };
        let purpose = asked.purpose.map(|stated| stated.purpose());
        let names =
            purpose.into_iter().flat_map(|purpose| std::iter::once(purpose.as_str()).chain(purpose.ancestors()));
        Self {
            http,
            grpc,
            purposes: names.map(|name| hashes.of(name)).collect(),
            behalf: hashes.behalf(asked.acting.behalf.map(|(issuer, subject, _)| (issuer, subject))),
            signed: asked.purpose.is_some_and(|stated| stated.binding() == Binding::Signed),
        }
    }

    /// Where everything is filed that has the hop's action, purpose and delegation.
    pub(super) fn keys(&self, via: Via, wide: Wide) -> impl Iterator<Item = Key> {
        self.for_purpose(via, wide).filter(|key| self.signed || !key.signed).flat_map(move |key| {
            let wide = wide.behalf.then_some(WIDE);
            std::iter::once(self.behalf).chain(wide).map(move |behalf| Key { behalf, ..key })
        })
    }

    /// Where everything is filed that has the hop's action and purpose.
    pub(super) fn for_purpose(&self, via: Via, wide: Wide) -> impl Iterator<Item = Key> {
        self.for_action(via, wide).flat_map(move |key| {
            let wide = wide.purpose.then_some(WIDE);
            self.purposes
                .iter()
                .copied()
                .chain(wide)
                .flat_map(move |purpose| [false, true].into_iter().map(move |signed| Key { purpose, signed, ..key }))
        })
    }

    /// Where everything is filed that has the hop's action.
    pub(super) fn for_action(&self, via: Via, wide: Wide) -> impl Iterator<Item = Key> {
        let actions = match via {
            Via::Grpc => &self.grpc[..],
            Via::Http => &self.http[..],
            Via::Tcp => &[],
        };
        let wide = wide.action.then_some(WIDE);
        actions.iter().copied().chain(wide).map(|action| Key { action, purpose: ALL, behalf: ALL, signed: false })
    }

    /// Whether a purpose that has to be signed is.
    pub(super) const fn is_signed(&self) -> bool {
        self.signed
    }
}

impl Key {
    /// Where everything is filed that shares its action and purpose.
    pub(super) const fn without_behalf(self) -> Self {
        Self { behalf: ALL, ..self }
    }

    /// Where everything is filed that shares its action.
    pub(super) const fn without_purpose(self) -> Self {
        Self { purpose: ALL, behalf: ALL, signed: false, ..self }
    }
}

impl Wide {
    /// Takes in another place.
    pub(super) const fn take(&mut self, key: Key) {
        self.action |= key.action == WIDE;
        self.purpose |= key.purpose == WIDE;
        self.behalf |= key.behalf == WIDE;
    }
}

/// Whatever it has.
const ALL: u64 = 0;
/// Whatever it has, because it has too many to be filed under each.
const WIDE: u64 = 1;
/// How many places one grant is filed under, unless it has more paths: a document of a megabyte must not fill the memory. Tests have grants
/// of all kinds of widths with few values.
const MAX_PLACES: usize = if cfg!(test) { 8 } else { 4_096 };

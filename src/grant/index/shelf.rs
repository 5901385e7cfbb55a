//! The grants of one subject, found by what a hop asks for.

use std::{cell::OnceCell, cmp::Reverse, collections::HashMap, sync::Arc};

use spiffe::SpiffeId;

use super::{
    super::{ByAction, Dimension, Grant, by_action::Via},
    Asked,
    keys::{Filed, Hashes, Key, Sought, Wide},
};

/// The place of a grant in the order in which grants are chosen.
pub(super) type Rank = u32;

/// The grants of one subject. Every list has those first that end last, so that what is over is never looked through.
#[derive(Debug)]
pub(super) enum Shelf {
    /// Few enough to look at each.
    Few(Vec<Rank>),
    /// By what they cover.
    Many(Box<ByAction<Leaf>>),
}

/// The grants that name one path, gRPC method or port.
#[derive(Debug)]
pub(super) enum Leaf {
    Few(Vec<Rank>),
    Many(Box<Lists>),
}

#[derive(Debug, Default)]
pub(super) struct Lists {
    by_key: HashMap<Key, Vec<Rank>>,
    wide: Wide,
}

/// A hop that is looked for, and where.
#[derive(Debug)]
pub(super) struct Search<'a> {
    asked: &'a Asked<'a>,
    hashes: &'a Hashes,
    sought: OnceCell<Sought>,
}

impl<'a> Search<'a> {
    pub(super) const fn new(asked: &'a Asked<'a>, hashes: &'a Hashes) -> Self {
        Self { asked, hashes, sought: OnceCell::new() }
    }

    fn sought(&self) -> &Sought {
        self.sought.get_or_init(|| Sought::by(self.asked, self.hashes))
    }
}

impl Shelf {
    /// Files the grants of these ranks, of which `grants` gives each.
    pub(super) fn new(mut ranks: Vec<Rank>, grants: &[Arc<Grant>], audience: &SpiffeId, hashes: &Hashes) -> Self {
        let grant = |rank: Rank| usize::try_from(rank).ok().and_then(|at| grants.get(at));
        ranks.sort_by_key(|rank| (Reverse(grant(*rank).map(|grant| grant.expires_at)), *rank));
        if ranks.len() <= FEW {
            return Self::Few(ranks);
        }
        let mut leaves = ByAction::<Leaf>::default();
        for rank in ranks {
            let reached = grant(rank).into_iter().flat_map(|grant| &grant.reach);
            for action in reached.filter(|reach| reach.audiences.contains(audience)).flat_map(|reach| &reach.actions) {
                leaves.entries(action, |leaf| leaf.push(rank));
            }
        }
        let mut filed = HashMap::new();
        leaves.each_mut(|via, leaf| {
            leaf.file(via, |rank, file| {
                if let Some(grant) = grant(rank) {
                    file(filed.entry(rank).or_insert_with(|| Filed::of(grant, hashes)));
                }
            });
        });
        Self::Many(Box::new(leaves))
    }

    /// Shows lists in which is everything that has the hop's action, purpose and delegation.
    pub(super) fn candidates<'a>(&'a self, search: &Search<'_>, mut show: impl FnMut(&'a [Rank])) {
        match self {
            Self::Few(ranks) => show(ranks),
            Self::Many(leaves) => leaves.named(&search.asked.requested, |via, leaf| match leaf {
                Leaf::Few(ranks) => show(ranks),
                Leaf::Many(lists) => lists.show(search.sought().keys(via, lists.wide), &mut show),
            }),
        }
    }

    /// Shows lists in which is something that lacks as little as [`Shelf::candidates`] shows nothing of, and the least that it may lack.
    pub(super) fn strangers<'a>(&'a self, search: &Search<'_>, mut show: impl FnMut(&'a [Rank], Dimension)) {
        let Self::Many(leaves) = self else { return };
        leaves.named(&search.asked.requested, |via, leaf| {
            let Leaf::Many(lists) = leaf else { return };
            let sought = search.sought();
            for key in sought.for_purpose(via, lists.wide) {
                let firm = sought.is_signed() || !key.signed;
                let lacks = if firm { Dimension::Delegation } else { Dimension::Binding };
                lists.show([key], &mut |ranks| show(ranks, lacks));
            }
            lists.show(sought.for_action(via, lists.wide), &mut |ranks| show(ranks, Dimension::Purpose));
        });
    }
}

impl Leaf {
    /// Takes in a grant, which may be the last one again.
    fn push(&mut self, rank: Rank) {
        if let Self::Few(ranks) = self
            && ranks.last() != Some(&rank)
        {
            ranks.push(rank);
        }
    }

    /// Files what is on it, if that is much.
    fn file(&mut self, via: Via, mut filed: impl FnMut(Rank, &mut dyn FnMut(&Filed))) {
        let Self::Few(ranks) = self else { return };
        if ranks.len() <= FEW {
            ranks.shrink_to_fit();
            return;
        }
        let mut lists = Lists::default();
        for &rank in &*ranks {
            filed(rank, &mut |filed| filed.keys(via).for_each(|key| lists.push(key, rank)));
        }
        *self = Self::Many(Box::new(lists));
    }
}

impl Lists {
    fn push(&mut self, key: Key, rank: Rank) {
        self.wide.take(key);
        for key in [key, key.without_behalf(), key.without_purpose()] {
            let list = self.by_key.entry(key).or_default();
            if list.last() != Some(&rank) {
                list.push(rank);
            }
        }
    }

    fn show<'a>(&'a self, keys: impl IntoIterator<Item = Key>, show: &mut impl FnMut(&'a [Rank])) {
        keys.into_iter().filter_map(|key| self.by_key.get(&key)).for_each(|list| show(list));
    }
}

impl Default for Leaf {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

/// How many grants are looked at one by one: fewer than it would pay to look them up. Tests have all kinds of shelves with few grants.
const FEW: usize = if cfg!(test) { 2 } else { 8 };

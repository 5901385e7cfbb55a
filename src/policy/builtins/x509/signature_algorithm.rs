//! The number that Go gives the algorithm of a certificate's signature; 0 is one that it does not know.

use super::der::{Der, Oid, SEQUENCE, place_of_values};

/// Reads an AlgorithmIdentifier.
pub(super) fn read(mut identifier: Der<'_>) -> Option<i64> {
    let (id, parameters) = algorithm(&mut identifier)?;
    Some(match *id {
        [1, 2, 840, 113_549, 1, 1, last] => match last {
            4 => 2,
            5 => 3,
            11..=13 => i64::from(last).saturating_sub(7),
            10 => pss(Der(parameters)).unwrap_or(0),
            _ => 0,
        },
        [1, 3, 14, 3, 2, 29] => 3,
        [1, 2, 840, 10040, 4, 3] => 7,
        [2, 16, 840, 1, 101, 3, 4, 3, 2] => 8,
        [1, 2, 840, 10045, 4, 1] => 9,
        [1, 2, 840, 10045, 4, 3, last @ 2..=4] => i64::from(last).saturating_add(8),
        [1, 3, 101, 112] if parameters.is_empty() => 16,
        _ => 0,
    })
}

/// RSASSA-PSS (RFC 4055 §3.1) with one hash throughout, a salt as long as it, and the usual trailer.
fn pss(mut parameters: Der<'_>) -> Option<i64> {
    let mut fields = parameters.take(SEQUENCE)?;
    let (hash, none) = algorithm(&mut fields.take(place_of_values(0))?.take(SEQUENCE)?)?;
    let (generator, its_hash) = algorithm(&mut fields.take(place_of_values(1))?.take(SEQUENCE)?)?;
    let (inner, nothing) = algorithm(&mut Der(its_hash).take(SEQUENCE)?)?;
    let salt = fields.take(place_of_values(2))?.small()?;
    let trailer = match fields.optional(place_of_values(3))? {
        None => 1,
        Some(mut trailer) => trailer.small()?,
    };
    let is_absent = |parameters: &[u8]| matches!(parameters, [] | [5, 0]);
    if *generator != [1, 2, 840, 113_549, 1, 1, 8]
        || inner != hash
        || trailer != 1
        || !is_absent(none)
        || !is_absent(nothing)
    {
        return None;
    }
    match (&*hash, salt) {
        ([2, 16, 840, 1, 101, 3, 4, 2, 1], 32) => Some(13),
        ([2, 16, 840, 1, 101, 3, 4, 2, 2], 48) => Some(14),
        ([2, 16, 840, 1, 101, 3, 4, 2, 3], 64) => Some(15),
        _ => None,
    }
}

/// An algorithm and its parameters, which may be absent.
fn algorithm<'a>(identifier: &mut Der<'a>) -> Option<(Oid, &'a [u8])> {
    let id = identifier.oid()?;
    let parameters = if identifier.is_empty() { &[][..] } else { identifier.any()?.whole };
    Some((id, parameters))
}

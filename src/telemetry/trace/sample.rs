//! Which decisions are told of: a share of all traces, or what the caller chose, and never more in a second than is allowed.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

use crate::hop::TraceId;

/// Which traces a span is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sample {
    /// Those that the caller keeps (`traceparent`'s flag).
    Parent,
    /// A share of all, whatever the caller says.
    Share(Share),
}

/// A part of all traces, the same ones wherever the share is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// A trace whose random part is below is left out.
    rejected: u64,
}

impl Sample {
    /// Reads `parent`, or a share such as `10%` or `0.1%`.
    ///
    /// # Errors
    /// Why it is neither.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == "parent" {
            return Ok(Self::Parent);
        }
        let digits = text.strip_suffix('%').filter(|digits| {
            digits.len() <= MAX_DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        });
        let percent = digits.and_then(|digits| digits.parse::<f64>().ok()).filter(|percent| *percent > 0.0);
        match percent {
            Some(percent) if percent <= 100.0 => Ok(Self::Share(Share::of_percent(percent))),
            _ => Err("is neither `parent` nor a share above `0%` and up to `100%`, such as `10%`".to_owned()),
        }
    }
}

impl Share {
    fn of_percent(percent: f64) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            clippy::cast_sign_loss,
            reason = "it is from 0 to 2^56, all of which a double holds well enough"
        )]
        let kept = (percent / 100.0 * RANDOM as f64) as u64;
        Self { rejected: RANDOM.saturating_sub(kept) }
    }

    /// Whether a trace is in: its last seven bytes are taken for random, as others that choose traces by their IDs take them.
    pub(super) fn holds(self, trace: TraceId) -> bool {
        let random = u128::from_be_bytes(*trace.as_bytes()) & u128::from(RANDOM - 1);
        random >= u128::from(self.rejected)
    }
}

/// Lets a number of spans through in each second.
#[derive(Debug)]
pub(super) struct Rate {
    most: u32,
    born: Instant,
    /// The second that it is since then, and how many were let through in it.
    counted: AtomicU64,
}

impl Rate {
    pub(super) fn new(most: u32) -> Self {
        Self { most, born: Instant::now(), counted: AtomicU64::new(0) }
    }

    /// Whether one more may go.
    pub(super) fn admits(&self) -> bool {
        self.admits_in(self.born.elapsed().as_secs())
    }

    fn admits_in(&self, second: u64) -> bool {
        let second = second & u64::from(u32::MAX);
        let counted = self.counted.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |counted| {
            // Who comes late with an older second counts in the newer one.
            let (now, before) = if counted >> 32 >= second { (counted >> 32, counted & COUNT) } else { (second, 0) };
            (before < u64::from(self.most)).then_some(now << 32 | before.saturating_add(1))
        });
        counted.is_ok()
    }
}

/// How many values seven bytes have.
const RANDOM: u64 = 1 << 56;
const COUNT: u64 = u32::MAX as u64;
const MAX_DIGITS: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(random: u64) -> TraceId {
        let mut bytes = [0xab; 16];
        bytes[8..].copy_from_slice(&random.to_be_bytes());
        TraceId::new(bytes).unwrap()
    }

    fn share(text: &str) -> Share {
        let Ok(Sample::Share(share)) = Sample::parse(text) else { panic!("{text} is no share") };
        share
    }

    #[test]
    fn a_share_is_in_percent() {
        assert_eq!(Sample::parse("parent"), Ok(Sample::Parent));
        assert_eq!(share("50%").rejected, RANDOM / 2);
        assert_eq!(share("100%").rejected, 0);
        assert_eq!(share("25.0%"), share("25%"));
        for odd in [
            "",
            "1",
            "0.1",
            "0%",
            "101%",
            "-1%",
            "+1%",
            "1e1%",
            "%",
            "..%",
            "NaN%",
            "inf%",
            "10 %",
            "always",
            "1.0000000000000%",
        ] {
            assert!(Sample::parse(odd).is_err(), "{odd}");
        }
    }

    #[test]
    fn a_share_holds_the_same_traces_everywhere_and_smaller_shares_hold_fewer_of_them() {
        for (text, first) in [("100%", 0), ("50%", 1 << 55), ("25%", 3 << 54)] {
            assert!(share(text).holds(trace(first)), "{text}");
            assert!(first == 0 || !share(text).holds(trace(first - 1)), "{text}");
            assert!(share(text).holds(trace(u64::MAX)), "{text}");
        }
        let mut kept = 0;
        for number in 0..10_000_u64 {
            let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &number.to_be_bytes());
            let id = TraceId::new(digest.as_ref()[..16].try_into().unwrap()).unwrap();
            kept += u32::from(share("10%").holds(id));
            assert!(!share("1%").holds(id) || share("10%").holds(id));
        }
        assert!((900..1100).contains(&kept), "{kept} of 10,000");
    }

    #[test]
    fn no_more_go_in_a_second_than_may() {
        let rate = Rate::new(2);
        let admitted = [5, 5, 5, 6, 6, 4, 6, 7].map(|second| rate.admits_in(second));
        assert_eq!(admitted, [true, true, false, true, true, false, false, true]);
    }
}

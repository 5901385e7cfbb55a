//! A redirect does not lead from a public network into an inner one, and nothing leads to link-local addresses: it is the resolved address
//! that is looked at, and that is connected to.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use rustls_pki_types::ServerName;
use tokio::{
    net::{TcpStream, lookup_host},
    time::timeout,
};

use super::{BadRedirect, FetchError, HttpsUrl};

/// Where a server may be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Within {
    /// Where the operator said.
    Anywhere,
    /// Where somebody says who was found here.
    From(Reach),
    /// On this machine.
    ThisMachine,
}

/// Connects to one of the addresses of `url` that is `within`.
pub(super) async fn connect(
    url: &HttpsUrl,
    within: Within,
    patience: Duration,
) -> Result<(TcpStream, Reach), FetchError> {
    let mut addresses = resolve(url).await?;
    if addresses.is_empty() {
        return Err(FetchError::Resolve(io::ErrorKind::NotFound.into()));
    }
    addresses.retain(|address| within.admits(Reach::of(address.ip())));
    if addresses.is_empty() {
        return Err(match within {
            Within::Anywhere => FetchError::NoPlace,
            Within::From(_) => FetchError::Redirect(BadRedirect::Inward),
            Within::ThisMachine => FetchError::NotHere,
        });
    }
    addresses.truncate(MAX_ADDRESSES);
    // An address that says nothing leaves time for the others.
    let share = patience / u32::try_from(addresses.len()).unwrap_or(1).max(1);
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for address in addresses {
        match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok((stream, Reach::of(address.ip()))),
            Ok(Err(error)) => last = error,
            Err(_) => last = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(FetchError::Connect(last))
}

async fn resolve(url: &HttpsUrl) -> Result<Vec<SocketAddr>, FetchError> {
    match url.server_name() {
        ServerName::IpAddress(address) => Ok(vec![SocketAddr::new(address.into(), url.port())]),
        ServerName::DnsName(name) => {
            let addresses = lookup_host((name.as_ref(), url.port())).await.map_err(FetchError::Resolve)?;
            Ok(addresses.collect())
        }
        _ => Ok(Vec::new()),
    }
}

impl Within {
    fn admits(self, there: Reach) -> bool {
        match self {
            Self::Anywhere => !matches!(there, Reach::Link | Reach::Nobody),
            Self::From(here) => here.admits(there),
            Self::ThisMachine => there == Reach::Machine,
        }
    }
}

/// Who can have an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Anybody.
    Public,
    /// Somebody in the same organisation (RFC 1918, 4193, 6598).
    Private,
    /// Somebody on the same link: cloud metadata, among others.
    Link,
    /// This machine.
    Machine,
    /// Nobody whom a document could come from.
    Nobody,
}

impl Reach {
    pub(super) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => Self::of_v6(address),
        }
    }

    /// Whether a server found here may redirect to one that is found `there`.
    pub(super) fn admits(self, there: Self) -> bool {
        there == Self::Public || (there == self && self != Self::Nobody)
    }

    const fn of_v4(address: Ipv4Addr) -> Self {
        match address.octets() {
            // To this network is to this machine.
            [0 | 127, ..] => Self::Machine,
            [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] | [198, 18..=19, ..] => Self::Private,
            [169, 254, ..] => Self::Link,
            [192, 0, 0, _] | [224..=255, ..] => Self::Nobody,
            _ => Self::Public,
        }
    }

    const fn of_v6(address: Ipv6Addr) -> Self {
        match address.segments() {
            [0, 0, 0, 0, 0, 0, 0, 0..=1] => Self::Machine,
            // Through a NAT64 it is an IPv4 address (RFC 6052).
            [0x64, 0xff9b, 0, 0, 0, 0, ..] => {
                let [.., a, b, c, d] = address.octets();
                Self::of_v4(Ipv4Addr::new(a, b, c, d))
            }
            [0xfc00..=0xfdff, ..] | [0xfec0..=0xfeff, ..] | [0x64, 0xff9b, 1, ..] => Self::Private,
            [0xfe80..=0xfebf, ..] => Self::Link,
            // 6to4 and Teredo hide an IPv4 address, and are no longer in use.
            [0x2002, ..] | [0x2001, 0, ..] => Self::Nobody,
            [0x2000..=0x3fff, ..] => Self::Public,
            _ => Self::Nobody,
        }
    }
}

const MAX_ADDRESSES: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(address: &str) -> Reach {
        Reach::of(address.parse().unwrap())
    }

    #[test]
    fn knows_who_can_have_an_address() {
        for (expected, addresses) in [
            (
                Reach::Machine,
                &["127.0.0.1", "127.255.1.2", "0.0.0.0", "::1", "::", "::ffff:127.0.0.1", "64:ff9b::7f00:1"][..],
            ),
            (
                Reach::Private,
                &["10.1.2.3", "172.16.0.1", "172.31.9.9", "192.168.1.1", "100.64.0.1", "fd00::1", "::ffff:10.0.0.1"],
            ),
            (Reach::Link, &["169.254.169.254", "fe80::1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe"]),
            (
                Reach::Nobody,
                &["255.255.255.255", "224.0.0.1", "240.0.0.1", "ff02::1", "2002:7f00:1::", "2001::1", "::7f00:1"],
            ),
            (Reach::Public, &["192.0.2.1", "8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1", "::ffff:8.8.8.8"]),
        ] {
            for address in addresses {
                assert_eq!(reach(address), expected, "{address}");
            }
        }
    }

    #[test]
    fn nobody_is_sent_to_link_local_addresses_and_plain_text_nowhere() {
        let all = [Reach::Public, Reach::Private, Reach::Link, Reach::Machine, Reach::Nobody];
        let admitted = |within: Within| all.into_iter().filter(|there| within.admits(*there)).collect::<Vec<_>>();
        assert_eq!(admitted(Within::Anywhere), [Reach::Public, Reach::Private, Reach::Machine]);
        assert_eq!(admitted(Within::ThisMachine), [Reach::Machine]);
        assert_eq!(admitted(Within::From(Reach::Private)), [Reach::Public, Reach::Private]);
    }

    #[test]
    fn a_redirect_leads_outward_or_stays() {
        let all = [Reach::Public, Reach::Private, Reach::Link, Reach::Machine, Reach::Nobody];
        for from in all {
            for to in all {
                let expected = to == Reach::Public || (from == to && from != Reach::Nobody);
                assert_eq!(from.admits(to), expected, "{from:?} to {to:?}");
            }
        }
    }
}

//! The whole playground: three workloads, their Envoys and their Hopguards, up together and down together.

use std::{collections::BTreeMap, fs, net::SocketAddr, path::PathBuf, time::Duration};

use rustls_pki_types::{CertificateDer, pem::PemObject};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use super::{
    Authority, Caller, Error, Folder, Sidecar, Svid, Upstream, WORKLOADS,
    authority::refused,
    envoy::{CheckAddress, Envoy, Inbound, Listener},
    files,
    folder::{Hold, spiffe_id, trust_domain},
};
use crate::clock::Timestamp;

/// A running playground; dropping it ends every process of it.
#[derive(Debug)]
pub struct Playground {
    authority: Authority,
    workloads: Vec<Workload>,
    record: Record,
    // Dropped last: nobody else may have the folder before everything here has ended.
    hold: Hold,
}

/// The executables that a playground is made of.
#[derive(Clone, Debug)]
pub struct Programs {
    /// Envoy.
    pub envoy: PathBuf,
    /// Hopguard itself.
    pub hopguard: PathBuf,
}

impl Playground {
    /// Starts everything in `folder`; the SVIDs count from `now`.
    pub async fn start(programs: &Programs, folder: Folder, now: Timestamp) -> Result<Self, Error> {
        let hold = folder.hold()?;
        for name in WORKLOADS {
            folder.expect_socket(name)?;
        }
        let authority = Authority::new(trust_domain()?, before(now), now.after(AUTHORITY_LIFETIME))?;
        files::replace(&folder.roots(), authority.pem().as_bytes(), 0o644)?;
        let mut starting = JoinSet::new();
        for name in WORKLOADS {
            let svid = authority.mint(&spiffe_id(name)?, before(now), now.after(SVID_LIFETIME))?;
            svid.write(&folder.svid(name))?;
            starting.spawn(Workload::start(name, svid, programs.clone(), folder.clone()));
        }
        let mut workloads = Vec::new();
        while let Some(started) = starting.join_next().await {
            workloads.push(started.map_err(|error| broken(&folder, &error))??);
        }
        let places = workloads.iter().map(|workload| (workload.name.to_owned(), workload.place.clone())).collect();
        let record = Record { pid: std::process::id(), workloads: places };
        let mut text = serde_json::to_vec_pretty(&record).map_err(|error| broken(&folder, &error))?;
        text.push(b'\n');
        files::replace(&folder.record_file(), &text, 0o600)?;
        Ok(Self { authority, workloads, record, hold })
    }

    /// Its working folder.
    pub fn folder(&self) -> &Folder {
        self.hold.folder()
    }

    /// Who mints its SVIDs.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Where everything listens.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// A caller with an SVID of `from` that ends with the second of `until`.
    pub fn caller(&self, from: &str, now: Timestamp, until: Timestamp) -> Result<Caller, Error> {
        let svid = self.authority.mint(&spiffe_id(from)?, before(now), until)?;
        Ok(Caller::new(svid, vec![self.authority.root().clone()]))
    }

    /// Renews every SVID, before [`RENEW_EVERY`] becomes their whole life.
    pub fn renew(&self, now: Timestamp) -> Result<(), Error> {
        for workload in &self.workloads {
            let svid = self.authority.renew(&workload.svid, before(now), now.after(SVID_LIFETIME))?;
            svid.write(&self.folder().svid(workload.name))?;
        }
        Ok(())
    }

    /// Stops everything, Envoys first, so that no request outlives its judge.
    pub async fn stop(self) {
        let mut envoys = JoinSet::new();
        let mut sidecars = Vec::new();
        for workload in self.workloads {
            envoys.spawn(workload.envoy.stop());
            sidecars.push(workload.sidecar);
        }
        envoys.join_all().await;
        sidecars.into_iter().map(Sidecar::stop).collect::<JoinSet<_>>().join_all().await;
    }
}

/// What a running playground tells `hopguard dev call`: `run.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The process that runs it.
    pub pid: u32,
    /// Where each workload's parts are.
    pub workloads: BTreeMap<String, Place>,
}

/// Where the parts of one workload are, all on loopback.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Its Envoy, where its callers come in.
    pub inbound: SocketAddr,
    /// The port of its Envoy that asks another workload's Hopguard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub miswired: Option<SocketAddr>,
    /// The workload itself, behind its Envoy.
    pub upstream: SocketAddr,
    /// Its Envoy's admin address.
    pub envoy_admin: SocketAddr,
    /// Its Envoy's process.
    pub envoy_pid: Option<u32>,
    /// Its Hopguard's admin address.
    pub hopguard_admin: SocketAddr,
    /// Its Hopguard's process.
    pub hopguard_pid: Option<u32>,
}

impl Record {
    /// The place of a workload.
    pub fn place(&self, name: &str) -> Result<&Place, Error> {
        self.workloads.get(name).ok_or_else(|| Error::UnknownWorkload(name.to_owned()))
    }
}

impl Folder {
    /// A caller with the SVID that the running playground wrote for `from`.
    pub fn caller(&self, from: &str) -> Result<Caller, Error> {
        let svid = Svid::read(spiffe_id(from)?, &self.svid(from))?;
        let path = self.roots();
        let pem = fs::read(&path).map_err(Error::file("read", &path))?;
        let roots = CertificateDer::pem_slice_iter(&pem).collect::<Result<_, _>>();
        Ok(Caller::new(svid, roots.map_err(refused("read the trusted roots"))?))
    }
}

/// One workload and what stands before it.
#[derive(Debug)]
struct Workload {
    name: &'static str,
    svid: Svid,
    place: Place,
    envoy: Envoy,
    sidecar: Sidecar,
    _upstream: Upstream,
}

impl Workload {
    async fn start(name: &'static str, svid: Svid, programs: Programs, folder: Folder) -> Result<Self, Error> {
        let upstream = Upstream::start(name).await?;
        let inbound = Inbound {
            certificate: folder.svid(name).with_extension("pem"),
            key: folder.svid(name).with_extension("key"),
            roots: folder.roots(),
            upstream: upstream.address(),
            listeners: listeners(name, &folder),
        };
        let (config, sidecar, envoy) = (folder.config(name), folder.hopguard(name), folder.envoy(name));
        let (sidecar, envoy) = tokio::try_join!(
            Sidecar::start(&programs.hopguard, &config, &sidecar),
            Envoy::start(&programs.envoy, &inbound, &envoy),
        )?;
        let place = Place {
            inbound: envoy.listener(INBOUND).await?,
            miswired: if name == MISWIRED.0 { Some(envoy.listener(MISWIRED_PORT).await?) } else { None },
            upstream: upstream.address(),
            envoy_admin: envoy.admin(),
            envoy_pid: envoy.id(),
            hopguard_admin: sidecar.admin(),
            hopguard_pid: sidecar.process().id(),
        };
        Ok(Self { name, svid, place, envoy, sidecar, _upstream: upstream })
    }
}

fn listeners(name: &str, folder: &Folder) -> Vec<Listener> {
    let asks = |port: &str, name: &str| Listener::new(port, CheckAddress::Unix(folder.socket(name)));
    let (workload, other) = MISWIRED;
    let miswired = (name == workload).then(|| asks(MISWIRED_PORT, other));
    [asks(INBOUND, name)].into_iter().chain(miswired).collect()
}

/// What cannot happen unless a task of ours failed.
fn broken(folder: &Folder, why: &dyn std::error::Error) -> Error {
    Error::Record { path: folder.record_file(), why: why.to_string() }
}

/// SVIDs begin a little early, as SPIRE's do: clocks step back.
fn before(now: Timestamp) -> Timestamp {
    Timestamp::from_seconds(now.seconds().saturating_sub(10))
}

/// How often a playground that keeps running calls [`Playground::renew`].
pub const RENEW_EVERY: Duration = Duration::from_secs(20 * 60);
const SVID_LIFETIME: Duration = Duration::from_secs(60 * 60);
const AUTHORITY_LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);

const INBOUND: &str = "inbound";
const MISWIRED_PORT: &str = "miswired";
/// Whose Envoy has a port that asks whose Hopguard.
const MISWIRED: (&str, &str) = ("payments", "orders");

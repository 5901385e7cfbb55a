//! Hopguard decides every hop between workloads, beside Envoy (ext_authz v3): who calls, whom for, what for, within what was approved.
//!
//! An allow is `proof ∧ ceiling ∧ policy`. Read [`authorizer`] first: it is the product on one screen. The rest is its road, in order, and
//! code on it looks backwards only.
//!
//! ```text
//!   Envoy ── Check ──▶ server ─▶ hop ─▶ peer ─▶ token ─▶ delegation ─▶ audience ─▶ purpose ─▶ grant ─▶ policy ─▶ decision ─▶ response ──▶ Envoy
//!                                      └────────────── prove ───────────────┘└─────── judge ───────┘          └─▶ audit
//! ```
//!
//! | module | what it guarantees |
//! |---|---|
//! | [`server`] | every Check gets a `CheckResponse`, on the thread that read it |
//! | [`hop`] | one request in one canonical form, or a refusal |
//! | [`peer`], [`trust`] | a caller is a SPIFFE ID whose certificate was verified against its own trust domain's bundle, now |
//! | [`token`] | a token says what its issuer signed, for this workload, now |
//! | [`delegation`] | a peer presents its own tokens, or those of whom it acts for |
//! | [`audience`] | a hop that was answered under another name is not ours |
//! | [`purpose`] | what for, from a closed vocabulary |
//! | [`withdrawn`], [`inventory`], [`revocation`] | what was taken back does not act, whatever was approved |
//! | [`grant`], [`fact`], [`store`] | what an administrator approved, and nothing else |
//! | [`approval`] | what has to be signed is signed by those who may, and not by who asked for it |
//! | [`policy`] | Rego can narrow and never widen |
//! | [`authorizer`], [`decision`] | pure: the same hop, snapshot and instant give the same answer |
//! | [`response`] | an OK is built in one place, from a permit |
//! | [`audit`] | an allow leaves only with a reserved place in the log |
//! | [`replay`] | a one-time token is spent once: its claim outlives it |
//!
//! Beside the road: [`config`] and [`yaml`] read files strictly, [`json`] reads what strangers write, [`feed`] keeps what comes over a
//! network, [`bundle`] unpacks what policies are delivered in, [`reload`] swaps snapshots whole, [`clock`] is the only source of time, [`telemetry`] names every metric, [`lookups`] counts how often a cache knew, [`pb`] holds Envoy's
//! messages, [`envoy`] finds what in Envoy's configuration undoes all this, [`governance`] what in the documents needs somebody's look, [`app`] puts it together, [`cli`] and [`dev`] are what people
//! type.
//!
//! Where a later capability goes: judging recorded evidence again beside [`authorizer`].

pub mod app;
pub mod approval;
pub mod audience;
pub mod audit;
pub mod authorizer;
pub mod bundle;
pub mod cli;
pub mod clock;
pub mod config;
pub mod decision;
pub mod delegation;
pub mod dev;
pub mod envoy;
pub mod fact;
pub mod feed;
pub mod governance;
pub mod grant;
mod hex;
pub mod hop;
pub mod inventory;
pub mod json;
pub mod lookups;
pub mod opa;
mod pause;
pub mod pb;
pub mod peer;
pub mod policy;
pub mod purpose;
pub mod reload;
pub mod replay;
pub mod resource;
pub mod response;
pub mod revocation;
pub mod server;
pub mod store;
pub mod telemetry;
pub mod token;
pub mod trust;
pub mod withdrawn;
pub mod yaml;

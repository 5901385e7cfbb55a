//! `hopguard run`: OPA's command line, so that moving over from the OPA-Envoy plugin is a change of image.

use std::{fs, path::PathBuf, process::ExitCode};

use clap::Args;

use super::{complain, exit::Exit, serve::serve};
use crate::{
    clock::Clock,
    config::{Config, PolicyFrom},
    feed::bundle::{KeyText, Secret, SigningKey},
    opa::{Flags, Notice, Override, Settings, Tree, address},
    policy::Policy,
    reload::read_paths,
    server::Listener,
    yaml::{Problem, Problems},
};

/// Answer Envoy as the OPA-Envoy plugin does, by the flags and the configuration file that it takes
///
/// A flag that means nothing here is accepted and named in one line at the start; one that would change answers and is not there is an error.
#[derive(Args, Clone, Debug, Default)]
pub struct RunArgs {
    /// Policies and data: files, directories or, with --bundle, bundles
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Serve, which is all that there is to run here
    #[arg(short, long)]
    server: bool,
    /// OPA's configuration file
    #[arg(short, long, value_name = "FILE")]
    config_file: Option<PathBuf>,
    /// A key of the configuration file, KEY=VALUE; repeatable
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// A key of the configuration file whose value is in a file, KEY=FILE; repeatable
    #[arg(long, value_name = "KEY=FILE")]
    set_file: Vec<String>,
    /// Where `/health` and `/metrics` are served
    #[arg(long, value_name = "ADDRESS")]
    diagnostic_addr: Vec<String>,
    /// Read each path as a bundle
    #[arg(short, long)]
    bundle: bool,
    /// Read the paths again when they change
    #[arg(short, long)]
    watch: bool,
    /// Names of files and directories that are passed over; repeatable
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    ignore: Vec<String>,
    /// debug, info, warn or error
    #[arg(short, long, value_name = "LEVEL", default_value = "info")]
    log_level: String,
    /// How long the end may take, in seconds
    #[arg(long, value_name = "SECONDS")]
    shutdown_grace_period: Option<u64>,
    /// Do not look at signatures
    #[arg(long)]
    skip_verify: bool,
    /// The key of who signs the bundles that are named: a PEM file, or the secret
    #[arg(long, value_name = "KEY")]
    verification_key: Option<String>,
    /// What signatures call that key
    #[arg(long, value_name = "NAME", default_value = "default")]
    verification_key_id: String,
    /// How that key signs
    #[arg(long, value_name = "ALGORITHM", default_value = "RS256")]
    signing_alg: String,
    /// What the bundles have to be signed for
    #[arg(long, value_name = "SCOPE")]
    scope: Option<String>,
    /// Files of the bundles that are not signed
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    exclude_files_verify: Vec<String>,
    /// Policies in the language of OPA before 1.0: refused
    #[arg(long)]
    v0_compatible: bool,
    /// Policies in the language of OPA 1.0, which they are
    #[arg(long)]
    v1_compatible: bool,
    #[command(flatten)]
    others: Others,
}

/// Flags of OPA's that mean nothing here.
#[derive(Args, Clone, Debug, Default)]
struct Others {
    /// OPA's REST API, which is not served
    #[arg(short, long, hide = true)]
    addr: Vec<String>,
    #[arg(long, hide = true)]
    authentication: Option<String>,
    #[arg(long, hide = true)]
    authorization: Option<String>,
    #[arg(long, hide = true)]
    disable_telemetry: bool,
    #[arg(short, long, hide = true)]
    format: Option<String>,
    #[arg(long, hide = true)]
    h2c: bool,
    #[arg(short = 'H', long, hide = true)]
    history: Option<String>,
    #[arg(long, hide = true)]
    log_format: Option<String>,
    #[arg(long, hide = true)]
    log_timestamp_format: Option<String>,
    #[arg(short, long, hide = true)]
    max_errors: Option<String>,
    #[arg(long, hide = true)]
    min_tls_version: Option<String>,
    #[arg(long, hide = true)]
    optimize_store_for_read_speed: bool,
    #[arg(long, hide = true)]
    pprof: bool,
    #[arg(long, hide = true)]
    ready_timeout: Option<String>,
    #[arg(long, hide = true)]
    shutdown_wait_period: Option<String>,
    #[arg(long, hide = true)]
    skip_known_schema_check: bool,
    #[arg(long, hide = true)]
    skip_version_check: bool,
    #[arg(long, hide = true)]
    tls_ca_cert_file: Option<String>,
    #[arg(long, hide = true)]
    tls_cert_file: Option<String>,
    #[arg(long, hide = true)]
    tls_cert_refresh_period: Option<String>,
    #[arg(long, hide = true)]
    tls_cipher_suites: Option<String>,
    #[arg(long, hide = true)]
    tls_private_key_file: Option<String>,
    #[arg(long, hide = true)]
    unix_socket_perm: Option<String>,
    #[arg(long, hide = true)]
    watch_config: bool,
}

impl RunArgs {
    /// Serves until SIGTERM or SIGINT, then drains.
    ///
    /// # Errors
    /// If an address cannot be had, or a thread cannot be started.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let mut notices = self.others.notices();
        let config = match self.config(&mut notices) {
            Ok(config) => config,
            Err(problems) => {
                complain(&problems.to_string());
                return Ok(Exit::DoesNotLoad.into());
            }
        };
        // What does not load now will not by itself.
        if let Err(problems) = loads(&config) {
            complain(&problems.0.iter().map(|problem| format!("{problem:#}")).collect::<Vec<_>>().join("\n"));
            return Ok(Exit::DoesNotLoad.into());
        }
        let plain = config.listen.iter().find_map(|listener| match listener {
            Listener::Tcp(address) if !address.ip().to_canonical().is_loopback() => Some(*address),
            _ => None,
        });
        serve(config, None, || {
            if !notices.is_empty() {
                let named: Vec<String> =
                    notices.iter().map(|notice| format!("{}: {}", notice.name, notice.why)).collect();
                tracing::warn!(without_effect = named.join("; "), "Accepted, and without effect");
            }
            if let Some(address) = plain {
                tracing::warn!(%address, "Anybody who reaches this address may ask, and nobody is asked who they are: `hopguard serve` tells askers by mutual TLS");
            }
        })
    }

    fn config(self, notices: &mut Vec<Notice>) -> Result<Config, Problems> {
        let refuse = |name: &str, why: String| Problems::from(Problem::of_file(name, why));
        if !self.server {
            return Err(refuse(
                "--server",
                "there is nothing but a server to run: write `hopguard run --server`".to_owned(),
            ));
        }
        if self.v0_compatible {
            let why = "policies are in the language of OPA 1.0: `opa fmt --v0-v1 --write` changes them over";
            return Err(refuse("--v0-compatible", why.to_owned()));
        }
        let mut tree = match &self.config_file {
            Some(path) => {
                let name = path.display().to_string();
                let text =
                    fs::read_to_string(path).map_err(|error| refuse(&name, format!("cannot be read: {error}")))?;
                Tree::parse(&name, &text, |name| std::env::var(name).ok())?
            }
            None => Tree::empty(),
        };
        let read = |file: &str| fs::read_to_string(file).map_err(|_| "the file cannot be read");
        let given = self.set.iter().map(|text| Override::parse(text));
        let files = self.set_file.iter().map(|text| Override::parse_file(text, read));
        for overrides in given.chain(files) {
            for given in overrides.map_err(|error| refuse("--set", error.to_string()))? {
                tree.set(&given)?;
            }
        }
        let settings = Settings::read(&tree)?;
        let diagnostic = match self.diagnostic_addr.split_first() {
            Some((first, rest)) => {
                notices.extend(rest.iter().map(|_| Notice::new("--diagnostic-addr", "only the first one is served")));
                Some(address(first).map_err(|why| refuse("--diagnostic-addr", why))?)
            }
            None => None,
        };
        if !matches!(self.log_level.as_str(), "debug" | "info" | "warn" | "error") {
            return Err(refuse("--log-level", format!("`{}` is not one of debug, info, warn, error", self.log_level)));
        }
        if self.bundle && self.verification_key.is_none() && self.scope.is_some() {
            return Err(refuse("--scope", "is for `--verification-key`: name who signs".to_owned()));
        }
        let key = self.verification_key.map(|text| SigningKey {
            id: self.verification_key_id,
            algorithm: self.signing_alg.clone(),
            scope: self.scope,
            text: match PathBuf::from(&text) {
                path if path.is_file() => KeyText::File(path),
                _ => KeyText::Text(Secret::new(text)),
            },
        });
        let flags = Flags {
            paths: self.paths,
            ignore: self.ignore,
            as_bundles: self.bundle,
            watch: self.watch,
            skip_verify: self.skip_verify,
            key,
            exclude: self.exclude_files_verify,
            diagnostic,
            log: self.log_level,
            grace: self.shutdown_grace_period,
        };
        crate::opa::config(settings, flags, notices)
    }
}

/// Compiles the policy that the command line names; bundles come later.
///
/// # Errors
/// Every reason why it must not become active.
fn loads(config: &Config) -> Result<(), Problems> {
    let Some(policy) = &config.policy else { return Ok(()) };
    let PolicyFrom::Paths(paths) = &policy.from else { return Ok(()) };
    Policy::compile(&read_paths(paths, Clock::default().now())?, &policy.options).map(drop)
}

impl Others {
    /// Names what was given.
    fn notices(&self) -> Vec<Notice> {
        let rest = "OPA's REST API is not served";
        let rows = [
            ("--addr", !self.addr.is_empty(), rest),
            ("--authentication", self.authentication.is_some(), rest),
            ("--authorization", self.authorization.is_some(), rest),
            ("--disable-telemetry", self.disable_telemetry, "nothing is reported to anybody"),
            ("--format", self.format.is_some(), "there is no shell"),
            ("--h2c", self.h2c, rest),
            ("--history", self.history.is_some(), "there is no shell"),
            ("--log-format", self.log_format.as_deref().is_some_and(|format| format != "json"), "the log is JSON"),
            ("--log-timestamp-format", self.log_timestamp_format.is_some(), "times are in RFC 3339"),
            ("--max-errors", self.max_errors.is_some(), "every problem is told"),
            ("--min-tls-version", self.min_tls_version.is_some(), rest),
            (
                "--optimize-store-for-read-speed",
                self.optimize_store_for_read_speed,
                "data is in memory as policies read it",
            ),
            ("--pprof", self.pprof, rest),
            ("--ready-timeout", self.ready_timeout.is_some(), "who asks before everything is loaded is denied"),
            ("--shutdown-wait-period", self.shutdown_wait_period.is_some(), "readiness ends when the end begins"),
            ("--skip-known-schema-check", self.skip_known_schema_check, "it is a check of OPA's REST API"),
            ("--skip-version-check", self.skip_version_check, "nothing is reported to anybody"),
            ("--tls-ca-cert-file", self.tls_ca_cert_file.is_some(), rest),
            ("--tls-cert-file", self.tls_cert_file.is_some(), rest),
            ("--tls-cert-refresh-period", self.tls_cert_refresh_period.is_some(), rest),
            ("--tls-cipher-suites", self.tls_cipher_suites.is_some(), rest),
            ("--tls-private-key-file", self.tls_private_key_file.is_some(), rest),
            ("--unix-socket-perm", self.unix_socket_perm.is_some(), rest),
            ("--watch-config", self.watch_config, "the configuration file is read once: start again"),
        ];
        rows.into_iter().filter(|(_, given, _)| *given).map(|(name, _, why)| Notice::new(name, why)).collect()
    }
}

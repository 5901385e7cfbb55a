//! What OPA's command line and configuration file come to: a configuration of Hopguard's own, in the plugin's style.

use std::{
    fs,
    net::{SocketAddr, ToSocketAddrs},
    path::{Path, PathBuf},
};

use super::settings::{BundleSettings, Credentials, Notice, Service, Settings};
use crate::{
    config::{Config, Paths, PolicyFrom},
    feed::bundle::{Auth, Headers, KeyText, Origin, Poll, Secret, Signing, SigningKey, Subscription},
    policy::{
        Descriptors,
        answer::{self, Style},
    },
    server::{Allow, Listener},
    yaml::{Problem, Problems},
};

/// What the command line says beside the configuration file.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// Policies and data.
    pub paths: Vec<PathBuf>,
    /// Files that are passed over.
    pub ignore: Vec<String>,
    /// Whether each path is a bundle.
    pub as_bundles: bool,
    /// Whether the paths are read again when they change.
    pub watch: bool,
    /// Whether signatures are not looked at.
    pub skip_verify: bool,
    /// Who has to have signed the bundles that `paths` name.
    pub key: Option<SigningKey>,
    /// Files of them that are not signed.
    pub exclude: Vec<String>,
    /// Where health and metrics are served; absent, wherever there is a port on loopback.
    pub diagnostic: Option<SocketAddr>,
    /// What is logged.
    pub log: String,
    /// How long the end may take, in seconds.
    pub grace: Option<u64>,
}

/// Makes a configuration of all this. Notices of what has no effect are added to `notices`.
///
/// # Errors
/// Everything that cannot be had.
pub fn config(settings: Settings, flags: Flags, notices: &mut Vec<Notice>) -> Result<Config, Problems> {
    let mut config = Config::parse(Path::new(""), BASE)?;
    let mut problems = Vec::new();
    let mut refuse = |name: &str, why: String| problems.push(Problem::of_file(name, why));
    notices.extend(settings.notices.iter().cloned());
    match listener(&settings.plugin.addr) {
        Ok(listener) => config.listen = vec![listener],
        Err(why) => refuse("plugins.envoy_ext_authz_grpc.addr", why),
    }
    let descriptors = settings.plugin.descriptor.as_deref().map(descriptors).transpose();
    let descriptors = descriptors.unwrap_or_else(|why| {
        refuse("plugins.envoy_ext_authz_grpc.proto-descriptor", why);
        None
    });
    let from = match (settings.bundles.is_empty(), flags.paths.is_empty()) {
        (true, true) => {
            refuse(
                "policy",
                "there is none: name files, directories or bundles, or `bundles` in the configuration file".to_owned(),
            );
            None
        }
        (false, false) => {
            refuse(
                "policy",
                "comes from the files that are named, or from `bundles` in the configuration file: choose one"
                    .to_owned(),
            );
            None
        }
        (true, false) => {
            let signing = match flags.key {
                _ if flags.skip_verify => Some(Signing::DangerousSkip),
                Some(key) => {
                    Some(Signing::Keys { keys: vec![key], key_id: None, scope: None, dangerous_exclude: flags.exclude })
                }
                None => None,
            };
            Some(PolicyFrom::Paths(Paths {
                paths: flags.paths,
                ignore: flags.ignore,
                as_bundles: flags.as_bundles,
                signing,
                watched: flags.watch,
            }))
        }
        (false, true) => {
            let mut subscriptions = Vec::new();
            for bundle in &settings.bundles {
                match subscription(bundle, &settings, flags.skip_verify) {
                    Ok(subscription) => subscriptions.push(subscription),
                    Err(why) => refuse(&format!("bundles.{}", bundle.name), why),
                }
            }
            Some(PolicyFrom::Bundles(subscriptions))
        }
    };
    if let Some(directory) = &settings.persistence
        && let Err(error) = fs::create_dir_all(directory)
    {
        refuse("persistence_directory", format!("{}: {error}", directory.display()));
    }
    if settings.persistence.is_none() && settings.bundles.iter().any(|bundle| bundle.persist) {
        notices.push(Notice::new("bundles[_].persist", "nothing is kept without a `persistence_directory`"));
    }
    if !problems.is_empty() {
        return Err(Problems(problems));
    }
    let style = Style::Opa { dry_run: settings.plugin.dry_run };
    config.file = None;
    config.response.style = style;
    config.state = settings.persistence;
    config.log = flags.log;
    config.limits.request_bytes = usize::try_from(settings.plugin.max_message).unwrap_or(config.limits.request_bytes);
    if let Some(grace) = flags.grace {
        config.limits.drain = std::time::Duration::from_secs(grace);
    }
    if let Some(address) = flags.diagnostic {
        config.admin = address;
    }
    if let (Some(policy), Some(from)) = (&mut config.policy, from) {
        policy.from = from;
        policy.options.entrypoint = settings.plugin.entrypoint;
        policy.options.answers = answer::Rules::new(style, [], [], []);
        policy.options.view.skip_body = settings.plugin.skip_body;
        policy.options.view.descriptors = descriptors;
    }
    Ok(config)
}

/// Reads an address as OPA writes it: `:9191`, `localhost:9191`.
///
/// # Errors
/// Why it is none.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    let (host, port) = text.rsplit_once(':').ok_or_else(|| format!("`{text}` has no port: write `:9191`"))?;
    let port: u16 = port.parse().map_err(|_| format!("`{text}` has no port: write `:9191`"))?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if host.is_empty() {
        // Every address of the machine, of both families where there are both.
        let both = SocketAddr::from(([0_u16; 8], port));
        let is_there = std::net::TcpListener::bind(SocketAddr::from(([0_u16; 8], 0))).is_ok();
        return Ok(if is_there { both } else { SocketAddr::from(([0, 0, 0, 0], port)) });
    }
    let mut found: Vec<SocketAddr> =
        (host, port).to_socket_addrs().map_err(|error| format!("`{text}`: {error}"))?.collect();
    found.sort_by_key(SocketAddr::is_ipv6);
    found.into_iter().next().ok_or_else(|| format!("`{text}` is no address of this machine"))
}

/// The plugin's `addr`.
fn listener(text: &str) -> Result<Listener, String> {
    if let Some(path) = text.strip_prefix("unix://") {
        return match path {
            _ if path.starts_with('@') => Err(format!("`{text}`: abstract sockets are not supported: name a path")),
            "" => Err(format!("`{text}` names no path")),
            _ => Ok(Listener::Unix {
                path: PathBuf::from(path),
                mode: 0o777,
                allow: Allow { anybody: true, ..Allow::default() },
            }),
        };
    }
    let text = text.strip_prefix("grpc://").unwrap_or(text);
    if let Some((scheme, _)) = text.split_once("://") {
        return Err(format!("`{scheme}` is not supported: write `:9191` or `unix:///path`"));
    }
    address(text).map(Listener::Tcp)
}

fn descriptors(path: &Path) -> Result<Descriptors, String> {
    let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Descriptors::decode(&bytes).map_err(|error| format!("{}: {error}", path.display()))
}

fn subscription(bundle: &BundleSettings, settings: &Settings, skip_verify: bool) -> Result<Subscription, String> {
    let service = bundle.service.as_ref().and_then(|name| settings.services.get(name));
    let origin = match (bundle.resource.strip_prefix("file://"), service) {
        (Some(path), _) => Origin::File(PathBuf::from(path)),
        (None, Some(service)) => {
            let url = format!("{}/{}", service.url.trim_end_matches('/'), bundle.resource.trim_start_matches('/'));
            Origin::parse(&url, true).map_err(|error| format!("`{}`: {error}", service.url))?
        }
        (None, None) => return Err("needs a service".to_owned()),
    };
    let usual = Subscription::new(bundle.name.as_str(), origin);
    let (auth, headers) = service.map(shown).transpose()?.unwrap_or_default();
    Ok(Subscription {
        auth,
        headers,
        ca: service.and_then(|service| service.ca.clone()),
        poll: Poll { min: bundle.polling.min, max: bundle.polling.max },
        long_poll: bundle.polling.long,
        signing: if skip_verify { Some(Signing::DangerousSkip) } else { signing(bundle, settings) },
        persist: bundle.persist,
        // OPA knows no older one.
        allow_rollback: true,
        max_bytes: bundle.size_limit.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(usual.max_bytes),
        ..usual
    })
}

/// What a server is shown and told.
fn shown(service: &Service) -> Result<(Option<Auth>, Headers), String> {
    let auth = service.credentials.clone().map(|credentials| match credentials {
        Credentials::Bearer(token) => Auth::Bearer(Secret::new(token)),
        Credentials::BearerFile(path) => Auth::BearerFile(path),
        Credentials::Tls { certificate, key } => Auth::ClientTls { certificate, key },
    });
    let headers = service.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    Ok((auth, Headers::new(headers).map_err(|error| format!("a header of its service: {error}"))?))
}

fn signing(bundle: &BundleSettings, settings: &Settings) -> Option<Signing> {
    let signing = bundle.signing.as_ref()?;
    let keys = settings.keys.iter().map(|(id, key)| SigningKey {
        id: id.clone(),
        algorithm: key.algorithm.clone(),
        scope: key.scope.clone(),
        text: KeyText::Text(Secret::new(key.key.clone())),
    });
    Some(Signing::Keys {
        keys: keys.collect(),
        key_id: signing.key.clone(),
        scope: signing.scope.clone(),
        dangerous_exclude: signing.exclude.clone(),
    })
}

/// The preset, with what it has no default for.
const BASE: &str = "\
preset: opa-envoy
listen: [{address: \"127.0.0.1:9191\", allow: {any_local: true}}]
admin: {address: \"127.0.0.1:0\"}
policy: {directory: policy}
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opa::Tree;

    fn made(text: &str, paths: &[&str]) -> Result<(Config, Vec<Notice>), String> {
        let settings = Tree::parse("opa.yaml", text, |_| None).and_then(|tree| Settings::read(&tree)).unwrap();
        let flags =
            Flags { paths: paths.iter().map(PathBuf::from).collect(), log: "info".to_owned(), ..Flags::default() };
        let mut notices = Vec::new();
        config(settings, flags, &mut notices).map(|config| (config, notices)).map_err(|problems| problems.to_string())
    }

    #[test]
    fn the_plugins_configuration_is_the_preset_with_its_keys() {
        let text = "plugins: {envoy_ext_authz_grpc: {addr: '127.0.0.1:9000', path: a/b, dry-run: true, skip-request-body-parse: true}}";
        let (config, notices) = made(text, &["policy.rego"]).unwrap();
        assert_eq!(config.listen, [Listener::Tcp(SocketAddr::from(([127, 0, 0, 1], 9000)))]);
        assert_eq!(config.response.style, Style::Opa { dry_run: true });
        let policy = config.policy.unwrap();
        assert_eq!(policy.options.entrypoint.to_string(), "data.a.b");
        assert_eq!(policy.options.answers.style(), Style::Opa { dry_run: true });
        assert!(policy.options.view.skip_body && config.file.is_none() && notices.is_empty());
    }

    #[test]
    fn bundles_come_from_their_services() {
        let text = "services: {a: {url: 'https://a.example/x/', credentials: {bearer: {token: t}}}}\n\
                    bundles: {authz: {resource: /b.tar.gz, persist: true}, local: {resource: 'file:///b.tar.gz'}}";
        let (config, notices) = made(text, &[]).unwrap();
        let policy = config.policy.unwrap();
        let [far, near] = policy.bundles() else { panic!("{policy:?}") };
        assert_eq!(
            (far.origin.to_string(), near.origin.clone()),
            ("https://a.example/x/b.tar.gz".to_owned(), Origin::File("/b.tar.gz".into()))
        );
        assert_eq!(far.auth, Some(Auth::Bearer(Secret::new("t"))));
        assert!(notices[0].why.contains("persistence_directory"));
    }

    #[test]
    fn what_cannot_be_had_is_said_at_once() {
        let text = "services: {a: {url: 'http://bundles.example'}}\nbundles: {b: {}}\n\
                    plugins: {envoy_ext_authz_grpc: {addr: 'tls://x:1', proto-descriptor: /nowhere.pb}}";
        let said = made(text, &[]).unwrap_err();
        for part in ["`tls` is not supported", "/nowhere.pb", "bundles.b: "] {
            assert!(said.contains(part), "{said}");
        }
        assert!(made("", &[]).unwrap_err().contains("there is none"));
        assert!(made("bundles: {b: {resource: 'file:///b'}}", &["x"]).unwrap_err().contains("choose one"));
    }

    #[test]
    fn addresses_are_written_as_the_plugin_writes_them() {
        assert_eq!(address("127.0.0.1:1").unwrap(), SocketAddr::from(([127, 0, 0, 1], 1)));
        assert_eq!(address("localhost:1").unwrap(), SocketAddr::from(([127, 0, 0, 1], 1)));
        assert_eq!(address("[::1]:1").unwrap(), SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 1)));
        let every = address(":9191").unwrap();
        assert!(every.ip().is_unspecified() && every.port() == 9191);
        for text in ["9191", "localhost", "", "a:b"] {
            assert!(address(text).is_err(), "{text}");
        }
        let Ok(Listener::Unix { path, allow, .. }) = listener("unix:///run/opa.sock") else { panic!("no socket") };
        assert!(path == Path::new("/run/opa.sock") && allow.anybody);
        assert!(listener("unix://@opa").is_err());
    }
}

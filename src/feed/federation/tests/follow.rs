use tokio::{sync::mpsc, task::LocalSet};

use super::*;
use crate::{
    feed::{Latest, board::Board, federation::Followers},
    trust::{Source, SourceKind, state::State},
};

const PATIENCE: Duration = Duration::from_secs(20);
const MOMENT: Duration = Duration::from_millis(1);
const OFTEN: Bounds = Bounds { least: MOMENT, most: MOMENT, retry: MOMENT };

/// A board, and the tasks that write on it.
struct Feeds {
    board: Arc<Board>,
    nudges: mpsc::UnboundedReceiver<()>,
    followers: Followers,
}

impl Feeds {
    fn new(state: Option<&Path>, now: Timestamp) -> Self {
        let (nudge, nudges) = mpsc::unbounded_channel();
        let state = state.map(|state| State::open(state).unwrap());
        let board = Arc::new(Board::new(state, move || now, move || nudge.send(()).unwrap_or_default()));
        Self { board, nudges, followers: Followers::new(OFTEN) }
    }

    async fn follow(&mut self, sources: &[Source]) {
        self.board.adopt(sources);
        self.followers.follow(&self.board, sources).await;
    }

    fn latest(&self) -> Latest {
        self.board.latest(&td())
    }

    async fn until(&mut self, is: impl Fn(&Latest) -> bool) -> Latest {
        while !is(&self.latest()) {
            let nudge = tokio::time::timeout(PATIENCE, self.nudges.recv()).await;
            nudge.unwrap_or_else(|_| panic!("it stays {:?}", self.latest()));
        }
        self.latest()
    }

    async fn until_problem(&mut self, text: &str) -> Latest {
        self.until(|latest| latest.problem.as_ref().is_some_and(|problem| problem.contains(text))).await
    }

    /// As the supervisor ends them.
    async fn end(self) {
        self.followers.end().await;
        self.board.write_confirmed();
    }
}

fn source(url: &str, profile: Profile) -> Source {
    Source {
        trust_domain: td(),
        kind: SourceKind::Federation { url: url.to_owned(), profile },
        intermediates: None,
        max_stale: Duration::from_secs(86_400),
    }
}

fn anchors(latest: &Latest) -> usize {
    latest.bundle.as_ref().map_or(0, |bundle| bundle.anchors().len())
}

#[tokio::test]
async fn asks_again_and_again_and_keeps_what_it_has_through_failures() {
    let directory = tempfile::tempdir().unwrap();
    let bootstrap = directory.path().join("td.json");
    let (root, next) = (Authority::root("root"), Authority::root("next"));
    fs::write(&bootstrap, document(&[&root], None)).unwrap();
    let endpoint = BundleEndpoint::start(&svid(&root, SERVER), Reply::status(500, "")).await.unwrap();
    let source = source(&endpoint.url("localhost", "/"), spiffe(SERVER, Some(&bootstrap)));
    let mut feeds = Feeds::new(None, now());
    let work = async {
        feeds.follow(std::slice::from_ref(&source)).await;
        let latest = feeds.until_problem("500").await;
        assert!(latest.bundle.is_none(), "a bootstrap bundle is for the endpoint, and for no workload");

        endpoint.reply(Reply::document(document(&[&root], 1)));
        let latest = feeds.until(|latest| latest.connected).await;
        assert_eq!((anchors(&latest), latest.problem, latest.confirmed), (1, None, Some(now())));
        endpoint.reply(Reply::status(503, ""));
        let latest = feeds.until_problem("503").await;
        assert_eq!((anchors(&latest), latest.connected), (1, false));
        endpoint.reply(Reply::document(document(&[&root, &next], 0)));
        assert_eq!(anchors(&feeds.until_problem("rollback").await), 1);
        endpoint.reply(Reply::document("{}"));
        assert_eq!(anchors(&feeds.until_problem("no bundle document").await), 1);

        endpoint.reply(Reply::document(document(&[&root, &next], 1)));
        let latest = feeds.until_problem("same sequence number").await;
        assert_eq!((anchors(&latest), latest.connected), (2, true));
        endpoint.reply(Reply::document(document(&[&next, &root], 2)));
        feeds.until(|latest| latest.problem.is_none()).await;
        endpoint.reply(Reply::document(r#"{"keys": [], "spiffe_sequence": 3}"#));
        feeds.until(|latest| anchors(latest) == 0 && latest.bundle.is_some()).await;
        // Nobody is believed any more who would give it another one.
        endpoint.reply(Reply::document(document(&[&root], 4)));
        assert_eq!(anchors(&feeds.until_problem("not verified").await), 0);

        feeds.follow(&[]).await;
        assert!(feeds.latest().bundle.is_none());
        feeds.end().await;
    };
    LocalSet::new().run_until(work).await;
}

#[tokio::test]
async fn a_restart_goes_on_from_what_was_kept_and_not_from_the_bootstrap_bundle() {
    let directory = tempfile::tempdir().unwrap();
    let (state, bootstrap) = (directory.path().join("state"), directory.path().join("td.json"));
    let (old, new) = (Authority::root("old"), Authority::root("new"));
    fs::write(&bootstrap, document(&[&old], None)).unwrap();
    let endpoint = BundleEndpoint::start(&svid(&old, SERVER), Reply::document(document(&[&new], 7))).await.unwrap();
    let source = source(&endpoint.url("localhost", "/"), spiffe(SERVER, Some(&bootstrap)));
    let sources = std::slice::from_ref(&source);
    let work = async {
        let mut feeds = Feeds::new(Some(&state), now());
        feeds.follow(sources).await;
        // From here on the endpoint would have to have a certificate by the new authority.
        feeds.until_problem("not verified").await;
        feeds.end().await;

        let later = now().after(Duration::from_secs(600));
        let mut feeds = Feeds::new(Some(&state), later);
        feeds.board.adopt(sources);
        let latest = feeds.latest();
        assert_eq!((anchors(&latest), latest.confirmed, latest.connected), (1, Some(now()), false));
        assert_eq!(latest.stale_at(source.max_stale), Some(now().after(source.max_stale)));
        feeds.follow(sources).await;
        assert_eq!(anchors(&feeds.until_problem("not verified").await), 1);
        endpoint.present(&svid(&new, SERVER)).unwrap();
        endpoint.reply(Reply::document(document(&[&old], 6)));
        feeds.until_problem("rollback").await;
        endpoint.reply(Reply::document(document(&[&new], 7)));
        assert_eq!(feeds.until(|latest| latest.connected).await.confirmed, Some(later));
        feeds.end().await;
    };
    LocalSet::new().run_until(work).await;
}

#[tokio::test]
async fn a_withdrawal_outlives_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let (state, ca) = (directory.path().join("state"), directory.path().join("ca.pem"));
    let (from, until) = (now(), now().after(Duration::from_secs(60)));
    let web = WebAuthority::new(from, until).unwrap();
    fs::write(&ca, web.pem()).unwrap();
    let credentials = web.certify(&["localhost"], from, until).unwrap();
    let root = Authority::root("root");
    let endpoint = BundleEndpoint::start(&credentials, Reply::document(document(&[&root], 1))).await.unwrap();
    let source = source(&endpoint.url("localhost", "/"), Profile::HttpsWeb { ca: Some(ca) });
    let sources = std::slice::from_ref(&source);
    let work = async {
        let mut feeds = Feeds::new(Some(&state), now());
        feeds.follow(sources).await;
        feeds.until(|latest| anchors(latest) == 1).await;
        endpoint.reply(Reply::document(r#"{"keys": []}"#));
        feeds.until(|latest| anchors(latest) == 0).await;
        endpoint.reply(Reply::status(500, ""));
        // The withdrawal is on disk before the next answer is heard.
        feeds.until_problem("500").await;
        feeds.end().await;

        let feeds = Feeds::new(Some(&state), now());
        feeds.board.adopt(sources);
        assert!(feeds.latest().bundle.is_some_and(|bundle| !bundle.is_usable(now())));
    };
    LocalSet::new().run_until(work).await;
}

#[tokio::test]
async fn the_bundle_of_the_endpoints_trust_domain_may_come_from_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let pem = directory.path().join("host.pem");
    let (root, host) = (Authority::root("root"), Authority::root("host"));
    let id = "spiffe://host.test/bundles";
    let endpoint = BundleEndpoint::start(&svid(&host, id), Reply::document(document(&[&root], 1))).await.unwrap();
    let neighbour = Source {
        trust_domain: parse_trust_domain("host.test").unwrap(),
        kind: SourceKind::Pem { file: pem.clone() },
        intermediates: None,
        max_stale: Duration::from_secs(60),
    };
    let sources = [source(&endpoint.url("localhost", "/"), spiffe(id, None)), neighbour];
    let mut feeds = Feeds::new(None, now());
    let work = async {
        feeds.follow(&sources).await;
        feeds.until_problem("whose bundle is not there").await;
        fs::write(&pem, root.pem()).unwrap();
        feeds.until_problem("not verified").await;
        fs::write(&pem, host.pem()).unwrap();
        assert_eq!(anchors(&feeds.until(|latest| latest.connected).await), 1);
        // Without its source nobody vouches for the endpoint.
        feeds.follow(&sources[..1]).await;
        feeds.until_problem("whose bundle is not there").await;
        feeds.end().await;
    };
    LocalSet::new().run_until(work).await;
}

#[tokio::test]
async fn the_bundle_of_the_endpoints_trust_domain_may_be_federated_and_must_not_be_stale() {
    let directory = tempfile::tempdir().unwrap();
    let (ca, state) = (directory.path().join("ca.pem"), directory.path().join("state"));
    let until = now().after(Duration::from_secs(3600));
    let web = WebAuthority::new(now(), until).unwrap();
    fs::write(&ca, web.pem()).unwrap();
    let web = web.certify(&["localhost"], now(), until).unwrap();
    let (root, host) = (Authority::root("root"), Authority::root("host"));
    let id = "spiffe://host.test/bundles";
    let hosts = BundleEndpoint::start(&web, Reply::document(document(&[&host], 1))).await.unwrap();
    let endpoint = BundleEndpoint::start(&svid(&host, id), Reply::document(document(&[&root], 1))).await.unwrap();
    let neighbour = Source {
        trust_domain: parse_trust_domain("host.test").unwrap(),
        max_stale: Duration::from_secs(60),
        ..source(&hosts.url("localhost", "/"), Profile::HttpsWeb { ca: Some(ca) })
    };
    let sources = [source(&endpoint.url("localhost", "/"), spiffe(id, None)), neighbour];
    let work = async {
        let mut feeds = Feeds::new(Some(&state), now());
        feeds.follow(&sources).await;
        feeds.until(|latest| latest.connected).await;
        hosts.reply(Reply::status(500, ""));
        feeds.end().await;

        let mut feeds = Feeds::new(Some(&state), now().after(Duration::from_secs(60)));
        feeds.follow(&sources).await;
        assert_eq!(anchors(&feeds.until_problem("not verified").await), 1);
        hosts.reply(Reply::document(document(&[&host], 2)));
        feeds.until(|latest| latest.connected).await;
        feeds.end().await;
    };
    LocalSet::new().run_until(work).await;
}

#[tokio::test]
async fn a_url_that_is_no_endpoint_is_a_problem() {
    let mut feeds = Feeds::new(None, now());
    feeds.follow(&[source("http://td.test", Profile::HttpsWeb { ca: None })]).await;
    assert_eq!(feeds.latest().problem.as_deref(), Some("federation.url: the scheme is not `https`"));
    assert!(feeds.nudges.try_recv().is_ok());
}

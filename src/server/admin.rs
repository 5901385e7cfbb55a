//! The admin plane, on a listener of its own: liveness, readiness, metrics, and the gRPC health protocol.

mod door;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{ConnectInfo, RawQuery, State},
    http::{
        HeaderMap, StatusCode,
        header::{ACCEPT, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
    routing::get,
    serve::ListenerExt,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic_health::{ServingStatus, server::HealthReporter};

use self::door::Door;
use super::Shared;

/// What the admin plane tells.
#[derive(Clone, Debug)]
pub struct Admin {
    /// The serving side.
    pub shared: Arc<Shared>,
    /// Ends readiness, and a moment later everything.
    pub shutdown: CancellationToken,
}

impl Admin {
    /// Serves until `ended`.
    ///
    /// # Errors
    /// If the listener fails.
    pub async fn serve(self, listener: TcpListener, ended: CancellationToken) -> io::Result<()> {
        let (reporter, health) = tonic_health::server::health_reporter();
        let router = Router::new()
            .route("/livez", get(|| async { "ok\n" }))
            .route("/readyz", get(readyz))
            .route("/metrics", get(metrics))
            .route("/health", get(told))
            .route("/health/live", get(|| async { Json(serde_json::json!({})) }))
            .route("/health/ready", get(|State(admin): State<Self>| async move { well(admin.is_ready(), "not ready") }))
            .with_state(self.clone())
            // Not by tonic's routes: they answer 200 to everything else, and a probe of a path that is not there must fail.
            .route_service(HEALTH_METHODS, health);
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        // Tapped for nothing but the address of the peer.
        let listener = Door::new(listener).tap_io(|_| ());
        tokio::select! {
            () = self.report(&reporter) => Ok(()),
            served = async { axum::serve(listener, service).await } => served,
            () = ended.cancelled() => Ok(()),
        }
    }

    /// Whether Checks are decided: everything is loaded, the log can be written, this workload has its own SVID wherever it must show one, and
    /// the end has not been announced.
    pub fn is_ready(&self) -> bool {
        let shared = &self.shared;
        let shows = || shared.identities().iter().all(|identity| identity.current(shared.clock.now()).is_some());
        shared.snapshot.load().is_some()
            && (!shared.audit.is_broken() || !shared.audit.holds_up())
            && !self.shutdown.is_cancelled()
            && shows()
    }

    /// Tells the gRPC health service what `/readyz` tells.
    async fn report(&self, reporter: &HealthReporter) {
        let mut told = None;
        loop {
            let ready = self.is_ready();
            if told.replace(ready) != Some(ready) {
                let status = if ready { ServingStatus::Serving } else { ServingStatus::NotServing };
                for service in ["", "envoy.service.auth.v3.Authorization"] {
                    reporter.set_service_status(service, status).await;
                }
            }
            tokio::time::sleep(HEALTH).await;
        }
    }
}

async fn readyz(
    State(admin): State<Admin>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    RawQuery(query): RawQuery,
) -> Response {
    let ready = admin.is_ready();
    let code = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    if query.as_deref() != Some("verbose") {
        return (code, if ready { "ok\n" } else { "not ready\n" }).into_response();
    }
    if !peer.ip().to_canonical().is_loopback() {
        return (StatusCode::FORBIDDEN, "`?verbose` answers on loopback only\n").into_response();
    }
    let steps = admin.shared.clock.steps();
    let now = admin.shared.clock.now();
    let identities = admin.shared.identities().into_iter().map(|identity| {
        let svid = identity.current(now);
        serde_json::json!({
            "spiffe_id": svid.as_ref().map(|svid| svid.id().to_string()),
            "not_after": svid.as_ref().map(|svid| svid.not_after().to_string()),
            "problem": identity.problem(),
        })
    });
    let body = serde_json::json!({
        "ready": ready,
        "draining": admin.shutdown.is_cancelled(),
        "parts": admin.shared.status.parts(),
        "bundles": admin.shared.status.bundles(),
        "identities": identities.collect::<Vec<_>>(),
        "audit": { "broken": admin.shared.audit.is_broken(), "written": admin.shared.audit.written() },
        "clock": { "steps_backward": steps.backward, "steps_forward": steps.forward, "steps_returned": steps.returned },
    });
    (code, Json(body)).into_response()
}

/// Health as OPA tells it: with `?plugins` whether Checks are decided, with `?bundles` whether every bundle was active once.
async fn told(State(admin): State<Admin>, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let asks = |name: &str| {
        let told = query.split('&').find_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, "true"));
            (key == name).then_some(value)
        });
        told.is_some_and(|value| value != "false")
    };
    if asks("bundles") && admin.shared.status.bundles().iter().any(|bundle| bundle.activated.is_none()) {
        return well(false, "not every bundle is active");
    }
    if (asks("plugins") || asks("plugin")) && !admin.is_ready() {
        return well(false, "not ready");
    }
    well(true, "")
}

/// What OPA answers: an empty object, or 500 with an error.
fn well(is_well: bool, error: &str) -> Response {
    if is_well {
        return Json(serde_json::json!({})).into_response();
    }
    (StatusCode::INTERNAL_SERVER_ERROR, Json(serde_json::json!({ "error": error }))).into_response()
}

/// In the format that is asked for: what does not know `OpenMetrics` gets the older one.
async fn metrics(State(admin): State<Admin>, headers: HeaderMap) -> Response {
    let (metrics, readings) = (&admin.shared.metrics, admin.shared.readings(admin.is_ready()));
    let accepts = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let (text, format) = if accepts.into_iter().any(|value| value.contains("application/openmetrics-text")) {
        (metrics.scrape(&readings), "application/openmetrics-text; version=1.0.0; charset=utf-8")
    } else {
        (metrics.scrape_plain(&readings), "text/plain; version=0.0.4; charset=utf-8")
    };
    match text {
        Ok(text) => ([(CONTENT_TYPE, format)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// The gRPC health protocol, `Check` and `Watch`.
const HEALTH_METHODS: &str = "/grpc.health.v1.Health/{method}";

/// How soon the health service follows.
const HEALTH: Duration = Duration::from_millis(200);

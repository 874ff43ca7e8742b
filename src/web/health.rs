//! For machines that watch: alive, ready, metrics.

use actix_web::{HttpResponse, web};

use super::Portal;
use super::error::WebError;
use crate::domain::time::Instant;
use crate::store::{checkpoints, sessions};

fn plain(text: &'static str) -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(text)
}

/// The process answers.
pub async fn alive() -> HttpResponse {
    plain("alive\n")
}

/// The process takes requests and its database answers; 503 while it starts, stops, or has lost it.
pub async fn ready(portal: web::Data<Portal>) -> Result<HttpResponse, WebError> {
    if portal.is_stopping() {
        return Err(WebError::Busy);
    }
    portal.store.read().await?;
    Ok(plain("ready\n"))
}

/// Every metric, for Prometheus. Answered to this machine alone, and to nobody who asks through a proxy: whatever collects them runs here.
pub async fn metrics(req: actix_web::HttpRequest, portal: web::Data<Portal>) -> Result<HttpResponse, WebError> {
    let local = req.peer_addr().is_some_and(|peer| peer.ip().to_canonical().is_loopback());
    // Whatever they say: somebody else may be asking through this machine.
    let through = ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"];
    if !local || through.iter().any(|name| req.headers().contains_key(*name)) {
        return Err(crate::domain::refusal::Refusal::NotFound.into());
    }
    let metrics = &portal.store.metrics;
    let mut read = portal.store.read().await?;
    metrics.sessions_active.set(sessions::count(&mut read, Instant(portal.store.clock.now())).await?);
    let (signed, anchored) = (checkpoints::newest(&mut read).await?, checkpoints::last_anchor(&mut read).await?);
    let age = |at: Option<Instant>| at.map_or(-1, |at| (portal.store.now().0 - at.0) / 1_000_000);
    metrics.audit_checkpoint_age.set(age(signed.map(|row| row.at)));
    metrics.audit_anchor_age.set(age(anchored.map(|(_, _, at)| at)));
    let (used, idle) = portal.store.pools().connections();
    metrics.connections(used, idle);
    Ok(HttpResponse::Ok().content_type("application/openmetrics-text; version=1.0.0; charset=utf-8").body(metrics.encode()))
}

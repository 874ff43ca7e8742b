//! What `/metrics` tells Prometheus. The help text of each metric is its documentation.
//!
//! Labels are words from short closed lists (a route's pattern, never its path), so that nobody can grow the list from outside.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

type Count = Counter<u64, AtomicU64>;
type Level = Gauge<i64, AtomicI64>;

/// One value of one label.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Outcome {
    outcome: &'static str,
}

/// A kind of database connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct PoolState {
    state: &'static str,
}

/// A command of the writer and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Command {
    name: &'static str,
    outcome: &'static str,
}

/// A route by its pattern.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Route {
    route: String,
}

/// A request by its route, method and kind of answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Request {
    route: String,
    method: &'static str,
    status: &'static str,
}

/// All metrics of the process. Clones share the same numbers.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    http_requests: Family<Request, Count>,
    http_seconds: Family<Route, Histogram, fn() -> Histogram>,
    writer_commands: Family<Command, Count>,
    pool: Family<PoolState, Level>,
    import_rows: Family<Outcome, Count>,
    sign_ins: Family<Outcome, Count>,
    /// Commands that wait for the writer.
    pub writer_queue_depth: Level,
    /// Commands in one transaction.
    pub writer_batch_commands: Histogram,
    /// Seconds from the start of a writing transaction to its commit.
    pub writer_commit_seconds: Histogram,
    /// The number of the last audit event.
    pub audit_sequence: Level,
    /// Seconds since the newest checkpoint of the audit trail was signed; below zero where there is none.
    pub audit_checkpoint_age: Level,
    /// Seconds since one was last noted outside; below zero where none was.
    pub audit_anchor_age: Level,
    /// Sessions that could be used now.
    pub sessions_active: Level,
    /// Rows that left in exports.
    pub export_rows: Count,
    /// Password hashes that wait for a core.
    pub password_hash_waiting: Level,
}

/// 1 ms to 16 s, doubling.
fn request_buckets() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 2.0, 15))
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All at zero.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("counterfoil");
        let build = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The version of the running program, as a label; the value is always 1", build);
        let mut with = Registering(&mut registry);
        let metrics = Self {
            http_requests: with.one(
                "http_requests",
                "Requests answered, by route pattern, method and class of status (2xx, 3xx, 4xx, 5xx)",
                Family::default(),
            ),
            http_seconds: with.one(
                "http_request_duration_seconds",
                "Seconds from a request's head to the end of its answer, by route pattern",
                Family::new_with_constructor(request_buckets as fn() -> Histogram),
            ),
            writer_queue_depth: with.one(
                "writer_queue_depth",
                "Commands that wait for the one writer of this process; at the limit new ones are answered 503",
                Level::default(),
            ),
            writer_batch_commands: with.one(
                "writer_batch_commands",
                "Commands that shared one transaction and one commit, 1 to 64",
                Histogram::new(exponential_buckets(1.0, 2.0, 7)),
            ),
            writer_commit_seconds: with.one(
                "writer_commit_seconds",
                "Seconds from the begin of a writing transaction to the end of its commit, with the wait for the disk",
                Histogram::new(exponential_buckets(0.0005, 2.0, 15)),
            ),
            writer_commands: with.one(
                "writer_commands",
                "Commands that went through the writer, by name and outcome: done, refused or failed",
                Family::default(),
            ),
            audit_sequence: with.one(
                "audit_sequence",
                "The number of the last audit event this process wrote or read; it only ever rises",
                Level::default(),
            ),
            audit_checkpoint_age: with.one(
                "audit_checkpoint_age_seconds",
                "Seconds since the newest checkpoint of the audit trail was signed, below zero where there is none; it grows while nothing happens too",
                Level::default(),
            ),
            audit_anchor_age: with.one(
                "audit_anchor_age_seconds",
                "Seconds since a checkpoint was last noted outside the database, below zero where none was",
                Level::default(),
            ),
            pool: with.one("db_pool_connections", "Open database connections of this process, by state: idle or used", Family::default()),
            sessions_active: with.one("sessions_active", "Sessions that have neither ended nor run out, as last counted", Level::default()),
            import_rows: with.one(
                "import_rows",
                "Rows of imported files, by outcome: created, changed, unchanged or refused",
                Family::default(),
            ),
            export_rows: with.one("export_rows", "Rows written into exports", Count::default()),
            sign_ins: with.one("sign_in", "Attempts to sign in, by outcome: done, refused or throttled", Family::default()),
            password_hash_waiting: with.one(
                "password_hash_waiting",
                "Password checks that wait for a free core; more than a few for longer than seconds means an attack or too few cores",
                Level::default(),
            ),
            registry: Arc::new(Registry::default()),
        };
        Self { registry: Arc::new(registry), ..metrics }
    }

    /// Counts a request that was answered. `route` is the pattern of the matched route, empty if none matched.
    pub fn http_request(&self, route: &str, method: &str, status: u16, seconds: f64) {
        let route = if route.is_empty() { "none" } else { route }.to_owned();
        let request = Request { route: route.clone(), method: known_method(method), status: class(status) };
        self.http_requests.get_or_create(&request).inc();
        self.http_seconds.get_or_create(&Route { route }).observe(seconds);
    }

    /// Counts a command of the writer: `done`, `refused` or `failed`.
    pub fn writer_command(&self, name: &'static str, outcome: &'static str) {
        self.writer_commands.get_or_create(&Command { name, outcome }).inc();
    }

    /// Says how many database connections are in use and how many are idle.
    pub fn connections(&self, used: u32, idle: u32) {
        self.pool.get_or_create(&PoolState { state: "used" }).set(used.into());
        self.pool.get_or_create(&PoolState { state: "idle" }).set(idle.into());
    }

    /// Counts rows of an import: `created`, `changed`, `unchanged` or `refused`.
    pub fn import_rows(&self, outcome: &'static str, rows: u64) {
        self.import_rows.get_or_create(&Outcome { outcome }).inc_by(rows);
    }

    /// Counts an attempt to sign in: `done`, `refused` or `throttled`.
    pub fn sign_in(&self, outcome: &'static str) {
        self.sign_ins.get_or_create(&Outcome { outcome }).inc();
    }

    /// Everything in the OpenMetrics text format; its media type is [`MEDIA_TYPE`].
    pub fn encode(&self) -> String {
        let mut text = String::new();
        // Writing into memory cannot fail; were a metric's own encoder to, what stands so far is still true.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

/// The `Content-Type` of [`Metrics::encode`].
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

struct Registering<'a>(&'a mut Registry);

impl Registering<'_> {
    fn one<M: prometheus_client::registry::Metric + Clone>(&mut self, name: &str, help: &str, metric: M) -> M {
        self.0.register(name, help, metric.clone());
        metric
    }
}

fn known_method(method: &str) -> &'static str {
    match method {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

fn class(status: u16) -> &'static str {
    match status {
        100..=199 => "1xx",
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        _ => "5xx",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used() -> String {
        let metrics = Metrics::new();
        metrics.http_request("/budgets/{id}", "GET", 200, 0.004);
        metrics.http_request("", "PROPFIND", 404, 0.001);
        metrics.writer_command("budget.transfer", "refused");
        metrics.connections(3, 5);
        metrics.import_rows("created", 16_176);
        metrics.sign_in("refused");
        metrics.clone().audit_sequence.set(42);
        metrics.export_rows.inc_by(7);
        metrics.writer_batch_commands.observe(64.0);
        metrics.writer_commit_seconds.observe(0.002);
        metrics.encode()
    }

    #[test]
    fn every_metric_has_our_prefix_and_a_help_text() {
        let text = used();
        let types: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
        assert_eq!(types.len(), 16, "{text}");
        for line in types {
            let name = line.split(' ').next().unwrap();
            assert!(name.starts_with("counterfoil_"), "{name}");
            let help = text.lines().find_map(|line| line.strip_prefix(&format!("# HELP {name} ")));
            assert!(help.is_some_and(|help| help.len() > 15 && help.ends_with('.')), "{name}: {help:?}");
        }
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn what_happened_is_counted_under_its_labels() {
        let text = used();
        for line in [
            "counterfoil_http_requests_total{route=\"/budgets/{id}\",method=\"GET\",status=\"2xx\"} 1",
            "counterfoil_http_requests_total{route=\"none\",method=\"other\",status=\"4xx\"} 1",
            "counterfoil_http_request_duration_seconds_count{route=\"/budgets/{id}\"} 1",
            "counterfoil_writer_commands_total{name=\"budget.transfer\",outcome=\"refused\"} 1",
            "counterfoil_db_pool_connections{state=\"idle\"} 5",
            "counterfoil_import_rows_total{outcome=\"created\"} 16176",
            "counterfoil_sign_in_total{outcome=\"refused\"} 1",
            "counterfoil_audit_sequence 42",
            "counterfoil_audit_checkpoint_age_seconds 0",
            "counterfoil_audit_anchor_age_seconds 0",
            "counterfoil_export_rows_total 7",
            "counterfoil_writer_queue_depth 0",
            concat!("counterfoil_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
        }
    }
}

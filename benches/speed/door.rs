//! Budget adjustments through the one door: sixty-four clients whose commands share commits, against one commit each on the same engine.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use counterfoil::store::writer::BATCH_MOST;

use crate::Bench;
use crate::data;
use crate::measure::{Bar, Line, median};
use crate::writers::Writers;

/// How many people adjust at once.
const CLIENTS: usize = 64;
/// How long each variant runs in a round.
const TIME: Duration = Duration::from_secs(4);
/// Transactions of the store: budgets are what matters here.
const ROWS: u64 = 2_000;

/// See the module's head.
pub async fn run(bench: &Bench) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for on in data::engines(bench) {
        let url = data::copy(bench, on, ROWS, "door").await?;
        let (mut single, mut shared, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..bench.rounds {
            let one = rate(&url, 1).await?;
            let many = rate(&url, BATCH_MOST).await?;
            ratios.push(many / one);
            single.push(one);
            shared.push(many);
        }
        lines.push(Line {
            what: format!("budget adjustments through the door, {CLIENTS} clients, {}, durable", on.name()),
            yardstick: format!("one commit each: {:.0}/s", median(&single)),
            ours: format!("{:.0}/s", median(&shared)),
            ratio: median(&ratios),
            unit: "",
            bar: Bar::Least(3.0),
        });
    }
    Ok(lines)
}

async fn rate(url: &str, batch_most: usize) -> Result<f64> {
    let writers = Arc::new(Writers::over(data::open(url, batch_most).await?).await?.with_budgets(CLIENTS).await?);
    writers.rate(CLIENTS, Duration::from_millis(500)).await?;
    let rate = writers.rate(CLIENTS, TIME).await?;
    writers.close().await;
    Ok(rate)
}

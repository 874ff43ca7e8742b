//! From the start of `serve` to its first "ready": a large store against an empty one.

use anyhow::Result;

use crate::Bench;
use crate::data;
use crate::measure::{Line, median};
use crate::server::Server;

/// Starts of each in one round.
const STARTS: usize = 5;

/// See the module's head.
pub async fn run(bench: &Bench) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for on in data::engines(bench) {
        let (large, empty) = (data::store(bench, on, bench.rows).await?, data::empty(bench, on, "empty")?);
        // Its schema is made once, without the clock.
        ready(bench, &empty).await?;
        let (mut larges, mut empties) = (Vec::new(), Vec::new());
        for _ in 0..bench.rounds {
            let (mut slow, mut quick) = (Vec::new(), Vec::new());
            for _ in 0..STARTS {
                quick.push(ready(bench, &empty).await?);
                slow.push(ready(bench, &large).await?);
            }
            larges.push(median(&slow));
            empties.push(median(&quick));
        }
        let what = format!("start of `serve` to ready on {} rows, {}", bench.rows, on.name());
        lines.push(Line::slower(&what, "an empty store", &empties, &larges, 2.0));
    }
    Ok(lines)
}

async fn ready(bench: &Bench, url: &str) -> Result<f64> {
    let server = Server::start(url, &bench.folder).await?;
    let seconds = server.ready;
    server.stop()?;
    Ok(seconds)
}

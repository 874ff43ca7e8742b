//! How far a long command is: a bar on a terminal, a line every few seconds elsewhere; always on standard error.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::clock::{Clock, Stopwatch};

/// Seconds between two lines where there is no terminal.
const EVERY: Duration = Duration::from_secs(5);

/// A running piece of work.
pub struct Progress {
    label: String,
    total: Option<u64>,
    done: u64,
    watch: Stopwatch,
    shown_at: Duration,
    look: Look,
}

enum Look {
    Bar(ProgressBar),
    Lines(Box<dyn Write + Send>),
}

impl Progress {
    /// Begins. `label` says what is counted, such as "rows"; `total` is `None` where the end is not known.
    pub fn start(label: &str, total: Option<u64>, clock: &Clock) -> Self {
        let look = if std::io::stderr().is_terminal() { Look::Bar(bar(label, total)) } else { Look::Lines(Box::new(std::io::stderr())) };
        Self::with(label, total, clock, look)
    }

    fn with(label: &str, total: Option<u64>, clock: &Clock, look: Look) -> Self {
        Self { label: label.to_owned(), total, done: 0, watch: clock.stopwatch(), shown_at: Duration::ZERO, look }
    }

    /// Some more is done.
    pub fn advance(&mut self, more: u64) {
        self.set(self.done.saturating_add(more));
    }

    /// So much is done in all.
    pub fn set(&mut self, done: u64) {
        self.done = done;
        let elapsed = self.watch.elapsed();
        if let Look::Bar(bar) = &self.look {
            bar.set_position(done);
        } else if elapsed.saturating_sub(self.shown_at) >= EVERY {
            self.shown_at = elapsed;
            let line = self.line();
            self.say(&line);
        }
    }

    /// Ends with a line that stays: what was done and how long it took.
    pub fn finish(mut self) {
        if let Look::Bar(bar) = &self.look {
            bar.finish_and_clear();
        }
        let line = format!("{} {} in {:.1} s", grouped(self.done), self.label, self.watch.seconds());
        self.say(&line);
    }

    fn line(&self) -> String {
        let done = grouped(self.done);
        match self.total {
            Some(total) if total > 0 => {
                let percent = u128::from(self.done.min(total)) * 100 / u128::from(total);
                format!("{done} of {} {} ({percent} %)", grouped(total), self.label)
            }
            _ => format!("{done} {}", self.label),
        }
    }

    fn say(&mut self, line: &str) {
        // Progress that nobody can read any more must not stop the work.
        let _ = match &mut self.look {
            Look::Bar(_) => writeln!(std::io::stderr(), "{line}"),
            Look::Lines(writer) => writeln!(writer, "{line}"),
        };
    }
}

fn bar(label: &str, total: Option<u64>) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr_with_hz(8)).with_message(label.to_owned());
    let template = match total {
        Some(_) => "{bar:30} {human_pos} of {human_len} {msg} ({percent} %), {eta} left",
        None => "{spinner} {human_pos} {msg}, {elapsed}",
    };
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style.progress_chars("=> ")),
        Err(_) => bar,
    }
}

/// `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn without_a_terminal_there_is_a_line_every_five_seconds_and_one_at_the_end() {
        let (clock, written) = (Clock::fixed(0), Shared::default());
        let mut progress = Progress::with("rows", Some(2_000_000), &clock, Look::Lines(Box::new(written.clone())));
        for _ in 0..10 {
            clock.advance(1_000_000);
            progress.advance(123_456);
        }
        progress.finish();
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text, "617,280 of 2,000,000 rows (30 %)\n1,234,560 of 2,000,000 rows (61 %)\n1,234,560 rows in 10.0 s\n");
    }

    #[test]
    fn numbers_are_grouped_and_an_unknown_end_has_no_percent() {
        assert_eq!([0, 999, 1_000, 12_345_678].map(grouped), ["0", "999", "1,000", "12,345,678"]);
        let mut progress = Progress::with("files", None, &Clock::fixed(0), Look::Lines(Box::new(Vec::new())));
        progress.advance(3);
        assert_eq!(progress.line(), "3 files");
        for total in [None, Some(10)] {
            bar("rows", total).set_position(3);
        }
    }
}

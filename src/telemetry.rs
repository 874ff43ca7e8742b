//! Logs: one event a line on standard error, as text for people or as JSON for machines.
//!
//! Times are UTC with microseconds. Whatever a stranger can put into a value, a line stays one line and a terminal stays as it was:
//! control characters are escaped in both forms. Fields of the surrounding spans (the request id, the person) stand in each event.

use std::fmt;
use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, SecondsFormat};
use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{EnvFilter, Layer};
use uuid::Uuid;

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `2026-11-22T17:00:00.000000Z INFO target: message name=value`.
    Text,
    /// One JSON object.
    Json,
}

impl Format {
    /// Text where a person reads standard error on a terminal, JSON where a program collects it.
    pub fn suitable() -> Self {
        if std::io::stderr().is_terminal() { Self::Text } else { Self::Json }
    }
}

/// Sends all events at or above `filter` (such as `info,sqlx=warn`) to standard error, and panics as one event each.
///
/// `now` gives microseconds since 1970.
///
/// # Errors
/// If a subscriber is already set: this is called once, at the start of the process.
pub fn start(filter: &str, format: Format, now: impl Fn() -> i64 + Send + Sync + 'static) -> Result<(), TryInitError> {
    let lines = Lines::new(format, now, std::io::stderr());
    tracing_subscriber::registry().with(EnvFilter::new(filter)).with(lines).try_init()?;
    report_panics();
    Ok(())
}

/// Turns a panic into one event of level error. The process goes on where its caller can; nobody sees a stack trace.
pub fn report_panics() {
    std::panic::set_hook(Box::new(|info| {
        let payload = info.payload();
        let said = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        let thread = std::thread::current().name().unwrap_or("unnamed").to_owned();
        tracing::error!(target: "counterfoil::panic", said = said.unwrap_or("nothing"), place, thread, "a thread panicked");
    }));
}

/// The 26 letters and digits by which a person and the log name the same request.
pub fn request_id(id: Uuid) -> String {
    const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    (0..26).rev().map(|at| char::from(LETTERS[(id.as_u128() >> (at * 5) & 31) as usize])).collect()
}

/// Escapes what would break a line, move a terminal's cursor or turn the reading direction.
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if is_unsafe(c) {
            safe.extend(c.escape_unicode());
        } else {
            safe.push(c);
        }
    }
    safe
}

fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Writes events as lines.
struct Lines<W> {
    format: Format,
    now: Box<dyn Fn() -> i64 + Send + Sync>,
    writer: Arc<Mutex<W>>,
}

impl<W: Write> Lines<W> {
    fn new(format: Format, now: impl Fn() -> i64 + Send + Sync + 'static, writer: W) -> Self {
        Self { format, now: Box::new(now), writer: Arc::new(Mutex::new(writer)) }
    }
}

/// Names and values in the order in which they were written; a later value of the same name replaces the first.
#[derive(Default, Clone)]
struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    fn set(&mut self, name: &'static str, value: Value) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field.name(), Value::String(escaped(&format!("{value:?}"))));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field.name(), Value::String(escaped(value)));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.set(field.name(), Value::String(escaped(&value.to_string())));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field.name(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field.name(), value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field.name(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field.name(), value.into());
    }
}

impl<S, W> Layer<S> for Lines<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: Write + Send + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().replace(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        for span in context.event_scope(event).into_iter().flat_map(tracing_subscriber::registry::Scope::from_root) {
            if let Some(outer) = span.extensions().get::<Fields>() {
                outer.0.iter().for_each(|(name, value)| fields.set(name, value.clone()));
            }
        }
        event.record(&mut fields);
        let meta = event.metadata();
        let line = self.line(meta.level().as_str(), meta.target(), fields);
        // A log that cannot be written must not stop the work; there is nowhere left to say so.
        let _ = self.writer.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes());
    }
}

impl<W> Lines<W> {
    fn line(&self, level: &str, target: &str, mut fields: Fields) -> String {
        let time = DateTime::from_timestamp_micros((self.now)()).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Micros, true);
        let message = fields.0.iter().position(|(name, _)| *name == "message").map(|at| fields.0.remove(at).1);
        let message = message.as_ref().and_then(Value::as_str).unwrap_or_default();
        let mut line = match self.format {
            Format::Text => format!("{time} {level:>5} {target}: {message}"),
            Format::Json => {
                let head = |name: &str, value: &str| format!("\"{name}\":{}", Value::from(value));
                let head = [head("time", &time), head("level", level), head("target", target), head("message", message)];
                format!("{{{}", head.join(","))
            }
        };
        for (name, value) in &fields.0 {
            line += &match (self.format, value) {
                (Format::Text, Value::String(text)) if is_plain(text) => format!(" {name}={text}"),
                (Format::Text, value) => format!(" {name}={value}"),
                (Format::Json, value) => {
                    // The four head fields keep their meaning whatever an event calls its own.
                    let mark = if matches!(*name, "time" | "level" | "target") { "_" } else { "" };
                    format!(",{}:{value}", Value::from(format!("{name}{mark}")))
                }
            };
        }
        line += if self.format == Format::Json { "}\n" } else { "\n" };
        line
    }
}

/// Whether a text can stand after `name=` without quotes and still be told from the next field.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || "-_.:/@+*%,{}[]()".contains(c))
}

#[cfg(test)]
mod tests {
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

    fn logged(format: Format, work: impl FnOnce()) -> String {
        let written = Shared::default();
        let lines = Lines::new(format, || 1_795_366_800_000_042, written.clone());
        let subscriber = tracing_subscriber::registry().with(EnvFilter::new("info")).with(lines);
        tracing::subscriber::with_default(subscriber, work);
        String::from_utf8(written.0.lock().unwrap().clone()).unwrap()
    }

    const HOSTILE: &str = "a\r\nb\u{1b}[2Jc\u{2028}d\u{2029}e\u{9b}f\u{202e}g\u{7f}\0\"quoted\"";

    #[test]
    fn a_value_cannot_break_the_line_or_the_terminal_in_either_form() {
        for format in [Format::Text, Format::Json] {
            let text = logged(format, || {
                let span = tracing::info_span!("request", agent = HOSTILE, late = tracing::field::Empty);
                span.record("late", HOSTILE);
                let _inside = span.enter();
                tracing::info!(path = HOSTILE, debug = ?HOSTILE, error = HOSTILE, "{HOSTILE}");
            });
            assert_eq!(text.matches('\n').count(), 1, "{text:?}");
            assert!(!text.trim_end_matches('\n').chars().any(is_unsafe), "{text:?}");
            assert!(text.contains("u{2028}") && text.contains("agent") && text.contains("late"), "{text}");
        }
    }

    #[test]
    fn text_lines_read_well() {
        let text =
            logged(Format::Text, || tracing::warn!(target: "counterfoil::store", route = "/budgets/{id}", took = 1.5, who = "A B", "slow"));
        assert_eq!(text, "2026-11-22T17:00:00.000042Z  WARN counterfoil::store: slow route=/budgets/{id} took=1.5 who=\"A B\"\n");
    }

    #[test]
    fn json_lines_are_objects_with_the_fields_of_their_spans() {
        let text = logged(Format::Json, || {
            let outer = tracing::info_span!("request", request = "r1", route = "outer").entered();
            let inner = tracing::info_span!("inner", route = "inner", rows = 7u64).entered();
            tracing::error!(level = "mine", ok = true, "done");
            drop((inner, outer));
            tracing::debug!("too quiet");
        });
        let object: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(object["time"], "2026-11-22T17:00:00.000042Z");
        assert_eq!((&object["level"], &object["level_"], &object["message"]), (&"ERROR".into(), &"mine".into(), &"done".into()));
        assert_eq!((&object["request"], &object["route"], &object["rows"]), (&"r1".into(), &"inner".into(), &7.into()));
        assert_eq!(object["ok"], true);
    }

    #[test]
    fn a_panic_is_one_event() {
        let text = logged(Format::Json, || {
            let before = std::panic::take_hook();
            report_panics();
            let caught = std::panic::catch_unwind(|| panic!("at\nnight"));
            std::panic::set_hook(before);
            assert!(caught.is_err());
        });
        let object: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!(object["target"], "counterfoil::panic");
        assert_eq!(object["said"], "at\\u{a}night");
        assert!(object["place"].as_str().unwrap().contains("telemetry.rs"));
    }

    #[test]
    fn request_ids_have_26_letters_and_differ() {
        assert_eq!(request_id(Uuid::nil()), "0".repeat(26));
        assert_eq!(request_id(Uuid::max()), format!("7{}", "z".repeat(25)));
        assert_ne!(request_id(Uuid::from_u128(1)), request_id(Uuid::from_u128(2)));
    }
}

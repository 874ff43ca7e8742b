//! Events of the trail: whatever stands in them, what is sealed is canonical, and reads back as the same bytes.
#![no_main]

use counterfoil::domain::access::{Actor, Proved, Who};
use counterfoil::domain::audit::{Event, leaf};
use counterfoil::domain::id::EventId;
use counterfoil::domain::time::Instant;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    let mut pieces = data.splitn(3, |byte| *byte == 0);
    let mut piece = || pieces.next().unwrap_or_default();
    let (before, after, word) = (piece(), piece(), String::from_utf8_lossy(piece()).into_owned());
    let read = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap_or(Value::Null);
    let event = Event::new("test.fuzzed", "budget", &word, None).change(read(before), read(after)).detail(read(word.as_bytes()));
    let actor = Actor { who: Who::System("fuzz"), request_id: word.clone(), peer: word, proved: Proved::Elsewhere };
    let body = event.body(EventId(Default::default()), Instant(i64::MAX), &actor);
    let value: Value = serde_json::from_slice(&body).expect("it is JSON");
    assert_eq!(value.to_string().into_bytes(), body, "written again it is the same");
    assert!(no_numbers(&value), "readers of JSON disagree about large numbers");
    let _ = leaf(&body);
});

fn no_numbers(value: &Value) -> bool {
    match value {
        Value::Number(_) => false,
        Value::Array(items) => items.iter().all(no_numbers),
        Value::Object(map) => map.values().all(no_numbers),
        _ => true,
    }
}

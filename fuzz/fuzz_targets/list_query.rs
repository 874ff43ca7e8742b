//! The question behind every list: what it reads it writes, and reads again as the same.
#![no_main]

use counterfoil::domain::list_query::{Calendar, ListQuery};
use counterfoil::domain::time::Instant;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let parsed = ListQuery::parse(text);
    let written = parsed.query.text();
    let again = ListQuery::parse(&written);
    assert_eq!(again.query, parsed.query, "{written}");
    assert_eq!(again.query.text(), written);
    assert!(again.notices.is_empty(), "{written}: {:?}", again.notices);
    let _ = (parsed.query.chips(&|_, _| None), parsed.query.words(&|_, _| None), parsed.query.shareable(), parsed.query.minor_bounds(3));
    let calendar = Calendar::at(Instant(1_795_348_800_000_000), chrono_tz::Europe::Berlin, 4);
    let _ = (parsed.query.period.days(&calendar), parsed.query.period.moments(&calendar));
});

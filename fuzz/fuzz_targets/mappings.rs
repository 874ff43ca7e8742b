//! Saved mappings, and rows read by them: headers in the first line, the mapping in the second, cells below.
#![no_main]

use counterfoil::domain::import::{Mapping, Profile, draft, suggest};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.split('\n');
    let headers: Vec<String> = lines.next().unwrap_or_default().split('\t').take(256).map(str::to_owned).collect();
    let mapping = serde_json::from_str::<Mapping>(lines.next().unwrap_or_default());
    let rows: Vec<Vec<String>> = lines.map(|line| line.split('\t').map(str::to_owned).collect()).collect();
    let mut profile = Profile::new(&headers);
    for row in &rows {
        profile.add(row);
    }
    let suggested = suggest(&profile).mapping;
    for mapping in mapping.into_iter().chain([suggested]) {
        let kept = serde_json::to_string(&mapping).expect("it can be kept");
        assert_eq!(serde_json::from_str::<Mapping>(&kept).expect("it reads back"), mapping);
        let Ok(prepared) = mapping.prepare(&headers) else { continue };
        for row in &rows {
            if let Ok(draft) = draft::draft(row, &prepared) {
                let _ = (draft.row_key(1), draft.content_hash());
            }
        }
    }
});

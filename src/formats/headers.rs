//! Names for the columns: each one is named, and no name stands twice.

use std::collections::HashSet;

/// Trims the header's cells; an empty one becomes `Column 5`, a second `Amount` becomes `Amount (2)`. Names longer than 200 characters are
/// cut. Empty cells at the end of the header are dropped: they come from a separator at the end of the line.
pub(super) fn names(mut cells: Vec<String>) -> Vec<String> {
    while cells.last().is_some_and(|cell| cell.trim().is_empty()) {
        cells.pop();
    }
    let mut taken = HashSet::with_capacity(cells.len());
    let plain: Vec<String> = cells.iter().map(|cell| cell.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let written: HashSet<String> = plain.iter().map(|name| name.to_lowercase()).collect();
    plain
        .into_iter()
        .enumerate()
        .map(|(at, name)| {
            let name: String = if name.is_empty() { format!("Column {}", at + 1) } else { name.chars().take(200).collect() };
            if taken.insert(name.to_lowercase()) {
                return name;
            }
            // Ends: there are more numbers than columns.
            let mut count = 2u32;
            loop {
                let next = format!("{name} ({count})");
                let key = next.to_lowercase();
                if !written.contains(&key) && taken.insert(key) {
                    return next;
                }
                count += 1;
            }
        })
        .collect()
}

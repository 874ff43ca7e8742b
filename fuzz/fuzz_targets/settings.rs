//! The configuration file: whatever stands in it, it is understood or refused, and no password of it is shown.
#![no_main]

use counterfoil::config::{Config, Inputs};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("counterfoil.toml"), data).expect("room for it");
    let inputs = Inputs { directory: folder.path().to_path_buf(), ..Inputs::default() };
    match Config::load(&inputs) {
        Ok(config) => {
            let shown = format!("{config:?}");
            let password = config.database.server().and_then(|(_, password)| password);
            assert!(password.is_none_or(|password| password.len() < 12 || !shown.contains(&password)), "{shown}");
        }
        Err(faults) => assert!(!faults.to_string().is_empty()),
    }
});

//! Signed notes, checkpoints and keys, as anchors and exports hold them.
#![no_main]

use counterfoil::domain::proof::checkpoint::{Checkpoint, from_hex};
use counterfoil::domain::proof::note::{Note, PublicKey, Signed, Signer, from_base64, on_one_line};
use counterfoil::domain::proof::testimony::Testimony;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let signer = Signer::of("counterfoil.example/log", [7; 32]).expect("a key");
    for note in Note::all(&text).iter().chain(&Note::parse(&text)) {
        // Nobody has the key: what is found signed is a forgery that was not noticed.
        assert_ne!(note.by(signer.public()), Signed::Yes);
        if let Some(checkpoint) = Checkpoint::parse(&note.text) {
            assert_eq!(checkpoint.text(), note.text);
        }
    }
    let signed = counterfoil::domain::proof::note::sign(&format!("{}\n", text.replace('\n', " ")), &[&signer]);
    let read = Note::parse(&signed).expect("what is signed is a note");
    assert_eq!(read.by(signer.public()), Signed::Yes);
    assert!(Note::all(&on_one_line(&signed)).len() <= 1);
    let _ = (Checkpoint::parse(&text), from_hex(&text), from_base64(&text), Signer::parse(&text));
    if let Some(key) = PublicKey::parse(&text) {
        assert_eq!(PublicKey::parse(&key.to_string()), Some(key));
    }
    let mut testimony = Testimony::new("counterfoil.example/log", &[]);
    for (at, line) in text.lines().enumerate() {
        for action in ["audit.key_begun", "audit.key_rotated", "audit.key_replaced", "audit.restore_accepted"] {
            let _ = testimony.hear(at as i64, action, line.as_bytes());
        }
    }
    let _ = (testimony.in_use(), testimony.lost());
});

//! Where checkpoints are noted: a place that is gone, hangs or is another; and readers of the trail who never come back.

use std::time::Duration;

use counterfoil::actions::anchors::{self, Proving};
use counterfoil::actions::restores::{self, Standing};
use counterfoil::actions::{audit_export, audit_keys};
use counterfoil::domain::access::{Actor, Scope};
use counterfoil::integrations::anchors::{Anchor, Mailbox};
use counterfoil::jobs::checkpoints::{run, turn};
use counterfoil::store::checkpoints as kept;
use counterfoil::store::db::Sql;
use tokio::sync::watch;

use super::{Proven, tamper};
use crate::support::database::{TestDb, on_both_engines};
use crate::support::smtp::Sink;

on_both_engines! {
    async fn a_file_that_is_gone_holds_the_store_until_it_is_back(db: TestDb) {
        let proven = Proven::found(db).await;
        let (store, proving, moved) = (&proven.company.store, proven.proving(), proven.folder.path().join("moved"));
        anchors::note(store, &proving, true).await.unwrap();
        std::fs::rename(proven.anchors(), &moved).unwrap();
        proven.events(1).await;
        assert_eq!(restores::look(store, &proving).await.unwrap(), Standing::Blind(vec![Anchor::File(proven.anchors())]));
        let words = audit_keys::rotate(store, Actor::system("cli"), &proving).await.unwrap_err().to_string();
        assert!(words.contains("cannot be read"), "{words}");
        assert!(!proven.anchors().exists(), "it is not made anew on a bare mount point");
        // Another place is begun; the one that was left out is missed no more.
        let other = Proving::new(Some(proven.key()), [Anchor::File(proven.folder.path().join("other"))]);
        turn(store, &other, true).await.unwrap();
        assert!(!store.is_held());
        turn(store, &other, true).await.unwrap();
        assert!(proven.folder.path().join("other").exists());
        assert!(turn(store, &proving, true).await.is_err(), "a place that was noted in is not begun again");
        std::fs::rename(&moved, proven.anchors()).unwrap();
        turn(store, &proving, true).await.unwrap();
        assert_eq!(restores::look(store, &proving).await.unwrap(), Standing::Free);
        proven.both_are_content().await;
    }

    async fn a_hold_is_not_undone_by_the_database(db: TestDb) {
        let proven = Proven::found(db).await;
        let (store, proving) = (&proven.company.store, proven.proving());
        let rows = kept::after(&mut store.lone(), 0, 10).await.unwrap();
        let (kept_to, lost_to) = (rows[1].size, rows[2].size);
        proven.cut(kept_to).await;
        assert!(matches!(restores::look(store, &proving).await.unwrap(), Standing::Older(_)));
        tamper(&proven.url, &["DELETE FROM setting WHERE key = 'audit.held'".to_owned()]).await;
        turn(store, &proving, true).await.unwrap();
        assert!(store.is_held(), "the anchors still say so");
        tamper(&proven.url, &["UPDATE setting SET value = 'nonsense' WHERE key = 'audit.held'".to_owned()]).await;
        turn(store, &proving, true).await.unwrap();
        assert!(store.is_held(), "what cannot be read holds as well");
        let lost = restores::accept(store, &proving, Actor::system("cli"), "a test").await.unwrap();
        assert!((lost.kept_to, lost.lost_to) == (kept_to, lost_to) && !store.is_held(), "{lost:?}");
    }

    async fn a_trail_that_went_on_unheld_is_found_all_the_same(db: TestDb) {
        let proven = Proven::found(db).await;
        let (store, proving) = (&proven.company.store, proven.proving());
        let rows = kept::after(&mut store.lone(), 0, 10).await.unwrap();
        proven.cut(rows[1].size).await;
        proven.events(40).await;
        let standing = restores::look(store, &proving).await.unwrap();
        let (kept_to, lost_to) = (rows[1].size, rows[2].size);
        assert!(matches!(standing, Standing::Older(lost) if (lost.kept_to, lost.lost_to) == (kept_to, lost_to)), "{standing:?}");
        restores::accept(store, &proving, Actor::system("cli"), "it went on").await.unwrap();
        turn(store, &proving, true).await.unwrap();
        proven.both_are_content().await;
    }

    async fn a_backup_from_before_the_first_key_is_signed_from_its_acceptance_on(db: TestDb) {
        let proven = Proven::found(db).await;
        let (store, proving) = (&proven.company.store, proven.proving());
        let begun = counterfoil::store::audit_log::after(&mut store.lone(), 0, 100).await.unwrap();
        let before = begun.iter().find(|event| event.action == "audit.key_begun").unwrap().seq - 1;
        tamper(&proven.url, &["DELETE FROM posting WHERE kind = 'transfer'".to_owned(), "UPDATE budget SET adjusted = 0".to_owned()]).await;
        proven.cut(before).await;
        tamper(&proven.url, &["DELETE FROM audit_key".to_owned()]).await;
        assert!(matches!(restores::look(store, &proving).await.unwrap(), Standing::Older(_)));
        restores::accept(store, &proving, Actor::system("cli"), "a test").await.unwrap();
        turn(store, &proving, true).await.unwrap();
        proven.both_are_content().await;
    }

    async fn a_place_that_hangs_stops_neither_signing_nor_stopping(db: TestDb) {
        let proven = Proven::found(db).await;
        let (store, pipe) = (proven.company.store.clone(), proven.folder.path().join("pipe"));
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let proving = Proving::new(Some(proven.key()), [Anchor::File(pipe.clone()), Anchor::File(proven.anchors())]);
        proven.events(3).await;
        let (stop, told) = watch::channel(false);
        let job = tokio::spawn(run(store.clone(), proving, told));
        tokio::time::sleep(Duration::from_millis(300)).await;
        stop.send_replace(true);
        tokio::time::timeout(Duration::from_secs(8), job).await.expect("it stops").unwrap();
        let newest = kept::newest(&mut store.lone()).await.unwrap().unwrap().size;
        let noted = kept::anchored(&mut store.lone(), "file", proven.anchors().display().to_string()).await.unwrap();
        assert_eq!(noted.map(|(size, _)| size), Some(newest), "the other place was told");
        // Whoever hangs in it is let go.
        drop(std::fs::OpenOptions::new().read(true).write(true).open(&pipe).unwrap());
        proven.both_are_content().await;
    }

    async fn readers_who_never_come_back_keep_no_connection(db: TestDb) {
        let proven = Proven::found(db).await;
        for _ in 0..6 {
            proven.events(501).await;
        }
        let store = &proven.company.store;
        let rest = Duration::from_millis(200);
        let left: Vec<_> = (0..8).map(|_| audit_export::file_taken_within(store, Scope::of([], true), (), rest)).collect();
        // Each reads as far as the channel takes it, on however slow a machine, and then rests too long.
        let deadline = std::time::Instant::now() + Duration::from_secs(90);
        let mut reading = Vec::new();
        while reading.len() < 8 {
            assert!(std::time::Instant::now() < deadline, "{} connections are kept", 8 - reading.len());
            if let Ok(Ok(read)) = tokio::time::timeout(Duration::from_secs(5), store.read()).await {
                reading.push(read);
            }
        }
        drop((reading, left));
    }

    async fn a_mailbox_is_told_and_what_it_got_proves_the_trail(db: TestDb) {
        let (proven, sink) = (Proven::found(db).await, Sink::start().await);
        let store = &proven.company.store;
        let mailbox = Mailbox::new("auditors@checks.example".to_owned(), sink.called("127.0.0.1"));
        let proving = Proving::new(Some(proven.key()), [Anchor::Mail(Box::new(mailbox))]);
        sink.answer(450);
        let words = turn(store, &proving, true).await.unwrap_err().to_string();
        assert!(words.contains("the mail server took no letter") && !words.contains("auditors@"), "{words}");
        sink.answer(250);
        turn(store, &proving, true).await.unwrap();
        turn(store, &proving, true).await.unwrap();
        let letters = sink.letters();
        assert_eq!(letters.len(), 1, "each checkpoint once");
        assert!(letters[0].to.contains("<auditors@checks.example>"), "{letters:?}");
        let (kind, size, _) = kept::last_anchor(&mut store.lone()).await.unwrap().unwrap();
        let newest = kept::newest(&mut store.lone()).await.unwrap().unwrap();
        assert_eq!((kind.as_str(), size), ("mail", newest.size));
        let place: Option<(String,)> = store.read().await.unwrap().one(Sql::new("SELECT place FROM audit_anchor WHERE kind = 'mail'")).await.unwrap();
        assert!(place.as_ref().is_some_and(|(place,)| place.ends_with("@checks.example") && !place.contains("auditors")), "{place:?}");

        // The letter as it came is a file of anchors, for both verifiers.
        let kept_letter = proven.folder.path().join("letter.eml");
        std::fs::write(&kept_letter, letters[0].data.replace('\n', "\r\n")).unwrap();
        let notes = Anchor::File(kept_letter.clone()).notes().unwrap();
        assert_eq!(notes.len(), 1, "{}", letters[0].data);
        assert!(notes[0].text.contains(&format!("\n{}\n", newest.size)));
        assert_eq!(proven.both_say(&kept_letter).await.0, "ok");

        // It is not filled with letters; at the end it is told all the same.
        proven.events(3).await;
        counterfoil::actions::checkpoints::catch_up(store, &audit_keys::load(store, &proven.key()).await.unwrap()).await.unwrap();
        anchors::note(store, &proving, false).await.unwrap();
        assert_eq!(sink.letters().len(), 1, "45 minutes have not passed");
        proven.company.clock.advance(46 * 60 * 1_000_000);
        anchors::note(store, &proving, false).await.unwrap();
        assert_eq!(sink.letters().len(), 2);
    }
}

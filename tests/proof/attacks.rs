//! What somebody tries who can write the database and has no key, or an old one: keys of her own, losses that nobody accepted, tails that nobody signed.

use counterfoil::actions::restores::{self, Standing};
use counterfoil::actions::{audit_keys, checkpoints};
use counterfoil::domain::access::{Actor, Scope};
use counterfoil::domain::proof::note::{Signer, sign};
use counterfoil::domain::proof::testimony::{Lost, handing_over};
use counterfoil::integrations::anchors::Anchor;
use counterfoil::store::checkpoints as kept;
use serde_json::json;

use super::{Proven, keep, put_back, python, tamper};
use crate::support::database::{TestDb, on_both_engines};

on_both_engines! {
    async fn a_key_that_only_signs_along_does_not_become_the_trails(db: TestDb) {
        let proven = Proven::found(db).await;
        let own = audit_keys::load(&proven.company.store, &proven.key()).await.unwrap();
        let signer = |seed| Signer::of(&own.public().name, [seed; 32]).unwrap();
        let (next, evil) = (signer(8), signer(9));
        let (from, to) = (own.public().to_string(), next.public().to_string());
        let note = sign(&handing_over(&own.public().name, &from, &to), &[&own, &next, &evil]);
        let evil = evil.public().to_string();
        proven.slip_in("audit.key_rotated", json!({ "from": from, "to": to, "key": evil, "note": note }), Some(evil.clone())).await;
        proven.both_find("a key that signed along").await;
    }

    async fn a_loss_that_nobody_signed_excuses_nothing(db: TestDb) {
        let proven = Proven::found(db).await;
        let rows = kept::after(&mut proven.company.store.lone(), 0, 10).await.unwrap();
        let size = rows[1].size;
        proven.cut(size).await;
        keep(&proven.url).await;
        let signer = audit_keys::load(&proven.company.store, &proven.key()).await.unwrap();
        let evil = Signer::of(&signer.public().name, [9; 32]).unwrap();
        for (kept_to, lost_to) in [(size, 999_999_999), (0, i64::MAX), (i64::MAX, i64::MAX), (-1, 999_999_999)] {
            let lost = Lost { kept_to, lost_to, until: proven.company.store.now() };
            for note in [None, Some(sign(&lost.text(&signer.public().name), &[&evil]))] {
                proven.slip_in("audit.restore_accepted", json!({ "kept_to": kept_to, "lost_to": lost_to, "note": note }), None).await;
                proven.events(12).await;
                proven.both_find("a loss that nobody signed").await;
                assert!(matches!(restores::look(&proven.company.store, &proven.proving()).await.unwrap(), Standing::Older(_)));
                tamper(&proven.url, &["DELETE FROM setting WHERE key = 'audit.held'".to_owned()]).await;
                put_back(&proven.url).await;
                proven.company.store.hold(counterfoil::store::Held::No);
            }
        }
    }

    async fn one_accepted_loss_does_not_hide_the_next(db: TestDb) {
        let proven = Proven::found(db).await;
        let store = &proven.company.store;
        let first = kept::after(&mut store.lone(), 0, 10).await.unwrap()[1].size;
        // From here to the end of the second part everything is lost, and that is accepted.
        proven.events(40).await;
        proven.sign().await;
        proven.cut(first).await;
        proven.company.clock.advance(60_000_000);
        let Standing::Older(lost) = restores::look(store, &proven.proving()).await.unwrap() else { panic!("not found") };
        assert_eq!(lost.kept_to, first);
        restores::accept(store, &proven.proving(), Actor::system("cli"), "disk failure").await.unwrap();
        proven.company.clock.advance(60_000_000);
        let second = counterfoil::store::audit_log::stated_head(&mut store.lone()).await.unwrap().unwrap().seq;
        proven.sign().await;
        proven.both_are_content().await;
        proven.events(12).await;
        proven.sign().await;
        let newest = kept::newest(&mut store.lone()).await.unwrap().unwrap().size;
        assert!(second < newest && newest <= lost.lost_to, "the new line ends inside the range that was accepted");
        proven.cut(second).await;
        proven.both_find("a second database put back").await;
        let standing = restores::look(store, &proven.proving()).await.unwrap();
        assert!(matches!(standing, Standing::Older(again) if again.kept_to == second && again.lost_to == newest), "{standing:?}");
        restores::accept(store, &proven.proving(), Actor::system("cli"), "again").await.unwrap();
        proven.events(1).await;
        proven.sign().await;
        assert!(proven.other().await["lost"].as_array().unwrap().len() == 2);
        proven.both_are_content().await;
    }

    async fn a_long_tail_that_nobody_signed_is_not_proven(db: TestDb) {
        let proven = Proven::found(db).await;
        keep(&proven.url).await;
        for _ in 0..4 {
            proven.events(501).await;
        }
        assert_eq!(proven.both_say(&proven.anchors()).await.0, "not_proven", "more than any checkpoint waits for");
        put_back(&proven.url).await;
        proven.events(1).await;
        proven.company.clock.advance(1_300_000_000);
        proven.both_are_content().await;
        proven.events(1).await;
        assert_eq!(proven.both_say(&proven.anchors()).await.0, "not_proven", "longer than any checkpoint waits");
        proven.sign().await;
        proven.both_are_content().await;
        let own = audit_keys::load(&proven.company.store, &proven.key()).await.unwrap().public().clone();
        let evil = Signer::of(&own.name, [9; 32]).unwrap();
        let detail = json!({ "from": own.to_string(), "to": evil.public().to_string(), "reason": "x" });
        proven.slip_in("audit.key_replaced", detail, Some(evil.public().to_string())).await;
        assert_eq!(proven.both_say(&proven.anchors()).await.0, "not_proven", "a key of nobody");
        checkpoints::make(&proven.company.store, &evil).await.unwrap();
        assert_eq!(proven.both_say(&proven.anchors()).await.0, "not_proven", "and what it signs");
    }

    async fn what_a_later_key_signed_is_not_forgotten(db: TestDb) {
        let proven = Proven::found(db).await;
        let (store, folder) = (&proven.company.store, proven.folder.path());
        let size = kept::newest(&mut store.lone()).await.unwrap().unwrap().size;
        let new = audit_keys::rotate(store, Actor::system("cli"), &proven.proving()).await.unwrap();
        proven.events(5).await;
        proven.sign().await;
        let newest = kept::newest(&mut store.lone()).await.unwrap().unwrap();
        let (earlier, alone) = (folder.join("earlier.jsonl"), folder.join("alone"));
        std::fs::copy(proven.export(Scope::of([], true)).await, &earlier).unwrap();
        // The first anchors, and a checkpoint of a key that nobody told the auditor of.
        let first: Vec<String> = kept::after(&mut store.lone(), 0, 3).await.unwrap().into_iter().map(|row| row.note).collect();
        for note in first.iter().chain([&newest.note]) {
            Anchor::File(alone.clone()).note(note, false).unwrap();
        }
        assert_eq!(proven.both_say(&alone).await, ("ok".to_owned(), 0));
        proven.cut(size).await;
        tamper(&proven.url, &[format!("DELETE FROM audit_key WHERE public_key = '{new}'")]).await;
        assert_eq!(proven.both_say(&earlier).await.0, "broken", "an earlier export tells of the new key");
        assert_eq!(proven.both_say(&alone).await, ("not_proven".to_owned(), 1));
    }

    async fn junk_among_the_anchors_or_in_an_export_ends_nothing(db: TestDb) {
        let proven = Proven::found(db).await;
        let own = audit_keys::load(&proven.company.store, &proven.key()).await.unwrap();
        let name = &own.public().name;
        let deep = "[".repeat(100_000);
        let junk = [
            format!("{name}\nabc\n\n\u{2014} {name} AAAA"),
            format!("counterfoil-checkpoint {name}\\nabc\\nAAAA\\nchain 0\\npostings 1\\n\\n\u{2014} {name} AAAA\\n"),
            format!("{{\"kind\":\"checkpoint\",\"note\":{deep}"),
            "{\"kind\":\"checkpoint\",\"note\":\"\\ud800\\n\\n\u{2014} a AAAA\\n\"}".to_owned(),
            "{\"kind\":\"checkpoint\"".to_owned(),
        ];
        let anchors = std::fs::read_to_string(proven.anchors()).unwrap();
        std::fs::write(proven.anchors(), format!("{}\n\n{anchors}", junk.join("\n\n"))).unwrap();
        proven.both_are_content().await;
        let (file, public) = (proven.export(Scope::of([], true)).await, proven.public());
        let good = std::fs::read_to_string(&file).unwrap();
        let head = good.lines().next().unwrap();
        let posting = good.lines().find(|line| line.contains("\"kind\":\"posting\"")).unwrap();
        let budget = good.lines().find(|line| line.contains("\"kind\":\"budget\"") && !line.contains("[\"0\",\"0\"")).unwrap();
        let bad = [
            good.replacen("\"whole\":true", "\"whole\":\"false\"", 1),
            good.replacen(head, &format!("{head}\n{head}"), 1),
            good.replacen("\"seq\":\"3\"", "\"seq\":\" 3\"", 1),
            good.replacen("\"kind\":\"event\"", "\"kind\":\"event\",\"kind\":\"event\"", 1),
            good.replacen("\"kind\":\"posting\"", "\"kind\":\"\u{1b}[2J\"", 1),
            good.replacen(posting, "{\"kind\":\"posting\",\"fields\":[\"1\"]}", 1),
            good.replacen(&format!("{budget}\n"), "", 1),
            good.replacen(head, &deep, 1),
        ];
        for bad in bad {
            assert_ne!(bad, good);
            std::fs::write(&file, bad).unwrap();
            let args = [file.to_str().unwrap(), "--public-key", public.to_str().unwrap()];
            assert_eq!(python(&args)["verdict"], "broken");
        }
    }
}

//! Keys: made once, handed over, lost; and what a part of the trail proves.

use std::os::unix::fs::PermissionsExt;

use counterfoil::actions::audit::Verdict;
use counterfoil::actions::{audit_keys, checkpoints};
use counterfoil::domain::access::{Actor, Scope};
use counterfoil::domain::audit;
use counterfoil::domain::proof::note::PublicKey;
use counterfoil::domain::proof::outside::Outside;
use counterfoil::domain::text::hex;
use counterfoil::store::{audit_log, checkpoints as kept};

use super::{Proven, python, tamper};
use crate::support::database::{TestDb, on_both_engines};

on_both_engines! {
    async fn whoever_was_given_the_first_key_follows_to_the_next_ones(db: TestDb) {
        let proven = Proven::found(db).await;
        let store = &proven.company.store;
        assert_eq!(std::fs::metadata(proven.key()).unwrap().permissions().mode() & 0o777, 0o600);
        for _ in 0..2 {
            let before = audit_keys::load(store, &proven.key()).await.unwrap();
            let public = audit_keys::rotate(store, Actor::system("cli"), &proven.proving()).await.unwrap();
            assert_eq!(kept::key(&mut store.lone()).await.unwrap(), Some(public.to_string()));
            assert!(checkpoints::make(store, &before).await.is_err(), "the old key signs nothing more");
            proven.events(3).await;
            proven.sign().await;
            proven.both_are_content().await;
        }
        // Interrupted after the trail was told, and before the file had its name.
        let last = audit_keys::load(store, &proven.key()).await.unwrap();
        let public = audit_keys::rotate(store, Actor::system("cli"), &proven.proving()).await.unwrap();
        let beside = |key: &PublicKey| proven.key().with_added_extension(key.short());
        std::fs::rename(proven.key(), beside(&public)).unwrap();
        std::fs::rename(beside(last.public()), proven.key()).unwrap();
        proven.events(1).await;
        proven.sign().await;
        assert!(!beside(&public).exists() && beside(last.public()).exists());
        proven.both_are_content().await;
    }

    async fn two_who_replace_the_key_at_once_lose_none(db: TestDb) {
        let proven = Proven::found(db).await;
        let (store, proving) = (&proven.company.store, proven.proving());
        let rotate = || audit_keys::rotate(store, Actor::system("cli"), &proving);
        let done = tokio::join!(rotate(), rotate(), rotate());
        assert!([done.0, done.1, done.2].iter().any(Result::is_ok), "one of them comes first");
        proven.events(2).await;
        proven.sign().await;
        proven.both_are_content().await;
    }

    async fn a_database_from_before_a_change_finds_its_key_again(db: TestDb) {
        let proven = Proven::found(db).await;
        let store = &proven.company.store;
        let size = kept::newest(&mut store.lone()).await.unwrap().unwrap().size;
        let old = audit_keys::load(store, &proven.key()).await.unwrap();
        let new = audit_keys::rotate(store, Actor::system("cli"), &proven.proving()).await.unwrap();
        proven.cut(size).await;
        tamper(&proven.url, &[format!("DELETE FROM audit_key WHERE public_key = '{new}'")]).await;
        assert_eq!(audit_keys::load(store, &proven.key()).await.unwrap().public(), old.public());
        // Where that key is gone, the one that is there takes its place, on record.
        let beside = |key: &PublicKey| proven.key().with_added_extension(key.short());
        assert!(audit_keys::new(store, Actor::system("cli"), &proven.key(), Some("it is not")).await.is_err(), "a key that is there is not lost");
        std::fs::rename(beside(&new), proven.key()).unwrap();
        assert_eq!(audit_keys::new(store, Actor::system("cli"), &proven.key(), Some("gone")).await.unwrap(), new);
        assert_eq!(audit_keys::load(store, &proven.key()).await.unwrap().public(), &new);
    }

    async fn a_key_that_was_never_written_to_the_end_is_no_hindrance(db: TestDb) {
        let (company, folder) = (crate::support::app::Company::found(db).await, tempfile::tempdir().unwrap());
        let key = folder.path().join("key");
        for half in [key.clone(), key.with_added_extension("part")] {
            std::fs::write(half, "").unwrap();
        }
        let signer = audit_keys::ensure(&company.store, &key).await.unwrap();
        assert_eq!(std::fs::read_to_string(&key).unwrap(), signer.secret());
        assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
        // Told, and killed before it had its name.
        std::fs::rename(&key, key.with_added_extension(signer.public().short())).unwrap();
        assert_eq!(audit_keys::ensure(&company.store, &key).await.unwrap().public(), signer.public());
    }

    async fn a_lost_key_is_replaced_on_record_and_the_new_one_has_to_be_given_out(db: TestDb) {
        let proven = Proven::found(db).await;
        let store = &proven.company.store;
        std::fs::remove_file(proven.key()).unwrap();
        assert!(audit_keys::ensure(store, &proven.key()).await.is_err(), "no second key is made in silence");
        assert!(audit_keys::new(store, Actor::system("cli"), &proven.key(), None).await.is_err());
        let public = audit_keys::new(store, Actor::system("cli"), &proven.key(), Some("the disk burnt")).await.unwrap();
        proven.events(2).await;
        proven.sign().await;
        // The first key still vouches for what it signed, and for nothing after that.
        assert_eq!(proven.both_say(&proven.anchors()).await.0, "not_proven");
        std::fs::write(proven.public(), format!("{public}\n")).unwrap();
        proven.both_are_content().await;
    }

    async fn nothing_is_proven_without_a_key_or_an_anchor_or_the_whole(db: TestDb) {
        let proven = Proven::found(db).await;
        for outside in [Outside::default(), Outside { keys: Vec::new(), ..proven.outside() }, Outside { anchors: Vec::new(), ..proven.outside() }] {
            assert!(matches!(proven.program(&outside).await, Verdict::NotProven { .. }));
        }
        let file = proven.export(Scope::of([], true)).await;
        let (file, public) = (file.to_str().unwrap().to_owned(), proven.public());
        assert_eq!(python(&[&file])["verdict"], "not_proven");
        assert_eq!(python(&[&file, "--public-key", public.to_str().unwrap()])["verdict"], "not_proven");
        // An earlier export is an anchor.
        let earlier = proven.folder.path().join("earlier.jsonl");
        std::fs::copy(&file, &earlier).unwrap();
        let said = python(&[&file, "--public-key", public.to_str().unwrap(), "--anchors", earlier.to_str().unwrap()]);
        assert_eq!(said["verdict"], "ok", "{said}");
        let text = std::fs::read_to_string(&file).unwrap();
        let cut: String = text.lines().take(text.lines().count() - 1).map(|line| format!("{line}\n")).collect();
        std::fs::write(&file, cut).unwrap();
        assert_eq!(python(&[&file])["verdict"], "broken");
        let part = proven.export(Scope::of([proven.company.regions["North"]], false)).await;
        let text = std::fs::read_to_string(&part).unwrap();
        assert!(text.contains("\"kind\":\"checkpoint\"") && !text.contains("\"kind\":\"posting\"") && !text.contains("audit.key_begun"), "{text}");
        assert_eq!(python(&[part.to_str().unwrap()])["verdict"], "not_proven");
        std::fs::write(&part, text.replacen("caf\u{e9}", "cafe", 1)).unwrap();
        assert_eq!(python(&[part.to_str().unwrap()])["verdict"], "broken");
    }

    async fn a_broken_trail_is_not_signed(db: TestDb) {
        let proven = Proven::found(db).await;
        proven.events(4).await;
        let seq = kept::newest(&mut proven.company.store.lone()).await.unwrap().unwrap().size + 2;
        tamper(&proven.url, &[format!("UPDATE audit_event SET object_id = 'other' WHERE seq = {seq}")]).await;
        let signer = audit_keys::load(&proven.company.store, &proven.key()).await.unwrap();
        let refused = checkpoints::make(&proven.company.store, &signer).await.unwrap_err();
        assert!(refused.to_string().contains(&format!("broken at event {seq}")), "{refused}");
    }

    async fn what_readers_of_json_disagree_about_is_found_where_nothing_is_signed(db: TestDb) {
        let proven = Proven::found(db).await;
        proven.events(2).await;
        let store = &proven.company.store;
        let head = audit_log::stated_head(&mut store.lone()).await.unwrap().unwrap();
        let last = audit_log::after(&mut store.lone(), head.seq - 1, 1).await.unwrap().remove(0);
        let body = String::from_utf8(last.body).unwrap().replacen("\"n\":", "\"n\":\"7\",\"n\":", 1);
        let leaf = audit::leaf(body.as_bytes());
        let before = audit_log::chain_at(&mut store.lone(), head.seq - 1).await.unwrap().unwrap();
        let chain = hex(&audit::chain(&head.log_id, head.seq.unsigned_abs(), &before, &leaf));
        let forged = [
            format!("UPDATE audit_event SET body = bytes:{}, leaf = bytes:{} WHERE seq = {}", hex(body.as_bytes()), hex(&leaf), head.seq),
            format!("UPDATE audit_event SET chain = bytes:{chain} WHERE seq = {}", head.seq),
            format!("UPDATE audit_head SET chain = bytes:{chain}"),
        ];
        tamper(&proven.url, &forged).await;
        assert_eq!(proven.both_find("a name that stands twice").await, head.seq);
    }
}

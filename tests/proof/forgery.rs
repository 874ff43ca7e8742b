//! Somebody who can write the database and computes everything afresh: without the key, with a key of his own, or by putting an older state back.

use counterfoil::actions::audit::Verdict;
use counterfoil::domain::audit::{self, START};
use counterfoil::domain::proof::checkpoint::{Checkpoint, origin};
use counterfoil::domain::proof::merkle::Tree;
use counterfoil::domain::proof::note::{Note, Signer, sign};
use counterfoil::domain::proof::outside::Outside;
use counterfoil::domain::text::hex;
use counterfoil::store::audit_log::{self, Kept};
use counterfoil::store::checkpoints as kept;

use super::{Proven, keep, put_back, tamper};
use crate::support::database::{TestDb, on_both_engines};

/// Every event after `change` has been at work on its body, chained afresh, with the head; and every checkpoint, signed again where there is a key.
async fn forged(proven: &Proven, change: impl Fn(&Kept) -> Option<Vec<u8>>, key: Option<&Signer>) -> Vec<String> {
    let mut read = proven.company.store.read().await.unwrap();
    let head = audit_log::stated_head(&mut read).await.unwrap().unwrap();
    let (mut chain, mut tree, mut statements) = (START, Tree::default(), Vec::new());
    let mut checkpoints = kept::after(&mut read, 0, 100).await.unwrap().into_iter().peekable();
    for event in audit_log::after(&mut read, 0, 10_000).await.unwrap() {
        let body = change(&event).unwrap_or_else(|| event.body.clone());
        let leaf = audit::leaf(&body);
        chain = audit::chain(&head.log_id, event.seq.unsigned_abs(), &chain, &leaf);
        tree.push(leaf);
        let set = format!("body = bytes:{}, leaf = bytes:{}, chain = bytes:{}", hex(&body), hex(&leaf), hex(&chain));
        statements.push(format!("UPDATE audit_event SET {set} WHERE seq = {}", event.seq));
        while let Some(row) = checkpoints.next_if(|row| row.size == event.seq) {
            let Some(key) = key else { continue };
            let made = Checkpoint::parse(&Note::parse(&row.note).unwrap().text).unwrap();
            let made = Checkpoint { root: tree.root(), chain, ..made };
            let note = sign(&made.text(), &[key]);
            let bytes = format!("root = bytes:{}, chain = bytes:{}, peaks = bytes:{}", hex(&made.root), hex(&chain), hex(&tree.peaks()));
            let set = format!("{bytes}, note = '{note}', public_key = '{}'", key.public());
            statements.push(format!("UPDATE audit_checkpoint SET {set} WHERE size = {}", row.size));
        }
    }
    statements.push(format!("UPDATE audit_head SET chain = bytes:{} WHERE one = 1", hex(&chain)));
    if let Some(key) = key {
        statements.push(format!("UPDATE audit_key SET public_key = '{}'", key.public()));
    }
    statements
}

on_both_engines! {
    async fn a_trail_that_was_chained_afresh_is_found(db: TestDb) {
        let proven = Proven::found(db).await;
        keep(&proven.url).await;
        let other = |event: &Kept| {
            let body = String::from_utf8(event.body.clone()).unwrap();
            (event.action == "test.happened" && event.object_id == "3").then(|| body.replace("\"n\":\"4\"", "\"n\":\"5\"").into_bytes())
        };
        tamper(&proven.url, &forged(&proven, other, None).await).await;
        let chain_alone = counterfoil::actions::audit::walk(&mut proven.company.store.lone(), |_, _| {}).await.unwrap();
        assert!(matches!(chain_alone, Verdict::Ok { .. }), "the chain by itself cannot know: {chain_alone:?}");
        assert_eq!(proven.both_find("a trail chained afresh").await, 1, "nothing before the first checkpoint is vouched for any more");
        put_back(&proven.url).await;
        proven.both_are_content().await;
    }

    async fn a_trail_that_was_signed_afresh_by_another_key_is_found(db: TestDb) {
        let proven = Proven::found(db).await;
        keep(&proven.url).await;
        let head = audit_log::stated_head(&mut proven.company.store.lone()).await.unwrap().unwrap();
        let own = Signer::of(&origin(&head.log_id), [9; 32]).unwrap();
        let old = std::fs::read_to_string(proven.public()).unwrap();
        let with_own_key = |event: &Kept| {
            let body = String::from_utf8(event.body.clone()).unwrap();
            Some(body.replace(old.trim(), &own.public().to_string()).into_bytes())
        };
        tamper(&proven.url, &forged(&proven, with_own_key, Some(&own)).await).await;
        proven.both_find("a trail signed with another key").await;
        // Whoever believes the key that the database names sees nothing; so such a trail is never called proven.
        let blind = proven.program(&Outside { keys: Vec::new(), anchors: proven.outside().anchors }).await;
        assert!(matches!(blind, Verdict::NotProven { .. }), "{blind:?}");
        // The key was stolen: then the anchors say so.
        std::fs::write(proven.public(), format!("{}\n{old}", own.public())).unwrap();
        put_back(&proven.url).await;
        let stolen = Signer::parse(&std::fs::read_to_string(proven.key()).unwrap()).unwrap();
        let other = |event: &Kept| {
            let body = String::from_utf8(event.body.clone()).unwrap();
            (event.action == "test.happened").then(|| body.replace("\"n\":\"4\"", "\"n\":\"5\"").into_bytes())
        };
        tamper(&proven.url, &forged(&proven, other, Some(&stolen)).await).await;
        proven.both_find("a trail signed with the stolen key").await;
        put_back(&proven.url).await;
        proven.both_are_content().await;
    }

    async fn an_older_state_is_found_by_its_anchor_and_not_proven_without(db: TestDb) {
        let proven = Proven::found(db).await;
        keep(&proven.url).await;
        let rows = kept::after(&mut proven.company.store.lone(), 0, 10).await.unwrap();
        let size = rows[1].size;
        let older = [
            format!("DELETE FROM audit_event WHERE seq > {size}"),
            format!("DELETE FROM audit_checkpoint WHERE size > {size}"),
            format!("UPDATE audit_head SET seq = {size}, chain = bytes:{}", hex(&rows[1].chain)),
        ];
        tamper(&proven.url, &older).await;
        assert_eq!(proven.both_find("yesterday's database").await, size + 1);
        let alone = proven.program(&Outside { anchors: Vec::new(), ..proven.outside() }).await;
        assert!(matches!(&alone, Verdict::NotProven { why, .. } if why.contains("not anchored")), "{alone:?}");
        put_back(&proven.url).await;
        proven.both_are_content().await;
    }
}

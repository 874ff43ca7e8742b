//! Every column of every sealed table changed, rows deleted, doubled, swapped and cut off: each is found by both programs.

use counterfoil::clock::Random;
use counterfoil::store::audit_log;
use counterfoil::store::checkpoints as kept;

use super::{Proven, keep, put_back, tamper};
use crate::support::database::{TestDb, on_both_engines};

/// A number from the environment: how long the long way is.
fn many(name: &str, short: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(short)
}

/// What each column of an event becomes. `{bit}` stands for the same bytes with one bit changed.
const EVENT: &[(&str, &str)] = &[
    ("id", "ANY_ID"),
    ("at", "at + 1"),
    ("actor_kind", "'system'"),
    ("actor_id", "ANY_ID"),
    ("action", "action || 'x'"),
    ("object_kind", "object_kind || 'x'"),
    ("object_id", "object_id || '0'"),
    ("region_id", "ANY_ID"),
    ("body_version", "body_version + 1"),
    ("body", "{bit}"),
    ("leaf", "{bit}"),
    ("chain", "{bit}"),
];

const CHECKPOINT: &[(&str, &str)] = &[
    ("size", "size - 1"),
    ("at", "at + 1"),
    ("root", "{bit}"),
    ("chain", "{bit}"),
    ("peaks", "{bit}"),
    ("posting_no", "posting_no - 1"),
    ("postings", "{bit}"),
    ("public_key", "public_key || 'x'"),
    ("note", "replace(note, 'schema', 'Schema')"),
    ("note", "(SELECT note FROM kept_audit_checkpoint ORDER BY size LIMIT 1)"),
];

const POSTING: &[(&str, &str)] = &[
    ("no", "no + 100"),
    ("no", "-no"),
    ("id", "ANY_ID"),
    ("at", "at + 1"),
    ("effective_date", "effective_date + 1"),
    ("kind", "'refund'"),
    ("counted", "'adjustment'"),
    ("currency", "'USD'"),
    ("amount", "amount + 1"),
    ("source_account", "'reserved'"),
    ("source_budget_id", "(SELECT id FROM budget WHERE name = 'South one')"),
    ("source_region_id", "ANY_ID"),
    ("source_available_after", "source_available_after + 1"),
    ("destination_account", "'spent'"),
    ("destination_budget_id", "(SELECT id FROM budget WHERE name = 'South one')"),
    ("destination_region_id", "ANY_ID"),
    ("destination_available_after", "destination_available_after + 1"),
    ("transaction_id", "ANY_ID"),
    ("import_id", "ANY_ID"),
    ("reverses_id", "ANY_ID"),
    ("settles_id", "ANY_ID"),
    ("pair_id", "ANY_ID"),
    ("reason_code", "'other'"),
    ("note", "note || 'x'"),
    ("fx_rate", "'1.1'"),
    ("fx_date", "1"),
    ("fx_source", "'x'"),
    ("actor_kind", "'system' || 'x'"),
    ("actor_id", "ANY_ID"),
];

/// Bytes with one bit changed, as a literal.
fn flipped(bytes: &[u8], random: &Random) -> String {
    let mut bytes = bytes.to_vec();
    let at = usize::try_from(random.below(bytes.len() as u64 * 8)).unwrap();
    bytes[at / 8] ^= 1 << (at % 8);
    format!("bytes:{}", bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

/// Does it, sees that both find it, and puts everything back; where it was found.
async fn found(proven: &Proven, statements: &[String]) -> i64 {
    tamper(&proven.url, statements).await;
    let seq = proven.both_find(&statements.join("; ")).await;
    put_back(&proven.url).await;
    seq
}

on_both_engines! {
    async fn nothing_is_found_where_nothing_was_done(db: TestDb) {
        let proven = Proven::found(db).await;
        for run in 0..many("COUNTERFOIL_CLEAN_RUNS", 3) {
            proven.both_are_content().await;
            proven.events(i64::try_from(run % 3).unwrap()).await;
            if run % 2 == 1 {
                proven.sign().await;
            }
        }
    }

    async fn a_changed_column_of_an_event_is_found(db: TestDb) {
        let (proven, random) = (Proven::found(db).await, Random::system());
        keep(&proven.url).await;
        let last = audit_log::stated_head(&mut proven.company.store.lone()).await.unwrap().unwrap().seq;
        for _ in 0..many("COUNTERFOIL_MUTATED_EVENTS", 2) {
            let seq = 1 + i64::try_from(random.below(last.unsigned_abs())).unwrap();
            let event = audit_log::after(&mut proven.company.store.lone(), seq - 1, 1).await.unwrap().remove(0);
            for (column, becomes) in EVENT {
                let becomes = match *column {
                    "body" => flipped(&event.body, &random),
                    "leaf" => flipped(&event.leaf, &random),
                    "chain" => flipped(&event.chain, &random),
                    "actor_kind" if event.actor_kind == "system" => "'person'".to_owned(),
                    _ => (*becomes).to_owned(),
                };
                let at = found(&proven, &[format!("UPDATE audit_event SET {column} = {becomes} WHERE seq = {seq}")]).await;
                assert_eq!(at, seq, "{column}");
            }
        }
        proven.both_are_content().await;
    }

    async fn a_changed_checkpoint_or_key_is_found(db: TestDb) {
        let (proven, random) = (Proven::found(db).await, Random::system());
        keep(&proven.url).await;
        let rows = kept::after(&mut proven.company.store.lone(), 0, 10).await.unwrap();
        assert_eq!(rows.len(), 3);
        for row in &rows[1..] {
            for (column, becomes) in CHECKPOINT {
                let becomes = match *column {
                    "root" => flipped(&row.root, &random),
                    "chain" => flipped(&row.chain, &random),
                    "peaks" => flipped(&row.peaks, &random),
                    "postings" => flipped(&row.postings, &random),
                    _ => (*becomes).to_owned(),
                };
                found(&proven, &[format!("UPDATE audit_checkpoint SET {column} = {becomes} WHERE size = {}", row.size)]).await;
            }
        }
        found(&proven, &["UPDATE audit_key SET public_key = public_key || 'x'".to_owned()]).await;
        found(&proven, &["DELETE FROM audit_key".to_owned()]).await;
        proven.both_are_content().await;
    }

    async fn a_changed_posting_is_found_with_or_without_its_balance(db: TestDb) {
        let proven = Proven::found(db).await;
        keep(&proven.url).await;
        for (column, becomes) in POSTING {
            found(&proven, &[format!("UPDATE posting SET {column} = {becomes} WHERE kind = 'transfer'")]).await;
        }
        let matching = [
            "UPDATE posting SET amount = amount + 1 WHERE kind = 'transfer'",
            "UPDATE budget SET adjusted = adjusted - 1 WHERE name = 'North one'",
            "UPDATE budget SET adjusted = adjusted + 1 WHERE name = 'North two'",
        ];
        found(&proven, &matching.map(str::to_owned)).await;
        for column in ["allocated", "adjusted", "carried_over", "reserved", "spent"] {
            found(&proven, &[format!("UPDATE budget SET {column} = {column} + 1 WHERE name = 'South one'")]).await;
        }
        found(&proven, &["UPDATE budget SET allocated = allocated - 5, adjusted = adjusted + 5 WHERE name = 'South one'".to_owned()]).await;
        found(&proven, &["DELETE FROM posting WHERE kind = 'transfer'".to_owned()]).await;
        // Money that no event tells of, after all that is signed, with balances that fit.
        let others: Vec<&str> = POSTING.iter().map(|(column, _)| *column).filter(|column| !["no", "id"].contains(column)).collect();
        let others = others.join(", ");
        let sneaked = [
            &format!("INSERT INTO posting (no, id, {others}) SELECT no + 50, ANY_ID, {others} FROM posting WHERE kind = 'transfer'"),
            "UPDATE budget SET adjusted = adjusted - 500 WHERE name = 'North one'",
            "UPDATE budget SET adjusted = adjusted + 500 WHERE name = 'North two'",
        ];
        found(&proven, &sneaked.map(str::to_owned)).await;
        tamper(&proven.url, &sneaked.map(str::to_owned)).await;
        proven.events(1).await;
        let signer = counterfoil::actions::audit_keys::load(&proven.company.store, &proven.key()).await.unwrap();
        let refused = counterfoil::actions::checkpoints::make(&proven.company.store, &signer).await.unwrap_err();
        assert!(refused.to_string().contains("no event tells of"), "{refused}");
        put_back(&proven.url).await;
        proven.both_are_content().await;
    }

    async fn rows_that_are_gone_doubled_swapped_or_cut_off_are_found(db: TestDb) {
        let proven = Proven::found(db).await;
        keep(&proven.url).await;
        let last = audit_log::stated_head(&mut proven.company.store.lone()).await.unwrap().unwrap().seq;
        let columns = "id, at, actor_kind, actor_id, action, object_kind, object_id, region_id, body_version, body, leaf, chain";
        let copy = |from: i64, to: i64| {
            format!("INSERT INTO audit_event (seq, {columns}) SELECT {to}, {columns} FROM audit_event WHERE seq = {from}")
        };
        let at = last - 4;
        assert_eq!(found(&proven, &[format!("DELETE FROM audit_event WHERE seq = {at}")]).await, at);
        assert_eq!(found(&proven, &["DELETE FROM audit_event".to_owned()]).await, 1);
        for cut in [1, 10] {
            assert_eq!(found(&proven, &[format!("DELETE FROM audit_event WHERE seq > {}", last - cut)]).await, last - cut + 1);
        }
        let swap = [(at, -7), (at + 1, at), (-7, at + 1)].map(|(from, to)| format!("UPDATE audit_event SET seq = {to} WHERE seq = {from}"));
        assert_eq!(found(&proven, &swap).await, at);
        for free in [last + 1, 0, -3] {
            found(&proven, &[copy(1, free)]).await;
        }
        let gone = [format!("DELETE FROM audit_event WHERE seq = {at}"), copy(at - 1, at)];
        assert_eq!(found(&proven, &gone).await, at);
        for head in ["seq = seq + 1", "seq = seq - 1", "chain = bytes:ff", "log_id = bytes:ff"] {
            found(&proven, &[format!("UPDATE audit_head SET {head}")]).await;
        }
        found(&proven, &["DELETE FROM audit_checkpoint WHERE size < 20".to_owned(), copy(2, last + 1)]).await;
        proven.both_are_content().await;
    }
}

//! Ending sessions: one's own, those of one person, everybody's. What is ended opens nothing from the next request on.

use serde_json::json;

use crate::domain::access::{Actor, Permission};
use crate::domain::audit::Event;
use crate::domain::id::{SessionId, UserId};
use crate::domain::refusal::Refusal;
use crate::store::failure::Failure;
use crate::store::writer::{Intent, WriteTx};
use crate::store::{Store, people, sessions};

async fn end_within(tx: &mut WriteTx<'_>, person: UserId, session: SessionId) -> Result<(), Failure> {
    let device = sessions::delete_one(tx, person, session).await?.ok_or(Refusal::NotFound)?;
    tx.record(Event::new("person.session_ended", "person", person, None).detail(json!({ "device": device })));
    Ok(())
}

/// Ends one of one's own sessions.
pub async fn end_own(store: &Store, actor: Actor, session: SessionId) -> Result<(), Failure> {
    let person = actor.person().ok_or(Refusal::NotFound)?;
    let intent = Intent::once(actor, "session.end_own");
    store.write(intent, move |tx| Box::pin(async move { end_within(tx, person, session).await })).await
}

/// Ends every session of one's own but the present one; how many that were.
pub async fn end_others(store: &Store, actor: Actor, present: SessionId) -> Result<u64, Failure> {
    let person = actor.person().ok_or(Refusal::NotFound)?;
    let ending = store.write(Intent::once(actor, "session.end_others"), move |tx| {
        Box::pin(async move {
            let ended = sessions::delete_others(tx, person, present).await?;
            tx.record(Event::new("person.signed_out_elsewhere", "person", person, None).detail(json!({ "sessions": ended })));
            Ok(ended)
        })
    });
    ending.await
}

/// Ends one session of somebody, for who manages people.
pub async fn end_of(store: &Store, actor: Actor, person: UserId, session: SessionId) -> Result<(), Failure> {
    let ending = store.write(Intent::once(actor, "session.end_of"), move |tx| {
        Box::pin(async move {
            tx.require_everywhere(Permission::PeopleManage)?;
            people::find(tx, person).await?.ok_or(Refusal::NotFound)?;
            end_within(tx, person, session).await
        })
    });
    ending.await
}

/// Ends every session of everybody but the one that asks; how many that were.
pub async fn end_everybody(store: &Store, actor: Actor, present: SessionId) -> Result<u64, Failure> {
    let ending = store.write(Intent::once(actor, "session.end_everybody"), move |tx| {
        Box::pin(async move {
            tx.require_everywhere(Permission::PeopleManage)?;
            let ended = sessions::delete_everybody(tx, present).await?;
            tx.record(Event::new("sessions.ended", "organisation", "", None).detail(json!({ "sessions": ended })));
            Ok(ended)
        })
    });
    ending.await
}

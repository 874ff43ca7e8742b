//! Letters: invitations, and links for people who have forgotten their password. They wait in a table and are sent by a job.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::approval_letters;
use super::people::{INVITATION_LIVES, RESET_LIVES, token_hash};
use super::review_letters;
use super::step_up;
use super::throttle::{self, Counted};
use crate::domain::access::{Actor, Permission};
use crate::domain::audit::Event;
use crate::domain::id::{LetterId, UserId};
use crate::domain::letter::Letter;
use crate::domain::refusal::Refusal;
use crate::domain::throttle::{ACCOUNT, NETWORK};
use crate::store::failure::Failure;
use crate::store::writer::{Intent, WriteTx};
use crate::store::{Store, mail, people, settings};

/// How long a letter belongs to the process that took it, in seconds.
const LEASE: i64 = 120;
/// How often a letter is tried: over about eleven hours.
const TRIES_MOST: i64 = 16;
/// The longest rest between two tries, in seconds.
const REST_MOST: i64 = 3600;

/// A letter, ready to be sent. It holds a usable link: it is never kept and never logged.
pub struct Ready {
    /// Its id in the queue.
    pub id: LetterId,
    /// How often it was tried, this time among them.
    pub tries: i64,
    /// The address it goes to.
    pub email: String,
    /// Her name.
    pub name: String,
    /// Its subject.
    pub subject: String,
    /// Its text.
    pub text: String,
}

#[derive(Serialize, Deserialize)]
struct Taken {
    id: LetterId,
    tries: i64,
    email: String,
    name: String,
    about: Letter,
    at: String,
    organisation: String,
    /// What the letter says of what waits or is over, and the path of its page.
    #[serde(default)]
    request: Option<(String, String)>,
}

/// Queues the letter that fits a person: an invitation where she has no password yet, else a link to choose another. None for who is suspended.
async fn queue(tx: &mut WriteTx<'_>, person: &people::Person) -> Result<(), Failure> {
    let about = match person.status.as_str() {
        "invited" => Letter::Invitation,
        "active" => Letter::Reset,
        _ => return Ok(()),
    };
    if !mail::waits(tx, person.id).await? {
        mail::insert(tx, about, person.id).await?;
        tx.record(Event::new("person.letter_queued", "person", person.id, None).detail(json!({ "kind": about.code() })));
    }
    Ok(())
}

/// Queues a letter that tells a person what was done to her account. Where no mail is set, it is taken out of the queue after a week.
pub(super) async fn tell(tx: &mut WriteTx<'_>, person: UserId, about: Letter) -> Result<(), Failure> {
    mail::insert(tx, about, person).await
}

/// Mails a person a link to choose a password, because an administrator says so.
pub async fn send_link(store: &Store, actor: Actor, person: UserId) -> Result<(), Failure> {
    store
        .write(Intent::once(actor, "person.send_link"), move |tx| {
            Box::pin(async move {
                tx.require_everywhere(Permission::PeopleManage)?;
                step_up::require(tx, step_up::Act::Credentials).await?;
                let person = people::find(tx, person).await?.ok_or(Refusal::NotFound)?;
                if person.status == "suspended" {
                    return Err(Refusal::State("The account is suspended: let her in again first".to_owned()).into());
                }
                queue(tx, &person).await
            })
        })
        .await
}

/// Mails a link to whoever has this address, because somebody says that it is hers and the password forgotten. Whether anybody has it is told to
/// nobody: the answer is the same, and so is the way there.
pub async fn forgotten(store: &Store, actor: Actor, network: &str, email: &str) -> Result<(), Failure> {
    let account = email.trim().to_lowercase();
    let tries =
        vec![(ACCOUNT, Counted::new("forgotten", &account, network, false)), (NETWORK, Counted::new("forgotten", "", network, false))];
    store
        .write(Intent::once(actor, "person.forgotten"), move |tx| {
            let (account, tries) = (account.clone(), tries.clone());
            Box::pin(async move {
                throttle::count(tx, &tries).await?;
                if let Some(person) = people::find_by_email(tx, &account).await? {
                    queue(tx, &person).await?;
                }
                Ok(())
            })
        })
        .await
}

/// Takes the next letter whose time has come, with a new one-time link below `base` (scheme and host) where it is to hold one.
pub async fn next(store: &Store, base: &str) -> Result<Option<Ready>, Failure> {
    let token = store.random.token(24);
    let hash = token_hash(&token);
    let taken: Option<Taken> =
        store.write(Intent::once(Actor::system("mail"), "mail.take"), move |tx| Box::pin(async move { take(tx, hash).await })).await?;
    Ok(taken.map(|Taken { id, tries, email, name, about, at, organisation, request }| {
        let subject = format!("{} Counterfoil of {organisation}", about.label());
        let text =
            words(about, &Told { name: &name, organisation: &organisation, at: &at, base, token: &token, request: request.as_ref() });
        Ready { id, tries, email, name, subject, text }
    }))
}

async fn take(tx: &mut WriteTx<'_>, hash: [u8; 32]) -> Result<Option<Taken>, Failure> {
    let Some(waiting) = mail::claim(tx, LEASE).await? else { return Ok(None) };
    let person = people::find(tx, waiting.person_id).await?.ok_or(Refusal::NotFound)?;
    let about = match (Letter::parse(&waiting.kind), person.status.as_str()) {
        (Some(about), "active") if about.has_link() => Letter::Reset,
        (Some(about), "invited") if about.has_link() => Letter::Invitation,
        (Some(about), "active") => about,
        _ => {
            mail::end(tx, waiting.id, "given_up", "the account is suspended").await?;
            return Ok(None);
        }
    };
    if about.has_link() {
        let lives = if about == Letter::Invitation { INVITATION_LIVES } else { RESET_LIVES };
        people::insert_link(tx, hash, "password", Some(person.id), lives).await?;
        tx.record(Event::new("person.password_link_made", "person", person.id, None));
    }
    let said = match (waiting.approval_id, waiting.review_id) {
        (Some(id), _) => Some((approval_letters::words(tx, about, person.id, id).await?, format!("/approvals/{id}"))),
        (_, Some(id)) => Some((review_letters::words(tx, person.id, id).await?, format!("/evidence/reviews/{id}"))),
        (None, None) => None,
    };
    let request = match said {
        Some((Ok(words), place)) => Some((words, place)),
        Some((Err(why), _)) => {
            mail::end(tx, waiting.id, "given_up", why).await?;
            return Ok(None);
        }
        None => None,
    };
    let zone = settings::zone(tx).await?;
    let at = format!("{} ({})", waiting.created_at.local(zone), zone.name());
    let organisation = settings::get(tx, settings::ORGANISATION).await?.unwrap_or_default();
    Ok(Some(Taken { id: waiting.id, tries: waiting.tries, email: person.email, name: person.name, about, at, organisation, request }))
}

/// What a letter's words are made of.
struct Told<'l> {
    name: &'l str,
    organisation: &'l str,
    at: &'l str,
    base: &'l str,
    token: &'l str,
    request: Option<&'l (String, String)>,
}

fn words(about: Letter, Told { name, organisation, at, base, token, request }: &Told<'_>) -> String {
    let done = |what: String| {
        format!(
            "{what}\n\nIf it was you, there is nothing to do. If it was not, choose another password at once and tell your administrator:\n\n\
             {base}/forgotten-password"
        )
    };
    let body = match about {
        Letter::Invitation => format!(
            "you are invited to Counterfoil, where {organisation} keeps its reward budgets.\n\
             Choose your password here within 7 days; the link works once:\n\n{base}/password/{token}\n\n\
             If you did not expect this letter, do nothing, and tell your administrator."
        ),
        Letter::Reset => format!(
            "somebody, we hope you, asked for a new password for Counterfoil of {organisation}.\n\
             Choose it here within 30 minutes; the link works once:\n\n{base}/password/{token}\n\n\
             If it was not you, do nothing: your password stays as it is. Tell your administrator if it happens again."
        ),
        Letter::PasswordChanged => done(format!("your password was changed on {at}. You were signed out everywhere else.")),
        Letter::SecondFactorOn => {
            done(format!("a second factor was set up on {at}. Signing in now asks for a code of your authenticator app."))
        }
        Letter::SecondFactorOff => done(format!("your second factor was taken away on {at}. Signing in no longer asks for a code.")),
        Letter::CodesMade => done(format!("new recovery codes were made for you on {at}. Those from before work no more.")),
        Letter::CodeUsed => done(format!("somebody signed in as you with one of your recovery codes on {at}. The code works no more.")),
        Letter::CodeGuessed => done(format!(
            "on {at} somebody who wanted to sign in as you entered your right password, and then one wrong code after the other."
        )),
        Letter::ApprovalWaits | Letter::ApprovalDecided => {
            let (said, place) = request.map_or(("", "/approvals"), |(said, place)| (said, place));
            format!(
                "{said}\n\n{base}{place}\n\nThe link shows the request to you when you have signed in, and decides nothing; neither does an answer \
                 to this letter. You choose under Settings, Approvals whether you get such letters."
            )
        }
        Letter::ReviewOpened => {
            let (said, place) = request.map_or(("", "/evidence/reviews"), |(said, place)| (said, place));
            format!(
                "{said}\n\n{base}{place}\n\nThe link shows the roles to you when you have signed in, and decides nothing; neither does an answer to \
                 this letter. You choose under Settings, Approvals whether you get such letters."
            )
        }
    };
    format!("Hello {name},\n\n{body}\n")
}

/// Notes that a letter was taken by the mail server.
pub async fn sent(store: &Store, id: LetterId) -> Result<(), Failure> {
    let intent = Intent::once(Actor::system("mail"), "mail.sent");
    store.write(intent, move |tx| Box::pin(async move { mail::end(tx, id, "sent", "").await })).await
}

/// Notes that a letter was not taken, and when it is tried again: after a minute, then after twice as long each time. `for_good`: not at all.
pub async fn failed(store: &Store, id: LetterId, tries: i64, for_good: bool, fault: String) -> Result<(), Failure> {
    store
        .write(Intent::once(Actor::system("mail"), "mail.failed"), move |tx| {
            let fault = fault.clone();
            Box::pin(async move {
                if for_good || tries >= TRIES_MOST {
                    return mail::end(tx, id, "given_up", &fault).await;
                }
                let doublings = u32::try_from((tries - 1).clamp(0, 10)).unwrap_or(10);
                let until = tx.now.plus_seconds((60 << doublings).min(REST_MOST));
                mail::put_off(tx, id, until, &fault).await
            })
        })
        .await
}

//! `audit`: proving the trail, taking it away, and the key that signs it.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::{Args as ClapArgs, Subcommand};
use futures_util::StreamExt as _;
use serde_json::json;

use super::audit_key::{self, Key};
use super::exit::{CliError, Exit};
use super::progress::Progress;
use super::{Settings, open_to_look, say, serve, warn};
use crate::actions::anchors::Proving;
use crate::actions::audit::{self, Verdict};
use crate::actions::proof::{self, Proof};
use crate::actions::restores::{self, Standing};
use crate::actions::{audit_export, audit_keys, checkpoints};
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::access::{Actor, Scope};
use crate::domain::proof::note::{Note, PublicKey};
use crate::domain::proof::outside::Outside;
use crate::domain::proof::testimony::Lost;
use crate::domain::time::Instant;
use crate::integrations::anchors::{Anchor, Mailbox};
use crate::store::Store;
use crate::store::failure::Failure;

/// Arguments of `audit`.
#[derive(ClapArgs)]
#[command(after_help = "Example:\n  counterfoil audit verify")]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub what: What,
}

/// What `audit` can do.
#[derive(Subcommand)]
pub enum What {
    /// Prove the trail: each event, each signed checkpoint, what was anchored outside, and the ledger; end with 5 where it is broken,
    /// with 6 where nothing is wrong but nothing outside vouches for it
    Verify(Verify),
    /// Write the whole trail as JSON lines, with its checkpoints, for counterfoil_verify.py
    Export(Export),
    /// The key that signs checkpoints
    Key(Key),
}

/// Arguments of `audit verify`.
#[derive(ClapArgs)]
#[command(
    after_help = "Example:\n  counterfoil audit verify --database sqlite:rewards.db --public-key auditor.pub --anchors /mnt/worm/anchors"
)]
pub struct Verify {
    /// A file with public keys that you have from elsewhere; else the public half of the portal's own key
    #[arg(long, value_name = "FILE")]
    pub public_key: Option<PathBuf>,
    /// A file with checkpoints that were noted outside: anchors, a log of the system, an earlier export; may be given several times;
    /// else the configured anchor file
    #[arg(long, value_name = "FILE")]
    pub anchors: Vec<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
    /// Settings given as flags.
    #[command(flatten)]
    pub settings: Settings,
}

/// Arguments of `audit export`.
#[derive(ClapArgs)]
#[command(
    after_help = "Example:\n  counterfoil audit export trail.jsonl && python3 counterfoil_verify.py trail.jsonl --public-key auditor.pub"
)]
pub struct Export {
    /// The file to write; it must not be there yet
    pub file: PathBuf,
    /// Settings given as flags.
    #[command(flatten)]
    pub settings: Settings,
}

/// Runs `audit`.
///
/// # Errors
/// A trail that does not hold (5) or is not proven (6); a database that is not there (69).
pub fn run(args: &Args) -> Result<(), CliError> {
    match &args.what {
        What::Verify(args) => verify(args),
        What::Export(args) => export(args),
        What::Key(args) => audit_key::run(args),
    }
}

/// What the configuration says about the proof.
pub(super) fn proving(config: &Config) -> Proving {
    let post = serve::mailing(config).ok().flatten().map(|mailing| mailing.post);
    let mailbox = config.audit_mail_to.clone().zip(post).map(|(address, post)| Anchor::Mail(Box::new(Mailbox::new(address, post))));
    let anchors = [config.audit_anchor_file.clone().map(Anchor::File), config.audit_syslog.clone().map(Anchor::Syslog), mailbox];
    Proving::new(config.audit_key(), anchors.into_iter().flatten())
}

/// Before anything is answered: whether an older database stands here than was anchored, and whether it can be signed.
pub(super) async fn before_serving(store: &Store, proving: &Proving) -> Result<(), CliError> {
    match restores::look(store, proving).await? {
        Standing::Free => {
            if let Some(file) = &proving.key
                && let Err(error) = audit_keys::ensure(store, file).await
            {
                // A trail that is not signed is still a trail: people work on, it is tried again, and doctor and the audit pages say so.
                tracing::error!(%error, "the audit trail is not signed");
            }
            Ok(())
        }
        Standing::Older(lost) => say(&format!(
            "{}: it can be read, and nothing is changed in it\n\
             until somebody accepts that: counterfoil restore accept --reason \"…\"\n",
            lost_in_words(&lost)
        )),
        Standing::Blind(anchors) => {
            let places: Vec<String> = anchors.iter().map(Anchor::place).collect();
            say(&format!(
                "Checkpoints were noted in {}, which cannot be read: nobody can tell whether this database is the newest one.\n\
                 Nothing is changed in it until the file is there again, or an empty one in its place if it is gone for good.\n",
                places.join(" and ")
            ))
        }
    }
}

fn lost_in_words(lost: &Lost) -> String {
    if !lost.is_known() {
        return "An older database stands here, and the note of what is lost cannot be read".to_owned();
    }
    format!("This database agrees up to audit event {}, and events up to {} were there before", lost.kept_to, lost.lost_to)
}

fn read(file: &Path) -> Result<String, CliError> {
    let text = std::fs::read(file).map_err(|error| CliError::new(Exit::Failed, format!("{} cannot be read: {error}", file.display())))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// What was brought along, or else what the configuration names.
async fn outside(args: &Verify, config: &Config) -> Result<Outside, CliError> {
    let mut outside = Outside::default();
    if args.anchors.is_empty() || args.public_key.is_none() {
        let unread;
        (outside, unread) = proving(config).outside().await;
        for anchor in unread {
            warn(&format!("{} cannot be read, and is left out", anchor.place()));
        }
    }
    if let Some(file) = &args.public_key {
        outside.keys = read(file)?.lines().filter_map(PublicKey::parse).collect();
        if outside.keys.is_empty() {
            return Err(CliError::new(Exit::Failed, format!("{} holds no public key", file.display())));
        }
    }
    if !args.anchors.is_empty() {
        outside.anchors = Vec::new();
        for file in &args.anchors {
            outside.anchors.extend(Note::all(&read(file)?));
        }
    }
    Ok(outside)
}

fn verify(args: &Verify) -> Result<(), CliError> {
    let config = Config::load(&args.settings.inputs())?;
    let proof = serve::block_on(async {
        let outside = outside(args, &config).await?;
        let store = open_to_look(&config).await?;
        let mut progress = Progress::start("events", None, &Clock::system());
        let proof = proof::of_store(&store, &outside, |done, _| progress.set(done.unsigned_abs())).await;
        progress.finish();
        let proof = proof.map_err(Failure::from)?;
        // First of all, what was found: a full disk must not swallow it.
        let said = say(&if args.json { as_json(&proof) } else { in_words(&proof) });
        if let Err(error) = noted(&store, &config, &proof.verdict).await {
            warn(&format!("the verdict was not noted: {error}"));
        }
        store.close().await;
        said.map(|()| proof)
    })?;
    match proof.verdict {
        Verdict::Ok { .. } => Ok(()),
        Verdict::Broken { seq, why } => {
            let hint = "restore the newest backup whose trail holds, and find out who could write to the database";
            Err(CliError::new(Exit::Unproven, format!("the audit trail is broken at event {seq}: {why}")).hint(hint))
        }
        Verdict::NotProven { why, .. } => {
            let hint = "audit_key_file, audit_anchor_file and audit_syslog in the settings; --public-key and --anchors here";
            Err(CliError::new(Exit::NotVouched, format!("not proven: {why}")).hint(hint))
        }
    }
}

/// Notes the verdict, and has the event of it signed as well where nothing is broken: otherwise looking often would leave a long unsigned tail.
async fn noted(store: &Store, config: &Config, verdict: &Verdict) -> Result<(), Failure> {
    audit::note(store, Actor::system("cli"), verdict.clone()).await?;
    let older = restores::look(store, &proving(config)).await? != Standing::Free;
    if !older && !matches!(verdict, Verdict::Broken { .. }) {
        sign(store, config).await?;
    }
    Ok(())
}

/// Signs everything, where there is a key.
async fn sign(store: &Store, config: &Config) -> Result<(), Failure> {
    if let Some(file) = config.audit_key().filter(|file| file.exists()) {
        checkpoints::catch_up(store, &audit_keys::ensure(store, &file).await?).await?;
    }
    Ok(())
}

fn in_words(proof: &Proof) -> String {
    let mut text = match &proof.verdict {
        Verdict::Ok { events, head } | Verdict::NotProven { events, head, .. } => {
            format!("{events} events, all as they were sealed\nhead {head}\n")
        }
        Verdict::Broken { .. } => String::new(),
    };
    let up_to = |what: &str, found: Option<(i64, Instant)>, none: &str| match found {
        Some((size, at)) => format!("{what} up to event {size}, {}\n", at.iso()),
        None => format!("{none}\n"),
    };
    text += &up_to("signed", proof.signed, "not signed by a key that is known here");
    text += &up_to("anchored", proof.anchored, "not anchored");
    if proof.not_counted > 0 {
        text += &format!("{} checkpoints from outside contradict the trail, and no known key has signed them\n", proof.not_counted);
    }
    for (kept, lost) in &proof.lost {
        text += &format!("events {} to {lost} are gone: a restore was accepted\n", kept + 1);
    }
    text
}

fn as_json(proof: &Proof) -> String {
    let up_to = |found: Option<(i64, Instant)>| found.map(|(size, at)| json!({ "events": size, "at": at.iso() }));
    let (word, event, why, events, head) = match &proof.verdict {
        Verdict::Ok { events, head } => ("ok", None, None, Some(*events), Some(head)),
        Verdict::Broken { seq, why } => ("broken", Some(*seq), Some(why), None, None),
        Verdict::NotProven { events, head, why } => ("not_proven", None, Some(why), Some(*events), Some(head)),
    };
    let lost: Vec<[i64; 2]> = proof.lost.iter().map(|(kept, lost)| [kept + 1, *lost]).collect();
    let line = json!({
        "verdict": word, "broken_at": event, "why": why, "events": events, "head": head, "checkpoints": proof.checkpoints,
        "signed": up_to(proof.signed), "anchored": up_to(proof.anchored), "not_counted": proof.not_counted, "lost": lost,
    });
    format!("{line}\n")
}

fn export(args: &Export) -> Result<(), CliError> {
    let config = Config::load(&args.settings.inputs())?;
    super::backup::free_place(&args.file, "an export")?;
    let failed = |error: std::io::Error| CliError::new(Exit::Failed, format!("{} cannot be written: {error}", args.file.display()));
    serve::block_on(async {
        let store = open_to_look(&config).await?;
        let scope = Scope::of([], true);
        // Evidence is needed most where something is wrong: it is taken away as it is, and whoever checks it sees how far it is signed.
        let noted = audit_export::noted(&store, Actor::system("cli"), &scope).await;
        let looked = restores::look(&store, &proving(&config)).await.map(drop);
        let signed = if looked.is_ok() { sign(&store, &config).await } else { Ok(()) };
        for (what, done) in [("noted", noted), ("compared with its anchors", looked), ("signed", signed)] {
            if let Err(error) = done {
                warn(&format!("the trail is exported, and that was not {what}: {error}"));
            }
        }
        let mut pieces = audit_export::file(&store, scope, ());
        let mut out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&args.file).map_err(failed)?;
        while let Some(piece) = pieces.next().await {
            out.write_all(&piece.map_err(Failure::from)?).map_err(failed)?;
        }
        out.sync_all().map_err(failed)?;
        store.close().await;
        say(&format!("{}: the whole audit trail\n", args.file.display()))
    })
}

//! Anchors: places outside the database where checkpoints are noted, so that whoever can write the database cannot take back what was signed.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::smtp::Post;
use crate::domain::proof::note::{Note, on_one_line};
use crate::domain::text::hex;

/// A place to note checkpoints in. A further kind is one more variant here and one more word in the table of anchors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// A file that notes are appended to; it belongs on another machine's disk, or one that only appends.
    File(PathBuf),
    /// The system's log (RFC 3164 over this socket), from where it is collected: facility auth, level notice.
    Syslog(PathBuf),
    /// A mailbox of the auditors, which keeps every letter it gets.
    Mail(Box<Mailbox>),
}

/// A mailbox and the way there. Its name here is what tells it from another: the address itself stands neither in the database nor in a log.
#[derive(Clone)]
pub struct Mailbox {
    address: String,
    post: Post,
}

impl Mailbox {
    /// Of this address.
    pub fn new(address: String, post: Post) -> Self {
        Self { address, post }
    }

    fn name(&self) -> String {
        let host = self.address.rsplit_once('@').map_or("", |(_, host)| host);
        format!("{}@{host}", &hex(&Sha256::digest(self.address.to_lowercase().as_bytes()))[..8])
    }

    fn send(&self, signed: &str) -> io::Result<()> {
        let id = &hex(&Sha256::digest(signed.as_bytes()))[..32];
        let text = format!(
            "Keep this letter: it says how far the audit trail of Counterfoil goes, signed by its key, and nobody can take that back.\n\
             To check the trail, hand the letters you have to the verifier as they came: --anchors FILE.\n\n{}\n",
            on_one_line(signed)
        );
        let sent = self.post.send_as_it_is(id, "Auditors", &self.address, "Counterfoil: a checkpoint of the audit trail", text);
        // The server's words may hold the address.
        sent.map_err(|fault| {
            io::Error::other(if fault.for_good { "the mail server refuses the letter" } else { "the mail server took no letter" })
        })
    }
}

impl std::fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name())
    }
}

impl PartialEq for Mailbox {
    fn eq(&self, other: &Self) -> bool {
        self.address == other.address
    }
}

impl Eq for Mailbox {}

/// Facility 4 (auth), severity 5 (notice).
const PRIORITY: &str = "<37>";
/// How long a log whose queue is full may take a message.
const QUEUED: Duration = Duration::from_secs(4);
/// With what a checkpoint waits for at most besides, still within the hour.
const BETWEEN_LETTERS: Duration = Duration::from_mins(45);

impl Anchor {
    /// The word for it in the store.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::File(_) => "file",
            Self::Syslog(_) => "syslog",
            Self::Mail(_) => "mail",
        }
    }

    /// How long it rests after it was told: nobody reads a mailbox that gets a letter every few minutes.
    pub fn rests(&self) -> Duration {
        if matches!(self, Self::Mail(_)) { BETWEEN_LETTERS } else { Duration::ZERO }
    }

    /// Which of its kind.
    pub fn place(&self) -> String {
        match self {
            Self::File(path) | Self::Syslog(path) => path.display().to_string(),
            Self::Mail(mailbox) => mailbox.name(),
        }
    }

    /// Notes something signed there; returns when it is on the disk, or handed to the log or the mail server. A file where something was `noted`
    /// before is not made anew: its disk is not there, or somebody took it away.
    ///
    /// # Errors
    /// If the file cannot be written or nobody takes the message.
    pub fn note(&self, signed: &str, noted: bool) -> io::Result<()> {
        match self {
            Self::File(file) => append(file, signed, noted),
            Self::Syslog(socket) => {
                let message = format!("{PRIORITY}counterfoil[{}]: {}", std::process::id(), on_one_line(signed));
                let log = UnixDatagram::unbound()?;
                log.set_write_timeout(Some(QUEUED))?;
                log.send_to(message.as_bytes(), socket).map(|_| ())
            }
            Self::Mail(mailbox) => mailbox.send(signed),
        }
    }

    /// What was noted there and can be read from here: of a log or a mailbox nothing.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn notes(&self) -> io::Result<Vec<Note>> {
        match self {
            Self::File(file) => Ok(Note::all(&String::from_utf8_lossy(&std::fs::read(file)?))),
            Self::Syslog(_) | Self::Mail(_) => Ok(Vec::new()),
        }
    }
}

fn append(file: &Path, signed: &str, noted: bool) -> io::Result<()> {
    let (mut opened, made) = match OpenOptions::new().append(true).open(file) {
        Err(error) if error.kind() == ErrorKind::NotFound && !noted => (OpenOptions::new().create(true).append(true).open(file)?, true),
        opened => (opened?, false),
    };
    // One write, so that two processes never mix their lines; the empty lines in front end whatever was cut off before.
    opened.write_all(format!("\n\n{signed}").as_bytes())?;
    opened.sync_all()?;
    match file.parent().filter(|_| made) {
        Some(folder) if folder.as_os_str().is_empty() => File::open(".")?.sync_all(),
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::proof::note::{Signer, sign};

    #[test]
    fn what_was_noted_is_read_again_though_a_line_was_cut_off_before() {
        let folder = tempfile::tempdir().unwrap();
        let (file, socket) = (folder.path().join("anchors"), folder.path().join("log"));
        let signer = Signer::of("example/one", [7; 32]).unwrap();
        let log = UnixDatagram::bind(&socket).unwrap();
        for text in ["one\n", "two\n"] {
            let signed = sign(text, &[&signer]);
            for anchor in [Anchor::File(file.clone()), Anchor::Syslog(socket.clone())] {
                anchor.note(&signed, false).unwrap();
            }
            let mut received = [0; 1024];
            let count = log.recv(&mut received).unwrap();
            assert_eq!(Note::all(std::str::from_utf8(&received[..count]).unwrap())[0].text, text);
            OpenOptions::new().append(true).open(&file).unwrap().write_all("\u{2014} cut".as_bytes()).unwrap();
        }
        let read = Anchor::File(file.clone()).notes().unwrap();
        assert_eq!(read.iter().map(|note| note.text.as_str()).collect::<Vec<_>>(), ["one\n", "two\n"]);
        assert!(Anchor::File("/nowhere/at/all".into()).note("x", false).is_err());
        std::fs::remove_file(&file).unwrap();
        assert!(Anchor::File(file.clone()).note("x", true).is_err() && !file.exists(), "a file that is gone is not made anew");
    }

    #[test]
    fn a_log_whose_queue_is_full_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("log");
        let _deaf = UnixDatagram::bind(&socket).unwrap();
        let anchor = Anchor::Syslog(socket);
        let begun = std::time::Instant::now();
        let refused = (0..100_000).find_map(|_| anchor.note("x", false).err());
        assert!(refused.is_some() && begun.elapsed() < 3 * QUEUED, "{refused:?}");
    }
}

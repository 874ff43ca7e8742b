//! Anchors: places outside the database where checkpoints are noted, so that whoever can write the database cannot take back what was signed.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use crate::domain::proof::note::on_one_line;

/// A place to note checkpoints in. A further kind is one more variant here and one more word in the table of anchors, which knows `mail` already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// A file that notes are appended to; it belongs on another machine's disk, or one that only appends.
    File(PathBuf),
    /// The system's log (RFC 3164 over this socket), from where it is collected: facility auth, level notice.
    Syslog(PathBuf),
}

/// Facility 4 (auth), severity 5 (notice).
const PRIORITY: &str = "<37>";

impl Anchor {
    /// The word for it in the store.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::File(_) => "file",
            Self::Syslog(_) => "syslog",
        }
    }

    /// Notes a signed checkpoint there; returns when it is on the disk, or handed to the log.
    ///
    /// # Errors
    /// If the file cannot be written or nobody takes the message.
    pub fn note(&self, signed: &str) -> io::Result<()> {
        match self {
            Self::File(file) => append(file, signed),
            Self::Syslog(socket) => {
                let message = format!("{PRIORITY}counterfoil[{}]: {}", std::process::id(), on_one_line(signed));
                UnixDatagram::unbound()?.send_to(message.as_bytes(), socket).map(|_| ())
            }
        }
    }
}

fn append(file: &Path, signed: &str) -> io::Result<()> {
    let mut opened: File = OpenOptions::new().create(true).append(true).open(file)?;
    // One write, so that two processes never mix their lines; the empty lines in front end whatever was cut off before.
    opened.write_all(format!("\n\n{signed}").as_bytes())?;
    opened.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::proof::note::{Note, Signer, sign};

    #[test]
    fn what_was_noted_is_read_again_though_a_line_was_cut_off_before() {
        let folder = tempfile::tempdir().unwrap();
        let (file, socket) = (folder.path().join("anchors"), folder.path().join("log"));
        let signer = Signer::of("example/one", [7; 32]).unwrap();
        let log = UnixDatagram::bind(&socket).unwrap();
        for text in ["one\n", "two\n"] {
            let signed = sign(text, &[&signer]);
            for anchor in [Anchor::File(file.clone()), Anchor::Syslog(socket.clone())] {
                anchor.note(&signed).unwrap();
            }
            let mut received = [0; 1024];
            let count = log.recv(&mut received).unwrap();
            assert_eq!(Note::all(std::str::from_utf8(&received[..count]).unwrap())[0].text, text);
            OpenOptions::new().append(true).open(&file).unwrap().write_all("\u{2014} cut".as_bytes()).unwrap();
        }
        let read = Note::all(&std::fs::read_to_string(file).unwrap());
        assert_eq!(read.iter().map(|note| note.text.as_str()).collect::<Vec<_>>(), ["one\n", "two\n"]);
        assert!(Anchor::File("/nowhere/at/all".into()).note("x").is_err());
    }
}

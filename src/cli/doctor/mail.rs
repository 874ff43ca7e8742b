//! Whether the mail server answers as one: connect, greeting, EHLO, and what it offers.

use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use super::Check;
use crate::config::Mail;
use crate::integrations::smtp::is_here;

/// For the connection, and for each answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// More than any greeting; a server that talks on is cut off.
const MOST_BYTES: u64 = 16 * 1024;

/// Talks to the server, without signing in and without sending anything.
pub fn check(mail: &Mail) -> Check {
    judged(mail, talk(mail))
}

fn judged(mail: &Mail, offer: Result<Offer>) -> Check {
    let place = format!("{}:{}", mail.host, mail.port);
    let hint = format!("check smtp_url, and that this machine may connect to {place}");
    match offer {
        Err(error) => Check::bad("mail", format!("{place}: {error}"), hint),
        Ok(Offer::Hidden) => Check::good("mail", format!("{place} answers; its greeting is inside TLS and was not read")),
        // Only as far as this machine: what it does with them then is its own matter.
        Ok(_) if is_here(&mail.host) => Check::warning(
            "mail",
            format!("{place} greets; letters go there without TLS, as it is this machine itself"),
            "see that the server here passes letters on with TLS, or write smtps:// with its name",
        ),
        Ok(Offer::StartTls) => Check::good("mail", format!("{place} greets and offers STARTTLS")),
        Ok(Offer::Plain) => Check::warning(
            "mail",
            format!("{place} greets but offers no STARTTLS"),
            "mail would not be sent: switch STARTTLS on, or use smtps",
        ),
    }
}

enum Offer {
    Hidden,
    StartTls,
    Plain,
}

fn talk(mail: &Mail) -> Result<Offer> {
    let mut last = Error::new(ErrorKind::NotFound, "the host has no address");
    for address in (mail.host.as_str(), mail.port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) if mail.implicit_tls => return stream.shutdown(std::net::Shutdown::Both).map(|()| Offer::Hidden),
            Ok(stream) => return greet(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn greet(mut stream: TcpStream) -> Result<Offer> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut answers = BufReader::new(stream.try_clone()?.take(MOST_BYTES));
    answer(&mut answers, "220")?;
    stream.write_all(b"EHLO counterfoil.invalid\r\n")?;
    let offered = answer(&mut answers, "250")?;
    stream.write_all(b"QUIT\r\n")?;
    let start_tls = offered.iter().any(|line| line.trim().eq_ignore_ascii_case("STARTTLS"));
    Ok(if start_tls { Offer::StartTls } else { Offer::Plain })
}

/// The texts of one answer of one or more lines, all of which must bear `code` (RFC 5321, section 4.2.1).
fn answer(from: &mut impl BufRead, code: &str) -> Result<Vec<String>> {
    let mut texts = Vec::new();
    loop {
        let mut line = Vec::new();
        from.read_until(b'\n', &mut line)?;
        let line = String::from_utf8_lossy(&line);
        let Some(rest) = line.strip_prefix(code) else {
            let said: String = line.trim().chars().take(80).map(|c| if c.is_control() { '?' } else { c }).collect();
            return Err(Error::new(ErrorKind::InvalidData, format!("it answered {said:?} where {code} was expected")));
        };
        texts.push(rest.get(1..).unwrap_or_default().trim_end().to_owned());
        if !rest.starts_with('-') {
            return Ok(texts);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::super::Verdict;
    use super::*;

    fn elsewhere() -> Mail {
        Mail { host: "mail.example".to_owned(), port: 587, implicit_tls: false, user: None, password: None }
    }

    /// A server that greets, answers EHLO, and tells what it was asked; judged as if it were on another machine.
    fn checked_against(greeting: &'static str, answer: &'static str) -> (Check, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            stream.write_all(greeting.as_bytes()).unwrap();
            let mut asked = String::new();
            let mut lines = BufReader::new(stream.try_clone().unwrap());
            if lines.read_line(&mut asked).is_ok_and(|read| read > 0) {
                stream.write_all(answer.as_bytes()).unwrap();
                lines.read_line(&mut asked).ok();
            }
            asked
        });
        let here = Mail { host: "127.0.0.1".to_owned(), port, ..elsewhere() };
        (judged(&elsewhere(), talk(&here)), server.join().unwrap())
    }

    #[test]
    fn a_server_that_offers_starttls_is_good() {
        let (check, asked) = checked_against("220-hello\r\n220 there\r\n", "250-me\r\n250-STARTTLS\r\n250 8BITMIME\r\n");
        assert_eq!((check.verdict, asked.as_str()), (Verdict::Good, "EHLO counterfoil.invalid\r\nQUIT\r\n"), "{check:?}");
    }

    #[test]
    fn a_server_on_this_machine_is_reached_without_tls_which_is_said() {
        for host in ["127.0.0.1", "localhost", "[::1]"] {
            let check = judged(&Mail { host: host.to_owned(), ..elsewhere() }, Ok(Offer::Plain));
            assert!(check.verdict == Verdict::Warning && check.found.contains("without TLS"), "{check:?}");
        }
        let inside = Mail { host: "localhost".to_owned(), implicit_tls: true, ..elsewhere() };
        assert_eq!(judged(&inside, Ok(Offer::Hidden)).verdict, Verdict::Good);
    }

    #[test]
    fn without_starttls_it_is_a_warning_and_anything_else_is_bad() {
        assert_eq!(checked_against("220 hi\r\n", "250 me\r\n").0.verdict, Verdict::Warning);
        let (check, _) = checked_against("554 \u{1b}[2Jgo away\r\n", "");
        assert!(check.verdict == Verdict::Bad && check.found.contains("554 ?[2Jgo away"), "{check:?}");
        assert_eq!(checked_against("220 hi\r\n", "502 what?\r\n").0.verdict, Verdict::Bad);
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let nobody = Mail { host: "127.0.0.1".to_owned(), port: closed, implicit_tls: true, user: None, password: None };
        assert_eq!(super::check(&nobody).verdict, Verdict::Bad);
    }
}

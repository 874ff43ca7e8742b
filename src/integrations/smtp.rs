//! The mail server. TLS always, by rustls; without it only to this machine itself, where nobody listens on the way.

use std::time::Duration;

use lettre::message::header::{ContentTransferEncoding, ContentType};
use lettre::message::{Body, Mailbox};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, Message, SmtpTransport, Transport};

/// How long the server may take for each of its answers. All of them together take less time than a letter belongs to the process that took it
/// from the queue.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where the server is, and how it lets us in.
#[derive(Clone)]
pub struct Server {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Whether the connection begins with TLS rather than asking for it.
    pub implicit_tls: bool,
    /// Name and password to sign in with.
    pub credentials: Option<(String, String)>,
    /// Whom letters come from.
    pub from: String,
}

/// Why a letter was not taken.
#[derive(Clone, Debug)]
pub struct Fault {
    /// Whether it makes no sense to try again.
    pub for_good: bool,
    /// In words, without the letter.
    pub words: String,
}

/// A way to send letters.
#[derive(Clone)]
pub struct Post {
    transport: SmtpTransport,
    from: Mailbox,
}

/// Whether a host is this machine itself: letters then go there without TLS, unless it begins with it.
pub fn is_here(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

impl Post {
    /// To this server. Nothing is connected yet.
    ///
    /// # Errors
    /// In words, if the sender is no address or TLS cannot be set up for the host.
    pub fn to(server: &Server) -> Result<Self, String> {
        let address: Address = server.from.parse().map_err(|error| format!("{}: {error}", server.from))?;
        let tls = || TlsParameters::new(server.host.clone()).map_err(|error| error.to_string());
        let tls = match (server.implicit_tls, is_here(&server.host)) {
            (true, _) => Tls::Wrapper(tls()?),
            (false, true) => Tls::None,
            (false, false) => Tls::Required(tls()?),
        };
        let host = address.domain().to_owned();
        let mut builder = SmtpTransport::builder_dangerous(&server.host)
            .port(server.port)
            .tls(tls)
            .hello_name(ClientId::Domain(host))
            .timeout(Some(PATIENCE));
        if let Some((user, password)) = &server.credentials {
            builder = builder.credentials(Credentials::new(user.clone(), password.clone()));
        }
        Ok(Self { transport: builder.build(), from: Mailbox::new(Some("Counterfoil".to_owned()), address) })
    }

    /// Sends a letter; returns when the server has taken it. It blocks meanwhile: not for a thread that answers people. `id` makes its Message-ID:
    /// a letter that is sent again because nobody knows whether it was taken is known as the same one.
    ///
    /// # Errors
    /// [`Fault`], for good when the address is none or the server says so.
    pub fn send(&self, id: &str, name: &str, email: &str, subject: &str, text: String) -> Result<(), Fault> {
        self.send_body((id, name, email, subject), Body::new(text))
    }

    /// The same for a text that machines read: its lines come as they are written, in UTF-8. None of them is longer than mail allows (998 bytes).
    ///
    /// # Errors
    /// As with [`Post::send`].
    pub fn send_as_it_is(&self, id: &str, name: &str, email: &str, subject: &str, text: String) -> Result<(), Fault> {
        if text.lines().any(|line| line.len() > 998) {
            return Err(Fault { for_good: true, words: "a line is too long for a letter".to_owned() });
        }
        let body = Body::dangerous_pre_encoded(text.replace('\n', "\r\n").into_bytes(), ContentTransferEncoding::EightBit);
        self.send_body((id, name, email, subject), body)
    }

    fn send_body(&self, (id, name, email, subject): (&str, &str, &str, &str), body: Body) -> Result<(), Fault> {
        let never = |words: String| Fault { for_good: true, words };
        if [name, subject].iter().any(|text| text.chars().any(char::is_control)) {
            return Err(never("a name or a subject with control characters makes no letter".to_owned()));
        }
        let address: Address = email.parse().map_err(|_| never("the address is none that mail can be sent to".to_owned()))?;
        let letter = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(Some(name.to_owned()), address))
            .subject(subject)
            .message_id(Some(format!("<{id}@{}>", self.from.email.domain())))
            .header(ContentType::TEXT_PLAIN)
            .body(body)
            .map_err(|error| never(error.to_string()))?;
        match self.transport.send(&letter) {
            Ok(_) => Ok(()),
            Err(error) => Err(Fault { for_good: error.is_permanent(), words: error.to_string() }),
        }
    }
}

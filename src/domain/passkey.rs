//! Where passkeys (WebAuthn, level 3) are made for. What browsers send is judged by webauthn-rs.

use webauthn_rs::WebauthnBuilder;
use webauthn_rs::prelude::{Url, Webauthn};

/// Where passkeys are made for: they are used nowhere else, whatever another site shows.
#[derive(Clone, Debug)]
pub struct Site {
    /// The relying party: the host.
    pub id: String,
    /// What asks browsers and judges what they answer. It takes no other origin, not even another port or a name below this one.
    pub webauthn: Webauthn,
}

impl Site {
    /// Of the portal's address. `None` where browsers make none: without TLS except on this machine by name, and under an address of numbers.
    pub fn of(address: &str) -> Option<Self> {
        let origin = Url::parse(address).ok()?;
        let id = origin.domain()?.to_owned();
        let usable = match origin.scheme() {
            "https" => true,
            "http" => id == "localhost",
            _ => false,
        };
        let webauthn = WebauthnBuilder::new(&id, &origin).and_then(|site| site.rp_name("Counterfoil").build()).ok()?;
        usable.then_some(Self { id, webauthn })
    }
}

#[cfg(test)]
mod tests {
    use super::Site;

    #[test]
    fn a_site_is_what_browsers_take_for_one() {
        let of = |address: &str| {
            let site = Site::of(address)?;
            let origins = site.webauthn.get_allowed_origins().iter().map(|origin| origin.origin().ascii_serialization());
            Some(format!("{} {}", site.id, origins.collect::<Vec<_>>().join(", ")))
        };
        assert_eq!(of("https://Rewards.Example/").unwrap(), "rewards.example https://rewards.example");
        assert_eq!(of("https://rewards.example:443").unwrap(), "rewards.example https://rewards.example");
        assert_eq!(of("https://rewards.example:8443/a").unwrap(), "rewards.example https://rewards.example:8443");
        assert_eq!(of("http://localhost:8080").unwrap(), "localhost http://localhost:8080");
        for none in
            ["http://rewards.example", "https://10.0.0.7", "http://127.0.0.1:8080", "https://[::1]:8080", "ftp://a.example", "", "https://"]
        {
            assert_eq!(of(none), None, "{none}");
        }
    }
}

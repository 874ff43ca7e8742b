//! TLS of our own: the certificate and key that the portal answers with.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::version::{TLS12, TLS13};
use rustls::{CertificateError, InconsistentKeys, RootCertStore, ServerConfig};

use super::values::{Wrong, wrong};

/// A certificate with its key, ready to answer with.
#[derive(Clone)]
pub struct Tls {
    /// How the server shakes hands: TLS 1.3 and 1.2, suites with forward secrecy and authenticated encryption alone, nothing sent early.
    pub server: Arc<ServerConfig>,
    chain: Vec<CertificateDer<'static>>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a chain of {}", self.chain.len())
    }
}

impl Tls {
    /// Of a chain and its key. Faults that lie with the certificate, then those of the key, each with the setting they belong to.
    pub fn of(certificate: &Path, key: &Path) -> Result<Self, (&'static str, Wrong)> {
        let chain = chain_in(certificate).map_err(|why| ("tls_certificate_file", why))?;
        let key = key_in(key).map_err(|why| ("tls_key_file", why))?;
        let server = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13, &TLS12])
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain.clone(), key));
        match server {
            Ok(server) => Ok(Self { server: Arc::new(server), chain }),
            Err(rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
                let why = ("it is not the key of the certificate", "name the key that the certificate was issued for");
                Err(("tls_key_file", Wrong { wrong: why.0.to_owned(), right: why.1.to_owned() }))
            }
            Err(error) => {
                let right = "name a chain of X.509 certificates, the server's own first, and its key of type ECDSA, Ed25519 or RSA";
                Err(("tls_certificate_file", Wrong { wrong: format!("it cannot be used: {error}"), right: right.to_owned() }))
            }
        }
    }

    /// Why a browser that trusts the public authorities would not believe the certificate for `host`, in words; `None` where it would.
    pub fn distrust(&self, host: &str, now: UnixTime) -> Option<String> {
        let mut roots = RootCertStore::empty();
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        self.distrust_of(roots, host, now)
    }

    fn distrust_of(&self, roots: RootCertStore, host: &str, now: UnixTime) -> Option<String> {
        let Ok(name) = ServerName::try_from(host) else { return Some(format!("{host} is no name that a certificate could be for")) };
        let verifier = match WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build() {
            Ok(verifier) => verifier,
            Err(error) => return Some(error.to_string()),
        };
        let (own, rest) = self.chain.split_first()?;
        match verifier.verify_server_cert(own, rest, &name, &[], now) {
            Ok(_) => None,
            Err(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)) => Some("no public authority has issued it".to_owned()),
            Err(rustls::Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. })) => {
                Some("it has run out".to_owned())
            }
            Err(rustls::Error::InvalidCertificate(CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. })) => {
                Some(format!("it is not for {host}"))
            }
            Err(error) => Some(error.to_string()),
        }
    }
}

/// Named, and not taken from a default of the process: whoever else sets one changes nothing here.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn chain_in(file: &Path) -> Result<Vec<CertificateDer<'static>>, Wrong> {
    let right = "name a PEM file with the server's certificate first and those that lead to its authority after it";
    let bytes = read(file)?;
    match CertificateDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>() {
        Ok(chain) if chain.is_empty() => wrong("there is no certificate in it", right),
        Ok(chain) => Ok(chain),
        Err(error) => wrong(format!("it is no PEM file: {error}"), right),
    }
}

fn key_in(file: &Path) -> Result<PrivateKeyDer<'static>, Wrong> {
    let bytes = read(file)?;
    PrivateKeyDer::from_pem_slice(&bytes)
        .or_else(|_| wrong("there is no private key in it", "name a PEM file with a key that has no password"))
}

fn read(file: &Path) -> Result<Vec<u8>, Wrong> {
    std::fs::read(file).or_else(|error| wrong(format!("the file cannot be read: {error}"), "name a file that this user can read"))
}

/// Both or none. What was read of each setting comes in; what is wrong goes to `blame`.
pub fn pair(certificate: Option<&PathBuf>, key: Option<&PathBuf>, mut blame: impl FnMut(&'static str, Wrong)) -> Option<Tls> {
    let missing = |name: &str| Wrong { wrong: format!("{name} is not set"), right: "name both, or neither for TLS in a proxy".to_owned() };
    match (certificate, key) {
        (None, None) => None,
        (Some(_), None) => {
            blame("tls_certificate_file", missing("tls_key_file"));
            None
        }
        (None, Some(_)) => {
            blame("tls_key_file", missing("tls_certificate_file"));
            None
        }
        (Some(certificate), Some(key)) => Tls::of(certificate, key).map_err(|(name, why)| blame(name, why)).ok(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

    use super::*;

    /// An authority, and a certificate of it for `portal.example`, in a folder.
    fn issued(folder: &Path) -> (RootCertStore, PathBuf, PathBuf) {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["portal.example".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2026, 1, 1);
        params.not_after = rcgen::date_time_ymd(2027, 1, 1);
        let own = params.signed_by(&key, &authority).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(authority.der().clone()).unwrap();
        let (certificate, file) = (folder.join("portal.pem"), folder.join("portal.key"));
        std::fs::write(&certificate, own.pem()).unwrap();
        std::fs::write(&file, key.serialize_pem()).unwrap();
        (roots, certificate, file)
    }

    #[test]
    fn a_certificate_is_believed_for_its_name_in_its_time_from_its_authority_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (roots, certificate, key) = issued(folder.path());
        let tls = Tls::of(&certificate, &key).unwrap();
        let at = |seconds: u64| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let (before, within, after) = (at(1_700_000_000), at(1_795_348_800), at(1_900_000_000));
        assert_eq!(tls.distrust_of(roots.clone(), "portal.example", within), None);
        assert_eq!(tls.distrust_of(roots.clone(), "other.example", within).unwrap(), "it is not for other.example");
        assert_eq!(tls.distrust_of(roots.clone(), "portal.example", after).unwrap(), "it has run out");
        assert!(tls.distrust_of(roots, "portal.example", before).is_some());
        assert_eq!(tls.distrust("portal.example", within).unwrap(), "no public authority has issued it");
    }

    #[test]
    fn suites_are_those_that_are_recommended() {
        let folder = tempfile::tempdir().unwrap();
        let (_, certificate, key) = issued(folder.path());
        let tls = Tls::of(&certificate, &key).unwrap();
        let suites: Vec<String> = tls.server.crypto_provider().cipher_suites.iter().map(|suite| format!("{:?}", suite.suite())).collect();
        assert_eq!(suites.len(), 9, "{suites:?}");
        for suite in suites {
            let sealed = ["_GCM_SHA", "CHACHA20_POLY1305"].iter().any(|word| suite.contains(word));
            assert!(sealed && (suite.starts_with("TLS13_") || suite.starts_with("TLS_ECDHE_")), "{suite}");
        }
        assert_eq!(tls.server.max_early_data_size, 0, "what is sent early could be sent again by somebody else");
    }
}

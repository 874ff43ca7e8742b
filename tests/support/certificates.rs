//! Certificates for tests, made in the test.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair};

/// An authority that nobody has heard of.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    /// With a key of its own.
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "an authority of the tests");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Its certificate.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for a host: `NAME.pem` and `NAME.key` in the folder.
    pub fn issue(&self, host: &str, folder: &Path, name: &str) {
        self.sign(CertificateParams::new(vec![host.to_owned()]).unwrap(), folder, name);
    }

    /// The same for somebody who calls.
    pub fn issue_to(&self, caller: &str, folder: &Path, name: &str) {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, caller);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(params, folder, name);
    }

    fn sign(&self, params: CertificateParams, folder: &Path, name: &str) {
        let key = KeyPair::generate().unwrap();
        let own = params.signed_by(&key, &self.0).unwrap();
        std::fs::write(folder.join(name).with_extension("pem"), own.pem()).unwrap();
        private(&folder.join(name).with_extension("key"), key.serialize_pem().as_bytes());
    }
}

/// Writes a file that only this user may read.
pub fn private(file: &Path, bytes: &[u8]) {
    let mut file = std::fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(file).unwrap();
    file.write_all(bytes).unwrap();
}

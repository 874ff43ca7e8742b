//! An authenticator app: it reads the secret off a page and shows codes.

use counterfoil::domain::time::Instant;
use counterfoil::domain::totp;

use super::app::{Answer, Client, TestApp};

/// The app with one account in it.
#[derive(Clone)]
pub struct App(Vec<u8>);

impl App {
    /// Types the secret in that a page shows.
    pub fn reading(page: &Answer) -> Self {
        let (_, rest) = page.body.split_once("data-copy=\"").unwrap_or_else(|| panic!("no secret in {}", page.body));
        let typed = rest.split_once('"').unwrap().0.replace(' ', "");
        let value = |c: char| "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".find(c).unwrap_or_else(|| panic!("{typed}")) as u8;
        let bits: Vec<u8> = typed.chars().flat_map(|c| (0..5).rev().map(move |bit| value(c) >> bit & 1)).collect();
        Self(bits.chunks_exact(8).map(|bits| bits.iter().fold(0, |byte, bit| byte << 1 | bit)).collect())
    }

    /// What it shows at this moment.
    pub fn code(&self, at: Instant) -> String {
        totp::code(&self.0, totp::step(at))
    }
}

/// The recovery codes that a page shows.
pub fn recovery_codes(page: &Answer) -> Vec<String> {
    let shown = page.body.split("<li><span class=\"id\">").skip(1);
    shown.map(|rest| rest.split_once('<').unwrap().0.to_owned()).collect()
}

/// Sets up a second factor under Settings: the app, and the recovery codes.
pub async fn set_up(app: &TestApp, client: &Client, password: &str) -> (App, Vec<String>) {
    let page = client.get("/settings/second-factor").await;
    let phone = App::reading(&page);
    let (csrf, draft, code) = (page.csrf(), page.field("draft"), phone.code(app.company.store.now()));
    let mut form = vec![("csrf", csrf.as_str()), ("draft", &draft), ("code", &code)];
    if page.body.contains("name=\"current\"") {
        form.push(("current", password));
    }
    let done = client.post("/settings/second-factor", &form).await;
    assert_eq!(done.status, 200, "{}", done.body);
    (phone, recovery_codes(&done))
}

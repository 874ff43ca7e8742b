//! What each form sends. For an object that she may not touch it is all as it should be, its true version too; where she may, it has something
//! that is refused, so that the matrix leaves the company as it was.

use super::objects::World;

/// What a form is filled in with.
pub struct Filling<'w> {
    pub world: &'w World,
    /// Whether she may: then something in it is refused.
    pub harmless: bool,
    /// The version of the object as it is kept.
    pub version: i64,
    /// An idempotency key of its own.
    pub key: String,
}

type Fields = Vec<(&'static str, String)>;

impl Filling<'_> {
    fn or_nothing(&self, text: &str) -> String {
        if self.harmless { String::new() } else { text.to_owned() }
    }

    fn stated_version(&self) -> String {
        if self.harmless { "999".to_owned() } else { self.version.to_string() }
    }
}

pub fn none(_: &Filling) -> Fields {
    Vec::new()
}

pub fn key(with: &Filling) -> Fields {
    vec![("key", with.key.clone())]
}

pub fn credentials(with: &Filling) -> Fields {
    // Somebody else each time: many tries for one are slowed down.
    vec![("email", format!("{}@test.example", with.key)), ("password", "wrong".to_owned())]
}

pub fn demo_person(_: &Filling) -> Fields {
    vec![("person", World::missing("usr"))]
}

pub fn step_up(with: &Filling) -> Fields {
    vec![("key", with.key.clone()), ("minutes", with.or_nothing("7"))]
}

pub fn passkey(_: &Filling) -> Fields {
    vec![("passkey", "{}".to_owned())]
}

pub fn new_passkey(_: &Filling) -> Fields {
    vec![("name", "Phone".to_owned()), ("passkey", "{}".to_owned())]
}

pub fn session(_: &Filling) -> Fields {
    vec![("session", World::missing("ses"))]
}

pub fn password(_: &Filling) -> Fields {
    vec![("password", "short".to_owned()), ("again", "short".to_owned())]
}

pub fn new_password(_: &Filling) -> Fields {
    vec![("current", String::new()), ("password", "short".to_owned()), ("again", "short".to_owned())]
}

pub fn setup(_: &Filling) -> Fields {
    Vec::new()
}

pub fn person(with: &Filling) -> Fields {
    let mut fields = grant(with);
    fields.extend([("name", with.or_nothing("Petra Person")), ("email", "petra@test.example".to_owned())]);
    fields
}

pub fn grant(with: &Filling) -> Fields {
    vec![("key", with.key.clone()), ("role", with.or_nothing("auditor")), ("region", with.world.region(0))]
}

pub fn region(with: &Filling) -> Fields {
    vec![
        ("key", with.key.clone()),
        ("version", with.stated_version()),
        ("parent", with.world.region(0)),
        ("name", with.or_nothing("Elsewhere")),
        ("currency", "EUR".to_owned()),
        ("time_zone", "Europe/Berlin".to_owned()),
        ("fiscal_start_month", "1".to_owned()),
        ("cost_centre", String::new()),
    ]
}

pub fn region_step(with: &Filling) -> Fields {
    vec![("key", with.key.clone()), ("version", with.stated_version()), ("parent", with.world.region(0))]
}

pub fn currency(with: &Filling) -> Fields {
    vec![("key", with.key.clone()), ("currency", with.or_nothing("SEK"))]
}

pub fn organisation(with: &Filling) -> Fields {
    vec![("key", with.key.clone()), ("name", with.or_nothing("Another")), ("time_zone", "Europe/Berlin".to_owned())]
}

pub fn preferences(with: &Filling) -> Fields {
    vec![("theme", if with.harmless { "pink" } else { "dark" }.to_owned()), ("density", String::new())]
}

pub fn reason(with: &Filling) -> Fields {
    vec![("key", with.key.clone()), ("code", with.or_nothing("other")), ("label", with.or_nothing("Other"))]
}

pub fn reason_label(with: &Filling) -> Fields {
    vec![("key", with.key.clone()), ("label", "Correction".to_owned()), ("active", "1".to_owned())]
}

pub fn source(with: &Filling) -> Fields {
    vec![("key", with.key.clone()), ("source", with.or_nothing("Another vendor"))]
}

pub fn source_name(with: &Filling) -> Fields {
    let name = if with.harmless { "Vendor" } else { "Renamed" };
    vec![("key", with.key.clone()), ("source", name.to_owned())]
}

pub fn export(with: &Filling) -> Fields {
    let query = if with.harmless { "colour=red" } else { "" };
    vec![("key", with.key.clone()), ("query", query.to_owned()), ("columns", "view".to_owned()), ("format", "machine".to_owned())]
}

pub fn assignment(with: &Filling) -> Fields {
    vec![("key", with.key.clone()), ("version", with.stated_version()), ("budget", with.world.budget(1))]
}

pub fn mapping(with: &Filling) -> Fields {
    vec![("key", with.key.clone()), ("version", with.stated_version()), ("name", "Another name".to_owned())]
}

pub fn version(with: &Filling) -> Fields {
    vec![("version", with.stated_version())]
}

pub fn import_mapping(with: &Filling) -> Fields {
    vec![("version", with.stated_version()), ("mapping", with.world.mapping(0))]
}

pub fn commit(with: &Filling) -> Fields {
    vec![("key", with.key.clone()), ("version", with.stated_version()), ("mode", with.or_nothing("good_rows"))]
}

pub fn budget(with: &Filling) -> Fields {
    vec![
        ("key", with.key.clone()),
        ("version", with.stated_version()),
        ("name", with.or_nothing("Another")),
        ("region", with.world.region(0)),
        ("currency", "EUR".to_owned()),
        ("period_start", "2026-01-01".to_owned()),
        ("period_end", "2026-12-31".to_owned()),
    ]
}

pub fn step(with: &Filling) -> Fields {
    vec![("key", with.key.clone()), ("version", with.stated_version())]
}

/// Every money form takes every one of these; where it is to be refused there is no amount and far too long a note.
pub fn money(with: &Filling) -> Fields {
    let note = if with.harmless { "n".repeat(5_000) } else { "Because".to_owned() };
    vec![
        ("key", with.key.clone()),
        ("amount", with.or_nothing("1.00")),
        ("direction", "up".to_owned()),
        ("reason_code", "correction".to_owned()),
        ("to", with.world.budget(0)),
        ("name", "Next".to_owned()),
        ("period_start", "2027-01-01".to_owned()),
        ("period_end", "2027-12-31".to_owned()),
        ("note", note),
    ]
}

pub fn code(_: &Filling) -> Fields {
    vec![("code", "000000".to_owned())]
}

pub fn new_factor(_: &Filling) -> Fields {
    vec![("current", "wrong".to_owned()), ("code", "000000".to_owned()), ("draft", String::new()), ("next", String::new())]
}

pub fn own_factor(_: &Filling) -> Fields {
    vec![("current", "wrong".to_owned()), ("code", "000000".to_owned()), ("draft", String::new())]
}

pub fn current(_: &Filling) -> Fields {
    vec![("current", "wrong".to_owned())]
}

pub fn address(_: &Filling) -> Fields {
    vec![("email", "nobody@test.example".to_owned())]
}

pub fn role(with: &Filling) -> Fields {
    let name = with.or_nothing("Another role");
    let fields = vec![("key", with.key.clone()), ("version", with.stated_version()), ("from", "auditor".to_owned())];
    fields.into_iter().chain([("name", name), ("permissions", "budgets.read".to_owned())]).collect()
}

pub fn policy(with: &Filling) -> Fields {
    vec![
        ("key", with.key.clone()),
        ("matter", with.or_nothing("carry_over")),
        ("region", with.world.region(0)),
        ("currency", "EUR".to_owned()),
        ("from_amount", with.or_nothing("1")),
        ("day_amount", String::new()),
        ("approvers", "1".to_owned()),
    ]
}

pub fn loan(with: &Filling) -> Fields {
    vec![("key", with.key.clone()), ("person", String::new()), ("starts_on", String::new()), ("ends_on", String::new())]
}

pub fn retention(with: &Filling) -> Fields {
    let days = if with.harmless { "soon" } else { "10" };
    vec![("key", with.key.clone()), ("refused_rows", days.to_owned())]
}

pub fn why(with: &Filling) -> Fields {
    vec![("key", with.key.clone()), ("reason", with.or_nothing("Because"))]
}

pub fn approval(with: &Filling) -> Fields {
    let hash = if with.harmless { String::new() } else { "0".repeat(64) };
    vec![("key", with.key.clone()), ("hash", hash)]
}

pub fn refusal(with: &Filling) -> Fields {
    vec![("key", with.key.clone()), ("reason", with.or_nothing("Not now"))]
}

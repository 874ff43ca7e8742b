//! The company of the demo: invented, and the same every time.

use crate::actions::step_up::Rules;
use crate::domain::access::Role;
use crate::domain::currency::Currency;

/// The organisation.
pub const ORGANISATION: &str = "Halden & Moor";

/// A region: (name, parent, currency, time zone, month its fiscal year starts in, cost centre).
pub type Place = (&'static str, Option<&'static str>, &'static str, &'static str, i64, &'static str);

/// The tree: parents before children.
pub const PLACES: &[Place] = &[
    ("Global", None, "EUR", "Europe/Amsterdam", 1, "1000"),
    ("EMEA", Some("Global"), "EUR", "Europe/Amsterdam", 1, "2000"),
    ("DACH", Some("EMEA"), "EUR", "Europe/Berlin", 1, "2100"),
    ("Iberia", Some("EMEA"), "EUR", "Europe/Madrid", 1, "2200"),
    ("UK and Ireland", Some("EMEA"), "GBP", "Europe/London", 4, "2300"),
    ("Nordics", Some("EMEA"), "SEK", "Europe/Stockholm", 1, "2400"),
    ("Gulf", Some("EMEA"), "BHD", "Asia/Bahrain", 1, "2500"),
    ("Americas", Some("Global"), "USD", "America/New_York", 1, "3000"),
    ("United States", Some("Americas"), "USD", "America/New_York", 1, "3100"),
    ("Brazil", Some("Americas"), "BRL", "America/Sao_Paulo", 1, "3200"),
    ("Central America", Some("Americas"), "USD", "America/Panama", 1, "3300"),
    ("APAC", Some("Global"), "USD", "Asia/Singapore", 1, "4000"),
    ("Japan", Some("APAC"), "JPY", "Asia/Tokyo", 4, "4100"),
    ("India", Some("APAC"), "INR", "Asia/Kolkata", 4, "4200"),
    ("Singapore", Some("APAC"), "USD", "Asia/Singapore", 1, "4300"),
];

/// The regions that pay rewards, with their share of the transactions in thousandths, and what a reward of a hundred
/// euro costs there, in the main unit of its currency.
pub const PAYING: &[(&str, u64, i64)] = &[
    ("DACH", 170, 100),
    ("Iberia", 90, 90),
    ("UK and Ireland", 140, 86),
    ("Nordics", 70, 1120),
    ("Gulf", 40, 43),
    ("United States", 190, 110),
    ("Brazil", 70, 590),
    ("Central America", 30, 90),
    ("Japan", 60, 16_000),
    ("India", 100, 8_500),
    ("Singapore", 40, 110),
];

/// The programmes rewards are paid under, with their share of a region's transactions in per cent, and how many regions run them.
pub const PROGRAMMES: &[(&str, u64, usize)] = &[("Recognition", 55, 11), ("Spot awards", 30, 11), ("Wellness", 15, 7)];

/// The people: (name, address, roles with their regions).
pub type Human = (&'static str, &'static str, &'static [(Role, &'static str)]);

/// One or more for every role.
pub const PEOPLE: &[Human] = &[
    ("Ingrid Larsen", "ingrid.larsen@halden.example", &[(Role::Administrator, "Global")]),
    ("Samuel Adeyemi", "samuel.adeyemi@halden.example", &[(Role::FinanceController, "Global")]),
    ("Hannah Weiss", "hannah.weiss@halden.example", &[(Role::Auditor, "Global")]),
    ("Claire Dubois", "claire.dubois@halden.example", &[(Role::RegionalPartner, "EMEA")]),
    ("Marta Ortega", "marta.ortega@halden.example", &[(Role::RegionalAdministrator, "Iberia"), (Role::RegionalPartner, "DACH")]),
    ("Owen Byrne", "owen.byrne@halden.example", &[(Role::RegionalAdministrator, "UK and Ireland")]),
    ("Priya Nair", "priya.nair@halden.example", &[(Role::RegionalAdministrator, "India")]),
    ("Aiko Mori", "aiko.mori@halden.example", &[(Role::RegionalPartner, "Japan")]),
    ("Rafael Costa", "rafael.costa@halden.example", &[(Role::RegionalAdministrator, "Americas")]),
    ("Noor Haddad", "noor.haddad@halden.example", &[(Role::RegionalPartner, "Gulf")]),
];

/// From what amount on somebody shows once more who she is before money moves, in the main unit: about ten thousand euro.
pub const MUCH_MONEY: &[(&str, i64)] = &[
    ("EUR", 10_000),
    ("GBP", 10_000),
    ("USD", 10_000),
    ("BRL", 60_000),
    ("BHD", 4_000),
    ("INR", 1_000_000),
    ("JPY", 1_500_000),
    ("SEK", 100_000),
];

/// [`MUCH_MONEY`] as the rules say it, in minor units.
pub fn much_money() -> Rules {
    let known = MUCH_MONEY.iter().filter_map(|(code, amount)| Currency::parse(code).map(|currency| (currency, amount)));
    let money = known.map(|(currency, amount)| (currency.code().to_owned(), amount * 10i64.pow(currency.digits()))).collect();
    Rules { money, ..Rules::default() }
}

/// Why budgets are adjusted.
pub const REASONS: &[(&str, &str)] = &[
    ("headcount", "Headcount changed"),
    ("campaign", "Extra campaign"),
    ("correction", "Correction of an earlier entry"),
    ("reallocation", "Decision of the regional board"),
    ("fx", "Exchange rate moved"),
];

/// What is given.
pub const PRODUCTS: &[&str] = &[
    "Multi-brand gift card",
    "Grocery voucher",
    "Book token",
    "Cinema tickets",
    "Travel credit",
    "Charity donation",
    "Points top-up",
    "Dinner for two",
];

/// Why it was given.
pub const CAMPAIGNS: &[&str] =
    &["Spring thank-you", "Work anniversary", "Peer recognition", "Referral bonus", "Safety week", "Quarter close", "Wellness stipend"];

/// First names of recipients.
pub const FIRST: &[&str] = &[
    "Asha", "Jonas", "María", "Liam", "Yuki", "Fatima", "Tomasz", "Chloé", "Kwame", "Ingrid", "Rahul", "Ana", "Mei", "David", "Sofia",
    "Lukas", "Emilia", "Noah", "Haruto", "Sakura", "Arjun", "Diya", "Oliver", "Amelia", "Karl", "Freja", "Omar", "Layla", "João",
    "Beatriz", "Ethan", "Grace", "Wei", "Hui", "Mateo", "Camila", "Aoife", "Ciarán", "Elif", "Zoë",
];

/// Last names of recipients.
pub const LAST: &[&str] = &[
    "Rao",
    "Weber",
    "Ortega",
    "O\u{2019}Connor",
    "Tanaka",
    "El-Sayed",
    "Nowak",
    "Martin",
    "Mensah",
    "Larsen",
    "Mehta",
    "Souza",
    "Lin",
    "Cohen",
    "Rossi",
    "Schmidt",
    "Fischer",
    "Garcia",
    "Fernández",
    "Sato",
    "Suzuki",
    "Sharma",
    "Patel",
    "Smith",
    "Jones",
    "Andersson",
    "Nilsson",
    "Khalifa",
    "Haddad",
    "Silva",
    "Pereira",
    "Johnson",
    "Williams",
    "Tan",
    "Lim",
    "Castillo",
    "Murphy",
    "Walsh",
    "Keller",
    "Brandt",
];
